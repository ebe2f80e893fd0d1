"""A lossless JBIG2 encoder for one bitmap: generic regions of ITU-T T.88.

Neither Debian nor PyPI has a JBIG2 encoder. This one implements the four templates of section 6.2.5 with the adaptive
pixels at their standard positions, typical prediction (TPGDON), and the MQ coder of Annex E. It has neither symbol nor
halftone regions, which do not help with line drawings. jbig2dec decodes its files (tests/bench/test_jbig2.py).
"""

from __future__ import annotations

import struct

import numpy as np

# Qe, the next state after the more and after the less probable symbol (MPS, LPS), and whether the MPS is switched
# after an LPS: table E.1
QE_TABLE = (
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
# the pixels (dx, dy) of each template, lowest bit of the context first, and its adaptive pixels
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
ADAPTIVE_PIXELS = (((3, -1), (-3, -1), (2, -2), (-2, -2)), ((3, -1),), ((2, -1),), ((2, -1),))
TYPICAL_CONTEXTS = (0x9B25, 0x0795, 0x00E5, 0x0195)  # of each template: for the decision "this row repeats"


def encode(bitmap: np.ndarray, template: int = 0, typical: bool = True) -> bytes:
    """Return the arithmetic-coded data of a generic region, without any header and without the end marker.

    `bitmap`: (H, W) bool. `template`: 0..3, of 16, 13, 10 and 10 pixels. `typical`: typical prediction, by which a row
    that repeats the one above takes a single decision.
    """
    pixel_contexts = contexts(bitmap, template)
    decisions: list[int] = []
    decision_contexts: list[int] = []
    repeated = 0
    for y, row in enumerate(bitmap.astype(np.uint8)):
        if typical:
            repeats = int(not row.any() if y == 0 else np.array_equal(bitmap[y], bitmap[y - 1]))
            decisions.append(repeats ^ repeated)
            decision_contexts.append(TYPICAL_CONTEXTS[template])
            repeated = repeats
            if repeats:
                continue
        decisions += row.tolist()
        decision_contexts += pixel_contexts[y].tolist()
    return mq_encode(decisions, decision_contexts, 1 << len(TEMPLATES[template]))[:-2]


def contexts(bitmap: np.ndarray, template: int) -> np.ndarray:
    """Return the context of every pixel, (H, W) int32; pixels outside the bitmap are 0."""
    height, width = bitmap.shape
    padded = np.zeros((height + 2, width + 8), np.int32)
    padded[2:, 4:-4] = bitmap
    out = np.zeros((height, width), np.int32)
    for bit, (dx, dy) in enumerate(TEMPLATES[template]):
        out |= padded[2 + dy : 2 + dy + height, 4 + dx : 4 + dx + width] << bit
    return out


def min_bytes(bitmap: np.ndarray) -> int:
    """Return the bytes of the smallest coded data over all templates, with and without typical prediction."""
    return min(len(encode(bitmap, template, typical)) for template in range(4) for typical in (False, True))


def to_file(bitmap: np.ndarray, template: int = 0, typical: bool = True) -> bytes:
    """Return a complete JBIG2 file of one page with one generic region."""
    height, width = bitmap.shape
    adaptive = b"".join(struct.pack("bb", *pixel) for pixel in ADAPTIVE_PIXELS[template])
    flags = template << 1 | typical << 3
    region = struct.pack(">4IBB", width, height, 0, 0, 0, flags) + adaptive
    page = struct.pack(">4IBH", width, height, 0, 0, 1, 0)
    segments = ((48, page), (39, region + encode(bitmap, template, typical) + b"\xff\xac"), (49, b""))
    header = b"\x97JB2\r\n\x1a\n" + struct.pack(">BI", 1, 1)
    body = [struct.pack(">IBBBI", n, kind, 0, 1, len(data)) + data for n, (kind, data) in enumerate(segments)]
    return header + b"".join(body) + struct.pack(">IBBBI", len(segments), 51, 0, 0, 0)


def mq_encode(decisions: list[int], decision_contexts: list[int], context_count: int) -> bytes:
    """Encode decisions, each 0 or 1 in its context, by the MQ coder of Annex E. Return the bytes, which end in FF AC.

    The registers `a`, `c` and `count` are those of the standard.
    """
    states, mps = [0] * context_count, [0] * context_count
    out = bytearray(1)  # the first byte is for a carry, which never occurs
    a, c, count = 0x8000, 0, 12
    for decision, context in zip(decisions, decision_contexts, strict=True):
        qe, next_mps, next_lps, switch = QE_TABLE[states[context]]
        a -= qe
        if decision == mps[context]:
            if a & 0x8000:
                c += qe
                continue
            if a < qe:
                a = qe
            else:
                c += qe
            states[context] = next_mps
        else:
            if a < qe:
                c += qe
            else:
                a = qe
            mps[context] ^= switch
            states[context] = next_lps
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
    """Move a byte from the register to the output; return the register and the count of bits until the next byte.

    After FF a byte has 7 bits, which stops carries.
    """
    if out[-1] != 0xFF and c >= 1 << 27:
        out[-1] += 1
        c &= (1 << 27) - 1
    if out[-1] == 0xFF:
        out.append(c >> 20)
        return c & 0xFFFFF, 7
    out.append(c >> 19)
    return c & 0x7FFFF, 8
