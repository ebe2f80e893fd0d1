"""Color cells in other picture formats: the lossless file, and lossy files over each format's range of qualities."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from codec.bench.lossless_codecs import PICTURE_CODECS, payload_size


class Trial(NamedTuple):
    """One encoding: bytes with and without the headers of the format, and the decoded pixels."""

    file: int
    data: int
    pixels: np.ndarray


def trials(name: str, cells: np.ndarray) -> list[Trial]:
    """Return the lossless encoding of (rows, cols, 3) uint8 cells in a format, followed by the lossy ones.

    Empty if the format's package is not installed.
    """
    codec = next(codec for codec in PICTURE_CODECS if codec.name == name)
    lossless = codec.compress(cells)
    if lossless is None:
        return []
    return [_trial(lossless, cells), *_LOSSY_TRIALS[name](cells)]


def _trial(file: bytes, pixels: np.ndarray) -> Trial:
    return Trial(len(file), payload_size(file), pixels)


def _save_with_pillow(cells: np.ndarray, format_name: str, **options: Any) -> Trial:
    file = io.BytesIO()
    Image.fromarray(cells).save(file, format_name, **options)
    return _trial(file.getvalue(), np.array(Image.open(file).convert("RGB")))


def _png_palettes(cells: np.ndarray) -> Iterator[Trial]:
    for colors in (2, 4, 8, 12, 16, 32, 64, 128, 256):
        palette = Image.fromarray(cells).quantize(colors, dither=Image.Dither.NONE, kmeans=3)
        file = io.BytesIO()
        palette.save(file, "PNG", optimize=True)
        yield _trial(file.getvalue(), np.array(palette.convert("RGB")))


def _webp_qualities(cells: np.ndarray) -> Iterator[Trial]:
    for quality in range(0, 101, 4):
        yield _save_with_pillow(cells, "WEBP", quality=quality, method=6)


def _avif_qualities(cells: np.ndarray) -> Iterator[Trial]:
    import imagecodecs

    for level in range(4, 100, 3):
        file = bytes(imagecodecs.avif_encode(cells, level=level, speed=0, pixelformat="444", numthreads=1))
        yield _trial(file, imagecodecs.avif_decode(file))


def _jxl_qualities(cells: np.ndarray) -> Iterator[Trial]:
    import imagecodecs

    for distance in np.geomspace(0.05, 15, 30):
        file = bytes(imagecodecs.jpegxl_encode(cells, distance=float(distance), effort=9, numthreads=1))
        yield _trial(file, imagecodecs.jpegxl_decode(file))


_LOSSY_TRIALS: dict[str, Callable[[np.ndarray], Iterator[Trial]]] = {
    "PNG": _png_palettes,
    "WebP": _webp_qualities,
    "AVIF": _avif_qualities,
    "JPEG XL": _jxl_qualities,
}
