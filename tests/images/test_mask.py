"""Masks mark by white, by opacity or by both, in every format that pictures are read from."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from codec.images.mask import load_mask

MARKED = np.zeros((48, 64), bool)
MARKED[10:30, 20:50] = True
CLEAR = (np.where(MARKED, 255, 0)).astype(np.uint8)


def rgba(color: int | tuple[int, int, int], alpha: np.ndarray, below: int = 0) -> Image.Image:
    """Return paint of one color where anything is opaque; `below`: the color under transparency."""
    pixels = np.full((*MARKED.shape, 4), below, np.uint8)
    pixels[alpha > 0, :3] = color
    pixels[..., 3] = alpha
    return Image.fromarray(pixels)


def on_black(corner_alpha: int) -> Image.Image:
    """Return white on black, with a clear or opaque corner."""
    pixels = np.dstack([CLEAR] * 3 + [np.full_like(CLEAR, 255)])
    pixels[:8, :8, 3] = corner_alpha
    return Image.fromarray(pixels)


def palette() -> Image.Image:
    image = Image.fromarray(MARKED.astype(np.uint8), "P")
    image.putpalette([200, 200, 200, 10, 10, 10])
    image.info["transparency"] = 0
    return image


FORMS: dict[str, Callable[[], Image.Image]] = {
    "gray": lambda: Image.fromarray(CLEAR),
    "white on black": lambda: Image.fromarray(np.dstack([CLEAR] * 3)),
    "light gray on dark gray": lambda: Image.fromarray(np.where(MARKED, 180, 60).astype(np.uint8)),
    "white on clear": lambda: rgba(255, CLEAR),
    "black on clear": lambda: rgba(0, CLEAR),
    "black on clear white": lambda: rgba(0, CLEAR, below=255),
    "red on clear": lambda: rgba((255, 0, 0), CLEAR),
    "translucent white": lambda: rgba(255, CLEAR // 3),
    "translucent red": lambda: rgba((255, 0, 0), CLEAR // 3),
    "white on opaque black": lambda: on_black(255),
    "white on black with a clear corner": lambda: on_black(0),
    "white on half clear": lambda: Image.fromarray(np.dstack([CLEAR] * 3 + [np.full_like(CLEAR, 128)])),
    "gray with alpha": lambda: Image.fromarray(np.dstack([CLEAR // 255 * 90, CLEAR]), "LA"),
}
PNG_FORMS: dict[str, Callable[[], Image.Image]] = {
    "one bit": lambda: Image.fromarray(MARKED),
    "16 bits": lambda: Image.fromarray(CLEAR.astype(np.uint16) * 257),
    "palette with a clear color": palette,
}
FORMATS = {
    "PNG": {},
    "lossless WEBP": {"lossless": True, "exact": True},
    "WEBP": {"quality": 70, "exact": True},
    "AVIF": {"quality": 70, "speed": 10},
    "JPEG": {"quality": 80},
}
OPAQUE_FORMS = {"gray", "white on black", "light gray on dark gray"}
VARIANTS = [
    (form, kind, scale)
    for form in (*FORMS, *PNG_FORMS)
    for kind in FORMATS
    for scale in (1, 2)
    if (kind != "JPEG" or form in OPAQUE_FORMS) and (kind == "PNG" or form in FORMS)
]


@pytest.mark.parametrize(("form", "kind", "scale"), VARIANTS)
def test_mask_is_read(form: str, kind: str, scale: int) -> None:
    image = (FORMS | PNG_FORMS)[form]()
    if scale > 1:
        transparency = image.info.get("transparency")
        image = image.resize((64 * scale, 48 * scale), Image.Resampling.NEAREST)
        image.info.update({} if transparency is None else {"transparency": transparency})
    if kind in ("WEBP", "AVIF", "lossless WEBP") and image.mode == "LA":
        image = image.convert("RGBA")
    out = io.BytesIO()
    image.save(out, kind.split()[-1], **FORMATS[kind])
    mask = load_mask(out.getvalue(), 64, 48)
    assert mask.dtype == bool and mask.shape == MARKED.shape
    assert (mask != MARKED).mean() <= (0 if kind in ("PNG", "lossless WEBP") else 0.02)


def test_masks_that_mark_nothing_or_everything() -> None:
    for color, marked in (
        ((0, 0, 0, 255), False), ((255, 255, 255, 255), True), ((0, 0, 0, 0), False), ((255, 255, 255, 0), True),
    ):  # fmt: skip
        out = io.BytesIO()
        Image.new("RGBA", (8, 8), color).save(out, "PNG")
        assert (load_mask(out.getvalue(), 8, 8) == marked).all()


def test_orientation_turns_opacity_and_colors_alike() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    rgba(0, CLEAR).save(out, "PNG", exif=exif)
    assert (load_mask(out.getvalue(), 48, 64) == np.rot90(MARKED, -1)).all()
