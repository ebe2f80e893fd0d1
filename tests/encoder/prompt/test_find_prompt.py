"""The source of a prompt. test_metadata.py tests what is read from metadata, test_caption.py the captioners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from codec.bitstream.settings import Settings
from codec.encoder.prompt.find_prompt import FROM_FILE, GIVEN, SUBJECT, UNKNOWN, find_prompt
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


def test_given_prompt_is_preferred():
    found = find_prompt(picture(INFOTEXT), "mine", "not this")
    assert (found.prompt, found.source) == (Prompt("mine", "not this"), GIVEN)
    assert find_prompt(picture(INFOTEXT), "").prompt == Prompt("", "")
    assert find_prompt(picture(INFOTEXT), "mine").prompt.negative == ""


def test_metadata_are_used_without_a_given_prompt():
    found = find_prompt(picture(INFOTEXT))
    text = "a castle on a hill, (matte painting:1.2)\nsecond line <lora:x:1>"
    assert found.prompt == Prompt(text, "blurry, text\nwatermark")
    assert (found.source, found.seed, found.settings) == (FROM_A1111, 1234567890, SETTINGS)
    assert find_prompt(picture(INFOTEXT), None, "mine").prompt == Prompt(text, "mine")


def test_picture_without_prompt_and_subject_has_no_text():
    for parameters in (None, "", " \n ", "Negative prompt: blurry\nSteps: 4, Sampler: Euler, Seed: 1", "\0\x01"):
        found = find_prompt(picture(parameters))
        assert (found.prompt, found.source) == (Prompt(), UNKNOWN)


def test_subject_is_named_without_a_prompt():
    cat = data.chelsea()
    found = find_prompt(Picture(cat))
    assert (found.prompt.text, found.source) == ("cat", SUBJECT)
    assert find_prompt(Picture(cat, {"parameters": INFOTEXT}), captioner="subject").prompt.text == "cat"
    assert find_prompt(Picture(cat), captioner="none").prompt == Prompt()


def test_metadata_of_a_png_are_read():
    found = find_prompt(load(encode_png(PIXELS, {"parameters": INFOTEXT + ", Template: 猫"})))
    assert (found.source, found.settings) == (FROM_A1111, SETTINGS)


def test_invalid_prompts_are_rejected():
    for text in ("\ud800", "x" * 5000):
        with pytest.raises(InvalidLayer):
            find_prompt(picture(), text)


def test_size_is_kept_only_if_it_differs_from_the_picture():
    found = find_prompt(Picture(np.zeros((768, 512, 3), np.uint8), {"parameters": INFOTEXT}))
    assert found.settings == replace(SETTINGS, size=None)
    bare = "a cat\nSteps: x, Sampler: y, Size: 8x8"
    assert find_prompt(picture(bare)).settings is None
