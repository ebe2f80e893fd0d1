"""The codec and the reader in FORMAT.md reject semantic and pose payloads that an encoder would not write."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from codec import Pose, Prompt
from codec.bitstream.range_coder import Coder
from codec.errors import Corrupt
from codec.semantic import prompt, word_model
from codec.semantic.match_model import MatchModel
from tests import samples
from tests.format_reader import format_reader

WORDS, CHARACTERS = range(2)
TEXTS = ("", "x", "a red House by the SEA", "the sea, the sea, Xyzzyx the sea", "霧の中の城、水彩画", "a  b c's 12 ")


def rejects_prompt(payload: bytes) -> bool:
    """Return whether the codec and the reader both reject a semantic payload; fail if only one of them does."""
    reader = format_reader()
    try:
        content = reader.read_semantic(payload)
    except reader.Reject:
        with pytest.raises(Corrupt):
            Prompt.from_bytes(payload)
        return True
    assert Prompt.from_bytes(payload) == Prompt(*content)
    return False


def forms(content: Prompt) -> list[bytes]:
    """Return the payloads of all forms."""
    return [content._encode(WORDS), content._encode(CHARACTERS), content._encode_plain()]


@pytest.mark.parametrize("text", TEXTS)
def test_bytes_after_a_prompt_are_rejected(text: str) -> None:
    payload = Prompt(text, "blurry").to_bytes()
    assert not rejects_prompt(payload)
    assert all(rejects_prompt(payload + end) for end in (b"\0", b"\1", b"\xff"))


def test_two_empty_texts_are_rejected() -> None:
    _, characters, plain = forms(Prompt())  # in words they take no bytes, as an absent layer
    assert all(rejects_prompt(payload) for payload in (b"\0", characters, plain, b"\xff\xff", b"\xffa\xff"))


@pytest.mark.parametrize("form", [WORDS, CHARACTERS])
@pytest.mark.parametrize("negative", ["blurry", "nsfw", ""])
def test_a_negative_prompt_of_the_list_or_an_empty_one_is_not_coded_as_text(
    monkeypatch: pytest.MonkeyPatch, form: int, negative: str
) -> None:
    monkeypatch.setattr(prompt, "_NO_NEGATIVE", 1)
    monkeypatch.setattr(prompt, "_negative_kind", lambda _: 1)
    payload = Prompt("x", negative)._encode(form)
    monkeypatch.undo()
    assert rejects_prompt(payload)


@pytest.mark.parametrize("field, value", [("symbols", {}), ("letters", "")])
def test_what_the_table_has_is_not_spelled(monkeypatch: pytest.MonkeyPatch, field: str, value: Any) -> None:
    table = replace(word_model.load_table(), **{field: value})
    with monkeypatch.context() as patch:
        patch.setattr(word_model, "load_table", lambda: table)
        payload = Prompt("a xyzzyx castle")._encode(WORDS)
    assert rejects_prompt(payload)


@pytest.mark.parametrize(
    "name, tokens",
    [
        ("split_case", lambda token: (token, None)),  # capitals are spelled
        ("tokenize", lambda text: [f" {text}"]),  # one token for all words
        ("tokenize", lambda text: list(f" {text}")),  # a token for each letter
    ],
)
def test_a_text_has_one_sequence_of_tokens(
    monkeypatch: pytest.MonkeyPatch, name: str, tokens: Callable[[str], object]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(word_model, name, tokens)
        payload = Prompt("A Xyzzyx castle")._encode(WORDS)
    assert rejects_prompt(payload)


@pytest.mark.parametrize("form", [WORDS, CHARACTERS])
def test_a_prediction_that_is_true_must_be_used(monkeypatch: pytest.MonkeyPatch, form: int) -> None:
    def miss(self: MatchModel, coder: Coder, symbol: str | None) -> str | None:
        return code(self, coder, "none of them")

    code = MatchModel.code
    with monkeypatch.context() as patch:
        patch.setattr(MatchModel, "code", miss)
        payload = Prompt("a red house, a red house, a red house")._encode(form)
    assert rejects_prompt(payload)


@pytest.mark.parametrize("seed", range(100))
def test_of_random_bytes_the_reader_accepts_what_a_form_writes(seed: int) -> None:
    reader, rng = format_reader(), random.Random(seed)
    payload = rng.randbytes(rng.randint(1, 6))
    try:
        content = Prompt(*reader.read_semantic(payload))
    except reader.Reject:
        with pytest.raises(Corrupt):
            Prompt.from_bytes(payload)
        return
    assert payload in forms(content)


@pytest.mark.parametrize("seed", range(60))
def test_codec_and_reader_reject_the_same_poses(seed: int) -> None:
    reader, rng = format_reader(), random.Random(seed)
    payload = samples.pose().to_bytes() if seed % 2 else Pose(()).to_bytes()
    end = bytes(seed // 20) if seed < 40 else rng.randbytes(1)
    payload = payload[: len(payload) - seed % 3] + end
    try:
        expected = [list(person) for person in Pose.from_bytes(payload).persons]
    except Corrupt:
        with pytest.raises(reader.Reject):
            reader.read_structure(payload)
        return
    assert reader.read_structure(payload) == expected
