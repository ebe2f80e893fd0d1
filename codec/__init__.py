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
from typing import TYPE_CHECKING, BinaryIO

from codec import errors
from codec.decoders import get as _get
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
__all__ = ["CodecError", "Colormap", "Layers", "Pose", "Prompt", "Sketch", "decode", "encode", "errors"]


def encode(
    source: str | os.PathLike[str] | bytes | BinaryIO | np.ndarray,
    *,
    prompt: str | None = None,
    negative: str = "",
    budget: int | None = None,
    grid: int | tuple[int, int] | None = None,
    edges: str = "contours",
    seed: int | None = None,
    captioner: str = "auto",
) -> Layers:
    """The three layers of a picture, within a byte budget.

    `source`: a PNG, JPEG, WebP or AVIF file (path, bytes or open file), or (H, W, 3) uint8 sRGB
    pixels, 1..4096 a side. `prompt`: what it shows; None: what its own metadata say, else the caption
    of a captioner whose weights are here, else a description of its colors. `budget`: bytes of the
    whole file; None: 0.02 bits per pixel. `grid`: color cells on the longer side, or (rows, cols),
    2..64; None: what gives the best picture. `edges`: "contours", "canny", "lineart", "drawing" (for one in
    black and white), "pidinet", "hed", "auto" (the best whose weights are here), or "openpose" for people.
    `seed`: stored for the decoder.
    `captioner`: "auto", "blip2", "blip" or "none".

    Raises `ImageError`, `BudgetTooSmall`, `InvalidLayer`, `UnknownName` or `ModelMissing`.
    """
    from codec.encoder.extract import extract

    found = extract(
        source,
        prompt=prompt,
        negative=negative,
        budget=budget,
        grid=grid,
        edges=edges,
        seed=seed,
        captioner=captioner,
    )
    return found.layers


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
