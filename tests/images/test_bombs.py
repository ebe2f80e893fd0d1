"""Small files that ask for much: refused, or opened without what is too large. `python -m tests.bombs`: the figures."""

from __future__ import annotations

import io
import random
import struct

import numpy as np
import pytest
from PIL import Image

from codec.errors import ImageError
from codec.images import avif
from codec.images.io import load
from tests.bombs.__main__ import Cost, costs
from tests.bombs.files import AVIF, MEGABYTE, OPENED, REFUSED, avif_around, avif_of, chunk, png, saved

# wide: so much is no bomb at work, whatever else the machine does
MS, MB = 2000, 25


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cost]:
    """All of them, loaded in one process of their own."""
    folder = tmp_path_factory.mktemp("bombs")
    names = [*REFUSED, *OPENED]
    paths = [folder / str(number) for number in range(len(names))]
    for path, make in zip(paths, [*REFUSED.values(), *OPENED.values()], strict=True):
        path.write_bytes(make())
    return dict(zip(names, costs(paths), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_a_bomb_is_refused_and_costs_little(found: dict[str, Cost], name: str) -> None:
    cost = found[name]
    assert cost.outcome.startswith("the picture ") and "\n" not in cost.outcome
    assert cost.ms < MS and cost.mb < MB


@pytest.mark.parametrize("name", OPENED)
def test_what_is_too_large_is_left_out_at_little_cost(found: dict[str, Cost], name: str) -> None:
    cost = found[name]
    assert cost.outcome == "16 x 16" and cost.ms < MS and cost.mb < MB


def test_the_measure_sees_a_picture_that_is_large(tmp_path) -> None:
    path = tmp_path / "large"
    path.write_bytes(saved(4000, "PNG"))
    cost = costs([path])[0]
    assert cost.outcome == "4000 x 4000" and cost.mb > 40 and cost.ms > 10


def test_all_texts_of_a_png_together_have_a_mebibyte() -> None:
    many = [chunk(b"zTXt", b"%d\0\0" % number + MEGABYTE) for number in range(3)]
    small = [chunk(b"tEXt", b"name\0x"), chunk(b"tEXt", b"name\0y")]
    assert {key: len(text) for key, text in load(png(*many, *small)).texts.items()} == {"0": 1 << 20}
    assert load(png(*small, *many)).texts == {"name": "x"}


# --- AVIF: what is coded, whatever the boxes say


def colored(kind: str = "RGB", size: tuple[int, int] = (300, 200), **options: object) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], len(kind)), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise, kind).save(out, "AVIF", speed=10, **options)
    return out.getvalue()


def test_the_coded_sizes_of_an_avif() -> None:
    assert avif.coded_sizes(colored()) == [(300, 200)]
    assert avif.coded_sizes(colored("RGBA", (64, 4096))) == [(64, 4096)] * 2
    assert avif.coded_sizes(OPENED["AVIF of 100 frames"]()) == [(16, 16)] * 2  # as a picture, and as a film
    assert avif.coded_sizes(AVIF.read_bytes()) == avif.coded_sizes(avif_of(16, AVIF.read_bytes())) == [(10_000, 10_000)]


def bits(*fields: tuple[int, int]) -> bytes:
    """(value, count) each -> an AV1 sequence header of these fields."""
    text = "".join(f"{value:0{count}b}" for value, count in fields)
    body = int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")
    return b"\x0a" + bytes([len(body)]) + body


def sequence(width: int, height: int, count: int = 12, *, timed: bool = False) -> bytes:
    """One of a film, with all that may stand before the size where it is timed."""
    start = [(0, 3), (0, 1), (0, 1)]
    if timed:
        start += [(1, 1), (1, 32), (25, 32), (1, 1), (1, 3), (2, 2), (1, 1), (9, 5), (1, 32), (3, 5), (4, 5)]
        start += [(1, 1), (1, 5)]  # displayed with a delay, two operating points
        start += [(1, 12), (8, 5), (1, 1), (1, 1), (5, 10), (6, 10), (0, 1), (1, 1), (7, 4)]
        start += [(1, 12), (3, 5), (0, 1), (0, 1)]
    else:
        start += [(0, 1), (0, 1), (0, 5), (0, 12), (3, 5)]
    return bits(*start, (count - 1, 4), (count - 1, 4), (width - 1, count), (height - 1, count))


def test_the_size_in_a_sequence_header_of_any_form() -> None:
    for timed in (False, True):
        assert avif.coded_sizes(avif_around(sequence(1234, 567, timed=timed))) == [(1234, 567)]
    assert avif.coded_sizes(avif_around(sequence(9, 8) + sequence(4096, 4096))) == [(9, 8), (4096, 4096)]
    with pytest.raises(ImageError, match="may be larger"):  # a frame of it can have 65,536 a side
        avif.coded_sizes(avif_around(sequence(16, 16, 16)))


def test_parts_that_are_too_many_or_none() -> None:
    head, frame = sequence(16, 16), b"\x32\x01x"
    assert avif.coded_sizes(avif_around(head + frame * avif.MAX_FRAMES)) == [(16, 16)]
    for coded in (head + frame * (avif.MAX_FRAMES + 1), head + b"\x12\0" * 5000):
        with pytest.raises(ImageError, match="too many"):
            avif.coded_sizes(avif_around(coded))
    with pytest.raises(ImageError, match="more images"):
        load(avif_around(sequence(4096, 4096) * 4))
    for coded in (b"", frame):
        with pytest.raises(ImageError, match="without a picture"):
            avif.coded_sizes(avif_around(coded))


def test_damaged_boxes_raise_only_what_is_told() -> None:
    chance = random.Random(5)
    film, made = OPENED["AVIF of 100 frames"]()[:900], avif_around(sequence(8, 8, timed=True))
    sources = [colored("RGBA", (16, 16)), film, made]
    refused = 0
    for _ in range(4000):
        data = bytearray(chance.choice(sources))
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 255, chance.randrange(256)))
        try:
            assert all(width > 0 and height > 0 for width, height in avif.coded_sizes(bytes(data)))
        except (ImageError, struct.error, IndexError):
            refused += 1
    assert 100 < refused < 4000
