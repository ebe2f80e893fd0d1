"""Trilayer: a picture as three layers that a person can read and edit, in a few hundred bytes.

    import codec

    layers = codec.encode("photo.png", prompt="a castle on a green hill")
    layers = codec.edits.reprompt(layers, "a castle in the snow")
    data = layers.to_bytes()
    pixels = codec.decode(codec.Layers.from_bytes(data))
    png = codec.encode_png(pixels)

This follows Chen, Mao, Cheng, "Stable Diffusion is a Natural Cross-Modal Decoder for Layered AI-generated Image
Compression" (DCC 2025, arXiv 2412.12982). FORMAT.md specifies the bytes.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from codec import decoders, errors
from codec.bitstream.settings import Settings
from codec.editing import edits
from codec.encoder.encode_options import DEFAULT_OPTIONS, EncodeOptions
from codec.errors import CodecError
from codec.images.io import encode_png
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture.colormap import Colormap

if TYPE_CHECKING:
    import numpy as np

    from codec.decoders.base import OnStep
    from codec.decoders.diffusion.base_options import DiffusionOptions

__version__ = "0.2.0"
__all__ = [
    "CodecError",
    "Colormap",
    "EncodeOptions",
    "Layers",
    "Pose",
    "Prompt",
    "Settings",
    "Sketch",
    "__version__",
    "decode",
    "decoders",
    "edits",
    "encode",
    "encode_png",
    "errors",
]


def encode(
    source: str | os.PathLike[str] | bytes | BinaryIO | np.ndarray,
    options: EncodeOptions = DEFAULT_OPTIONS,
    **changes: Any,
) -> Layers:
    """Return the three layers of a picture, within a byte budget.

    `source`: a PNG, JPEG, WebP or AVIF file (path, bytes or open file), or (height, width, 3) uint8 sRGB pixels,
    1 to 4,096 a side. `changes`: fields of `EncodeOptions` that replace those of `options`, such as
    `prompt="a castle"` or `budget=500`.

    Raises `ImageError`, `BudgetTooSmall`, `InvalidLayer`, `UnknownName`, `ModelMissing` or `OutOfMemory`, and
    `TypeError` for a field that `EncodeOptions` does not have.
    """
    from codec.encoder.extract import extract

    return extract(source, replace(options, **changes)).layers


def decode(
    layers: Layers,
    *,
    decoder: str = "painter",
    options: DiffusionOptions | None = None,
    seed: int | None = None,
    on_step: OnStep | None = None,
) -> np.ndarray:
    """Decode one, two or three layers to a picture, (height, width, 3) uint8 sRGB.

    `decoder`: "painter", "painter-preview", "sd15" or "sdxl"; the last two take `options`, of type `Options` or
    `XLOptions`. `seed`: of the decoder's random numbers; None: the file's seed, or 0 if it has none. `on_step`: called
    with a `decoders.Step` after each step; if it returns False, the decode is canceled.

    Raises `InvalidLayer` if there are no layers, `UnknownName`, `ModelMissing`, `OutOfMemory` or `Cancelled`.
    """
    return decoders.get(decoder, options).decode(layers, seed=seed, on_step=on_step)
