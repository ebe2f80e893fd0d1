"""Picture files in and out: a loader that survives any bytes, PNG out, resizing, a card of text.

Only PNG, JPEG, WebP and AVIF open, decided by their first bytes; `imagefile` checks the header
before Pillow decodes a pixel. Pillow is imported inside the functions, which keeps
`import codec` instant.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from codec.errors import ImageError
from codec.images import exif, lsb_text, png_chunk
from codec.images.sanitize import MAX_PROFILE, MAX_TEXTS, Parts, check_size, parse
from codec.images.text_card import text_card as text_card

if TYPE_CHECKING:
    from PIL import Image

MAX_FILE = 64 << 20  # bytes of one picture file

# warnings.catch_warnings is not safe across threads, so one picture is opened at a time.
_QUIET = threading.Lock()


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright, opaque sRGB picture and the text that its file carried.

    pixels: (H, W, 3) uint8, sRGB, 1..4096 a side.
    text: metadata by keyword, e.g. {"parameters": "a cat\\nSteps: 20"}; at most 64 entries, of
    at most 1 MiB a source (PNG's chunks, EXIF, XMP, the pixels). EXIF's go by their tags' names, XMP by
    `exif.XMP`, what the pixels hide by `stealth.KEY`.
    It is whatever the file says: data to show, never markup or a command.
    layers: the .tril file inside a PNG of ours, unchecked; None where there is none, or a damaged one.
    """

    pixels: np.ndarray
    text: Mapping[str, str] = field(default_factory=dict)
    layers: bytes | None = None


def load(source: str | os.PathLike[str] | bytes | BinaryIO) -> Picture:
    """Reads a PNG, JPEG, WebP or AVIF from a path, from bytes or from a binary stream.

    The result is upright (EXIF orientation), opaque (alpha composited on white), converted to
    sRGB where a usable ICC profile says otherwise, 8 bits a sample (16-bit values are scaled),
    and the first frame of an animation.
    Raises ImageError, one line, for anything else: another format, a side outside 1..4096,
    more than 64 MiB, a damaged or cut-off file, a path that cannot be read.
    """
    name, data = _read(source)
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = _decode(parse(data))
    except ImageError as error:
        raise ImageError(f"{name} {error}") from None
    except Exception as error:  # Pillow's decoders raise a dozen kinds; every one means this
        raise ImageError(f"{name} is damaged or cut off; open it elsewhere and save it anew") from error
    with contextlib.suppress(ImageError):
        return replace(picture, layers=png_chunk.take(data))
    return picture


def encode_png(pixels: np.ndarray, text: Mapping[str, str] | None = None) -> bytes:
    """(H, W, 3) uint8 sRGB -> the bytes of a PNG, the same bytes for the same input.

    text: metadata by keyword (1..79 Latin-1 characters); what is not ASCII goes to iTXt.
    Raises ImageError when pixels have another shape or dtype or a keyword is not allowed.
    """
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        if not re.fullmatch(r"[ -~\xa1-\xff]{1,79}", key):
            raise ImageError(f"{key!r} cannot be a PNG keyword: use 1 to 79 Latin-1 characters")
        value = value.encode("utf-8", "replace").decode("utf-8")
        (info.add_text if value.isascii() else info.add_itxt)(key, value)
    out = io.BytesIO()
    Image.fromarray(_checked(pixels)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def resize_area(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (height, width, 3) uint8: each new pixel is the mean of its area."""
    from PIL import Image

    box = Image.Resampling.BOX
    return np.array(Image.fromarray(_checked(pixels)).resize((width, height), box))


def resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (height, width, 3) uint8, Lanczos with a = 3."""
    from PIL import Image

    lanczos = Image.Resampling.LANCZOS
    return np.array(Image.fromarray(_checked(pixels)).resize((width, height), lanczos))


def _checked(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ImageError(f"pixels must be (H, W, 3) uint8, not {pixels.shape} {pixels.dtype}")
    return np.ascontiguousarray(pixels)


def _read(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[str, bytes]:
    """-> how to name the source in an error, its bytes."""
    if isinstance(source, bytes | bytearray | memoryview):
        name, data = "the picture", bytes(source)
    elif isinstance(source, str | os.PathLike):
        name = repr(os.path.basename(os.fspath(source)))  # repr: a file name may hold anything
        try:
            with open(source, "rb") as file:
                data = file.read(MAX_FILE + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "its name is not allowed"
            raise ImageError(f"{name} cannot be read: {reason}") from None
    else:
        name, data = "the picture", source.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise ImageError(f"{name} has more than {MAX_FILE >> 20} MiB; save it smaller")
    return name, data


def _decode(parts: Parts) -> Picture:
    image = _open(parts)
    check_size(*image.size)
    if getattr(image, "n_frames", 1) > 1:
        image.seek(0)
    image.load()
    profile = parts.profile or image.info.get("icc_profile") or b""
    block = parts.exif or image.info.get("exif") or b""
    orientation = _orientation(block)
    alpha = _alpha(image, parts)
    rgb = _rgb(image, profile)
    texts = _texts(parts, block, image.info.get("xmp"), lsb_text.text(rgb, alpha))
    if alpha is not None:
        cover = alpha.astype(np.uint16)[..., None]
        rgb = ((rgb * cover + 255 * (255 - cover) + 127) // 255).astype(np.uint8)
    return Picture(_upright(rgb, orientation), texts)


def _texts(parts: Parts, block: bytes, xmp: bytes | str | None, hidden: str) -> dict[str, str]:
    """All texts of a file; of two by one name a PNG's own stays."""
    said = "" if xmp is None or len(xmp) > exif.MAX_TEXT else xmp
    if isinstance(said, bytes):
        said = said.decode("utf-8", "replace")
    found = {lsb_text.KEY: hidden, exif.XMP: said, **exif.texts(block), **parts.text}
    kept = [(key, text) for key, text in found.items() if text]
    return dict(kept[:MAX_TEXTS])


def _open(parts: Parts) -> Image.Image:
    """The format's own class, not Image.open: that one also looks at formats that we refuse."""
    file = io.BytesIO(parts.data)
    if parts.kind == "PNG":
        from PIL.PngImagePlugin import PngImageFile

        return PngImageFile(file)
    if parts.kind == "JPEG":
        from PIL.JpegImagePlugin import JpegImageFile

        return JpegImageFile(file)
    if parts.kind == "WebP":
        from PIL.WebPImagePlugin import WebPImageFile

        return WebPImageFile(file)
    from PIL.AvifImagePlugin import AvifImageFile

    return AvifImageFile(file)


def _alpha(image: Image.Image, parts: Parts) -> np.ndarray | None:
    """-> (H, W) uint8, 0 transparent .. 255 opaque, or None for an opaque picture."""
    if image.mode in ("LA", "PA", "RGBA", "RGBa"):
        return np.array(image.getchannel("A"))
    if image.mode == "P" and "transparency" in image.info:
        return np.array(image.convert("RGBA").getchannel("A"))
    if parts.key is None or image.mode == "P":
        return None
    top = (1 << parts.depth) - 1
    key = [value & top for value in parts.key]
    if parts.depth != 16:
        key = [value * 255 // top for value in key]
    elif image.mode == "RGB":
        key = [value >> 8 for value in key]  # Pillow has kept the high bytes
    samples = np.array(image.convert("L") if image.mode == "1" else image)
    same = samples == np.array(key, samples.dtype)
    hit = same.all(axis=2) if same.ndim == 3 else same
    return np.where(hit, 0, 255).astype(np.uint8)


def _rgb(image: Image.Image, profile: bytes) -> np.ndarray:
    """-> (H, W, 3) uint8 sRGB, alpha left out."""
    from PIL import Image

    if image.mode.startswith("I"):  # 16-bit gray; Pillow's own conversion clips it to white
        wide = np.array(image).astype(np.uint32)
        image = Image.fromarray(((wide + 128) // 257).astype(np.uint8))
    elif image.mode in ("1", "LA"):
        image = image.convert("L")
    elif image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    if profile:
        image = _to_srgb(image, profile)
    return np.array(image.convert("RGB"))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Applies an ICC profile; the image as it was if the profile is unusable or is sRGB."""
    from PIL import ImageCms

    space = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}[image.mode]
    if not 128 < len(profile) <= MAX_PROFILE or profile[16:20] != space:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(source).lower()
        if "srgb" in name and "linear" not in name:
            return image
        target = ImageCms.createProfile("sRGB")
        moved: Any = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return image if moved is None else moved


def _orientation(exif: bytes) -> int:
    """EXIF 2.32, tag 0x0112 of the first directory -> 1..8; 1 when it is absent or damaged."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    first = struct.unpack_from(order + "I", tiff, 4)[0]
    if first + 2 > len(tiff):
        return 1
    count = struct.unpack_from(order + "H", tiff, first)[0]
    for at in range(first + 2, min(first + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, at)
        if tag == 0x0112 and kind == 3:
            return value if 1 <= value <= 8 else 1
    return 1


def _upright(rgb: np.ndarray, orientation: int) -> np.ndarray:
    if orientation in (2, 3):
        rgb = rgb[:, ::-1]
    if orientation in (3, 4):
        rgb = rgb[::-1]
    if orientation in (5, 6):
        rgb = np.rot90(rgb, -1)
    if orientation in (7, 8):
        rgb = np.rot90(rgb)
    if orientation in (5, 7):
        rgb = rgb[:, ::-1]
    return np.ascontiguousarray(rgb)
