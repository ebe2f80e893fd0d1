"""Mutated files, and the properties that are checked on them.

Check bytes and checksums are recomputed after a mutation, so that the damage reaches the layers' decoders.
"""

from __future__ import annotations

import binascii
import random
import zlib
from collections.abc import Callable
from typing import Any

from codec import Colormap, Layers
from codec.bitstream.container import VERSION, Container, pack, unpack
from codec.errors import CodecError

KNOWN = frozenset((0xC1, 0xC2, 0x83))  # the chunk types of seed, settings and recipe


def mutate(rng: random.Random, data: bytes) -> bytes:
    """Return the data with a few bits flipped, or a few bytes inserted, deleted or repeated."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        position = rng.randrange(len(out) + 1)
        action = rng.randrange(4)
        if action == 0 and position < len(out):
            out[position] ^= 1 << rng.randrange(8)
        elif action == 1:
            out[position:position] = rng.randbytes(rng.randrange(1, 5))
        elif action == 2:
            del out[position : position + rng.randrange(1, 9)]
        else:
            out[position:position] = out[position : position + rng.randrange(1, 20)]
    return bytes(out)


def sealed(body: bytes) -> bytes:
    """Append the checksum of a file."""
    return body + binascii.crc_hqx(body, 0).to_bytes(2, "big")


def framed(index: int, payload: bytes) -> bytes:
    """Return the layer of an index as a file holds it: length, check byte and payload."""
    if not payload:
        return b"\0"
    return _varint(len(payload)) + bytes([zlib.crc32(payload, index) & 0xFF]) + payload


def mutated_payloads(rng: random.Random, source: bytes) -> bytes:
    """Return a file with mutated payloads and extensions, whose check bytes and checksum are right."""
    content = unpack(source, known_chunks=KNOWN)
    extensions = Layers.from_bytes(source).sizes().extensions
    out = bytearray(source[:3])
    if not out[2] & 15:
        out += source[3:6]
    for index, payload in enumerate(content.payloads):
        out += framed(index, mutate(rng, payload) if rng.random() < 0.6 else payload)
    if out[2] & 16:
        body = source[-2 - extensions : -2]
        out += mutate(rng, body) if rng.random() < 0.3 else body
    return sealed(bytes(out))


def random_payloads(rng: random.Random) -> bytes:
    """Return a file whose layers are random bytes, whose check bytes and checksum are right."""
    out = bytearray((0xB3, 0x4C, VERSION << 5 | 1))
    for index in range(3):
        out += framed(index, rng.randbytes(rng.randrange(40)) if rng.random() < 0.5 else b"")
    if rng.random() < 0.3:
        return random_detail_file(rng)
    return sealed(bytes(out))


def random_detail_file(rng: random.Random) -> bytes:
    """Return a file whose texture has valid base colors and random bytes as its detail."""
    base = Colormap(2, 2, 40, (4, *[0] * 11)).to_bytes()[1:]
    texture = bytes([len(base)]) + base + rng.randbytes(rng.randrange(1, 400))
    return sealed(bytes((0xB3, 0x4C, VERSION << 5 | 1, 0, 0)) + framed(2, texture))


def mutated_file(rng: random.Random, source: bytes) -> bytes:
    """Return a mutated file; every other one has a right checksum."""
    data = mutate(rng, source)
    return sealed(data[:-2]) if rng.random() < 0.5 else data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


# Targets: each returns whether the data was accepted. Any exception but a `CodecError` is a failure.

Read = Callable[[bytes], Any]


def read_container(data: bytes) -> Container:
    """Read the container without its layers."""
    return unpack(data, known_chunks=KNOWN)


def check_container(data: bytes, read: Read = read_container) -> bool:
    """Read the container; if it is accepted, writing it must return the same bytes."""
    try:
        content = read(data)
    except CodecError:
        return False
    assert pack(content) == data
    return True


def check_layers(data: bytes, read: Read = Layers.from_bytes) -> bool:
    """Read the layers; if they are accepted, writing them must return the same bytes. Else salvage the file."""
    try:
        layers = read(data)
    except CodecError:
        check_salvage(data)
        return False
    assert layers.to_bytes() == data
    return True


def check_salvage(data: bytes) -> None:
    """Salvage the file; if that succeeds, the result must be valid layers."""
    try:
        layers, _ = Layers.salvage(data)
    except CodecError:
        return
    assert Layers.from_bytes(layers.to_bytes()) == layers


TARGETS: dict[str, Callable[..., bool]] = {"containers": check_container, "layers": check_layers}
READS: dict[str, Read] = {"containers": read_container, "layers": Layers.from_bytes}
