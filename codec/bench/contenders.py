"""The codecs of the benchmark. Each encodes a picture as well as possible within a byte limit.

A pixel codec may downscale the picture before encoding and upscale it after decoding, as its user would at such low
rates; its decoder gets the original size at no cost in bytes. Sizes are those of whole files, headers included.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from codec.bench.lossless_codecs import is_installed, save_with_pillow
from codec.bench.measures import ms_ssim
from codec.errors import BudgetTooSmall, UnknownName

if TYPE_CHECKING:
    from codec.decoders.painter.real_esrgan import Upscaler

SCALES: Final = (1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125)
MAX_QUALITY: Final = 100  # of each format; 0 is the worst
_MAX_SLOW_AVIF_SAMPLES: Final = 3 << 14  # larger pictures are encoded with a faster search


class Contender(Protocol):
    """A codec of the benchmark."""

    @property
    def name(self) -> str:
        """Return the name in the table."""

    @property
    def uses_large_models(self) -> bool:
        """Return whether models of several gigabytes are loaded."""

    def remedy(self) -> str | None:
        """Return the command that installs what the codec needs; None if nothing is missing."""

    def encode(self, pixels: np.ndarray, prompt: str | None, max_bytes: int) -> bytes | None:
        """Return (h, w, 3) uint8 pixels as a file of at most `max_bytes`; None if no file is that small."""

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
    """A picture format. `write` encodes pixels at a quality of 0..100; `read` decodes a file to pixels."""

    name: str
    package: str
    module: str
    write: Callable[[np.ndarray, int], bytes]
    read: Callable[[bytes], np.ndarray]
    uses_large_models: bool = False

    def remedy(self) -> str | None:
        return None if is_installed(self.module) else f"pip install {self.package}"

    def encode(self, pixels: np.ndarray, prompt: str | None, max_bytes: int) -> bytes | None:
        """Return, of the best files within the limit at each scale, the one with the highest MS-SSIM."""
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
            quality = (
                (low + high) // 2 if best else low
            )  # start with the lowest quality, which often does not fit either
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


@dataclass(frozen=True)
class UpscaledCodec:
    """A picture format whose decoded pictures are downscaled to a quarter and upscaled by the painter's network.

    At these rates, that is the best that a user of the format can do for the appearance of the picture.
    """

    name: str
    codec: PixelCodec
    uses_large_models: bool = False

    def remedy(self) -> str | None:
        return self.codec.remedy()

    def encode(self, pixels: np.ndarray, prompt: str | None, max_bytes: int) -> bytes | None:
        return self.codec.encode(pixels, prompt, max_bytes)

    def decode(self, data: bytes, height: int, width: int) -> np.ndarray:
        import cv2

        from codec.decoders.painter.real_esrgan import SCALE

        size = max(1, round(width / SCALE)), max(1, round(height / SCALE))
        small = cv2.resize(self.codec.decode(data, height, width), size, interpolation=cv2.INTER_AREA)
        *_, enlarged = _upscaler().run(small.astype(np.float32) / 255)
        assert enlarged is not None
        pixels = np.rint(np.clip(enlarged, 0, 1) * 255).astype(np.uint8)
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LANCZOS4))


@cache
def _upscaler() -> Upscaler:
    from codec.decoders.painter.real_esrgan import Upscaler

    return Upscaler.rrdb()


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
        values = {name: value(quality) for name, value in options.items()}
        return save_with_pillow(pixels, format_name, **values)

    return write


def _read_with_pillow(data: bytes) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def _write_avif(pixels: np.ndarray, quality: int) -> bytes:
    import imagecodecs

    speed = 2 if pixels.size <= _MAX_SLOW_AVIF_SAMPLES else 5
    chroma = "420" if min(pixels.shape[:2]) > 1 else "444"
    return bytes(imagecodecs.avif_encode(pixels, level=quality, speed=speed, pixelformat=chroma, numthreads=1))


def _write_jxl(pixels: np.ndarray, quality: int) -> bytes:
    import imagecodecs

    distance = 0.1 * 250 ** (1 - quality / MAX_QUALITY)  # from 25 at quality 0 to 0.1 at quality 100
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
UPSCALED_CODECS: Final = tuple(
    UpscaledCodec(f"{codec.name}, Real-ESRGAN", codec) for codec in PIXEL_CODECS if codec.name == "WebP"
)
TRILAYER: Final = (Trilayer("Trilayer, painter", "painter"), Trilayer("Trilayer, Stable Diffusion", "sd15"))
ALL_CONTENDERS: Final[tuple[Contender, ...]] = (*TRILAYER, *PIXEL_CODECS, *UPSCALED_CODECS)
ALL_NAMES: Final = tuple(contender.name for contender in ALL_CONTENDERS)  # in the order of the table


def find_contenders(names: Sequence[str] | None = None) -> tuple[tuple[Contender, ...], dict[str, str]]:
    """Return the codecs that can run here, and for each of the others, by name, the command that installs it.

    `names`: restricts both to these codecs. Raises `UnknownName` for an unknown name.
    """
    unknown = set(names or ()) - set(ALL_NAMES)
    if unknown:
        raise UnknownName(f"no codec {unknown.pop()!r}; choose from: {', '.join(ALL_NAMES)}")
    chosen = [contender for contender in ALL_CONTENDERS if not names or contender.name in names]
    missing = {contender.name: remedy for contender in chosen if (remedy := contender.remedy())}
    return tuple(contender for contender in chosen if contender.name not in missing), missing
