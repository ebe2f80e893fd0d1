"""The container accepts what it writes and nothing else, and says what is broken."""

from __future__ import annotations

import binascii
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.bitstream.container import SIZES, Container, pack, salvage, unpack
from codec.errors import Corrupt, FormatError, LimitExceeded, NotTrilayer, Truncated, UnsupportedVersion
from codec.limits import MAX_FILE_BYTES

FULL = Container(512, 512, (b"words", b"lines" * 40, b"colors"), ((0xC1, b"\7"), (0xC2, b"\1\x14")))

sides = st.sampled_from([1, 2, 512, 768, 1024, 4095, 4096]) | st.integers(1, 4096)
payload = st.binary(max_size=300)
chunk = st.tuples(st.integers(0x80, 0xFF).map(lambda kind: kind & 0xDF), st.binary(max_size=40))
chunks = st.lists(chunk, max_size=4, unique_by=lambda c: c[0]).map(lambda found: tuple(sorted(found)))
containers = st.builds(Container, sides, sides, st.tuples(payload, payload, payload), chunks)


def sealed(body: bytes) -> bytes:
    """With a right checksum, so that only what the test means is wrong."""
    return body + binascii.crc_hqx(body, 0).to_bytes(2, "big")


@given(containers)
def test_round_trip(content: Container) -> None:
    assert unpack(pack(content)) == content


@given(st.binary(max_size=60))
def test_what_is_accepted_is_written_alike(body: bytes) -> None:
    data = sealed(b"\xb3\x4c" + body)
    try:
        content = unpack(data)
    except FormatError:
        return
    assert pack(content) == data


@pytest.mark.parametrize("size", SIZES)
def test_overhead_is_12_bytes_at_a_coded_size(size: tuple[int, int]) -> None:
    assert len(pack(Container(*size, (b"a" * 100, b"b" * 400, b"c" * 100)))) == 600 + 12
    assert len(pack(Container(size[0], 511, (b"a" * 100, b"b" * 400, b"c" * 100)))) == 600 + 15


def test_every_truncation_is_refused() -> None:
    data = pack(FULL)
    for length in range(len(data)):
        with pytest.raises(FormatError):
            unpack(data[:length])


def test_what_follows_the_end_is_refused_even_if_the_checksum_is_right() -> None:
    """Two bytes can be found that give the sum of a longer file the value that stands in it."""
    data = pack(Container(512, 512, (b"words", b"", b"")))
    meant = int.from_bytes(data[-2:], "big")
    tails = (value.to_bytes(2, "big") for value in range(1 << 16))
    longer = next(data + tail for tail in tails if binascii.crc_hqx(data + tail, 0) == meant) + b"??"
    with pytest.raises(Corrupt, match="4 bytes follow"):
        unpack(longer)


def test_every_flipped_bit_is_refused() -> None:
    data = pack(FULL)
    for at in range(len(data) * 8):
        broken = bytearray(data)
        broken[at // 8] ^= 1 << at % 8
        with pytest.raises(FormatError):
            unpack(bytes(broken))


def test_every_appended_byte_is_refused() -> None:
    for value in range(256):
        with pytest.raises(FormatError):
            unpack(pack(FULL) + bytes([value]))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_damage_is_named_and_the_other_layers_come_out(index: int) -> None:
    data = bytearray(pack(FULL))
    start = data.index(FULL.layers[index])
    data[start + 2] ^= 0x55
    name = ("semantic", "structure", "texture")[index]
    with pytest.raises(Corrupt) as error:
        unpack(bytes(data))
    assert error.value.layers == (name,)
    content, damaged = salvage(bytes(data))
    assert damaged == (name,)
    expected = [b"" if i == index else payload for i, payload in enumerate(FULL.layers)]
    assert content.layers == tuple(expected)


def test_a_cut_file_gives_up_what_came_before_the_cut() -> None:
    data = pack(FULL)
    content, damaged = salvage(data[: data.index(b"colors") + 3])
    assert content.layers == (FULL.layers[0], FULL.layers[1], b"")
    assert damaged == ("texture",)


def test_salvage_of_a_whole_file_is_the_file() -> None:
    assert salvage(pack(FULL)) == (FULL, ())


def test_salvage_drops_extensions_that_nothing_vouches_for() -> None:
    data = bytearray(pack(FULL))
    data[-3] ^= 1
    content, damaged = salvage(bytes(data))
    assert content.layers == FULL.layers and content.chunks == () and damaged == ()


def layer(index: int, payload: bytes) -> bytes:
    return bytes([len(payload), zlib.crc32(payload, index) & 0xFF]) + payload


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotTrilayer),
        (b"\xb3", NotTrilayer),
        (b"\x89PNG\r\n\x1a\n", NotTrilayer),
        (b"\xb3\x4c", Truncated),
        (sealed(b"\xb3\x4c\x61\0\0\0"), UnsupportedVersion),
        (sealed(b"\xb3\x4c\x46\0\0\0"), Corrupt),  # reserved size code
        (sealed(b"\xb3\x4c\x40\x1f\xf1\xff\0\0\0"), Corrupt),  # 512 x 512 spelt out
        (sealed(b"\xb3\x4c\x41\x80\0\0\0"), Corrupt),  # length 0 in two bytes
        (sealed(b"\xb3\x4c\x41\xff\xff\xff\0\0"), Corrupt),  # length of four bytes
        (sealed(b"\xb3\x4c\x51\0\0\0"), (Corrupt, Truncated)),  # extension flag, no extension
        (sealed(b"\xb3\x4c\x51\0\0\0\x05\0"), UnsupportedVersion),  # a chunk one must know
        (sealed(b"\xb3\x4c\x51\0\0\0\xc2\0\xc1\0"), Corrupt),  # chunks out of order
        (sealed(b"\xb3\x4c\x51\0\0\0\xc1\0\xc1\0"), Corrupt),  # the same chunk twice
        (sealed(b"\xb3\x4c\x51\0\0\0\xc1\0\xe1\7"), Corrupt),  # twice, once in the short form
        (sealed(b"\xb3\x4c\x51\0\0\0\xc1\x01\7"), Corrupt),  # one byte in the long form
        (sealed(b"\xb3\x4c\x51\0\0\0\xc1\x09"), Truncated),  # a chunk past the end
        (sealed(b"\xb3\x4c\x41" + layer(1, b"x") + b"\0\0"), Corrupt),  # another layer's check
        (bytes(MAX_FILE_BYTES + 1), LimitExceeded),
    ],
)
def test_refuses(data: bytes, error: type[Exception] | tuple[type[Exception], ...]) -> None:
    with pytest.raises(error):
        unpack(data)


def test_refuses_to_write_what_the_format_cannot_hold() -> None:
    with pytest.raises(LimitExceeded):
        pack(Container(4097, 1, (b"", b"", b"")))
    with pytest.raises(LimitExceeded):
        pack(Container(0, 1, (b"", b"", b"")))
    with pytest.raises(LimitExceeded):
        pack(Container(1, 1, (b"", bytes(70_000), b"")))
    with pytest.raises(Corrupt):
        pack(Container(1, 1, (b"", b"", b""), ((0xC2, b""), (0xC1, b""))))
    with pytest.raises(Corrupt):
        pack(Container(1, 1, (b"", b"", b""), ((0xE1, b"\1"),)))
