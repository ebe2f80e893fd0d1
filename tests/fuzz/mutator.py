"""Bytes that are nearly files. Checks and checksums are repaired, so that damage gets past them and
reaches the layers."""

from __future__ import annotations

import binascii
import random
import zlib
from collections.abc import Callable
from typing import Any

from codec import Layers
from codec.bitstream.container import Container, pack, unpack
from codec.errors import CodecError

KNOWN = frozenset((0xC1, 0xC2))


def mutate(rng: random.Random, data: bytes) -> bytes:
    """A few bytes changed, put in, taken out or repeated."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(out) + 1)
        action = rng.randrange(4)
        if action == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif action == 1:
            out[at:at] = rng.randbytes(rng.randrange(1, 5))
        elif action == 2:
            del out[at : at + rng.randrange(1, 9)]
        else:
            out[at:at] = out[at : at + rng.randrange(1, 20)]
    return bytes(out)


def sealed(body: bytes) -> bytes:
    """With the checksum that a file of these bytes has."""
    return body + binascii.crc_hqx(body, 0).to_bytes(2, "big")


def mutated_payloads(rng: random.Random, source: bytes) -> bytes:
    """A file whose payloads and extensions are mutated and whose every check is right."""
    content = unpack(source, known=KNOWN)
    extensions = Layers.from_bytes(source).sizes().extensions
    out = bytearray(source[:3])
    if not out[2] & 15:
        out += source[3:6]
    for index, payload in enumerate(content.layers):
        out += layer(index, mutate(rng, payload) if rng.random() < 0.6 else payload)
    if out[2] & 16:
        body = source[-2 - extensions : -2]
        out += mutate(rng, body) if rng.random() < 0.3 else body
    return sealed(bytes(out))


def random_payloads(rng: random.Random) -> bytes:
    """A file with nothing but noise in its layers."""
    out = bytearray((0xB3, 0x4C, 0x41))
    for index in range(3):
        out += layer(index, rng.randbytes(rng.randrange(40)) if rng.random() < 0.5 else b"")
    return sealed(bytes(out))


def mutated_file(rng: random.Random, source: bytes) -> bytes:
    """A mutated file; every other one with its checksum repaired."""
    data = mutate(rng, source)
    return sealed(data[:-2]) if rng.random() < 0.5 else data


def layer(index: int, payload: bytes) -> bytes:
    """A layer as a file has it: length, check and payload."""
    if not payload:
        return b"\0"
    return _varint(len(payload)) + bytes([zlib.crc32(payload, index) & 0xFF]) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


# the targets: was it accepted? Anything but our errors is a find.


Read = Callable[[bytes], Any]


def frame(data: bytes) -> Container:
    """The frame alone."""
    return unpack(data, known=KNOWN)


def container(data: bytes, read: Read = frame) -> bool:
    """The frame alone: what is accepted is written again byte for byte."""
    try:
        content = read(data)
    except CodecError:
        return False
    assert pack(content) == data
    return True


def layers(data: bytes, read: Read = Layers.from_bytes) -> bool:
    """The frame and its layers, which are written again byte for byte; what is refused may be salvaged."""
    try:
        found = read(data)
    except CodecError:
        salvaged(data)
        return False
    assert found.to_bytes() == data
    return True


def salvaged(data: bytes) -> None:
    """What is left of a damaged file is a whole one."""
    try:
        found, _ = Layers.salvage(data)
    except CodecError:
        return
    assert Layers.from_bytes(found.to_bytes()) == found


TARGETS: dict[str, Callable[..., bool]] = {"containers": container, "layers": layers}
READS: dict[str, Read] = {"containers": frame, "layers": Layers.from_bytes}
