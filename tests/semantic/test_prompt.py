"""Any text comes back exactly, short ones in fewer bytes than brotli's."""

from __future__ import annotations

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import Corrupt, InvalidLayer
from codec.semantic.prompt import NEGATIVES, Prompt
from tests.samples import prompts

UNSEEN = [
    "a lighthouse on a cliff in a storm",
    "portrait of an old fisherman with a pipe",
    "two cats sleeping on a windowsill",
    "a bowl of oranges, oil painting",
    "an empty street in Tokyo at night, neon reflections on wet asphalt, cinematic, 35mm",
    "isometric cutaway of a tiny library, warm light, highly detailed, trending on artstation, 8k",
    "a knight riding a snail through a mushroom forest, storybook illustration, soft colors",
    "Mountain lake at dawn, mist, pine trees, long exposure photograph",
]


@given(prompts)
def test_round_trip(prompt: Prompt) -> None:
    assert Prompt.from_bytes(prompt.to_bytes()) == prompt


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\n", "\0", "é", "日本の城、霧", "🦊🏳️‍🌈", "\u202eevil"),
        *("(masterpiece:1.2), <lora:add_detail:0.8>", "x" * 4096, "Ā" * 2048),
    ],
)
def test_texts_of_many_kinds(text: str) -> None:
    assert Prompt.from_bytes(Prompt(text).to_bytes()).text == text
    assert Prompt.from_bytes(Prompt(text, text).to_bytes()) == Prompt(text, text)


@pytest.mark.parametrize("text", UNSEEN)
def test_shorter_than_brotli(text: str) -> None:
    assert len(Prompt(text).to_bytes()) < 0.4 * len(brotli.compress(text.encode(), quality=11))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "日本の城、霧の中",
            "замок на холме у реки, закат",
            "قلعة على تل بجانب نهر",
            "एक पहाड़ी पर नदी के किनारे एक महल",
        ),
        *(
            "ένα κάστρο σε έναν λόφο",
            "강가 언덕 위의 성, 유화, 석양",
            "một lâu đài trên đồi bên dòng sông",
            "🐺🤖🏳️‍🌈🎨",
        ),
        "1girl, solo, long_hair, blue_eyes, looking_at_viewer, school_uniform, cherry_blossoms",
        "(masterpiece:1.2), (best quality:1.4), ((intricate)), [blurry:0.5], <lora:add_detail:0.8>",
        *("a cat, " * 200, "x" * 4096, "Ā" * 2048, "日本の城、霧の中。" * 30, "A CASTLE By The river. " * 30),
    ],
)
def test_other_scripts_tags_and_repetitions_cost_less_than_their_bytes_and_brotli(text: str) -> None:
    size = len(Prompt(text).to_bytes())
    assert size <= len(text.encode())
    assert size < len(brotli.compress(text.encode(), quality=11)) - 2  # its frame


def test_noise_costs_one_byte_more() -> None:
    for text in ("%$§&/=?`´*+~", "\x01\x02\x03\x04" * 2, "q", "zq}~j#Xw!"):
        assert len(Prompt(text).to_bytes()) <= len(text.encode()) + 1


@pytest.mark.parametrize(
    "text", ["Mary", "MARY", "McDonald", "iPhone 4K", " a", "a ", "  ", "a  b", "don't DON'T Don't", "A B", "ﬁß"]
)
def test_letter_cases_and_spaces_stay(text: str) -> None:
    for prompt in (Prompt(text), Prompt("a", text), Prompt(text, text.lower())):
        assert Prompt.from_bytes(prompt.to_bytes()) == prompt


@pytest.mark.parametrize("negative", NEGATIVES)
def test_a_known_negative_prompt_costs_a_byte(negative: str) -> None:
    prompt = Prompt(UNSEEN[0], negative)
    assert len(prompt.to_bytes()) <= len(Prompt(UNSEEN[0]).to_bytes()) + 1
    assert Prompt.from_bytes(prompt.to_bytes()) == prompt


def test_known_negative_prompts_are_there_once() -> None:
    assert len(set(NEGATIVES)) == len(NEGATIVES) == 40


def test_nothing_takes_no_bytes() -> None:
    assert Prompt().to_bytes() == b""
    assert Prompt.from_bytes(b"") == Prompt()


@given(st.binary(max_size=60))
def test_any_bytes_are_a_prompt_or_corrupt(payload: bytes) -> None:
    try:
        prompt = Prompt.from_bytes(payload)
    except Corrupt as error:
        assert error.layers == ("semantic",)
    else:
        assert prompt.to_bytes() == payload


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "x" * 4097, "é" * 2049])
def test_refuses_what_it_cannot_hold(text: str) -> None:
    with pytest.raises(InvalidLayer):
        Prompt(text)
    with pytest.raises(InvalidLayer):
        Prompt("", text)


def test_learning_one_prompt_does_not_change_the_next() -> None:
    first = Prompt(UNSEEN[0]).to_bytes()
    Prompt("zzz " * 300, "qqq").to_bytes()
    assert Prompt(UNSEEN[0]).to_bytes() == first


def test_renders_as_a_card() -> None:
    card = Prompt("a castle").render(200, 100)
    assert card.shape == (100, 200, 3)
    assert (card != Prompt("a river").render(200, 100)).any()
