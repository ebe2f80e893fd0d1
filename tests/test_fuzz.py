"""Any bytes are a file or one of our errors. The mutator repairs checksums, so that damage gets past
them and reaches the layers."""

from __future__ import annotations

import binascii
import random
import zlib

import pytest

from codec import Layers
from codec.container import pack, unpack
from codec.errors import CodecError
from tests.samples import example, pose

ROUNDS = 2000


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


def build(rng: random.Random, source: bytes) -> bytes:
    """A file whose payloads are mutated and whose every check is right."""
    content = unpack(source, known=frozenset((0xC1, 0xC2)))
    out = bytearray(source[:3])
    if not out[2] & 15:
        out += source[3:6]
    for index, payload in enumerate(content.layers):
        payload = mutate(rng, payload) if rng.random() < 0.6 else payload
        out += _varint(len(payload))
        if payload:
            out += bytes([zlib.crc32(payload, index) & 0xFF]) + payload
    if out[2] & 16:
        body = source[-2 - _extensions(source) : -2]
        out += mutate(rng, body) if rng.random() < 0.3 else body
    return bytes(out) + binascii.crc_hqx(bytes(out), 0).to_bytes(2, "big")


def _extensions(source: bytes) -> int:
    return Layers.from_bytes(source).sizes().extensions


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def accept(data: bytes) -> bool:
    """Was it a file? Then its content must give the same bytes; nothing but our errors may rise."""
    try:
        layers = Layers.from_bytes(data)
    except CodecError:
        return False
    assert layers.to_bytes() == data
    return True


@pytest.mark.parametrize("seed", range(2))
def test_mutated_layers_with_right_checksums(seed: int) -> None:
    rng = random.Random(seed)
    sources = [example().to_bytes(), Layers(512, 512, None, pose()).to_bytes()]
    accepted = sum(accept(build(rng, rng.choice(sources))) for _ in range(ROUNDS // 2))
    assert 0 < accepted < ROUNDS // 2  # it reaches both sides of the border


def test_mutated_files() -> None:
    rng = random.Random(2)
    data = example().to_bytes()
    for _ in range(ROUNDS):
        broken = mutate(rng, data)
        assert not accept(broken) or broken == data
        try:
            found, _ = Layers.salvage(broken)
        except CodecError:
            continue
        assert unpack(pack(unpack(found.to_bytes())))


def test_random_payloads_behind_right_checksums() -> None:
    rng = random.Random(3)
    for _ in range(ROUNDS // 2):
        out = bytearray(b"\xb3\x4c\x21")
        for index in range(3):
            payload = rng.randbytes(rng.randrange(40)) if rng.random() < 0.5 else b""
            out += bytes([len(payload)])
            if payload:
                out += bytes([zlib.crc32(payload, index) & 0xFF]) + payload
        accept(bytes(out) + binascii.crc_hqx(bytes(out), 0).to_bytes(2, "big"))
