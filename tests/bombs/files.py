"""Build the bombs: small files that demand much time or memory to open."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

SIDE = 5_000  # more than a picture may have, and 75 MB of pixels
PNG = b"\x89PNG\r\n\x1a\n"
AVIF = Path(__file__).parent / "black-10000.avif"  # takes 20 s to encode


def saved(side: int, kind: str, **options: object) -> bytes:
    """Return a black square."""
    out = io.BytesIO()
    Image.new("L", (side, side)).save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*extra: bytes, size: tuple[int, int] = (16, 16)) -> bytes:
    """Return a 16 x 16 gray PNG that declares `size`, with extra chunks before its pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(16 * 17)))
    return PNG + header + b"".join(extra) + pixels + chunk(b"IEND", b"")


@functools.cache
def jpeg() -> bytes:
    """Return a 16 x 16 gray JPEG."""
    return saved(16, "JPEG")


def jpeg_of(width: int, height: int) -> bytes:
    """Return a 16 x 16 JPEG that declares another size."""
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def webp_of(side: int) -> bytes:
    """Return a 16 x 16 lossless WebP whose bitstream declares another size."""
    data = bytearray(saved(16, "WEBP", lossless=True))
    at = data.index(b"VP8L") + 9
    top = int.from_bytes(data[at : at + 4], "little") >> 28 << 28
    data[at : at + 4] = (top | (side - 1) << 14 | (side - 1)).to_bytes(4, "little")
    return bytes(data)


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a WebP container of these chunks."""
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def extended(flags: int, side: int, *chunks: tuple[bytes, bytes], inside: int = 16) -> bytes:
    """Return a WebP with a canvas of `side`, around a 16 x 16 picture whose bitstream declares `inside`."""
    canvas = bytes([flags, 0, 0, 0]) + 2 * (side - 1).to_bytes(3, "little")
    return riff((b"VP8X", canvas), *chunks, (b"VP8L", webp_of(inside)[20:]))


def avif_of(side: int, data: bytes) -> bytes:
    """Return an AVIF whose boxes declare another size than its AV1 data."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", side, side) + data[at + 8 :]


def avif_around(coded: bytes) -> bytes:
    """Return an AVIF with the fewest boxes around AV1 data."""

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 8 + len(body)) + kind + body

    start = box(b"ftyp", b"avif\0\0\0\0avifmif1")
    item = box(b"infe", b"\2\0\0\0\0\1\0\0av01\0")

    def meta(at: int) -> bytes:
        place = struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, at, len(coded))
        return box(b"meta", bytes(4) + box(b"iinf", b"\0\0\0\0\0\1" + item) + box(b"iloc", place))

    return start + meta(len(start) + len(meta(0)) + 8) + box(b"mdat", coded)


def hidden_frames() -> bytes:
    """Return an AVIF with 100,000 frames that are decoded and never shown."""
    small = saved(16, "AVIF")
    coded = small[small.index(b"mdat") + 4 :]
    head = coded.index(b"\x0a")  # the sequence header
    size = 2 + coded[head + 1]
    return avif_around(coded[head : head + size] + b"\x32\x04abcd" * 100_000)


def repeated_comments() -> bytes:
    """Return an EXIF block whose directory refers to one text of 1 MB 200 times."""
    size = 1 << 20
    entries = struct.pack("<HHII", 0x9286, 7, size, 3000) * 200
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 200) + entries + bytes(600) + b"UNICODE\0" + b"\x31\x4e" * (size // 2)


def animated_png(frames: int) -> bytes:
    """Return an animated PNG, each frame of the full size."""
    pixels = zlib.compress(bytes(16 * 17))
    parts = [chunk(b"acTL", struct.pack(">II", frames, 0))]
    for number in range(frames):
        parts.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", 2 * number, 16, 16, 0, 0, 1, 100, 0, 0)))
        parts.append(chunk(b"fdAT", struct.pack(">I", 2 * number + 1) + pixels))
    return png(*parts)


def animated_webp(frames: int) -> bytes:
    """Return an animated WebP of 16 x 16."""
    frame = bytes(6) + 2 * (15).to_bytes(3, "little") + bytes(4)
    picture = webp_of(16)[12:]
    body = [(b"ANMF", frame + picture)] * frames
    canvas = bytes([2, 0, 0, 0]) + 2 * (15).to_bytes(3, "little")
    return riff((b"VP8X", canvas), (b"ANIM", bytes(6)), *body)


def animated_avif() -> bytes:
    """Return an animated AVIF of 100 frames of 16 x 16."""
    out, pictures = io.BytesIO(), [Image.new("L", (16, 16), value) for value in range(100)]
    pictures[0].save(out, "AVIF", save_all=True, append_images=pictures[1:], speed=10)
    return out.getvalue()


def segments(marker: int, body: bytes, count: int) -> bytes:
    """Return a JPEG with `count` equal segments before its picture."""
    return jpeg()[:2] + (bytes([0xFF, marker]) + struct.pack(">H", 2 + len(body)) + body) * count + jpeg()[2:]


def profiles() -> bytes:
    """Return a JPEG with an ICC profile of 16 MB in 254 segments."""
    parts = [b"ICC_PROFILE\0" + bytes([n, 254]) + bytes(64_000) for n in range(1, 255)]
    whole = b"".join(b"\xff\xe2" + struct.pack(">H", 2 + len(part)) + part for part in parts)
    return jpeg()[:2] + whole + jpeg()[2:]


def scans(count: int) -> bytes:
    """Return a JPEG with `count` more scans."""
    scan = jpeg()[jpeg().index(b"\xff\xda") : -2]
    return jpeg()[:-2] + scan * count + jpeg()[-2:]


ZEROS = zlib.compress(bytes(50_000_000), 9)
MEGABYTE = zlib.compress(b"a" * (1 << 20), 9)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='99999' height='99999'/>"
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99999 99999\n"

# files that must be rejected
REFUSED: dict[str, Callable[[], bytes]] = {
    "PNG of 5,000 x 5,000": lambda: saved(SIDE, "PNG"),
    "JPEG of 5,000 x 5,000": lambda: saved(SIDE, "JPEG"),
    "WebP of 5,000 x 5,000": lambda: saved(SIDE, "WEBP", lossless=True, method=0),
    "AVIF of 10,000 x 10,000": AVIF.read_bytes,
    "PNG that declares 2,147,483,647 a side": lambda: png(size=(2**31 - 1, 2**31 - 1)),
    "PNG with a second header, of 60,000 a side": lambda: png(png(size=(60_000, 60_000))[8:33]),
    "JPEG that declares 65,535 a side": lambda: jpeg_of(65_535, 65_535),
    "WebP that declares 16,384 a side": lambda: webp_of(16_384),
    "WebP that declares a canvas of 16,777,216 a side": lambda: extended(0, 1 << 24),
    "WebP of 16,384 a side in a canvas of 16": lambda: extended(0, 16, inside=16_384),
    "AVIF that declares 60,000 a side": lambda: avif_of(60_000, saved(16, "AVIF")),
    "AVIF of 10,000 a side that declares 16": lambda: avif_of(16, AVIF.read_bytes()),
    "AVIF of 100,000 hidden frames": hidden_frames,
    "PNG of 1,000,000 chunks": lambda: png(chunk(b"juNk", b"") * 1_000_000),
    "JPEG of 1,000,000 segments": lambda: segments(0xE1, b"", 1_000_000),
    "JPEG of 100 scans": lambda: scans(100),
    "SVG": lambda: SVG,
    "EPS": lambda: EPS,
    "TIFF of 5,000 x 5,000": lambda: saved(SIDE, "TIFF", compression="tiff_deflate"),
    "GIF of 5,000 x 5,000": lambda: saved(SIDE, "GIF"),
    "file of 65 MiB": lambda: PNG + bytes(65 << 20),
}

# files that must open as a 16 x 16 picture, without their oversized parts
OPENED: dict[str, Callable[[], bytes]] = {
    "PNG of 5,000 frames": lambda: animated_png(5_000),
    "WebP of 5,000 frames": lambda: animated_webp(5_000),
    "AVIF of 100 frames": animated_avif,
    "PNG, a text of 50 MB in 50 kB": lambda: png(chunk(b"zTXt", b"a\0\0" + ZEROS)),
    "PNG, 4,000 texts of 1 MB in 1 kB each": lambda: png(chunk(b"zTXt", b"a\0\0" + MEGABYTE) * 4000),
    "PNG, 60 texts of 1 MB with other names": lambda: png(
        *(chunk(b"zTXt", b"%d\0\0" % n + MEGABYTE) for n in range(60))
    ),
    "PNG, 2,000 texts of 50 MB": lambda: png(chunk(b"iTXt", b"a\0\1\0\0\0" + ZEROS[:9000]) * 2000),
    "PNG, a profile of 50 MB in 50 kB": lambda: png(chunk(b"iCCP", b"a\0\0" + ZEROS)),
    "PNG, 300 profiles of 50 MB": lambda: png(chunk(b"iCCP", b"a\0\0" + ZEROS) * 300),
    "PNG, EXIF that repeats a text of 1 MB": lambda: png(chunk(b"eXIf", repeated_comments())),
    "JPEG, a profile of 16 MB": profiles,
    "JPEG, 200 XMP segments": lambda: segments(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"x" * 60_000, 200),
    "WebP, XMP of 16 MB": lambda: extended(4, 16, (b"XMP ", b"x" * (16 << 20))),
    "WebP, EXIF of 16 MB": lambda: extended(8, 16, (b"EXIF", repeated_comments() + bytes(15 << 20))),
    "WebP, a profile of 16 MB": lambda: extended(32, 16, (b"ICCP", bytes(16 << 20))),
}
