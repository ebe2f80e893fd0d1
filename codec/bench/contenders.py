"""Who takes part: each writes a picture in at most so many bytes, as well as it can.

A pixel codec may shrink the picture first and have it enlarged after, as its user would at such rates;
the reader is told the size for nothing. Whole files are counted, ours and theirs.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol

import numpy as np

from codec.bench.measures import ms_ssim
from codec.errors import BudgetTooSmall, UnknownName

SCALES: Final = (1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125)
QUALITIES: Final = 101  # of each format, 0 the worst


class Contender(Protocol):
    """One row of the table."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    def missing(self) -> str | None:
        """What to do before it can take part; None if nothing."""

    def encode(self, pixels: np.ndarray, text: str | None, most: int) -> bytes | None:
        """(h, w, 3) uint8 -> at most `most` bytes; None if it cannot be so small."""

    def decode(self, data: bytes, height: int, width: int) -> np.ndarray:
        """The picture of a file, (height, width, 3) uint8."""


@dataclass(frozen=True)
class Trilayer:
    """Ours, with one of its decoders."""

    name: str
    decoder: str

    def missing(self) -> str | None:
        from codec.models import locate

        needed = ("sd15", "sketch-adapter", "color-adapter") if self.decoder == "sd15" else ()
        lacking = (locate.status(name) for name in needed)
        return next((status.detail for status in lacking if status.state != "present"), None)

    def encode(self, pixels: np.ndarray, text: str | None, most: int) -> bytes | None:
        import codec

        try:
            return codec.encode(pixels, prompt=text, budget=most).to_bytes()
        except BudgetTooSmall:
            return None

    def decode(self, data: bytes, height: int, width: int) -> np.ndarray:
        import codec

        return codec.decode(codec.Layers.from_bytes(data), decoder=self.decoder)


@dataclass(frozen=True)
class Format:
    """A pixel codec. `write`: pixels and quality 0..100 -> a file; `read`: its pixels."""

    name: str
    package: str
    module: str
    write: Callable[[np.ndarray, int], bytes]
    read: Callable[[bytes], np.ndarray]

    def missing(self) -> str | None:
        try:
            importlib.import_module(self.module)
        except ImportError:
            return f"pip install {self.package}"
        return None

    def encode(self, pixels: np.ndarray, text: str | None, most: int) -> bytes | None:
        """At each scale the best quality that fits; of these the file that looks best by MS-SSIM."""
        best, score = None, -1.0
        for scale in SCALES:
            data = self._fitting(_scaled(pixels, scale), most)
            if data is not None:
                found = ms_ssim(pixels, self.decode(data, *pixels.shape[:2]))
                if found > score:
                    best, score = data, found
        return best

    def _fitting(self, pixels: np.ndarray, most: int) -> bytes | None:
        best, low, high = None, 0, QUALITIES - 1
        while low <= high:
            middle = (low + high) // 2 if best else low  # the worst first: often not even that fits
            data = self.write(pixels, middle)
            if len(data) <= most:
                best, low = data, middle + 1
            elif best is None:
                return None
            else:
                high = middle - 1
        return best

    def decode(self, data: bytes, height: int, width: int) -> np.ndarray:
        import cv2

        pixels = self.read(data)
        if pixels.shape[:2] == (height, width):
            return pixels
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LANCZOS4))


def _scaled(pixels: np.ndarray, scale: float) -> np.ndarray:
    import cv2

    if scale == 1:
        return np.ascontiguousarray(pixels)
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))


# the formats


def _pillow(form: str, **options: Callable[[int], Any]) -> Callable[[np.ndarray, int], bytes]:
    """A writer of Pillow's; each option follows from the quality."""

    def write(pixels: np.ndarray, quality: int) -> bytes:
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(pixels).save(file, form, **{name: value(quality) for name, value in options.items()})
        return file.getvalue()

    return write


def _opened(data: bytes) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def _avif(pixels: np.ndarray, quality: int) -> bytes:
    import imagecodecs

    speed = 2 if pixels.size <= 3 << 14 else 5
    form = "420" if min(pixels.shape[:2]) > 1 else "444"
    return bytes(imagecodecs.avif_encode(pixels, level=quality, speed=speed, pixelformat=form, numthreads=1))


def _jxl(pixels: np.ndarray, quality: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegxl_encode(pixels, distance=0.1 * 250 ** (1 - quality / 100), effort=8))


def _jxl_read(data: bytes) -> np.ndarray:
    import imagecodecs

    return np.ascontiguousarray(imagecodecs.jpegxl_decode(data))


def _heic(pixels: np.ndarray, quality: int) -> bytes:
    return _hevc()(pixels, quality)


@cache
def _hevc() -> Callable[[np.ndarray, int], bytes]:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return _pillow("HEIF", quality=lambda q: q)


FORMATS: Final = (
    Format(
        "JPEG", "pillow", "PIL.Image",
        _pillow("JPEG", quality=lambda q: max(q, 1), optimize=lambda q: True, subsampling=lambda q: 2), _opened,
    ),
    Format(
        "JPEG 2000", "pillow", "PIL.Image",
        _pillow(
            "JPEG2000", quality_mode=lambda q: "rates", quality_layers=lambda q: [4000 ** (1 - q / 100)],
            irreversible=lambda q: True, no_jp2=lambda q: True,
        ), _opened,
    ),
    Format("WebP", "pillow", "PIL.Image", _pillow("WEBP", quality=lambda q: q, method=lambda q: 6), _opened),
    Format("AVIF", "imagecodecs", "imagecodecs", _avif, _opened),
    Format("JPEG XL", "imagecodecs", "imagecodecs", _jxl, _jxl_read),
    Format("HEVC (HEIC)", "pillow-heif", "pillow_heif", _heic, _opened),
)  # fmt: skip
OURS: Final = (Trilayer("Trilayer, painter", "painter"), Trilayer("Trilayer, Stable Diffusion", "sd15"))


def contenders(names: Sequence[str] | None = None) -> tuple[tuple[Contender, ...], dict[str, str]]:
    """Those that can take part here (of `names`, if given), and for the others what to do, by name.

    Raises `UnknownName` for a name that nobody has.
    """
    every: tuple[Contender, ...] = (*OURS, *FORMATS)
    unknown = set(names or ()) - {one.name for one in every}
    if unknown:
        raise UnknownName(f"no codec {unknown.pop()!r}; there are: {', '.join(one.name for one in every)}")
    every = tuple(one for one in every if not names or one.name in names)
    absent = {one.name: why for one in every if (why := one.missing())}
    return tuple(one for one in every if one.name not in absent), absent
