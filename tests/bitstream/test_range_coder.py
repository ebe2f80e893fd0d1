"""The coder gives back what it was given, in bytes that do not depend on the machine."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.bitstream.range_coder import BitModel, Coder, Decoder, Encoder, ExpGolombModel, PrefixDecoder, PrefixEnd
from codec.errors import Corrupt

Symbol = tuple[str, int, int]


@st.composite
def symbols(draw: st.DrawFn) -> list[Symbol]:
    kinds = st.sampled_from(["bit", "uniform", "number", "choice"])
    out = []
    for kind in draw(st.lists(kinds, max_size=60)):
        top = {"bit": 2, "uniform": draw(st.integers(1, 65536)), "number": 4096, "choice": 4}[kind]
        out.append((kind, top, draw(st.integers(0, top - 1))))
    return out


def run(coder: Coder, message: list[Symbol]) -> list[int]:
    bit, number = BitModel(), ExpGolombModel(12)
    out = []
    for kind, top, value in message:
        if kind == "bit":
            out.append(coder.bit(bit, value))
        elif kind == "uniform":
            out.append(coder.uniform(top, value))
        elif kind == "choice":
            out.append(coder.choice((1, 65000, 3, 500), value))
        else:
            out.append(coder.number(number, value))
    return out


@given(symbols())
def test_round_trip(message: list[Symbol]) -> None:
    encoder = Encoder()
    run(encoder, message)
    data = encoder.finish()
    blank = [(kind, top, 0) for kind, top, _ in message]
    assert run(Decoder(data), blank) == [value for *_, value in message]
    assert not data.endswith(b"\0")


@given(st.binary(max_size=40), symbols())
def test_any_bytes_decode_within_bounds(data: bytes, message: list[Symbol]) -> None:
    blank = [(kind, top, 0) for kind, top, _ in message]
    try:
        found = run(Decoder(data, "semantic"), blank)
    except Corrupt as error:
        assert error.layers == ("semantic",)
    else:
        assert all(0 <= value < top for value, (_, top, _) in zip(found, message, strict=True))


@pytest.mark.parametrize("symbol", [("uniform", 3 << 14, 0), ("bit", 2, 0), ("choice", 4, 0)])
def test_a_code_that_no_encoder_writes_is_refused(symbol: Symbol) -> None:
    """Above the last interval: it would be the last symbol for ever after."""
    with pytest.raises(Corrupt, match="non-canonical"):
        run(Decoder(b"\xff" * 40), [symbol] * 100)


@given(st.binary(max_size=12), st.lists(st.integers(1, 65535), max_size=60))
def test_ones_are_bits_that_are_certain(data: bytes, chances: list[int]) -> None:
    one, other = PrefixDecoder(data), PrefixDecoder(data)
    count = one.leading_ones(chances)
    assert all(other.bernoulli(chance) for chance in chances[:count])
    if count < len(chances):
        for decoder in (one, other):  # both stand before the same bit
            with contextlib.suppress(PrefixEnd):
                assert not decoder.bernoulli(chances[count])


@pytest.mark.parametrize("chance", [1, 30000, 65535])
def test_the_border_between_ones_and_zeros(chance: int) -> None:
    """A code at the end of a 1's interval is a 0's."""
    split = (1 << 15) * chance
    for high, count in ((split - 1, 1), (split, 0)):
        assert PrefixDecoder.within(1 << 31, 0, high).leading_ones([chance]) == count
    assert PrefixDecoder.within(1 << 31, 0, split - 1).bernoulli(chance) == 1
    assert PrefixDecoder.within(1 << 31, split, split).bernoulli(chance) == 0
    with pytest.raises(PrefixEnd):
        PrefixDecoder.within(1 << 31, 0, split).bernoulli(chance)


def test_zeros_are_ones() -> None:
    """Past the end every bit is a 1: syntaxes that stop on 1 stop."""
    decoder = Decoder(b"")
    bit = BitModel()
    assert all(decoder.bit(bit) for _ in range(100_000))


def test_carry_runs_through_the_output() -> None:
    """Intervals at the very top make runs of FF, which a last carry turns over."""
    rng = random.Random(5)
    for _ in range(300):
        message = [("uniform", 65535, rng.choice([65534, 65534, 65534, 0, 32767])) for _ in range(30)]
        encoder = Encoder()
        run(encoder, message)
        blank = [(kind, top, 0) for kind, top, _ in message]
        assert run(Decoder(encoder.finish()), blank) == [value for *_, value in message]


def test_adapts_to_its_source() -> None:
    encoder, bit = Encoder(), BitModel()
    for i in range(4000):
        encoder.bit(bit, int(i % 20 == 0))
    assert len(encoder.finish()) < 4000 / 8 * 0.32  # entropy .286 bits


def test_bytes_are_frozen() -> None:
    encoder = Encoder()
    bit, number = BitModel(40000, 3), ExpGolombModel(8)
    for value in range(40):
        encoder.bit(bit, value & 1)
        encoder.number(number, value)
        encoder.uniform(1000, value * 25)
        encoder.choice((5, 0, 11), 2 * (value % 2))
    assert encoder.finish().hex() == FROZEN


FROZEN = (
    "9c410bc4ab0da57f896384c2d9c42d443982114c27266c6f6558b1a819a2b30729d8b4b87278c3c36bb263d3"
    "c86a9ec5201efaaf0d5fcd7e6b8ad23055c3d2267c1abd21822c3db7da8137491a2867989a026a7f6ac3a3c2"
    "0afc4316"
)
