"""Read and write picture files, and resize pictures.

Only PNG, JPEG, WebP and AVIF are read; their first bytes identify them. `sanitize` checks a file before Pillow decodes
any pixel. Pillow is imported inside functions, so that `import codec` stays fast.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

import numpy as np

from codec.errors import ImageError
from codec.images import color_encoding, exif, icc, lsb_text, png_chunk
from codec.images.sanitize import sanitize
from codec.images.sanitize_jpeg import END_OF_IMAGE, START_OF_SCAN
from codec.images.sanitized_file import MAX_TEXTS, SanitizedFile, check_size

if TYPE_CHECKING:
    from PIL import Image

MAX_BYTES = 64 << 20  # of one picture file

# different bytes to append to the scans of a truncated JPEG, each longer than the largest MCU
_JPEG_FILLERS: Final = (bytes(3000), b"\xb5" * 3000, b"\x6d" * 3000, b"\xff\0" * 3000)
_RESTART_MARKER = re.compile(rb"\xff[\xd0-\xd7]")

_PILLOW_CLASSES: Final = {
    "PNG": ("PngImagePlugin", "PngImageFile"),
    "JPEG": ("JpegImagePlugin", "JpegImageFile"),
    "WebP": ("WebPImagePlugin", "WebPImageFile"),
    "AVIF": ("AvifImagePlugin", "AvifImageFile"),
    "GIF": ("GifImagePlugin", "GifImageFile"),
    "BMP": ("BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("TiffImagePlugin", "TiffImageFile"),
    "PNM": ("PpmImagePlugin", "PpmImageFile"),
}

# pictures are decoded one at a time, since warnings.catch_warnings is not thread-safe
_WARNINGS_LOCK = threading.Lock()


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright, opaque sRGB picture and the texts of its file.

    pixels: (H, W, 3) uint8, sRGB, 1..4096 pixels a side.
    texts: metadata by keyword, e.g. {"parameters": "a cat\\nSteps: 20"}; at most 64 entries, and at most 1 MiB from
    each source (PNG chunks, EXIF, XMP, pixels). EXIF texts are keyed by tag name, XMP by `exif.XMP_KEY`, a JPEG's
    comment by `exif.JPEG_COMMENT_KEY` and text hidden in the pixels by `lsb_text.KEY`. They are untrusted: never use
    them as markup or commands.
    tril: the unchecked .tril file embedded in a PNG; None if there is none or it is damaged.
    """

    pixels: np.ndarray
    texts: Mapping[str, str] = field(default_factory=dict)
    tril: bytes | None = None


def load(source: str | os.PathLike[str] | bytes | BinaryIO) -> Picture:
    """Read a PNG, JPEG, WebP or AVIF from a path, from bytes or from a binary stream.

    The result is upright (EXIF orientation applied), opaque (alpha composited on white), in sRGB (converted by
    a usable ICC profile, or else by PNG's cICP, gAMA and cHRM or AVIF's color description; HDR is mapped to SDR as in
    `codec.images.color_encoding`), 8 bits per sample (16-bit samples scaled), and the first frame of an animation.

    Raises `ImageError` with a one-line message for anything else: another format, a side outside 1..4096 pixels, more
    than 64 MiB, a damaged or truncated file, or a path that cannot be read.
    """
    data, decoded = _load(source)
    rgb = decoded.rgb if decoded.alpha is None else _composite_on_white(decoded.rgb, decoded.alpha)
    picture = Picture(_upright(rgb, decoded.orientation), decoded.texts)
    with contextlib.suppress(ImageError):
        return replace(picture, tril=png_chunk.extract(data))
    return picture


def load_with_alpha(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a mask as (H, W, 3) uint8 sRGB and its opacity, (H, W) uint8, 0 for transparent.

    The picture is decoded as by `load`, and GIF, BMP, TIFF and PNM are read, too. The opacity is None for a picture
    without any. Raises `ImageError` as `load` does.
    """
    from codec.images.mask_formats import sanitize_mask

    decoded = _load(source, sanitize_mask)[1]
    alpha = None if decoded.alpha is None else _upright(decoded.alpha, decoded.orientation)
    return _upright(decoded.rgb, decoded.orientation), alpha


def encode_png(pixels: np.ndarray, texts: Mapping[str, str] | None = None) -> bytes:
    """Return (H, W, 3) uint8 sRGB pixels as a PNG file; equal input gives equal bytes.

    `texts`: metadata by keyword of 1..79 Latin-1 characters. Raises `ImageError` for another shape, dtype or keyword.
    """
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    for keyword, text in (texts or {}).items():
        if not re.fullmatch(r"[ -~\xa1-\xff]{1,79}", keyword):
            raise ImageError(f"{keyword!r} cannot be a PNG keyword: use 1 to 79 Latin-1 characters")
        text = text.encode("utf-8", "replace").decode("utf-8")
        (info.add_text if text.isascii() else info.add_itxt)(keyword, text)
    file = BytesIO()
    Image.fromarray(_check_pixels(pixels)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def resize_area(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize (H, W, 3) uint8 to (height, width, 3) uint8 with a box filter: each pixel is the mean of its area."""
    from PIL import Image

    return _resize(pixels, width, height, Image.Resampling.BOX)


def resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize (H, W, 3) uint8 to (height, width, 3) uint8 with a Lanczos filter, a = 3."""
    from PIL import Image

    return _resize(pixels, width, height, Image.Resampling.LANCZOS)


def _resize(pixels: np.ndarray, width: int, height: int, method: Image.Resampling) -> np.ndarray:
    from PIL import Image

    return np.array(Image.fromarray(_check_pixels(pixels)).resize((width, height), method))


def _check_pixels(pixels: np.ndarray) -> np.ndarray:
    """Return a contiguous (H, W, 3) uint8 array. Raises `ImageError` for anything else."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ImageError(f"pixels must be (H, W, 3) uint8, not {pixels.shape} {pixels.dtype}")
    return np.ascontiguousarray(pixels)


def _read(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[str, bytes]:
    """Return the source's name for error messages, and its bytes."""
    if isinstance(source, bytes | bytearray | memoryview):
        name, data = "the picture", bytes(source)
    elif isinstance(source, str | os.PathLike):
        name = repr(os.path.basename(os.fspath(source)))  # repr escapes control characters
        try:
            with open(source, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "its name is not allowed"
            raise ImageError(f"{name} cannot be read: {reason}") from None
    else:
        name, data = "the picture", source.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name} has more than {MAX_BYTES >> 20} MiB; save it smaller")
    return name, data


class _Decoded(NamedTuple):
    """A picture as stored: (H, W, 3) uint8 sRGB, (H, W) uint8 opacity, EXIF orientation 1..8, and texts."""

    rgb: np.ndarray
    alpha: np.ndarray | None
    orientation: int
    texts: dict[str, str]


def _load(
    source: str | os.PathLike[str] | bytes | BinaryIO, sanitizer: Callable[[bytes], SanitizedFile] = sanitize
) -> tuple[bytes, _Decoded]:
    """Return the bytes of a picture file and its decoded content. Raises `ImageError` with the file's name."""
    name, data = _read(source)
    try:
        with _WARNINGS_LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return data, _decode(sanitizer(data))
    except ImageError as error:
        raise ImageError(f"{name} {error}") from None
    except Exception as error:  # Pillow's decoders raise a dozen types for damaged files
        raise ImageError(f"{name} is damaged or cut off; open it elsewhere and save it again") from error


def _decode(parts: SanitizedFile) -> _Decoded:
    """Decode a sanitized file with Pillow. Raises Pillow's errors for damaged data."""
    image = _complete_jpeg(parts) if parts.is_unterminated else _open(parts)
    check_size(*image.size)
    if getattr(image, "n_frames", 1) > 1:
        image.seek(0)
    image.load()
    profile = parts.icc_profile or image.info.get("icc_profile") or b""
    exif_block = parts.exif or image.info.get("exif") or b""
    alpha = _alpha(image, parts)
    samples = _samples(image)
    raw = np.array(samples if samples.mode == "RGB" else samples.convert("RGB"))
    texts = _merge_texts(parts, exif_block, image.info.get("xmp"), lsb_text.read_text(raw, alpha))
    converted = icc.to_srgb(samples, profile) if profile and not parts.ignore_profile else None
    rgb = color_encoding.to_srgb(raw, parts.color_encoding) if converted is None else np.array(converted)
    return _Decoded(rgb, alpha, exif.read_orientation(exif_block), texts)


def _complete_jpeg(parts: SanitizedFile) -> Image.Image:
    """Decode a JPEG without its end marker. Raises `ImageError` if more than that is missing.

    A decoder reads beyond the end of the scans only if data is missing. So the scans are complete if different bytes
    after them give the same pixels.
    """
    from PIL import ImageChops

    restarts = len(_RESTART_MARKER.findall(parts.data, parts.data.rindex(START_OF_SCAN)))
    next_restart = b"\xff" + bytes([0xD0 + restarts % 8])
    endings = (bits + next_restart + bits + END_OF_IMAGE for bits in _JPEG_FILLERS)
    image, *others = (_open(replace(parts, data=parts.data + ending)) for ending in endings)
    check_size(*image.size)
    for other in others:
        if ImageChops.difference(image, other).getbbox() is not None:
            raise ImageError("is a JPEG that is cut off; save it again")
        other.close()
    return image


def _open(parts: SanitizedFile) -> Image.Image:
    """Open a file with the Pillow class of its format; `Image.open` would also try other formats."""
    module, name = _PILLOW_CLASSES[parts.format]
    image: Image.Image = getattr(importlib.import_module(f"PIL.{module}"), name)(BytesIO(parts.data))
    return image


def _merge_texts(parts: SanitizedFile, exif_block: bytes, xmp: bytes | str | None, hidden: str) -> dict[str, str]:
    """Return the texts of all sources by keyword; a PNG's own text takes precedence."""
    if xmp is None or len(xmp) > exif.MAX_TEXT_BYTES:
        xmp = ""
    if isinstance(xmp, bytes):
        xmp = xmp.decode("utf-8", "replace")
    merged = {lsb_text.KEY: hidden, exif.XMP_KEY: xmp, **exif.read_texts(exif_block), **parts.texts}
    return dict([(keyword, text) for keyword, text in merged.items() if text][:MAX_TEXTS])


def _alpha(image: Image.Image, parts: SanitizedFile) -> np.ndarray | None:
    """Return (H, W) uint8 opacity, 0 transparent to 255 opaque, or None for an opaque picture."""
    if image.mode in ("LA", "PA", "RGBA", "RGBa"):
        return np.array(image.getchannel("A"))
    if image.mode in ("P", "L") and "transparency" in image.info:
        return np.array(image.convert("RGBA").getchannel("A"))
    if parts.transparent_color is None or image.mode == "P":
        return None
    max_sample = (1 << parts.bit_depth) - 1
    color = [sample & max_sample for sample in parts.transparent_color]
    if parts.bit_depth != 16:
        color = [sample * 255 // max_sample for sample in color]
    elif image.mode == "RGB":
        color = [sample >> 8 for sample in color]  # Pillow keeps the high bytes
    samples = np.array(image.convert("L") if image.mode == "1" else image)
    equal = samples == np.array(color, samples.dtype)
    transparent = equal.all(axis=2) if equal.ndim == 3 else equal
    return np.where(transparent, 0, 255).astype(np.uint8)


def _samples(image: Image.Image) -> Image.Image:
    """Return the samples without alpha, in mode L, RGB or CMYK."""
    from PIL import Image

    if image.mode.startswith("I;16"):  # which Pillow's own conversion would clip to white
        samples = np.array(image).astype(np.uint32)
        image = Image.fromarray(((samples + 128) // 257).astype(np.uint8))
    elif image.mode in ("I", "F"):  # a mask of numbers: 0..1, 0..255, 0..65535, or up to their maximum
        numbers = np.nan_to_num(np.array(image, np.float32), posinf=1, neginf=0)
        white = next((limit for limit in (1, 255, 65535) if numbers.max() <= limit), numbers.max())
        image = Image.fromarray(np.rint(np.clip(numbers / white, 0, 1) * 255).astype(np.uint8))
    elif image.mode in ("1", "LA"):
        image = image.convert("L")
    elif image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    return image


def _composite_on_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) uint8: each pixel blended with white by its (H, W) uint8 opacity, rounded."""
    opacity = alpha.astype(np.uint16)[..., None]
    blended: np.ndarray = (rgb * opacity + 255 * (255 - opacity) + 127) // 255
    return blended.astype(np.uint8)


def _upright(rgb: np.ndarray, orientation: int) -> np.ndarray:
    """Return (H, W) or (H, W, 3) pixels turned upright; `orientation`: EXIF's 1..8.

    Pillow gets only the orientation, not the file's EXIF block: a hostile block can make its parser allocate gigabytes.
    """
    if orientation == 1:
        return rgb
    from PIL import ExifTags, Image, ImageOps

    image = Image.fromarray(rgb)
    image.getexif()[ExifTags.Base.Orientation] = orientation
    return np.array(ImageOps.exif_transpose(image))
