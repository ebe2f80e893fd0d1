"""The codecs of the benchmark: each encodes a picture in at most a given number of bytes, as well as it can.

A pixel codec may downscale the picture first and upscale it after decoding, as its user would at such rates; the size
of the picture is given to the decoder for free. Whole files are counted, ours and theirs.
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
MAX_QUALITY: Final = 100  # of each format; 0 is the worst
_FAST_AVIF_SAMPLES: Final = 3 << 14  # up to which AVIF's slower search is used


class Contender(Protocol):
    """A codec of the benchmark."""

    @property
    def name(self) -> str:
        """Return the name in the table."""

    @property
    def uses_large_models(self) -> bool:
        """Return whether networks of gigabytes are loaded."""

    def remedy(self) -> str | None:
        """Return what to do before the codec can take part; None if nothing."""

    def encode(self, pixels: np.ndarray, prompt: str | None, max_bytes: int) -> bytes | None:
        """Return a file of (h, w, 3) uint8 pixels; None if it cannot be so small."""

    def decode(self, data: bytes, height: int, width: int) -> np.ndarray:
        """Return the picture of a file, (height, width, 3) uint8."""


@dataclass(frozen=True)
class Trilayer:
    """This codec with one of its decoders."""

    name: str
    decoder: str

    @property
    def uses_large_models(self) -> bool:
        return self.decoder == "sd15"

    def remedy(self) -> str | None:
        from codec.models import locate

        names = ("sd15", "sketch-adapter", "color-adapter") if self.decoder == "sd15" else ()
        statuses = (locate.status(name) for name in names)
        return next((status.detail for status in statuses if status.state != "present"), None)

    def encode(self, pixels: np.ndarray, prompt: str | None, max_bytes: int) -> bytes | None:
        import codec

        try:
            return codec.encode(pixels, prompt=prompt, budget=max_bytes).to_bytes()
        except BudgetTooSmall:
            return None

    def decode(self, data: bytes, height: int, width: int) -> np.ndarray:
        import codec

        return codec.decode(codec.Layers.from_bytes(data), decoder=self.decoder)


@dataclass(frozen=True)
class PixelCodec:
    """A picture format. `write`: pixels and quality 0..100 to a file; `read`: a file to pixels."""

    name: str
    package: str
    module: str
    write: Callable[[np.ndarray, int], bytes]
    read: Callable[[bytes], np.ndarray]
    uses_large_models: bool = False

    def remedy(self) -> str | None:
        try:
            importlib.import_module(self.module)
        except ImportError:
            return f"pip install {self.package}"
        return None

    def encode(self, pixels: np.ndarray, prompt: str | None, max_bytes: int) -> bytes | None:
        """Return the file with the highest MS-SSIM among the best that fits at each scale."""
        best_file, best_score = None, -1.0
        for scale in SCALES:
            data = self._best_quality(_downscale(pixels, scale), max_bytes)
            if data is not None:
                score = ms_ssim(pixels, self.decode(data, *pixels.shape[:2]))
                if score > best_score:
                    best_file, best_score = data, score
        return best_file

    def _best_quality(self, pixels: np.ndarray, max_bytes: int) -> bytes | None:
        """Return the file of the highest quality that fits, found by bisection."""
        best, low, high = None, 0, MAX_QUALITY
        while low <= high:
            quality = (low + high) // 2 if best else low  # the worst first, since often not even that fits
            data = self.write(pixels, quality)
            if len(data) <= max_bytes:
                best, low = data, quality + 1
            elif best is None:
                return None
            else:
                high = quality - 1
        return best

    def decode(self, data: bytes, height: int, width: int) -> np.ndarray:
        import cv2

        pixels = self.read(data)
        if pixels.shape[:2] == (height, width):
            return pixels
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LANCZOS4))


def _downscale(pixels: np.ndarray, scale: float) -> np.ndarray:
    import cv2

    if scale == 1:
        return np.ascontiguousarray(pixels)
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))


# formats


def _pillow_writer(format_name: str, **options: Callable[[int], Any]) -> Callable[[np.ndarray, int], bytes]:
    """Return a writer that uses Pillow; each option is a function of the quality."""

    def write(pixels: np.ndarray, quality: int) -> bytes:
        from PIL import Image

        file = io.BytesIO()
        values = {name: value(quality) for name, value in options.items()}
        Image.fromarray(pixels).save(file, format_name, **values)
        return file.getvalue()

    return write


def _read_with_pillow(data: bytes) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def _write_avif(pixels: np.ndarray, quality: int) -> bytes:
    import imagecodecs

    speed = 2 if pixels.size <= _FAST_AVIF_SAMPLES else 5
    chroma = "420" if min(pixels.shape[:2]) > 1 else "444"
    return bytes(imagecodecs.avif_encode(pixels, level=quality, speed=speed, pixelformat=chroma, numthreads=1))


def _write_jxl(pixels: np.ndarray, quality: int) -> bytes:
    import imagecodecs

    distance = 0.1 * 250 ** (1 - quality / MAX_QUALITY)
    return bytes(imagecodecs.jpegxl_encode(pixels, distance=distance, effort=8))


def _read_jxl(data: bytes) -> np.ndarray:
    import imagecodecs

    return np.ascontiguousarray(imagecodecs.jpegxl_decode(data))


def _write_heic(pixels: np.ndarray, quality: int) -> bytes:
    return _heic_writer()(pixels, quality)


@cache
def _heic_writer() -> Callable[[np.ndarray, int], bytes]:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return _pillow_writer("HEIF", quality=lambda q: q)


PIXEL_CODECS: Final = (
    PixelCodec(
        "JPEG", "pillow", "PIL.Image",
        _pillow_writer("JPEG", quality=lambda q: max(q, 1), optimize=lambda q: True, subsampling=lambda q: 2),
        _read_with_pillow,
    ),
    PixelCodec(
        "JPEG 2000", "pillow", "PIL.Image",
        _pillow_writer(
            "JPEG2000", quality_mode=lambda q: "rates", quality_layers=lambda q: [4000 ** (1 - q / MAX_QUALITY)],
            irreversible=lambda q: True, no_jp2=lambda q: True,
        ),
        _read_with_pillow,
    ),
    PixelCodec(
        "WebP", "pillow", "PIL.Image",
        _pillow_writer("WEBP", quality=lambda q: q, method=lambda q: 6), _read_with_pillow,
    ),
    PixelCodec("AVIF", "imagecodecs", "imagecodecs", _write_avif, _read_with_pillow),
    PixelCodec("JPEG XL", "imagecodecs", "imagecodecs", _write_jxl, _read_jxl),
    PixelCodec("HEVC (HEIC)", "pillow-heif", "pillow_heif", _write_heic, _read_with_pillow),
)  # fmt: skip
TRILAYER: Final = (Trilayer("Trilayer, painter", "painter"), Trilayer("Trilayer, Stable Diffusion", "sd15"))
ALL_NAMES: Final = tuple(codec.name for codec in (*TRILAYER, *PIXEL_CODECS))  # in the order of the table


def find_contenders(names: Sequence[str] | None = None) -> tuple[tuple[Contender, ...], dict[str, str]]:
    """Return the codecs that can run here, and for each other one what to install, by name.

    `names`: only these. Raises `UnknownName` for a name that does not exist.
    """
    unknown = set(names or ()) - set(ALL_NAMES)
    if unknown:
        raise UnknownName(f"no codec {unknown.pop()!r}; choose from: {', '.join(ALL_NAMES)}")
    everyone: tuple[Contender, ...] = (*TRILAYER, *PIXEL_CODECS)
    chosen = [contender for contender in everyone if not names or contender.name in names]
    missing = {contender.name: remedy for contender in chosen if (remedy := contender.remedy())}
    return tuple(contender for contender in chosen if contender.name not in missing), missing
