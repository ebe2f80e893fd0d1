"""Picture bombs are refused or opened without their oversized parts; `python -m tests.bombs` prints what they cost."""

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
from tests.bombs.__main__ import Cost, measure_in_child
from tests.bombs.files import AVIF, MEGABYTE, OPENED, REFUSED, avif_around, avif_of, chunk, png, saved

# generous: a bomb that goes off costs far more, even on a busy machine
MAX_MS, MAX_MB = 2000, 25
CONTROL = "a legitimate PNG of 4,000 x 4,000"


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cost]:
    """The cost of every bomb and of a large picture, loaded in one process of their own."""
    folder = tmp_path_factory.mktemp("bombs")
    files = {**REFUSED, **OPENED, CONTROL: lambda: saved(4000, "PNG")}
    paths = [folder / str(number) for number in range(len(files))]
    for path, make in zip(paths, files.values(), strict=True):
        path.write_bytes(make())
    return dict(zip(files, measure_in_child(paths), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_bomb_is_refused_at_little_cost(costs: dict[str, Cost], name: str) -> None:
    cost = costs[name]
    assert cost.outcome.startswith("the picture ") and "\n" not in cost.outcome
    assert cost.ms < MAX_MS and cost.mb < MAX_MB


@pytest.mark.parametrize("name", OPENED)
def test_oversized_part_is_dropped_at_little_cost(costs: dict[str, Cost], name: str) -> None:
    cost = costs[name]
    assert cost.outcome == "16 x 16" and cost.ms < MAX_MS and cost.mb < MAX_MB


def test_measurement_shows_the_cost_of_a_large_picture(costs: dict[str, Cost]) -> None:
    cost = costs[CONTROL]
    assert cost.outcome == "4000 x 4000" and cost.mb > 40 and cost.ms > 10


def test_texts_of_a_png_are_limited_to_one_mebibyte_in_all() -> None:
    many = [chunk(b"zTXt", b"%d\0\0" % number + MEGABYTE) for number in range(3)]
    small = [chunk(b"tEXt", b"name\0x"), chunk(b"tEXt", b"name\0y")]
    assert {key: len(text) for key, text in load(png(*many, *small)).texts.items()} == {"0": 1 << 20}
    assert load(png(*small, *many)).texts == {"name": "x"}


# --- AVIF: coded sizes, whatever the boxes declare


def colored(kind: str = "RGB", size: tuple[int, int] = (300, 200), **options: object) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], len(kind)), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise, kind).save(out, "AVIF", speed=10, **options)
    return out.getvalue()


def test_coded_sizes_of_an_avif() -> None:
    assert avif.coded_sizes(colored()) == [(300, 200)]
    assert avif.coded_sizes(colored("RGBA", (64, 4096))) == [(64, 4096)] * 2
    assert avif.coded_sizes(OPENED["AVIF of 100 frames"]()) == [(16, 16)] * 2  # as a still picture and as an animation
    assert avif.coded_sizes(AVIF.read_bytes()) == avif.coded_sizes(avif_of(16, AVIF.read_bytes())) == [(10_000, 10_000)]


def bits(*fields: tuple[int, int]) -> bytes:
    """Return an AV1 sequence header of fields given as (value, number of bits)."""
    text = "".join(f"{value:0{count}b}" for value, count in fields)
    body = int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")
    return b"\x0a" + bytes([len(body)]) + body


def sequence(width: int, height: int, count: int = 12, *, timed: bool = False) -> bytes:
    """Return the sequence header of an animation; `timed`: with every optional field before the frame size."""
    start = [(0, 3), (0, 1), (0, 1)]
    if timed:
        start += [(1, 1), (1, 32), (25, 32), (1, 1), (1, 3), (2, 2), (1, 1), (9, 5), (1, 32), (3, 5), (4, 5)]
        start += [(1, 1), (1, 5)]  # displayed with a delay, two operating points
        start += [(1, 12), (8, 5), (1, 1), (1, 1), (5, 10), (6, 10), (0, 1), (1, 1), (7, 4)]
        start += [(1, 12), (3, 5), (0, 1), (0, 1)]
    else:
        start += [(0, 1), (0, 1), (0, 5), (0, 12), (3, 5)]
    return bits(*start, (count - 1, 4), (count - 1, 4), (width - 1, count), (height - 1, count))


def test_frame_size_is_read_from_any_sequence_header() -> None:
    for timed in (False, True):
        assert avif.coded_sizes(avif_around(sequence(1234, 567, timed=timed))) == [(1234, 567)]
    assert avif.coded_sizes(avif_around(sequence(9, 8) + sequence(4096, 4096))) == [(9, 8), (4096, 4096)]
    with pytest.raises(ImageError, match="may be larger"):  # its frames can have sides of 65,536
        avif.coded_sizes(avif_around(sequence(16, 16, 16)))


def test_too_many_parts_and_none_are_refused() -> None:
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


def test_damaged_boxes_raise_only_the_documented_errors() -> None:
    chance = random.Random(5)
    animation, synthetic = OPENED["AVIF of 100 frames"]()[:900], avif_around(sequence(8, 8, timed=True))
    sources = [colored("RGBA", (16, 16)), animation, synthetic]
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
