"""Every text survives encoding exactly, and short texts take fewer bytes than with brotli."""

from __future__ import annotations

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.errors import Corrupt, InvalidLayer
from codec.semantic.prompt import NEGATIVES, Prompt
from tests.samples import prompts

# not in the training data of the word model
PROMPTS = [
    "a lighthouse on a cliff in a storm",
    "portrait of an old fisherman with a pipe",
    "two cats sleeping on a windowsill",
    "a bowl of oranges, oil painting",
    "an empty street in Tokyo at night, neon reflections on wet asphalt, cinematic, 35mm",
    "isometric cutaway of a tiny library, warm light, highly detailed, trending on artstation, 8k",
    "a knight riding a snail through a mushroom forest, storybook illustration, soft colors",
    "Mountain lake at dawn, mist, pine trees, long exposure photograph",
]
OTHER_TEXTS = [
    "日本の城、霧の中",
    "замок на холме у реки, закат",
    "قلعة على تل بجانب نهر",
    "एक पहाड़ी पर नदी के किनारे एक महल",
    "ένα κάστρο σε έναν λόφο",
    "강가 언덕 위의 성, 유화, 석양",
    "một lâu đài trên đồi bên dòng sông",
    "🐺🤖🏳️‍🌈🎨",
    "1girl, solo, long_hair, blue_eyes, looking_at_viewer, school_uniform, cherry_blossoms",
    "(masterpiece:1.2), (best quality:1.4), ((intricate)), [blurry:0.5], <lora:add_detail:0.8>",
    "a cat, " * 200,
    "x" * 4096,
    "Ā" * 2048,
    "日本の城、霧の中。" * 30,
    "A CASTLE By The river. " * 30,
]


@given(prompts)
@settings(max_examples=50)
def test_payload_round_trip(prompt: Prompt) -> None:
    assert Prompt.from_bytes(prompt.to_bytes()) == prompt


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\n", "\0", "é", "日本の城、霧", "🦊🏳️‍🌈", "\u202eevil"),
        *("(masterpiece:1.2), <lora:add_detail:0.8>", "x" * 4096, "Ā" * 2048),
    ],
)
def test_unusual_texts_round_trip(text: str) -> None:
    assert Prompt.from_bytes(Prompt(text).to_bytes()).text == text
    assert Prompt.from_bytes(Prompt(text, text).to_bytes()) == Prompt(text, text)


@pytest.mark.parametrize(
    "text", ["Mary", "MARY", "McDonald", "iPhone 4K", " a", "a ", "  ", "a  b", "don't DON'T Don't", "A B", "ﬁß"]
)
def test_letter_case_and_spaces_round_trip(text: str) -> None:
    for prompt in (Prompt(text), Prompt("a", text), Prompt(text, text.lower())):
        assert Prompt.from_bytes(prompt.to_bytes()) == prompt


@pytest.mark.parametrize("text", PROMPTS)
def test_prompt_takes_less_than_half_of_brotli(text: str) -> None:
    assert len(Prompt(text).to_bytes()) < 0.4 * len(brotli.compress(text.encode(), quality=11))


@pytest.mark.parametrize("text", OTHER_TEXTS)
def test_other_scripts_tags_and_repetitions_take_less_than_utf8_and_brotli(text: str) -> None:
    size = len(Prompt(text).to_bytes())
    brotli_overhead = 2
    assert size <= len(text.encode())
    assert size < len(brotli.compress(text.encode(), quality=11)) - brotli_overhead


@pytest.mark.parametrize("text", ["%$§&/=?`´*+~", "\x01\x02\x03\x04" * 2, "q", "zq}~j#Xw!"])
def test_incompressible_text_takes_one_byte_more_than_utf8(text: str) -> None:
    assert len(Prompt(text).to_bytes()) <= len(text.encode()) + 1


@pytest.mark.parametrize("negative", NEGATIVES)
def test_preset_negative_prompt_takes_one_byte(negative: str) -> None:
    prompt = Prompt(PROMPTS[0], negative)
    assert len(prompt.to_bytes()) <= len(Prompt(PROMPTS[0]).to_bytes()) + 1
    assert Prompt.from_bytes(prompt.to_bytes()) == prompt


def test_preset_negative_prompts_are_distinct() -> None:
    assert len(set(NEGATIVES)) == len(NEGATIVES) == 40


def test_empty_prompt_takes_no_bytes() -> None:
    assert Prompt().to_bytes() == b""
    assert Prompt.from_bytes(b"") == Prompt()


@given(st.binary(max_size=60))
def test_any_bytes_decode_canonically_or_raise_corrupt(payload: bytes) -> None:
    try:
        prompt = Prompt.from_bytes(payload)
    except Corrupt as error:
        assert error.layers == ("semantic",)
    else:
        assert prompt.to_bytes() == payload


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "x" * 4097, "é" * 2049, b"bytes", None])
def test_invalid_texts_are_rejected(text: str) -> None:
    with pytest.raises(InvalidLayer):
        Prompt(text)
    with pytest.raises(InvalidLayer):
        Prompt("", text)


def test_payload_does_not_depend_on_prompts_coded_before() -> None:
    payload = Prompt(PROMPTS[0]).to_bytes()
    Prompt("zzz " * 300, "qqq").to_bytes()
    assert Prompt(PROMPTS[0]).to_bytes() == payload


def test_render_draws_the_text() -> None:
    card = Prompt("a castle").render(200, 100)
    assert card.shape == (100, 200, 3)
    assert (card != Prompt("a river").render(200, 100)).any()
