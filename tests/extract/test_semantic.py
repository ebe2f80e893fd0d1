"""Where a prompt comes from, and what is read from AUTOMATIC1111's metadata."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import InvalidLayer
from codec.extract.semantic import DESCRIBED, FROM_FILE, GIVEN, find_prompt, read_parameters
from codec.image import Picture, encode_png, load
from codec.semantic import Prompt
from codec.settings import Settings

PIXELS = np.full((8, 8, 3), (20, 60, 220), np.uint8)
INFOTEXT = """a castle on a hill, (matte painting:1.2)
second line <lora:x:1>
Negative prompt: blurry, text
watermark
Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 1234567890, Size: 512x768, Model hash: 6ce0, Model: v1-5"""
SETTINGS = Settings(steps=20, guidance=7.5, sampler="dpmpp_2m_karras", model="v1-5")


def picture(parameters: str | None = None) -> Picture:
    return Picture(PIXELS, {} if parameters is None else {"parameters": parameters})


def test_what_is_given_wins():
    found = find_prompt(picture(INFOTEXT), "mine", "not this")
    assert (found.prompt, found.origin) == (Prompt("mine", "not this"), GIVEN)
    assert find_prompt(picture(INFOTEXT), "").prompt == Prompt("", "")
    assert find_prompt(picture(INFOTEXT), "mine").prompt.negative == ""


def test_then_the_files_own_metadata():
    found = find_prompt(picture(INFOTEXT))
    text = "a castle on a hill, (matte painting:1.2)\nsecond line <lora:x:1>"
    assert found.prompt == Prompt(text, "blurry, text\nwatermark")
    assert (found.origin, found.seed, found.settings) == (FROM_FILE, 1234567890, SETTINGS)
    assert find_prompt(picture(INFOTEXT), None, "mine").prompt == Prompt(text, "mine")


def test_then_a_description():
    for parameters in (None, "", " \n ", "Negative prompt: blurry\nSteps: 4, Sampler: Euler, Seed: 1", "\0\x01"):
        found = find_prompt(picture(parameters))
        assert (found.prompt.text, found.origin) == ("plain bright blue", DESCRIBED)


def test_it_survives_a_real_file():
    found = find_prompt(load(encode_png(PIXELS, {"parameters": INFOTEXT + ", Template: 猫"})))
    assert (found.origin, found.settings) == (FROM_FILE, SETTINGS)


def test_a_given_text_that_no_prompt_holds_is_an_error():
    for text in ("\ud800", "x" * 5000):
        with pytest.raises(InvalidLayer):
            find_prompt(picture(), text)


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("just a prompt", Prompt("just a prompt")),
        ("a prompt\nNegative prompt: bad", Prompt("a prompt", "bad")),
        ("Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 4", Prompt()),
        ("steps: are mentioned, here: too", Prompt("steps: are mentioned, here: too")),
        ("two\r\nlines\r\nSteps: 20, Sampler: Euler", Prompt("two\nlines")),
        ("a\tb\x00\x1b[31mc\x9f\ud800", Prompt("a\tb[31mc?")),
        ("a\nSteps: 20, Sampler: Euler, Seed: 4\nTemplate: more, of: this, and: that", Prompt("a")),
    ],
)
def test_forms_of_the_text(text, prompt):
    assert read_parameters(text).prompt == prompt


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("Steps: 20, Sampler: Euler a", Settings(steps=20, sampler="euler_a")),
        ("Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras", Settings(steps=20, sampler="dpmpp_2m_karras")),
        ("Steps: 20, Sampler: DPM++ 2M, Schedule type: Odd", Settings(steps=20, sampler="dpmpp_2m")),
        ("Steps: 20, Sampler: PLMS", Settings(steps=20, sampler="pndm")),
        ("Steps: 20, Sampler: unheard of", Settings(steps=20)),
        ("Steps: 20, CFG scale: 7.1", Settings(steps=20, guidance=7.0)),
        ("Steps: 999, CFG scale: 99, Model: ok", Settings(model="ok")),
        ("Steps: 20, CFG scale: nan, Model: " + "m" * 80, Settings(steps=20)),
        ('Steps: 20, Model: "a, quoted: name"', Settings(steps=20, model="a, quoted: name")),
        ("Steps: 99999999999999999999999, Seed: -1", None),
    ],
)
def test_settings_that_make_sense_are_kept(line, settings):
    assert read_parameters(f"a\n{line}").settings == settings


def test_a_seed_out_of_range_is_left_out():
    assert read_parameters("a\nSteps: 2, Seed: 4294967295, Size: 1x1").seed == 4294967295
    for seed in ("4294967296", "-1", "x", "1.5", "١٢"):
        assert read_parameters(f"a\nSteps: 2, Seed: {seed}, Size: 1x1").seed is None


def test_a_long_prompt_is_cut_to_what_a_prompt_holds():
    found = read_parameters("猫" * 5000 + "\nNegative prompt: " + "n" * 5000 + "\nSteps: 20, Sampler: Euler")
    assert found.prompt == Prompt("猫" * 1365, "n" * 4096)


@pytest.mark.parametrize("part", ["a", "a:", 'a:"', "Steps: 1", "a: b, ", "\\", "Negative prompt:\n", "x\n", ":,"])
def test_a_megabyte_of_anything_is_read(part):
    text = part * ((1 << 20) // len(part))
    assert len(read_parameters(text).prompt.text.encode()) <= 4096


@given(st.text(st.characters(), max_size=300))
def test_any_text_gives_a_prompt_or_none(text):
    found = read_parameters("Steps: 3, " + text)
    assert found is None or isinstance(found.prompt, Prompt)
    found = find_prompt(picture(text))
    assert found.prompt.text and len(found.prompt.to_bytes()) > 0
