"""Small color pictures in other formats, lossy: every quality of each, to find the one that suits."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from codec.bench import lossless_codecs
from codec.bench.lossless_codecs import data_bytes


class Trial(NamedTuple):
    """One way to write a picture: bytes with and without the file's headers, and the pixels that come back."""

    file: int
    data: int
    pixels: np.ndarray


def trials(name: str, cells: np.ndarray) -> list[Trial]:
    """The lossless form of `cells`, (rows, cols, 3) uint8, in the format of that name, and its lossy ones.

    Empty if the format's package is not installed.
    """
    rival = next(rival for rival in lossless_codecs.PICTURES if rival.name == name)
    whole = rival.pack(cells)
    if whole is None:
        return []
    return [Trial(len(whole), data_bytes(whole), cells), *_LOSSY[name](cells)]


def _pillow(cells: np.ndarray, form: str, **options: Any) -> Trial:
    file = io.BytesIO()
    Image.fromarray(cells).save(file, form, **options)
    return _trial(file.getvalue(), np.array(Image.open(file).convert("RGB")))


def _trial(data: bytes, pixels: np.ndarray) -> Trial:
    return Trial(len(data), data_bytes(data), pixels)


def _png(cells: np.ndarray) -> Iterator[Trial]:
    """With a palette."""
    for colors in (2, 4, 8, 12, 16, 32, 64, 128, 256):
        palette = Image.fromarray(cells).quantize(colors, dither=Image.Dither.NONE, kmeans=3)
        file = io.BytesIO()
        palette.save(file, "PNG", optimize=True)
        yield _trial(file.getvalue(), np.array(palette.convert("RGB")))


def _webp(cells: np.ndarray) -> Iterator[Trial]:
    for quality in range(0, 101, 4):
        yield _pillow(cells, "WEBP", quality=quality, method=6)


def _avif(cells: np.ndarray) -> Iterator[Trial]:
    import imagecodecs

    for level in range(4, 100, 3):
        data = bytes(imagecodecs.avif_encode(cells, level=level, speed=0, pixelformat="444", numthreads=1))
        yield _trial(data, imagecodecs.avif_decode(data))


def _jxl(cells: np.ndarray) -> Iterator[Trial]:
    import imagecodecs

    for distance in np.geomspace(0.05, 15, 30):
        data = bytes(imagecodecs.jpegxl_encode(cells, distance=float(distance), effort=9, numthreads=1))
        yield _trial(data, imagecodecs.jpegxl_decode(data))


_LOSSY: dict[str, Callable[[np.ndarray], Iterator[Trial]]] = {
    "PNG": _png,
    "WebP": _webp,
    "AVIF": _avif,
    "JPEG XL": _jxl,
}
