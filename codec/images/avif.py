"""Read the sizes of all images coded in an AVIF file, and its color encoding, before any image is decoded.

The size in a file's boxes may differ from the size in its AV1 data: a decoder first produces all pixels of the coded
size and then scales them. Therefore this module reads the AV1 sequence headers of every coded item and of the first
sample of every track. Section numbers refer to the AV1 specification; boxes and items are from ISO/IEC 14496-12.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from typing import Final

from codec.errors import ImageError
from codec.images import color_encoding
from codec.images.color_encoding import ColorEncoding

MAX_FRAMES: Final = 16  # coded frames per stream, shown or not
_MAX_PARTS: Final = 1 << 12  # boxes in a box, items, extents, or OBUs in a stream
_OBU_SEQUENCE_HEADER, _OBU_FRAME_HEADERS = 1, (3, 6)
_TRACK_PATH = (b"moov", b"trak", b"mdia", b"minf", b"stbl")

_SAMPLE_ENTRY_BYTES = 78  # of a visual sample entry, before its boxes
_UNSPECIFIED = 2  # of primaries and transfer functions in CICP

Box = tuple[bytes, memoryview]  # type and body


def coded_sizes(data: bytes) -> list[tuple[int, int]]:
    """Return (width, height) in pixels of every image coded in an AVIF file: colors, alpha, tiles, thumbnails.

    Raises `ImageError`, whose message completes a sentence that begins with the file's name, if no image is coded, if
    frames may be larger than in their sequence header, or if there are too many parts. A damaged file may also raise
    `struct.error` or `IndexError`.
    """
    sizes: list[tuple[int, int]] = []
    file = memoryview(data)
    for kind, body in _boxes(file):
        streams: Iterator[memoryview] = iter(())
        if kind == b"meta":
            streams = _item_streams(file, body[4:])
        elif kind == b"moov":
            streams = _track_streams(file, body)
        for stream in streams:
            sizes += _sequence_sizes(stream)
    if not sizes:
        raise ImageError("is an AVIF file without a picture in it; it is damaged")
    return sizes


def read_color_encoding(data: bytes) -> ColorEncoding:
    """Return the color encoding of the picture in an AVIF file, sRGB if it is not given.

    The `nclx` box of the primary item, or of the first track that has one, takes precedence over the AV1 sequence
    header of the first coded image. Raises the errors of `coded_sizes`.
    """
    file = memoryview(data)
    boxes = dict(_boxes(file))
    items, tracks = boxes.get(b"meta"), boxes.get(b"moov")
    properties = [] if items is None else list(_primary_properties(items[4:]))
    entries = [] if tracks is None else [box for table in _sample_tables(tracks, 1) for box in _track_colors(table)]
    is_animation = bytes(file[8:12]) == b"avis"
    for kind, body in entries + properties if is_animation else properties + entries:
        if kind == b"colr" and bytes(body[:4]) == b"nclx":
            described = struct.unpack_from(">HH", body, 4)
            if described != (_UNSPECIFIED, _UNSPECIFIED):
                return color_encoding.from_cicp(*described)
    streams = itertools.chain(
        () if items is None else _item_streams(file, items[4:]), () if tracks is None else _track_streams(file, tracks)
    )
    coded = (color for stream in streams for color in _sequence_colors(stream))
    return color_encoding.from_cicp(*next(coded, (_UNSPECIFIED, _UNSPECIFIED)))


def _primary_properties(meta: memoryview) -> Iterator[Box]:
    """Yield the property boxes of the primary item of a `meta` box (ISO/IEC 23008-12, section 9.3)."""
    boxes = dict(_boxes(meta))
    if not {b"pitm", b"iprp"} <= boxes.keys():
        return
    primary = _ByteReader(boxes[b"pitm"])
    item = primary.integer(4 if primary.integer(4) >> 24 else 2)
    containers = dict(_boxes(boxes[b"iprp"]))
    properties = list(_boxes(containers.get(b"ipco", memoryview(b""))))
    for index in _associations(_ByteReader(containers.get(b"ipma", memoryview(bytes(8)))), item):
        if 1 <= index <= len(properties):
            yield properties[index - 1]


def _associations(ipma: _ByteReader, item: int) -> Iterator[int]:
    """Yield the numbers, from 1, of an item's properties in an `ipma` box."""
    header = ipma.integer(4)
    budget = _MAX_PARTS
    for _ in range(ipma.integer(4)):
        owner = ipma.integer(4 if header >> 24 else 2)
        count = ipma.integer(1)
        budget -= count + 1
        if budget < 0:
            raise _too_many_parts()
        for _ in range(count):
            index = ipma.integer(2) & 0x7FFF if header & 1 else ipma.integer(1) & 0x7F
            if owner == item:
                yield index


def _boxes(data: memoryview) -> Iterator[Box]:
    """Yield type and body of each box."""
    offset = 0
    for _ in range(_MAX_PARTS):
        if offset + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, offset)
        start = offset + 8
        if size == 1:
            size, start = struct.unpack_from(">Q", data, start)[0], offset + 16
        end = offset + size if size else len(data)
        if end < start:
            raise ImageError("is an AVIF file with a box smaller than its header; it is damaged")
        yield kind, data[start:end]
        offset = end
    raise _too_many_parts()


def _item_streams(file: memoryview, meta: memoryview) -> Iterator[memoryview]:
    """Yield the AV1 data of each coded item of a `meta` box."""
    boxes = dict(_boxes(meta))
    coded_items = set()
    item_info = boxes.get(b"iinf", memoryview(b"\0"))
    for kind, body in _boxes(item_info[8 if item_info[0] else 6 :]):
        id_end = 8 if body[0] > 2 else 6  # end of the item's ID; two bytes and the item's type follow
        if kind == b"infe" and bytes(body[id_end + 2 : id_end + 6]) == b"av01":
            coded_items.add(int.from_bytes(body[4:id_end], "big"))
    budget = len(file)
    for item, construction_method, extents in _item_locations(_ByteReader(boxes.get(b"iloc", memoryview(bytes(8))))):
        if item not in coded_items:
            continue
        if construction_method > 1:
            raise ImageError("is an AVIF file with items inside items; save it again")
        source = boxes.get(b"idat", memoryview(b"")) if construction_method else file
        parts = [source[offset : offset + size] for offset, size in extents]
        budget -= sum(map(len, parts))
        if budget < 0:  # the extents overlap
            raise _too_many_parts()
        yield parts[0] if len(parts) == 1 else memoryview(b"".join(parts))


def _item_locations(iloc: _ByteReader) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """Yield ID, construction method and extents (offset, size) of each item of an `iloc` box."""
    version = iloc.integer(4) >> 24
    field_sizes = iloc.integer(2)
    offset_size, length_size, base_size, index_size = (field_sizes >> shift & 15 for shift in (12, 8, 4, 0))
    budget = _MAX_PARTS
    for _ in range(iloc.integer(4 if version == 2 else 2)):
        item = iloc.integer(4 if version == 2 else 2)
        construction_method = iloc.integer(2) & 15 if version else 0
        iloc.integer(2)  # data reference
        base, extents = iloc.integer(base_size), []
        extent_count = iloc.integer(2)
        budget -= extent_count + 1
        if budget < 0:
            raise _too_many_parts()
        for _ in range(extent_count):
            iloc.integer(index_size if version else 0)
            extents.append((base + iloc.integer(offset_size), iloc.integer(length_size)))
        yield item, construction_method, extents


def _sample_tables(box: memoryview, depth: int) -> Iterator[memoryview]:
    """Yield the sample table of each track below a box of `_TRACK_PATH`."""
    if depth == len(_TRACK_PATH):
        yield box
        return
    for kind, body in _boxes(box):
        if kind == _TRACK_PATH[depth]:
            yield from _sample_tables(body, depth + 1)


def _track_streams(file: memoryview, movie: memoryview) -> Iterator[memoryview]:
    """Yield the AV1 data of the first sample of each track of a `moov` box."""
    for table in _sample_tables(movie, 1):
        boxes = dict(_boxes(table))
        if b"stsz" not in boxes:
            continue
        common_size, count = struct.unpack_from(">II", boxes[b"stsz"], 4)
        size = common_size or (struct.unpack_from(">I", boxes[b"stsz"], 12)[0] if count else 0)
        if b"co64" in boxes:
            offset = struct.unpack_from(">Q", boxes[b"co64"], 8)[0]
        else:
            offset = struct.unpack_from(">I", boxes[b"stco"], 8)[0]
        yield file[offset : offset + size]


def _track_colors(sample_table: memoryview) -> Iterator[Box]:
    """Yield the `colr` boxes of a track's AV1 sample entries."""
    for kind, description in _boxes(sample_table):
        if kind == b"stsd":
            for entry, body in _boxes(description[8:]):
                if entry == b"av01":
                    yield from (box for box in _boxes(body[_SAMPLE_ENTRY_BYTES:]) if box[0] == b"colr")


def _sequence_sizes(stream: memoryview) -> Iterator[tuple[int, int]]:
    """Yield the frame size of each sequence header in AV1 data (5.5.1)."""
    for header in _sequence_headers(stream):
        yield _max_frame_size(_BitReader(header))


def _sequence_colors(stream: memoryview) -> Iterator[tuple[int, int]]:
    """Yield primaries and transfer function of each sequence header in AV1 data that gives them (5.5.2)."""
    for header in _sequence_headers(stream):
        color = _color_description(_BitReader(header))
        if color != (_UNSPECIFIED, _UNSPECIFIED):
            yield color


def _sequence_headers(stream: memoryview) -> Iterator[bytes]:
    """Yield the sequence headers in AV1 data (5.3)."""
    reader = _ByteReader(stream)
    frames = 0
    for _ in range(_MAX_PARTS):
        if not reader.remaining:
            return
        header = reader.integer(1)
        reader.integer(1 if header & 4 else 0)  # extension
        size = reader.leb128() if header & 2 else reader.remaining
        obu_type = header >> 3 & 15
        frames += obu_type in _OBU_FRAME_HEADERS
        if frames > MAX_FRAMES:
            raise _too_many_parts()
        body = reader.bytes(size)
        if obu_type == _OBU_SEQUENCE_HEADER:
            yield bytes(body[:512])
    raise _too_many_parts()


def _max_frame_size(bits: _BitReader) -> tuple[int, int]:
    """Return the largest width and height of the frames of a sequence, from its header (5.5.1)."""
    bits.read(4)  # profile, still picture
    return _read_frame_size(bits, bits.read(1))


def _color_description(bits: _BitReader) -> tuple[int, int]:
    """Return primaries and transfer function of a sequence, from its header (5.5.1, 5.5.2)."""
    profile = bits.read(3)
    bits.read(1)  # still picture
    reduced_header = bits.read(1)
    _read_frame_size(bits, reduced_header)
    if not reduced_header and bits.read(1):
        bits.read(7)  # lengths of frame IDs
    bits.read(3)  # superblock size, intra filters
    if not reduced_header:
        bits.read(4)  # compound prediction
        has_order_hint = bits.read(1)
        bits.read(2 if has_order_hint else 0)
        screen_content = 1 if bits.read(1) else bits.read(1)
        if screen_content and not bits.read(1):
            bits.read(1)  # integer motion vectors
        bits.read(3 if has_order_hint else 0)
    bits.read(3)  # super resolution, CDEF, loop restoration
    if bits.read(1) and profile == 2:  # high bit depth
        bits.read(1)
    if profile != 1:
        bits.read(1)  # monochrome
    return (bits.read(8), bits.read(8)) if bits.read(1) else (_UNSPECIFIED, _UNSPECIFIED)


def _read_frame_size(bits: _BitReader, reduced_header: int) -> tuple[int, int]:
    """Return the largest width and height, from the bits after the flag of a reduced header."""
    if reduced_header:
        bits.read(5)
    else:
        _skip_operating_points(bits)
    field_widths = bits.read(4) + 1, bits.read(4) + 1
    if not reduced_header and max(field_widths) > 12:  # a frame may declare its own size in this many bits
        raise ImageError("is an AVIF file whose frames may be larger than 4096 pixels; save it again")
    return bits.read(field_widths[0]) + 1, bits.read(field_widths[1]) + 1


def _skip_operating_points(bits: _BitReader) -> None:
    """Skip timing, decoder model and operating points, which precede the frame size."""
    has_decoder_model = delay_bits = 0
    if bits.read(1):  # timing info
        bits.read(64)
        if bits.read(1):
            bits.uvlc()
        has_decoder_model = bits.read(1)
        if has_decoder_model:
            delay_bits = bits.read(5) + 1
            bits.read(42)
    has_display_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)
        if has_decoder_model and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if has_display_delay and bits.read(1):
            bits.read(4)


def _too_many_parts() -> ImageError:
    return ImageError("is an AVIF file with too many parts; save it again")


class _ByteReader:
    """Reads big-endian integers and byte strings in sequence. Raises `ImageError` past the end."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    @property
    def remaining(self) -> int:
        return len(self._data) - self._position

    def integer(self, size: int) -> int:
        return int.from_bytes(self.bytes(size), "big")

    def bytes(self, size: int) -> memoryview:
        if size > self.remaining:
            raise ImageError("is an AVIF file that is cut off or damaged")
        self._position += size
        return self._data[self._position - size : self._position]

    def leb128(self) -> int:
        value = 0
        for shift in range(0, 56, 7):
            byte = self.integer(1)
            value |= (byte & 127) << shift
            if byte < 128:
                break
        return value


class _BitReader:
    """Reads unsigned integers of any number of bits, high bits first; zeros past the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._remaining = 8 * len(data)

    def read(self, count: int) -> int:
        self._remaining -= count
        shifted = self._value >> self._remaining if self._remaining >= 0 else self._value << -self._remaining
        return shifted & (1 << count) - 1

    def uvlc(self) -> int:
        zeros = 0
        while zeros < 32 and not self.read(1):
            zeros += 1
        return self.read(zeros) + (1 << zeros) - 1
