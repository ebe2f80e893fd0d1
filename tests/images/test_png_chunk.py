"""A .tril file embedded in a PNG."""

from __future__ import annotations

import binascii
import io
import random
import struct

import numpy as np
import pytest
from PIL import Image

import codec
from codec import CodecError, Layers, Prompt
from codec.cli.main import main
from codec.errors import ImageError
from codec.images import png_chunk
from codec.images.io import encode_png, load
from tests.fuzz.mutator import mutate

PIXELS = np.indices((40, 60)).transpose(1, 2, 0)[..., [0, 1, 1]].astype(np.uint8)  # a gradient, which is soon encoded
LAYERS = Layers(60, 40, Prompt("a cat"), seed=5)
PNG = encode_png(PIXELS)
OURS = png_chunk.embed(PNG, LAYERS.to_bytes())


def test_embedded_file_is_extracted_and_the_picture_unchanged():
    assert png_chunk.extract(OURS) == png_chunk.unwrap(OURS) == LAYERS.to_bytes()
    assert (np.array(Image.open(io.BytesIO(OURS))) == PIXELS).all()
    assert len(OURS) == len(PNG) + 12 + len(LAYERS.to_bytes())
    assert png_chunk.embed(OURS, LAYERS.to_bytes()) == OURS
    assert load(OURS).tril == LAYERS.to_bytes() and load(PNG).tril is None
    assert png_chunk.extract(PNG) is png_chunk.extract(b"") is png_chunk.extract(LAYERS.to_bytes()) is None
    assert png_chunk.unwrap(LAYERS.to_bytes()) == LAYERS.to_bytes()


def test_other_programs_drop_the_chunk():
    out = io.BytesIO()
    Image.open(io.BytesIO(OURS)).save(out, "PNG")
    assert png_chunk.extract(out.getvalue()) is None


def chunk(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + b"trIL" + data + struct.pack(">I", binascii.crc32(b"trIL" + data))


@pytest.mark.parametrize(
    "inside", [chunk(b"x")[:-1] + b"!", chunk(b"x") * 2, chunk(b"x" * 65_537), struct.pack(">I", 1 << 31) + b"trIL"]
)
def test_damaged_chunk_is_one_error_and_the_picture_still_opens(inside):
    with pytest.raises(ImageError, match="layers inside the picture are damaged"):
        png_chunk.extract(PNG[:33] + inside + PNG[33:])
    if len(inside) > 12:
        assert load(PNG[:33] + inside + PNG[33:]).tril is None


def test_any_truncation_or_flipped_byte_raises_at_most_a_codec_error():
    for at in range(len(LAYERS.to_bytes()) + 60):
        flipped = bytearray(OURS)
        flipped[at] ^= 0x11
        for data in (OURS[:at], bytes(flipped)):
            try:
                png_chunk.unwrap(data)
            except CodecError:
                continue


@pytest.mark.parametrize("data", [b"", b"hello", PNG[:12]])
def test_only_a_png_can_carry_layers(data):
    with pytest.raises(ImageError):
        png_chunk.embed(data, LAYERS.to_bytes())
    with pytest.raises(ImageError):
        png_chunk.embed(PNG, b"x" * 65_537)


def test_encoding_a_picture_with_embedded_layers_returns_these():
    assert codec.encode(OURS) == LAYERS
    quick = {"edges": "canny", "grid": 4}
    assert codec.encode(OURS, prompt="a dog", **quick).semantic == Prompt("a dog")
    assert codec.encode(png_chunk.embed(PNG, b"junk")).semantic != LAYERS.semantic


def test_command_line_writes_and_reads_embedded_layers(tmp_path, capsys):
    (tmp_path / "a.tril").write_bytes(LAYERS.to_bytes())
    assert main(["decode", str(tmp_path / "a.tril"), "-o", str(tmp_path / "a.png"), "--with-layers"]) == 0
    assert main(["inspect", str(tmp_path / "a.png")]) == 0
    assert "a cat" in capsys.readouterr().out
    assert main(["encode", str(tmp_path / "a.png"), "-o", str(tmp_path / "b.tril")]) == 0
    assert (tmp_path / "b.tril").read_bytes() == LAYERS.to_bytes()


def test_any_mutation_gives_the_layers_unchanged_or_one_clear_error():
    rng, intact, refused = random.Random(4), 0, 0
    for _ in range(1500):
        head = mutate(rng, OURS[: 120 + len(LAYERS.to_bytes())])
        try:
            tril = png_chunk.extract(head)
        except CodecError as error:
            refused += 1
            assert str(error).isprintable()
        else:
            intact += tril is not None
            assert tril in (None, LAYERS.to_bytes())
    assert intact > 100 and refused > 100
