"""Reduce a JPEG (ITU-T T.81) to the segments that a decoder needs, and extract its metadata."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from codec.errors import ImageError
from codec.images.exif import JPEG_COMMENT_KEY, XMP_KEY, decode_text
from codec.images.sanitized_file import MAX_CHUNKS, MAX_PROFILE_BYTES, XMP_HEADER, SanitizedFile, check_size

MAX_SCANS: Final = 64  # of a progressive JPEG; the decoder passes over the whole picture for each
# these patterns have no repetition, so that a run of FF bytes takes linear time
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_MARKER_IN_SCAN = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")  # restart markers belong to the scan
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


def sanitize_jpeg(data: bytes) -> SanitizedFile:
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
        elif marker == _APP1 and body.startswith(XMP_HEADER):
            parts.texts.setdefault(XMP_KEY, body.removeprefix(XMP_HEADER).decode("utf-8", "replace"))
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
