"""SVG files of other editors by a generator: a line in random wrappers, whose place follows from their matrices."""

from __future__ import annotations

import random

import numpy as np
import pytest

from codec.errors import CodecError
from codec.images import svg
from tests.lanes import variants

WIDTH, HEIGHT = 200, 100
HIDDEN = [
    "<path style='display:none' d='M0 0h9' stroke='#000'/>", "<g visibility='hidden'><path d='M0 0h9'/></g>",
    "<path d='M0 0h9' stroke='none' fill='none'/>", "<path d='M0 0h9' opacity='0'/>", "<title>a</title>",
    "<defs><path d='M0 0h9' stroke='#000'/></defs>", "<mask id='m'><path d='M0 0h9' stroke='#fff'/></mask>",
    "<path class='gone' d='M0 0h9' stroke='#000'/>", "<path id='gone' d='M0 0h9' stroke='#000'/>",
    "<switch><g requiredExtensions='http://ns.adobe.com/'><path d='M0 0h9' stroke='#000'/></g></switch>",
    "<symbol id='s0'><path d='M0 0h9' stroke='#000'/></symbol>", "<!-- <path d='M0 0h9'/> -->",
]  # fmt: skip
SHAPES = [
    "<path d='M{0} {1}L{2} {3}' stroke='#000' fill='none'/>", "<path d='M{0},{1},{2},{3}' style='stroke:#000'/>",
    "<line x1='{0}' y1='{1}' x2='{2}' y2='{3}' stroke='black'/>", "<polyline points='{0},{1} {2},{3}' stroke='#111'/>",
    "<svg:polyline points=' {0} {1} , {2} {3} ' class='pen'/>",
]  # fmt: skip
STYLES = "<style>.gone,.x{display:none}#gone{visibility:hidden}/* } */.pen{stroke:#000;fill:none}</style>"


def matrix(a: float, b: float, c: float, d: float, e: float, f: float) -> np.ndarray:
    return np.array([[a, c, e], [b, d, f], [0, 0, 1.0]])


def wrap(inner: str, number: int, chance: random.Random) -> tuple[str, np.ndarray]:
    """Return a content in another element, and the matrix from its user units to those around it."""
    x, y, scale = chance.randint(-9, 9), chance.randint(-9, 9), chance.choice((0.5, 1, 1.5, 2))
    move = matrix(scale, 0, 0, scale, x, y)
    ways = [
        (f"<g transform='translate({x},{y}) scale({scale})'>{inner}</g>", move),
        (f"<g transform='matrix({scale} 0 0 {scale} {x} {y})'>{inner}</g>", move),
        (f"<g transform='rotate(90)'>{inner}</g>", matrix(0, 1, -1, 0, 0, 0)),
        (f"<g transform='scale(1,-1)'>{inner}</g>", matrix(1, 0, 0, -1, 0, 0)),
        (f"<g style='stroke:#000'><a href='#'>{inner}</a></g>", matrix(1, 0, 0, 1, 0, 0)),
        (
            f"<svg x='{x}' y='{y}' width='{40 * scale}' height='{40 * scale}' viewBox='0 0 40 40'>{inner}</svg>",
            move,
        ),
        (
            f"<defs><g id='u{number}'>{inner}</g></defs><use href='#u{number}' x='{x}' y='{y}'/>",
            matrix(1, 0, 0, 1, x, y),
        ),
        (
            f"<symbol id='u{number}' viewBox='0 0 40 40'>{inner}</symbol><use xlink:href='#u{number}' x='{x}' y='{y}' "
            f"width='{40 * scale}' height='{40 * scale}'/>",
            move,
        ),
    ]
    return chance.choice(ways)


def svg_file(seed: int) -> tuple[bytes, np.ndarray]:
    """Return a file with one visible line, and its ends in pixels."""
    chance = random.Random(seed)
    ends = np.array([[5, 10], [35, 20]], float)
    inner = chance.choice(SHAPES).format(*ends.ravel())
    to_user = np.eye(3)
    for number in range(chance.randint(1, 4)):
        inner, step = wrap(inner + chance.choice(HIDDEN), number, chance)
        to_user = step @ to_user
    left, top, width, height = chance.randint(-20, 20), chance.randint(-20, 20), 100.0, 50.0
    size = chance.choice(("", "width='100mm' height='50mm'", "width='100%' height='100%'", "width='9in'"))
    root = f"viewBox='{left} {top} {width} {height}' {size}"
    if chance.random() < 0.2:
        left, top, root = 0, 0, "width='75pt' height='37.5pt'"  # 100 x 50 pixels
    background = chance.choice(("", f"<rect x='{left}' y='{top}' width='100%' height='100%' fill='#fff'/>"))
    spaces = "xmlns='http://www.w3.org/2000/svg' xmlns:svg='http://www.w3.org/2000/svg' "
    spaces += "xmlns:xlink='http://www.w3.org/1999/xlink'"
    text = f"<svg {spaces} {root}>{STYLES}{background}{chance.choice(HIDDEN)}{inner}</svg>"
    end = chance.choice(("\n", "\r\n", "\r"))
    text = text.replace("><", f">{end}<")
    encoding, mark = chance.choice(
        (("utf-8", ""), ("utf-8", "\ufeff"), ("utf-16-le", "\ufeff"), ("utf-16-be", "\ufeff"))
    )
    points = (to_user @ np.column_stack([ends, np.ones(2)]).T)[:2].T
    scale = np.array([WIDTH / width, HEIGHT / height])
    return (mark + text).encode(encoding), (points - [left, top]) * scale


@pytest.mark.parametrize("seed", variants(range(120), 30))
def test_line_is_read_at_its_place(seed: int) -> None:
    data, ends = svg_file(seed)
    (line,) = svg.read(data, WIDTH, HEIGHT)
    assert np.abs(line[[0, -1]] - ends).max() < 0.01


@pytest.mark.parametrize(
    "inner",
    [
        "<g id='a'><use href='#a'/></g>", "<use id='a' href='#a'/>",
        "".join(f"<g id='a{n}'>" + f"<use href='#a{n + 1}'/>" * 10 + "</g>" for n in range(12)),
        "<symbol id='a'><use href='#b'/></symbol><symbol id='b'><use href='#a'/></symbol><use href='#a'/>",
        "<use href='#missing'/><use/>", "<svg viewBox='0 0 0 0'/>", "<svg width='x'/>", "<use href='#b' x='1furlong'/>",
    ],
)  # fmt: skip
def test_elements_that_repeat_themselves_end_with_one_error(inner: str) -> None:
    with pytest.raises(CodecError) as error:
        svg.read(f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'>{inner}</svg>".encode(), 9, 9)
    assert "\n" not in str(error.value)
