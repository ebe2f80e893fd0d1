"""The container accepts only what it writes, and its errors name the damaged layers."""

from __future__ import annotations

import binascii
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.bitstream.container import SIZES, Container, keep_layers, pack, salvage, unpack
from codec.errors import Corrupt, FormatError, LimitExceeded, NotTrilayer, Truncated, UnsupportedVersion
from codec.limits import MAX_FILE_BYTES
from tests.fuzz.mutator import framed, sealed

FULL = Container(512, 512, (b"words", b"lines" * 40, b"colors"), ((0xC1, b"\7"), (0xC2, b"\1\x14")))
EMPTY = (b"", b"", b"")

sides = st.sampled_from([1, 2, 512, 768, 1024, 4095, 4096]) | st.integers(1, 4096)
payload = st.binary(max_size=300)
chunk = st.tuples(st.integers(0x80, 0xFF).map(lambda kind: kind & 0xDF), st.binary(max_size=40))
chunks = st.lists(chunk, max_size=4, unique_by=lambda c: c[0]).map(lambda drawn: tuple(sorted(drawn)))
containers = st.builds(Container, sides, sides, st.tuples(payload, payload, payload), chunks)


@given(containers)
def test_round_trip(content: Container) -> None:
    assert unpack(pack(content)) == content


@given(st.binary(max_size=60))
def test_accepted_bytes_are_written_again_unchanged(body: bytes) -> None:
    data = sealed(b"\xb3\x4c" + body)
    try:
        content = unpack(data)
    except FormatError:
        return
    assert pack(content) == data


@pytest.mark.parametrize("size", SIZES)
def test_overhead_is_12_bytes_with_a_size_code_and_15_without(size: tuple[int, int]) -> None:
    assert len(pack(Container(*size, (b"a" * 100, b"b" * 400, b"c" * 100)))) == 600 + 12
    assert len(pack(Container(size[0], 511, (b"a" * 100, b"b" * 400, b"c" * 100)))) == 600 + 15


def test_every_truncation_is_rejected() -> None:
    data = pack(FULL)
    for length in range(len(data)):
        with pytest.raises(FormatError):
            unpack(data[:length])


def test_bytes_after_the_end_are_rejected_even_with_a_matching_checksum() -> None:
    """Two bytes are searched for that give the longer file the checksum that the shorter one stores."""
    data = pack(Container(512, 512, (b"words", b"", b"")))
    checksum = int.from_bytes(data[-2:], "big")
    tails = (value.to_bytes(2, "big") for value in range(1 << 16))
    longer = next(data + tail for tail in tails if binascii.crc_hqx(data + tail, 0) == checksum) + b"??"
    with pytest.raises(Corrupt, match="4 bytes follow"):
        unpack(longer)


def test_every_flipped_bit_is_rejected() -> None:
    data = pack(FULL)
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            unpack(bytes(damaged))


def test_every_appended_byte_is_rejected() -> None:
    for value in range(256):
        with pytest.raises(FormatError):
            unpack(pack(FULL) + bytes([value]))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_damaged_layer_is_named_and_the_others_are_salvaged(index: int) -> None:
    data = bytearray(pack(FULL))
    start = data.index(FULL.payloads[index])
    data[start + 2] ^= 0x55
    name = ("semantic", "structure", "texture")[index]
    with pytest.raises(Corrupt) as error:
        unpack(bytes(data))
    assert error.value.layers == (name,)
    content, damaged = salvage(bytes(data))
    assert damaged == (name,)
    expected = [b"" if i == index else payload for i, payload in enumerate(FULL.payloads)]
    assert content.payloads == tuple(expected)


def test_layers_before_the_cut_are_salvaged() -> None:
    data = pack(FULL)
    content, damaged = salvage(data[: data.index(b"colors") + 3])
    assert content.payloads == (FULL.payloads[0], FULL.payloads[1], b"")
    assert damaged == ("texture",)


def test_salvaging_an_undamaged_file_returns_all_of_it() -> None:
    assert salvage(pack(FULL)) == (FULL, ())


def test_salvage_drops_extensions_if_the_checksum_fails() -> None:
    data = bytearray(pack(FULL))
    data[-3] ^= 1
    content, damaged = salvage(bytes(data))
    assert content.payloads == FULL.payloads and content.chunks == () and damaged == ()


def test_keep_layers_empties_the_other_payloads() -> None:
    assert keep_layers(FULL.payloads, {"semantic", "texture"}) == (b"words", b"", b"colors")
    assert keep_layers(FULL.payloads, ()) == EMPTY


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotTrilayer),
        (b"\xb3", NotTrilayer),
        (b"\x89PNG\r\n\x1a\n", NotTrilayer),
        (b"\xb3\x4c", Truncated),
        (sealed(b"\xb3\x4c\x61\0\0\0"), UnsupportedVersion),
        (sealed(b"\xb3\x4c\x26\0\0\0"), Corrupt),  # reserved size code
        (sealed(b"\xb3\x4c\x20\x1f\xf1\xff\0\0\0"), Corrupt),  # 512 x 512 without its size code
        (sealed(b"\xb3\x4c\x21\x80\0\0\0"), Corrupt),  # length 0 in two bytes
        (sealed(b"\xb3\x4c\x21\xff\xff\xff\0\0"), Corrupt),  # a length of four bytes
        (sealed(b"\xb3\x4c\x31\0\0\0"), (Corrupt, Truncated)),  # extension flag without an extension
        (sealed(b"\xb3\x4c\x31\0\0\0\x05\0"), UnsupportedVersion),  # an unknown chunk that may not be skipped
        (sealed(b"\xb3\x4c\x31\0\0\0\xc2\0\xc1\0"), Corrupt),  # chunks out of order
        (sealed(b"\xb3\x4c\x31\0\0\0\xc1\0\xc1\0"), Corrupt),  # the same chunk twice
        (sealed(b"\xb3\x4c\x31\0\0\0\xc1\0\xe1\7"), Corrupt),  # twice, once in the short form
        (sealed(b"\xb3\x4c\x31\0\0\0\xc1\x01\7"), Corrupt),  # a payload of one byte in the long form
        (sealed(b"\xb3\x4c\x31\0\0\0\xc1\x09"), Truncated),  # a chunk that exceeds the file
        (sealed(b"\xb3\x4c\x21" + framed(1, b"x") + b"\0\0"), Corrupt),  # the check byte of another layer
        (bytes(MAX_FILE_BYTES + 1), LimitExceeded),
    ],
)
def test_invalid_file_is_rejected(data: bytes, error: type[Exception] | tuple[type[Exception], ...]) -> None:
    with pytest.raises(error):
        unpack(data)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (Container(4097, 1, EMPTY), LimitExceeded),
        (Container(0, 1, EMPTY), LimitExceeded),
        (Container(1, 1, (b"", bytes(70_000), b"")), LimitExceeded),
        (replace(FULL, chunks=((0xC2, b""), (0xC1, b""))), Corrupt),
        (replace(FULL, chunks=((0xE1, b"\1"),)), Corrupt),
    ],
)
def test_content_that_the_format_cannot_hold_is_rejected(content: Container, error: type[Exception]) -> None:
    with pytest.raises(error):
        pack(content)
