"""Where a prompt comes from. What is read from metadata: test_metadata.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec.bitstream.settings import Settings
from codec.encoder.prompt.find_prompt import FROM_FILE, GIVEN, NO_CAPTIONER, find_prompt
from codec.errors import InvalidLayer
from codec.images.io import Picture, encode_png, load
from codec.semantic.prompt import Prompt

PIXELS = np.full((8, 8, 3), (20, 60, 220), np.uint8)
INFOTEXT = """a castle on a hill, (matte painting:1.2)
second line <lora:x:1>
Negative prompt: blurry, text
watermark
Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 1234567890, Size: 512x768, Model hash: 6ce0, Model: v1-5"""
SETTINGS = Settings(steps=20, guidance=7.5, sampler="dpmpp_2m_karras", model="v1-5", size=(512, 768))
FROM_A1111 = FROM_FILE.format(tool="AUTOMATIC1111")


def picture(parameters: str | None = None) -> Picture:
    return Picture(PIXELS, {} if parameters is None else {"parameters": parameters})


def test_what_is_given_wins():
    found = find_prompt(picture(INFOTEXT), "mine", "not this")
    assert (found.prompt, found.source) == (Prompt("mine", "not this"), GIVEN)
    assert find_prompt(picture(INFOTEXT), "").prompt == Prompt("", "")
    assert find_prompt(picture(INFOTEXT), "mine").prompt.negative == ""


def test_then_the_files_own_metadata():
    found = find_prompt(picture(INFOTEXT))
    text = "a castle on a hill, (matte painting:1.2)\nsecond line <lora:x:1>"
    assert found.prompt == Prompt(text, "blurry, text\nwatermark")
    assert (found.source, found.seed, found.settings) == (FROM_A1111, 1234567890, SETTINGS)
    assert find_prompt(picture(INFOTEXT), None, "mine").prompt == Prompt(text, "mine")


def test_then_a_description():
    for parameters in (None, "", " \n ", "Negative prompt: blurry\nSteps: 4, Sampler: Euler, Seed: 1", "\0\x01"):
        found = find_prompt(picture(parameters))
        assert (found.prompt.text, found.source) == ("plain bright blue", NO_CAPTIONER)


def test_it_survives_a_real_file():
    found = find_prompt(load(encode_png(PIXELS, {"parameters": INFOTEXT + ", Template: 猫"})))
    assert (found.source, found.settings) == (FROM_A1111, SETTINGS)


def test_a_given_text_that_no_prompt_holds_is_an_error():
    for text in ("\ud800", "x" * 5000):
        with pytest.raises(InvalidLayer):
            find_prompt(picture(), text)


def test_the_size_is_kept_only_where_it_is_not_the_pictures():
    found = find_prompt(Picture(np.zeros((768, 512, 3), np.uint8), {"parameters": INFOTEXT}))
    assert found.settings == replace(SETTINGS, size=None)
    bare = "a cat\nSteps: x, Sampler: y, Size: 8x8"
    assert find_prompt(picture(bare)).settings is None
