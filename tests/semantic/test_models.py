"""The models of the semantic layer: matches, n-grams and tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from codec.bitstream.range_coder import Decoder, Encoder
from codec.semantic.match_model import MatchModel
from codec.semantic.ngrams import (
    LevelArrays,
    NGramModel,
    _decode_backoffs,
    encode_backoff,
    pack_arrays,
    unpack_arrays,
)
from codec.semantic.word_model import CAPITALIZED, LOWERCASE, UPPERCASE, split_case, tokenize


def run_matches(texts: Sequence[str], order: int) -> list[list[str | None]]:
    """Return what the model predicted rightly for each character of each text."""
    model, coder = MatchModel(order, (50000,), 1), Encoder()
    predicted = []
    for text in texts:
        model.start_text()
        predicted.append([])
        for character in text:
            predicted[-1].append(model.code(coder, character))
            model.update(character)
    return predicted


def test_match_follows_a_repetition_from_its_third_character_on() -> None:
    assert run_matches(["abcd-abcd"], 2) == [[None] * 7 + ["c", "d"]]


def test_match_reaches_back_into_earlier_texts_but_does_not_span_them() -> None:
    assert run_matches(["abcd", "abcd"], 2) == [[None] * 4, [None, None, "c", "d"]]


def test_wrong_prediction_ends_the_match() -> None:
    assert run_matches(["abcde abxde"], 2)[0][8:] == [None, None, None]


def test_decoder_follows_the_same_matches() -> None:
    encoder, text = Encoder(), "abcabcabcabc"
    model = MatchModel(3, (40000, 60000), 1, length_step=4)
    model.start_text()
    for character in text:
        if model.code(encoder, character) is None:
            encoder.uniform(256, ord(character))
        model.update(character)
    decoder, model = Decoder(encoder.finish()), MatchModel(3, (40000, 60000), 1, length_step=4)
    model.start_text()
    for character in text:
        predicted = model.code(decoder, None)
        assert (chr(decoder.uniform(256)) if predicted is None else predicted) == character
        model.update(character)


@pytest.fixture
def ngrams() -> NGramModel:
    """Symbols 0..4; in training 3 was followed by 4 three times and by 0 once."""
    counts, gaps = np.array([1, 3], np.uint8), np.array([0, 3], np.uint8)
    successors, backoffs = np.array([0, 0, 0, 2, 0], np.uint8), np.array([encode_backoff(6)], np.uint8)
    return NGramModel(np.array([1, 1, 0, 4, 4]), [LevelArrays(successors, gaps, counts, backoffs)], 1 << 16)


@pytest.mark.parametrize("context", [[], [2], [3], [1, 3]])
def test_frequencies_are_positive_and_within_the_total(ngrams: NGramModel, context: list[int]) -> None:
    below = ngrams.cumulative(context)
    sums = [below(symbol) for symbol in range(ngrams.size + 1)]
    assert sums[0] == 0 and all(a < b for a, b in zip(sums, sums[1:], strict=False))
    assert (1 << 16) - 8 < sums[-1] <= 1 << 16


def test_known_successors_are_more_likely(ngrams: NGramModel) -> None:
    def probability(context: list[int], symbol: int) -> int:
        below = ngrams.cumulative(context)
        return below(symbol + 1) - below(symbol)

    assert probability([3], 4) > 1.5 * probability([], 4)
    assert probability([3], 1) < probability([], 1)
    assert probability([2], 4) == probability([], 4)


def test_stored_backoffs_are_rounded_down_by_a_fifth_at_most() -> None:
    masses = np.array([4, 5, 7, 8, 9, 100, 12345, 10**6])
    stored = np.array([encode_backoff(int(mass)) for mass in masses])
    decoded = _decode_backoffs(stored)
    assert (decoded <= masses).all() and (decoded >= 0.8 * masses).all()
    assert encode_backoff(0) == 0 and encode_backoff(1 << 60) == 127


def test_packed_arrays_round_trip() -> None:
    arrays = [np.array([1, 2, 255]), np.array([], np.uint8), np.array([65535, 0])]
    unpacked = list(unpack_arrays(pack_arrays(arrays)))
    assert [values.tolist() for values in unpacked] == [values.tolist() for values in arrays]


def test_tokens_keep_their_leading_space() -> None:
    assert tokenize("a cat's 35mm  photo, 城") == [" a", " cat's", " 35", "mm", " ", " photo", ",", " 城"]
    assert tokenize("") == []


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (" cat", (" cat", LOWERCASE)),
        (" Cat", (" cat", CAPITALIZED)),
        (" CAT", (" cat", UPPERCASE)),
        (" A", (" a", CAPITALIZED)),
        (" McDonald", (" McDonald", None)),
        (" Éclair", (" Éclair", None)),
        (",", (",", None)),
    ],
)
def test_case_is_split_from_regular_words(token: str, expected: tuple[str, int | None]) -> None:
    assert split_case(token) == expected
