"""Color encodings for tests: published constants, PNG chunks and ICC profiles."""

from __future__ import annotations

import struct
import zlib

import numpy as np

ADOBE = 100  # no number of CICP
# from linear light to that of sRGB: BT.2087 for BT.2020, and published values for Display P3 and Adobe RGB (1998)
TO_SRGB = {
    1: np.eye(3),
    9: np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]),
    12: np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]]),
    ADOBE: np.array([[1.39836, -0.39836, 0.0], [0.0, 1.0, 0.0], [0.0, -0.04293, 1.04293]]),
}
CHROMATICITIES = {  # of white, red, green, blue
    1: (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    9: (31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600),
    12: (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
    ADOBE: (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000),
}
D50_COLORANTS = {  # ICC's XYZ of red, green, blue
    1: ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)),
    9: ((0.6734, 0.2790, -0.0019), (0.1657, 0.6753, 0.0300), (0.1251, 0.0456, 0.7968)),
    12: ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)),
    ADOBE: ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
}
CICP_GAMMAS = {
    13: 0.0,
    1: 0.0,
    14: 0.0,
    8: 1.0,
    4: 2.2,
    5: 2.8,
}  # exponents by transfer function of CICP, 0 for sRGB's curve


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def profile(primaries: int, gamma: float, name: str = "sRGB IEC61966-2.1") -> bytes:
    """Return a matrix profile, which is called sRGB whatever it is."""
    text = name.encode("utf-16-be")
    tags = [(b"desc", b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(text), 28) + text)]
    tags += [(b"cprt", tags[0][1]), (b"wtpt", b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249))]
    for letter, colorant in zip(b"rgb", D50_COLORANTS[primaries], strict=True):
        tags.append((bytes([letter]) + b"XYZ", b"XYZ \0\0\0\0" + fixed(*colorant)))
        tags.append((bytes([letter]) + b"TRC", b"para\0\0\0\0\0\0\0\0" + fixed(gamma)))
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags:
        table += tag + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = bytearray(128)
    header[:4] = struct.pack(">I", 128 + len(table) + len(body))
    header[8:24] = b"\4\x30\0\0mntrRGB XYZ "
    header[36:40] = b"acsp"
    header[68:80] = fixed(0.9642, 1.0, 0.8249)
    return bytes(header) + table + body


def light(color: tuple[int, int, int], gamma: float) -> np.ndarray:
    samples = np.array(color) / 255
    if gamma:
        return samples**gamma
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)
