"""Texts of PNG files: every kind of chunk and encoding, and decompression bombs."""

from __future__ import annotations

import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from codec.images.io import encode_png, load
from tests.images.image_files import RED_LEFT, chunk, saved


def test_png_texts_of_all_three_chunk_types_are_read():
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a cat")
    info.add_text("packed", "b" * 500, zip=True)
    info.add_itxt("wide", "猫")
    info.add_itxt("wide packed", "猫" * 100, zip=True)
    data = saved(Image.fromarray(RED_LEFT), "PNG", pnginfo=info)
    wanted = {"parameters": "a cat", "packed": "b" * 500, "wide": "猫", "wide packed": "猫" * 100}
    assert load(data).texts == wanted


def test_texts_after_the_pixels_and_utf8_in_latin1_chunks_are_read():
    end = chunk(b"IEND", b"")
    data = encode_png(RED_LEFT).removesuffix(end)
    data += chunk(b"tEXt", b"one\0caf\xe9") + chunk(b"tEXt", "two\0café".encode()) + end
    assert load(data).texts == {"one": "café", "two": "café"}


def test_text_bombs_are_ignored():
    bomb = zlib.compress(bytes(50_000_000), 9)
    end = chunk(b"IEND", b"")
    data = encode_png(RED_LEFT).removesuffix(end)
    data += chunk(b"zTXt", b"a\0\0" + bomb) + chunk(b"iTXt", b"b\0\1\0\0\0" + bomb)
    data += chunk(b"iCCP", b"c\0\0" + bomb) + chunk(b"tEXt", b"d\0" + bytes(2_000_000))
    data += b"".join(chunk(b"tEXt", b"k%d\0x" % i) for i in range(1000)) + end
    picture = load(data)
    assert np.array_equal(picture.pixels, RED_LEFT)
    assert len(picture.texts) == 64 and set(picture.texts.values()) == {"x"}


@given(st.dictionaries(st.text("abc XYZ", min_size=1, max_size=20), st.text(), max_size=4))
def test_texts_are_read_back(text):
    text = {key: value.replace("\0", "").replace("\r", "") for key, value in text.items()}
    wanted = {key: value for key, value in text.items() if value}
    assert load(encode_png(RED_LEFT, text)).texts == wanted
