"""Trilayer: an image as three layers that a person can read and change, in a few hundred bytes.

    import codec

    layers = codec.encode("photo.png", prompt="a castle on a green hill")
    data = layers.to_bytes()
    pixels = codec.decode(codec.Layers.from_bytes(data))

Follows Chen, Mao, Cheng, "Stable Diffusion is a Natural Cross-Modal Decoder for Layered AI-generated
Image Compression" (DCC 2025, arXiv 2412.12982). The bytes are specified in FORMAT.md.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from codec import errors
from codec.decoders import get as _get
from codec.encoder.encode_options import DEFAULT_OPTIONS, EncodeOptions
from codec.errors import CodecError
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture.colormap import Colormap

if TYPE_CHECKING:
    import numpy as np

    from codec.decoders.base import OnStep
    from codec.decoders.sd15.options import Options

__version__ = "0.2.0"
__all__ = [
    "CodecError",
    "Colormap",
    "EncodeOptions",
    "Layers",
    "Pose",
    "Prompt",
    "Sketch",
    "decode",
    "encode",
    "errors",
]


def encode(
    source: str | os.PathLike[str] | bytes | BinaryIO | np.ndarray,
    options: EncodeOptions = DEFAULT_OPTIONS,
    **changes: Any,
) -> Layers:
    """Return the three layers of a picture, within a byte budget.

    `source`: a PNG, JPEG, WebP or AVIF file (path, bytes or open file), or (H, W, 3) uint8 sRGB pixels,
    1 to 4,096 a side. `changes`: fields of `EncodeOptions` that replace those
    of `options`, such as `prompt="a castle"` or `budget=500`.

    Raises `ImageError`, `BudgetTooSmall`, `InvalidLayer`, `UnknownName`, `ModelMissing` or `OutOfMemory`, and
    `TypeError` for a field that `EncodeOptions` does not have.
    """
    from codec.encoder.extract import extract

    return extract(source, replace(options, **changes)).layers


def decode(
    layers: Layers,
    *,
    decoder: str = "painter",
    options: Options | None = None,
    seed: int | None = None,
    on_step: OnStep | None = None,
) -> np.ndarray:
    """Paint the picture of one, two or three layers: (height, width, 3) uint8 sRGB.

    `decoder`: "painter", "painter-preview", or "sd15" with its `options`. `seed`: of its random
    numbers; None: the file's, else 0. `on_step`: called with a `decode.base.Step` now and then;
    returning False stops.

    Raises `UnknownName`, `ModelMissing`, `InvalidLayer` (no layer at all) or `Cancelled`.
    """
    return _get(decoder, options).decode(layers, seed=seed, on_step=on_step)
