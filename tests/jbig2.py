"""A JBIG2 encoder for one bitmap: generic regions of ITU-T T.88, lossless.

Neither Debian nor PyPI has an encoder, so here is one: the four templates of section 6.2.5 with
the adaptive pixels where the standard puts them, typical prediction (TPGDON), the MQ coder of
Annex E. jbig2dec reads the files (tests/bench/test_jbig2.py); no symbols and no halftones, which do nothing
for line drawings.
"""

from __future__ import annotations

import struct

import numpy as np

# Qe, next state after the more and after the less probable symbol, whether the two change places: T.88 table E.1
_STATES = (
    *((0x5601, 1, 1, 1), (0x3401, 2, 6, 0), (0x1801, 3, 9, 0), (0x0AC1, 4, 12, 0), (0x0521, 5, 29, 0)),
    *((0x0221, 38, 33, 0), (0x5601, 7, 6, 1), (0x5401, 8, 14, 0), (0x4801, 9, 14, 0), (0x3801, 10, 14, 0)),
    *((0x3001, 11, 17, 0), (0x2401, 12, 18, 0), (0x1C01, 13, 20, 0), (0x1601, 29, 21, 0), (0x5601, 15, 14, 1)),
    *((0x5401, 16, 14, 0), (0x5101, 17, 15, 0), (0x4801, 18, 16, 0), (0x3801, 19, 17, 0), (0x3401, 20, 18, 0)),
    *((0x3001, 21, 19, 0), (0x2801, 22, 19, 0), (0x2401, 23, 20, 0), (0x2201, 24, 21, 0), (0x1C01, 25, 22, 0)),
    *((0x1801, 26, 23, 0), (0x1601, 27, 24, 0), (0x1401, 28, 25, 0), (0x1201, 29, 26, 0), (0x1101, 30, 27, 0)),
    *((0x0AC1, 31, 28, 0), (0x09C1, 32, 29, 0), (0x08A1, 33, 30, 0), (0x0521, 34, 31, 0), (0x0441, 35, 32, 0)),
    *((0x02A1, 36, 33, 0), (0x0221, 37, 34, 0), (0x0141, 38, 35, 0), (0x0111, 39, 36, 0), (0x0085, 40, 37, 0)),
    *((0x0049, 41, 38, 0), (0x0025, 42, 39, 0), (0x0015, 43, 40, 0), (0x0009, 44, 41, 0), (0x0005, 45, 42, 0)),
    *((0x0001, 45, 43, 0), (0x5601, 46, 46, 0)),
)
# the pixels of a template, (dx, dy), lowest bit of the context first, and its adaptive ones
TEMPLATES = (
    (
        *((-1, 0), (-2, 0), (-3, 0), (-4, 0), (3, -1), (2, -1), (1, -1), (0, -1), (-1, -1), (-2, -1), (-3, -1)),
        *((2, -2), (1, -2), (0, -2), (-1, -2), (-2, -2)),
    ),
    (
        *((-1, 0), (-2, 0), (-3, 0), (3, -1), (2, -1), (1, -1), (0, -1), (-1, -1), (-2, -1)),
        *((2, -2), (1, -2), (0, -2), (-1, -2)),
    ),
    ((-1, 0), (-2, 0), (2, -1), (1, -1), (0, -1), (-1, -1), (-2, -1), (1, -2), (0, -2), (-1, -2)),
    ((-1, 0), (-2, 0), (-3, 0), (-4, 0), (2, -1), (1, -1), (0, -1), (-1, -1), (-2, -1), (-3, -1)),
)
ADAPTIVE = (((3, -1), (-3, -1), (2, -2), (-2, -2)), ((3, -1),), ((2, -1),), ((2, -1),))
TYPICAL = (0x9B25, 0x0795, 0x00E5, 0x0195)  # the context of "this row is as the one above"


def encode(bitmap: np.ndarray, template: int = 0, typical: bool = True) -> bytes:
    """The arithmetic-coded data of a generic region, without any header and without the end marker.

    bitmap: (h, w) bool. template: 0..3, of 16, 13, 10 and 10 pixels. typical: rows that repeat the one
    above cost one decision.
    """
    rows = contexts(bitmap, template)
    symbols: list[int] = []
    places: list[int] = []
    same = 0
    for y, bits in enumerate(bitmap.astype(np.uint8)):
        if typical:
            repeats = int(not bits.any() if y == 0 else np.array_equal(bitmap[y], bitmap[y - 1]))
            symbols.append(repeats ^ same)
            places.append(TYPICAL[template])
            same = repeats
            if repeats:
                continue
        symbols += bits.tolist()
        places += rows[y].tolist()
    return arithmetic(symbols, places, 1 << len(TEMPLATES[template]))[:-2]


def contexts(bitmap: np.ndarray, template: int) -> np.ndarray:
    """The context of every pixel, (h, w) int; what is outside the bitmap is 0."""
    height, width = bitmap.shape
    padded = np.zeros((height + 2, width + 8), np.int32)
    padded[2:, 4:-4] = bitmap
    out = np.zeros((height, width), np.int32)
    for bit, (dx, dy) in enumerate(TEMPLATES[template]):
        out |= padded[2 + dy : 2 + dy + height, 4 + dx : 4 + dx + width] << bit
    return out


def smallest(bitmap: np.ndarray) -> int:
    """Bytes of the smallest coded data over the templates, with and without typical prediction."""
    return min(len(encode(bitmap, template, typical)) for template in range(4) for typical in (False, True))


def file(bitmap: np.ndarray, template: int = 0, typical: bool = True) -> bytes:
    """A whole JBIG2 file of one page with one generic region, as jbig2dec and others read it."""
    height, width = bitmap.shape
    adaptive = b"".join(struct.pack("bb", *place) for place in ADAPTIVE[template])
    flags = template << 1 | typical << 3
    region = struct.pack(">4IBB", width, height, 0, 0, 0, flags) + adaptive
    page = struct.pack(">4IBH", width, height, 0, 0, 1, 0)
    segments = ((48, page), (39, region + encode(bitmap, template, typical) + b"\xff\xac"), (49, b""))
    head = b"\x97JB2\r\n\x1a\n" + struct.pack(">BI", 1, 1)
    body = [struct.pack(">IBBBI", n, kind, 0, 1, len(data)) + data for n, (kind, data) in enumerate(segments)]
    return head + b"".join(body) + struct.pack(">IBBBI", len(segments), 51, 0, 0, 0)


def arithmetic(symbols: list[int], places: list[int], size: int) -> bytes:
    """The MQ coder of Annex E: decisions 0 or 1, each in one of `size` contexts -> bytes up to FF AC."""
    states, likely = [0] * size, [0] * size
    out = bytearray(1)  # its first byte only takes a carry, which never comes
    a, c, count = 0x8000, 0, 12
    for symbol, place in zip(symbols, places, strict=True):
        state = states[place]
        qe, more, less, switch = _STATES[state]
        a -= qe
        if symbol == likely[place]:
            if a & 0x8000:
                c += qe
                continue
            if a < qe:
                a = qe
            else:
                c += qe
            states[place] = more
        else:
            if a < qe:
                c += qe
            else:
                a = qe
            likely[place] ^= switch
            states[place] = less
        while not a & 0x8000:
            a, c, count = a << 1, c << 1, count - 1
            if not count:
                c, count = _byte_out(out, c)
    end = c + a
    c |= 0xFFFF
    if c >= end:
        c -= 0x8000
    for _ in range(2):
        c, count = _byte_out(out, c << count)
    if out[-1] != 0xFF:
        out.append(0xFF)
    return bytes(out[1:]) + b"\xac"


def _byte_out(out: bytearray, c: int) -> tuple[int, int]:
    """Moves a byte from the register to the output; after FF one bit less, so that carries stop there."""
    if out[-1] != 0xFF and c >= 1 << 27:
        out[-1] += 1
        c &= (1 << 27) - 1
    if out[-1] == 0xFF:
        out.append(c >> 20)
        return c & 0xFFFFF, 7
    out.append(c >> 19)
    return c & 0x7FFFF, 8
