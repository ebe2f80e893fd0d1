"""Pictures for the browser: layers drawn without a decoder, scaled pictures, and JPEG and PNG files."""

from __future__ import annotations

import io
from typing import Final

import numpy as np

from codec import Layers, Sketch
from codec.images import png_chunk

MAX_SHOWN_SIDE: Final = 1280  # px of a picture in the compare slider
_PAPER_GRAY: Final = 244
_INK: Final = 0.85  # how much a stroke darkens the colors under it, 0..1


def render_plain(layers: Layers) -> np.ndarray:
    """Return the layers drawn without a decoder, the sketch over the colors: (h, w, 3) uint8.

    At most `MAX_SHOWN_SIDE` a side. Shown instead of the original picture if there is none.
    """
    w, h = shown_size(layers.width, layers.height)
    if layers.texture is not None:
        paper = layers.texture.render(w, h).astype(np.float32)
    else:
        paper = np.full((h, w, 3), _PAPER_GRAY, np.float32)
    if layers.structure is not None:
        lines = layers.structure.render(w, h).astype(np.float32)
        if isinstance(layers.structure, Sketch):
            paper *= 1 - _INK * lines / 255
        else:
            paper = np.where(lines.any(axis=2, keepdims=True), lines, paper)
    elif layers.texture is None and layers.semantic is not None:
        return layers.semantic.render(w, h)
    return np.rint(paper).astype(np.uint8)


def shown_size(width: int, height: int) -> tuple[int, int]:
    """Return the width and height at which a picture of this size is shown."""
    return fitted_size(width, height, MAX_SHOWN_SIDE)


def fitted_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Return the size scaled down to at most `max_side` pixels a side; smaller sizes stay."""
    scale = min(1.0, max_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def scale_down(pixels: np.ndarray, max_side: int = MAX_SHOWN_SIDE) -> np.ndarray:
    """Return (h, w, 3) uint8 scaled down to at most `max_side` pixels a side; smaller pictures stay."""
    height, width = pixels.shape[:2]
    if max(height, width) <= max_side:
        return pixels
    from codec.images.io import resize_area

    return resize_area(pixels, *fitted_size(width, height, max_side))


def scale_preview(preview: np.ndarray, layers: Layers) -> np.ndarray:
    """Return the preview of a decode step, of any size, at the size at which the finished picture is shown."""
    from codec.images.io import resize

    width, height = shown_size(layers.width, layers.height)
    if preview.shape[0] >= height or preview.shape[1] >= width:
        return scale_down(preview)
    return resize(preview, width, height)


def to_jpeg(pixels: np.ndarray) -> bytes:
    """Return (h, w, 3) uint8 as a JPEG for display."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def to_png(pixels: np.ndarray, layers: Layers) -> bytes:
    """Return (h, w, 3) uint8 as a PNG with its layers inside."""
    from codec.images.io import encode_png

    return png_chunk.embed(encode_png(pixels), layers.to_bytes())
