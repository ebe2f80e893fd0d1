"""Reduce picture files to the parts that a decoder needs, before any pixel is decoded.

PNG and JPEG files are rebuilt from these parts, so that decompression bombs in texts, junk between markers and broken
metadata never reach the decoder. Picture sizes are checked in the headers.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from codec.errors import ImageError
from codec.images import avif, color_encoding
from codec.images.color_encoding import ColorEncoding
from codec.images.exif import JPEG_COMMENT_KEY, MAX_TEXT_BYTES, XMP_KEY, decode_text
from codec.limits import MAX_SIDE

MAX_TEXTS: Final = 64  # per file, of MAX_TEXT_BYTES in all
MAX_PROFILE_BYTES: Final = 2 << 20  # of an ICC profile; a CMYK press profile has about 0.6 MB
MAX_INFLATED_BYTES: Final = 3 << 20  # of all compressed texts and profiles of a file together
MAX_CHUNKS: Final = 1 << 14  # of a PNG, JPEG or WebP; enough for 64 MiB in chunks of 4 KiB
MAX_AVIF_PIXELS: Final = 3 * MAX_SIDE * MAX_SIDE  # total of an AVIF's coded images: colors, alpha, a thumbnail
MAX_SCANS: Final = 64  # of a progressive JPEG; the decoder passes over the whole picture for each
_RAW_PROFILE: Final = "Raw profile type "
_COLOR_CHUNKS: Final = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}  # size by type
PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_MAX_ZLIB_RATIO = 1032  # maximum compression ratio of DEFLATE


class UnknownFormat(ImageError):
    """A file is of no format that pictures are read from."""


@dataclass
class SanitizedFile:
    """A picture file reduced to what its decoder needs, and the metadata that were removed from it."""

    format: str  # "PNG", "JPEG", "WebP" or "AVIF"; for masks, also "GIF", "BMP", "TIFF" or "PNM"
    data: bytes
    texts: dict[str, str] = field(default_factory=dict)
    exif: bytes = b""
    icc_profile: bytes = b""
    color_encoding: ColorEncoding = field(default_factory=ColorEncoding)  # unless there is a usable ICC profile
    ignore_profile: bool = False  # `color_encoding` comes from cICP, which takes precedence over the profile
    is_unterminated: bool = False  # a JPEG without its end marker, whose scans may be cut off
    transparent_color: tuple[int, ...] | None = None  # samples of tRNS in a PNG without a palette
    bit_depth: int = 8  # per sample


def sanitize(data: bytes) -> SanitizedFile:
    """Return the parts of a PNG, JPEG, WebP or AVIF file.

    Raises `ImageError` with a message that continues the file's name, for another format (`UnknownFormat`), a side
    outside 1..4096 pixels or a missing header. Damage may also raise `struct.error` or `IndexError`.
    """
    if data.startswith(PNG_SIGNATURE):
        return _sanitize_png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _sanitize_jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _sanitize_webp(data)
    if data[4:8] == b"ftyp" and (b"avif" in data[8:64] or b"avis" in data[8:64]):
        return _sanitize_avif(data)
    if not data:
        raise ImageError("is empty")
    raise UnknownFormat("is not a PNG, JPEG, WebP or AVIF picture; save it as one of these")


def check_size(width: int, height: int) -> None:
    """Raise `ImageError` unless both sides are 1..4096 pixels."""
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ImageError(f"is {width} x {height} pixels; a side must be 1 to {MAX_SIDE}")


# AVIF


def _sanitize_avif(data: bytes) -> SanitizedFile:
    """Return the file unchanged if all coded images have allowed sizes, regardless of the sizes in the boxes."""
    sizes = avif.coded_sizes(data)
    for width, height in sizes:
        check_size(width, height)
    if sum(width * height for width, height in sizes) > MAX_AVIF_PIXELS:
        raise ImageError("is an AVIF file with more images than a picture needs; save it again")
    return SanitizedFile("AVIF", data, color_encoding=avif.read_color_encoding(data))


# PNG (ISO/IEC 15948)


def _sanitize_png(data: bytes) -> SanitizedFile:
    """Keep IHDR, PLTE, tRNS, IDAT and IEND; extract texts, EXIF, the ICC profile and the color encoding."""
    parts = SanitizedFile("PNG", b"")
    kept = [data[:8]]
    colors: dict[bytes, bytes] = {}
    color_type = 0
    inflate, text_budget = _Inflater(), MAX_TEXT_BYTES
    for kind, body, chunk in png_chunks(data):
        if kind == b"IHDR" and len(kept) == 1:
            width, height, parts.bit_depth, color_type = struct.unpack_from(">IIBB", body)
            check_size(width, height)
        if kind == b"tRNS" and color_type in (0, 2):
            # withheld from Pillow, which would compare it with pixels before they are scaled to 8 bits: see io._alpha
            parts.transparent_color = struct.unpack_from(">H" if color_type == 0 else ">HHH", body)
        elif kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(chunk)
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, text, size = _png_text(kind, body, inflate, text_budget)
            if keyword.startswith(_RAW_PROFILE) and _take_raw_profile(parts, text):
                text_budget -= size
            elif keyword and keyword not in parts.texts and len(parts.texts) < MAX_TEXTS:
                parts.texts[keyword] = text
                text_budget -= size
        elif kind == b"eXIf":
            parts.exif = body
        elif kind == b"iCCP":
            if kind not in colors:
                parts.icc_profile = inflate(body.partition(b"\0")[2][1:], MAX_PROFILE_BYTES) or parts.icc_profile
            colors[kind] = b""
        elif kind in _COLOR_CHUNKS and len(body) == _COLOR_CHUNKS[kind]:
            colors.setdefault(kind, body)
    if len(kept) < 2:
        raise ImageError("is a PNG without a header; it is damaged")
    parts.data = b"".join(kept)
    parts.color_encoding = _png_color_encoding(colors)
    parts.ignore_profile = b"cICP" in colors
    return parts


def _png_color_encoding(colors: dict[bytes, bytes]) -> ColorEncoding:
    """Return the color encoding that a PNG's chunks give: cICP precedes sRGB, which precedes gAMA and cHRM."""
    if b"cICP" in colors:
        primaries, transfer, _, full_range = colors[b"cICP"]
        return color_encoding.from_cicp(primaries, transfer, full_range=full_range != 0)
    if b"sRGB" in colors:
        return ColorEncoding()
    gamma = struct.unpack(">I", colors[b"gAMA"])[0] if b"gAMA" in colors else None
    chromaticities = struct.unpack(">8I", colors[b"cHRM"]) if b"cHRM" in colors else None
    return color_encoding.from_png(gamma, chromaticities)


def _take_raw_profile(parts: SanitizedFile, text: str) -> bool:
    """Store a profile that ImageMagick wrote as the text "Raw profile type": name, size in bytes, hexadecimal digits.

    Its content shows whether the profile is EXIF, XMP or ICC. A chunk of the standard type takes precedence. Returns
    False for any other text.
    """
    head = text.split(maxsplit=2)
    if len(head) < 3 or not head[1].isdecimal():
        return False
    try:
        body = bytes.fromhex(head[2])
    except ValueError:
        return False
    if body.startswith((b"Exif\0\0", b"II*\0", b"MM\0*")):
        parts.exif = parts.exif or body
    elif body.startswith(_XMP_HEADER) or head[0] == "xmp":
        parts.texts.setdefault(XMP_KEY, body.removeprefix(_XMP_HEADER).decode("utf-8", "replace"))
    elif body[36:40] == b"acsp":
        parts.icc_profile = parts.icc_profile or body
    else:
        return False
    return True


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield type, body and all bytes of each chunk, up to IEND or the end of a truncated file."""
    offset = len(PNG_SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if offset + 12 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, offset)
        size = min(size, len(data) - offset - 12)  # the decoder gets a truncated IDAT and reports it
        end = offset + 12 + size
        yield kind, data[offset + 8 : end - 4], data[offset:end]
        if kind == b"IEND":
            return
        offset = end
    raise ImageError(f"has more than {MAX_CHUNKS} PNG chunks; save it again")


def _png_text(kind: bytes, body: bytes, inflate: _Inflater, max_bytes: int) -> tuple[str, str, int]:
    """Return keyword, text and size in bytes of a tEXt, zTXt or iTXt chunk; ("", "", 0) if damaged or too large."""
    keyword, _, value = body.partition(b"\0")
    if not 1 <= len(keyword) <= 79 or len(value) > max_bytes:
        return "", "", 0
    compressed = kind == b"zTXt"
    if kind == b"zTXt":
        value = value[1:]
    if kind == b"iTXt":
        compressed = value[:1] == b"\1"
        value = value[2:].partition(b"\0")[2].partition(b"\0")[2]  # skip language and translated keyword
    if compressed:
        value = inflate(value, max_bytes)
    if not value:
        return "", "", 0
    try:  # tEXt and zTXt are Latin-1 by the standard, but many programs write UTF-8
        return keyword.decode("latin-1"), value.decode("utf-8"), len(value)
    except UnicodeDecodeError:
        return keyword.decode("latin-1"), value.decode("latin-1"), len(value)


class _Inflater:
    """Decompress zlib data within a limit for one value and a budget for the whole file.

    A decompression bomb costs time even if its output is discarded, and a file may hold thousands of them.
    """

    def __init__(self) -> None:
        self._budget = MAX_INFLATED_BYTES

    def __call__(self, compressed: bytes, max_bytes: int) -> bytes:
        """Return the data, or b"" if it is damaged, truncated, or larger than `max_bytes` or the remaining budget."""
        max_bytes = min(max_bytes, self._budget)
        if not max_bytes:
            return b""
        stream = zlib.decompressobj()
        try:
            data = stream.decompress(compressed, max_bytes + 1)
        except zlib.error:
            self._budget -= min(max_bytes, _MAX_ZLIB_RATIO * len(compressed))
            return b""
        self._budget -= min(max_bytes, len(data))
        return data if stream.eof and len(data) <= max_bytes else b""


# JPEG (ITU-T T.81)

# these patterns have no repetition, so that a run of FF bytes takes linear time
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_MARKER_IN_SCAN = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")  # restart markers belong to the scan
_XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
START_OF_SCAN: Final = b"\xff\xda"
END_OF_IMAGE: Final = b"\xff\xd9"
_EOI, _SOS, _COM = 0xD9, 0xDA, 0xFE
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
# comments and all APPn segments except JFIF, ICC profiles and Adobe's color transform
_METADATA = (frozenset(range(_APP0, _APP15 + 1)) | {_COM}) - {_APP0, _APP2, _APP14}


class _Segment(NamedTuple):
    """A JPEG marker segment before the first scan, or the rest of the picture from the first scan on."""

    marker: int
    body: bytes  # without marker and length; b"" for the scans
    data: bytes


def _sanitize_jpeg(data: bytes) -> SanitizedFile:
    """Keep the segments that a decoder reads; extract EXIF, XMP and a comment, and drop a too large ICC profile."""
    parts = SanitizedFile("JPEG", b"")
    kept: list[_Segment] = []
    profile_bytes = 0
    has_frame = False
    for segment in _jpeg_segments(data):
        marker, body, _ = segment
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", body, 1)
            check_size(width, height)
            has_frame = True
        elif marker == _APP1 and body.startswith(b"Exif\0\0") and not parts.exif:
            parts.exif = body
        elif marker == _APP1 and body.startswith(_XMP_HEADER):
            parts.texts.setdefault(XMP_KEY, body.removeprefix(_XMP_HEADER).decode("utf-8", "replace"))
        elif marker == _COM and JPEG_COMMENT_KEY not in parts.texts and (comment := decode_text(body)):
            parts.texts[JPEG_COMMENT_KEY] = comment
        elif marker == _APP2:
            profile_bytes += len(body)
            if profile_bytes > MAX_PROFILE_BYTES:
                continue
        if marker not in _METADATA:
            kept.append(segment)
    if not has_frame:
        raise ImageError("is a JPEG without a frame header; it is damaged")
    if profile_bytes > MAX_PROFILE_BYTES:
        kept = [segment for segment in kept if segment.marker != _APP2]
    parts.data = data[:2] + b"".join(segment.data for segment in kept)
    scans = kept[-1].data
    if not scans.endswith(END_OF_IMAGE):
        # the check for missing data decodes the file four times, so fewer scans are allowed
        if scans.count(START_OF_SCAN) > MAX_SCANS // 4 or not _has_all_coefficients(kept):
            raise ImageError("is a JPEG that is cut off; save it again")
        parts.data = parts.data.rstrip(b"\xff")  # the first half of an end marker
        parts.is_unterminated = True
    return parts


def _has_all_coefficients(segments: list[_Segment]) -> bool:
    """Return whether the scans of a JPEG code every coefficient to its last bit, assuming that each scan is complete.

    A progressive JPEG (T.81, annex G) may be truncated between two scans, which nothing else reveals.
    """
    marker, frame, _ = next(segment for segment in segments if segment.marker in _START_OF_FRAME)
    is_progressive = marker in _PROGRESSIVE
    missing = {(component, index) for component in frame[6 : 6 + 3 * frame[5] : 3] for index in range(64)}
    scans = segments[-1].data
    offset = 0
    while (match := _MARKER_IN_SCAN.search(scans, offset)) and match.end() + 2 <= len(scans):
        body = scans[match.end() + 2 : match.end() + struct.unpack_from(">H", scans, match.end())[0]]
        offset = match.end() + 2 + len(body)
        if match[1][0] == _SOS and body and len(body) >= 4 + 2 * body[0]:
            first, last, bits = body[-3:] if is_progressive else (0, 63, 0)
            if not bits & 15:
                missing -= {(c, index) for c in body[1 : 1 + 2 * body[0] : 2] for index in range(first, last + 1)}
    return not missing


def _jpeg_segments(data: bytes) -> Iterator[_Segment]:
    """Yield the segments before the first scan, then all scans as one segment.

    Skips any bytes between segments. Raises `ImageError` if there is no scan or too many segments.
    """
    offset = 2
    for _ in range(MAX_CHUNKS):
        match = _MARKER.search(data, offset)
        if match is None or match.end() + 2 > len(data):
            raise ImageError("is a JPEG without a picture in it; it is damaged or cut off")
        marker, start = match[1][0], match.end()
        if marker == _SOS:
            yield _Segment(marker, b"", b"\xff" + data[start - 1 : _end_of_scans(data, start)])
            return
        offset = start
        if marker == 0x01 or 0xD0 <= marker <= _EOI:  # TEM, RSTn, SOI and EOI have no body
            continue
        offset += struct.unpack_from(">H", data, start)[0]
        yield _Segment(marker, data[start + 2 : offset], b"\xff" + data[start - 1 : offset])
    raise ImageError(f"has more than {MAX_CHUNKS} JPEG segments; save it again")


def _end_of_scans(data: bytes, offset: int) -> int:
    """Return the offset after EOI, given that of the first scan header. Phones append videos after EOI."""
    scans = 1
    for _ in range(MAX_CHUNKS):
        match = _MARKER_IN_SCAN.search(data, offset)
        if match is None:
            return len(data)
        marker, offset = match[1][0], match.end()
        if marker == _EOI:
            return offset
        if offset + 2 > len(data):
            return len(data)
        scans += marker == _SOS
        if scans > MAX_SCANS:
            break
        offset += struct.unpack_from(">H", data, offset)[0]
    raise ImageError(f"is a JPEG with more than {MAX_SCANS} scans; save it again")


# WebP (RFC 9649)


def _sanitize_webp(data: bytes) -> SanitizedFile:
    """Return the file without texts and too large profiles; extract the texts and profiles that are small enough.

    Metadata are read here because decoders look for them only if a VP8X chunk announces them, which some programs omit.
    """
    check_size(*_webp_size(data))
    limits = {b"ICCP": MAX_PROFILE_BYTES, b"EXIF": MAX_PROFILE_BYTES, b"XMP ": MAX_TEXT_BYTES}
    chunks = list(_riff_chunks(data))
    kept = [(kind, size, chunk) for kind, size, chunk in chunks if size <= limits.get(kind, len(data))]
    parts = SanitizedFile("WebP", data)
    if len(kept) < len(chunks):
        body = b"WEBP" + b"".join(chunk for _, _, chunk in kept)
        parts.data = b"RIFF" + struct.pack("<I", len(body)) + body
    for kind, size, chunk in kept:
        body = chunk[8 : 8 + size]
        if kind == b"EXIF" and not parts.exif:
            parts.exif = body
        elif kind == b"ICCP" and not parts.icc_profile:
            parts.icc_profile = body
        elif kind == b"XMP ":
            parts.texts.setdefault(XMP_KEY, body.decode("utf-8", "replace"))
    return parts


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield type, declared size of the body and all bytes of each chunk of a WebP file."""
    offset = 12
    for _ in range(MAX_CHUNKS):
        if offset + 8 > len(data):
            return
        kind, size = struct.unpack_from("<4sI", data, offset)
        end = offset + 8 + size + size % 2
        yield kind, size, data[offset:end]
        offset = end
    raise ImageError(f"has more than {MAX_CHUNKS} WebP chunks; save it again")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a WebP canvas from the first chunk's header."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise ImageError("is a WebP file cut off in its header")
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF
