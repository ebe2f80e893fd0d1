"""Write the trained networks of the detail in the formats of decoder and encoder, and update their hashes.

    python -m codec.training.detail_export RUN/mean.safetensors
    python -m tests.golden.write 1 --renew && python -m tests.determinism --renew && python -m tests.golden.dump

The first command writes codec/texture/detail_net.safetensors (integers) and assets/weights/detail_encoder.safetensors
(half precision), and replaces their hashes in the code and in FORMAT.md. The second one updates the golden files and
the dump in FORMAT.md, which is allowed only before the release of a format version, since the decoder's weights are
part of the format.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.numpy import save
from safetensors.torch import load_file
from torch import Tensor, nn

from codec.atomic_write import write_files
from codec.encoder.colormap.detail_model import MIN_LOG_SCALE as FLOAT_MIN_LOG_SCALE
from codec.encoder.colormap.detail_model import DetailCodec, Slice, lap_matrix
from codec.texture.detail_distributions import MEAN_FRACTIONS
from codec.texture.detail_grid import PIXELS_PER_CELL
from codec.texture.detail_network import (
    ACTIVATION_BITS,
    ANCHORS,
    LOG_SCALE_STEP,
    MIN_LOG_SCALE,
    OVERLAP_BITS,
    QUALITIES,
    QUALITIES_PER_ANCHOR,
    SCALES,
    DetailNetwork,
)

ROOT: Final = Path(__file__).parents[2]
DECODER: Final = "codec/texture/detail_net.safetensors"
ENCODER: Final = "assets/weights/detail_encoder.safetensors"
HASHED_IN: Final = ("codec/bitstream/tables.py", "codec/FORMAT.md", "codec/encoder/colormap/detail_model.py")
_MAX_WEIGHT: Final = 127
_MAX_SHIFT: Final = 14
_ONE: Final = 1 << ACTIVATION_BITS


def integer_tensors(codec: DetailCodec) -> dict[str, np.ndarray]:
    """Return the decoder's networks and tables in integers, by the names that FORMAT.md uses."""
    tensors: dict[str, np.ndarray] = {}
    for name, conv in codec.synthesis.named_children():
        assert isinstance(conv, nn.Conv2d)
        tensors |= _integer_layer(name, conv.weight, conv.bias)
    for index, part in enumerate(codec.slices):
        assert isinstance(part, Slice)
        tensors |= _integer_slice(f"slices.{index}", part)
    tensors |= _tables(codec)
    return {name: np.ascontiguousarray(values) for name, values in tensors.items()}


def _integer_layer(name: str, weight: Tensor, bias: Tensor | None) -> dict[str, np.ndarray]:
    quantized, shift = _quantize_weights(weight)
    values = np.zeros(len(shift)) if bias is None else bias.numpy()
    return {f"{name}.weight": quantized, f"{name}.shift": shift, f"{name}.bias": _quantize_bias(values, shift)}


def _integer_slice(key: str, part: Slice) -> dict[str, np.ndarray]:
    """Return the context model of a slice. Both first layers share their shifts, because their sums are added."""
    joint, bias = part.near.weight, part.near.bias
    assert bias is not None
    if part.before is not None:
        assert part.before.bias is not None
        joint, bias = torch.cat([part.before.weight, joint], 1), bias + part.before.bias
    quantized, shift = _quantize_weights(joint)
    split = joint.shape[1] - part.own
    tensors = {}
    for name, weight in (("before", quantized[:, :split]), ("near", quantized[:, split:])):
        if weight.shape[1]:
            tensors[f"{key}.{name}.weight"], tensors[f"{key}.{name}.shift"] = weight, shift
            tensors[f"{key}.{name}.bias"] = np.zeros(len(shift), np.int32)
    starts = (bias + part.bias)[:, None] + part.quality  # (2, ANCHORS, hidden units)
    tensors[f"{key}.starts"] = _quantize_bias(starts.numpy(), shift)
    tensors |= _integer_layer(f"{key}.hidden", part.hidden.weight, part.hidden.bias)
    tensors |= _integer_layer(f"{key}.last", part.last.weight, part.last.bias)
    return tensors


def _quantize_weights(weight: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 weights and, for each output channel, the number of their fractional bits."""
    largest = weight.abs().amax((1, 2, 3)).clamp(min=2**-12)
    shift = torch.floor(torch.log2((_MAX_WEIGHT + 0.49) / largest)).clamp(0, _MAX_SHIFT)
    quantized = torch.round(weight * (2**shift)[:, None, None, None]).clamp(-_MAX_WEIGHT, _MAX_WEIGHT)
    return quantized.numpy().astype(np.int8), shift.numpy().astype(np.int8)


def _quantize_bias(bias: np.ndarray, shift: np.ndarray) -> np.ndarray:
    scaled = np.asarray(bias, np.float64) * np.exp2(shift.astype(np.float64) + ACTIVATION_BITS)
    return np.rint(scaled).astype(np.int32)


def _tables(codec: DetailCodec) -> dict[str, np.ndarray]:
    """Return the quantizer steps of all qualities, the post-filter at a border, and the distributions' decays."""
    assert round(FLOAT_MIN_LOG_SCALE * _ONE) == MIN_LOG_SCALE
    place = np.arange(QUALITIES) / QUALITIES_PER_ANCHOR
    anchors = np.maximum(1 - np.abs(place[:, None] - np.arange(ANCHORS)), 0)
    log_gains = anchors @ codec.gains.double().numpy()
    half = PIXELS_PER_CELL // 2
    border = lap_matrix(2 * PIXELS_PER_CELL, True)[half : 3 * half, half : 3 * half].double().numpy()
    scales = np.exp((MIN_LOG_SCALE + LOG_SCALE_STEP * np.arange(SCALES)) / _ONE)
    return {
        "gains": np.rint(np.exp(log_gains) * _ONE).astype(np.uint16),
        "steps": np.rint(np.exp(-log_gains) * _ONE).astype(np.uint16),
        "widths": np.rint(log_gains * _ONE).astype(np.int16),
        "mixing": np.rint(border * (1 << OVERLAP_BITS)).astype(np.int16),
        "decay": np.rint(np.exp(-1 / (MEAN_FRACTIONS * scales)) * 2**32).astype(np.int64),
    }


def load_checkpoint(path: Path) -> DetailCodec:
    """Return the networks of a file of weights, .safetensors or .pt."""
    codec = DetailCodec()
    is_torch = path.suffix == ".pt"
    codec.load_state_dict(torch.load(path, weights_only=True) if is_torch else load_file(path))
    return codec.requires_grad_(False).eval()


def export(codec: DetailCodec, root: Path = ROOT) -> dict[str, int]:
    """Write both files and their new hashes below `root`; return the files' sizes in bytes by name.

    Raises `ValueError` if the integer networks could be inexact (see `DetailNetwork`) or a gain is out of range.
    """
    if float(codec.gains.abs().max()) >= math.log(64):
        raise ValueError("a gain is not within 1/64 to 64, the range of the tables: train again")
    tensors = integer_tensors(codec)
    DetailNetwork(tensors)
    analysis = {name: value.half().contiguous().numpy() for name, value in codec.analysis.state_dict().items()}
    files = {DECODER: save(tensors), ENCODER: save(analysis)}
    contents = {root / name: data for name, data in files.items()}
    for name in HASHED_IN:
        text = (root / name).read_text(encoding="utf-8")
        for path, data in files.items():
            old = hashlib.sha256((root / path).read_bytes()).hexdigest()
            text = text.replace(old, hashlib.sha256(data).hexdigest())
        contents[root / name] = text.encode()
    write_files(contents)
    return {name: len(data) for name, data in files.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.training.detail_export",
        description="Write the weights of the texture layer's detail, and renew their hashes.",
    )
    parser.add_argument("weights", type=Path, metavar="WEIGHTS", help="mean.safetensors of a run, or a .pt file")
    for name, size in export(load_checkpoint(parser.parse_args(arguments).weights)).items():
        print(f"{name}: {size:,} bytes")


if __name__ == "__main__":
    main()
