"""The range coder is lossless, and its bytes do not depend on the machine."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.bitstream.range_coder import BitModel, Coder, Decoder, Encoder, ExpGolombModel, PrefixDecoder, PrefixEnd
from codec.errors import Corrupt

CUMULATIVE = (0, 1, 60000, 60003, 65536)
Symbol = tuple[str, int, int]  # the coder's method, the number of values, the value


@st.composite
def messages(draw: st.DrawFn) -> list[Symbol]:
    methods = st.sampled_from(["bit", "uniform", "number", "choice", "cumulative_symbol"])
    message = []
    for method in draw(st.lists(methods, max_size=60)):
        counts = {"bit": 2, "uniform": draw(st.integers(1, 65536)), "number": 4096, "choice": 4, "cumulative_symbol": 4}
        count = counts[method]
        message.append((method, count, draw(st.integers(0, count - 1))))
    return message


def values(message: list[Symbol]) -> list[int]:
    return [value for *_, value in message]


def code(coder: Coder, message: list[Symbol]) -> list[int]:
    """Encode a message, or decode one with its methods and counts; return the coded values."""
    bit, number = BitModel(), ExpGolombModel(12)
    coded = []
    for method, count, value in message:
        if method == "bit":
            coded.append(coder.bit(bit, value))
        elif method == "uniform":
            coded.append(coder.uniform(count, value))
        elif method == "cumulative_symbol":
            coded.append(coder.cumulative_symbol(CUMULATIVE, value))
        elif method == "choice":
            coded.append(coder.choice((1, 65000, 3, 500), value))
        else:
            coded.append(coder.number(number, value))
    return coded


def blank(message: list[Symbol]) -> list[Symbol]:
    """Return the message with all values 0, as a decoder is called."""
    return [(method, count, 0) for method, count, _ in message]


@given(messages())
def test_round_trip(message: list[Symbol]) -> None:
    encoder = Encoder()
    code(encoder, message)
    data = encoder.finish()
    assert code(Decoder(data), blank(message)) == values(message)
    assert not data.endswith(b"\0")


@given(st.binary(max_size=40), messages())
def test_any_bytes_decode_to_values_in_range(data: bytes, message: list[Symbol]) -> None:
    try:
        decoded = code(Decoder(data, "semantic"), blank(message))
    except Corrupt as error:
        assert error.layers == ("semantic",)
    else:
        assert all(0 <= value < count for value, (_, count, _) in zip(decoded, message, strict=True))


@pytest.mark.parametrize(
    "symbol", [("uniform", 3 << 14, 0), ("bit", 2, 0), ("choice", 4, 0), ("cumulative_symbol", 4, 0)]
)
def test_code_above_the_last_interval_is_rejected(symbol: Symbol) -> None:
    """Otherwise it would select the last symbol forever."""
    with pytest.raises(Corrupt, match="non-canonical"):
        code(Decoder(b"\xff" * 40), [symbol] * 100)


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 40))
def test_cumulative_symbol_equals_symbol(symbols: list[int], size: int) -> None:
    fast, plain = Encoder(), Encoder()
    for symbol in symbols:
        fast.cumulative_symbol(CUMULATIVE, symbol)
        plain.symbol(CUMULATIVE.__getitem__, 4, symbol)
    assert fast.finish() == plain.finish()
    fast_decoder, plain_decoder = (PrefixDecoder(plain.finish()[:size]) for _ in range(2))
    with contextlib.suppress(PrefixEnd):
        for _ in symbols:
            expected = plain_decoder.symbol(CUMULATIVE.__getitem__, 4)
            assert fast_decoder.cumulative_symbol(CUMULATIVE) == expected
        return
    with pytest.raises(PrefixEnd):
        fast_decoder.cumulative_symbol(CUMULATIVE)


@given(st.binary(max_size=12), st.lists(st.integers(1, 65535), max_size=60))
def test_leading_ones_equal_bernoulli_in_a_loop(data: bytes, probabilities: list[int]) -> None:
    fast, slow = PrefixDecoder(data), PrefixDecoder(data)
    count = fast.leading_ones(probabilities)
    assert all(slow.bernoulli(p) for p in probabilities[:count])
    if count < len(probabilities):
        for decoder in (fast, slow):  # both stand before the same bit
            with contextlib.suppress(PrefixEnd):
                assert not decoder.bernoulli(probabilities[count])


@pytest.mark.parametrize("p", [1, 30000, 65535])
def test_code_at_the_end_of_the_interval_of_1_is_a_0(p: int) -> None:
    split = (1 << 15) * p
    for high, count in ((split - 1, 1), (split, 0)):
        assert PrefixDecoder.within(1 << 31, 0, high).leading_ones([p]) == count
    assert PrefixDecoder.within(1 << 31, 0, split - 1).bernoulli(p) == 1
    assert PrefixDecoder.within(1 << 31, split, split).bernoulli(p) == 0
    with pytest.raises(PrefixEnd):
        PrefixDecoder.within(1 << 31, 0, split).bernoulli(p)


def test_every_bit_past_the_end_is_a_1() -> None:
    """A syntax that stops at a 1 therefore stops on any bytes."""
    decoder, bit = Decoder(b""), BitModel()
    assert all(decoder.bit(bit) for _ in range(10_000))


def test_carry_propagates_through_the_output() -> None:
    """Intervals at the very top give runs of FF, which a later carry turns over."""
    rng = random.Random(5)
    for _ in range(300):
        message = [("uniform", 65535, rng.choice([65534, 65534, 65534, 0, 32767])) for _ in range(30)]
        encoder = Encoder()
        code(encoder, message)
        assert code(Decoder(encoder.finish()), blank(message)) == values(message)


def test_bit_model_adapts_to_its_source() -> None:
    encoder, bit = Encoder(), BitModel()
    for i in range(4000):
        encoder.bit(bit, int(i % 20 == 0))
    assert len(encoder.finish()) < 4000 / 8 * 0.32  # the entropy is 0.286 bits


def test_encoded_bytes_are_frozen() -> None:
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
