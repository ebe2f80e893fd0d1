"""A few people on the page at once, and that the load test would notice what must not be."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from codec import Layers, Prompt
from codec.decoders import Strengths
from codec.images.io import encode_png
from codec.texture import rdoq
from tests.load.__main__ import Found, report, run
from tests.load.server import slope
from tests.load.tab import Counts, Fault, Page, _newer
from tests.load.visitor import WORDS, Visitor, drawn, identities
from ui.services import comparison

EVERYONE = identities(50)


@pytest.fixture
def visitor() -> Visitor:
    return Visitor(7, EVERYONE, Page({}, {}), Counts(), (0, 0))


def test_a_few_people_for_some_seconds():
    found = run(people=4, seconds=6, think=(0.1, 0.8), edits=2)
    assert found.broken() == []
    assert found.counts.requests > 30 and found.files > 8 and len(found.times["decode"]) >= 4
    assert "0 errors" in report(found) and "0 after the end" in report(found)


def test_nobody_is_like_another():
    assert len({one.color for one in EVERYONE}) == len({(one.width, one.height) for one in EVERYONE}) == 50


@pytest.mark.parametrize("number", [6, 37, 41, 42])
def test_a_person_s_color_outlives_the_painter(number):
    """The page's own words for these say "dark", which paints them as it says: they are of no use here."""
    one = EVERYONE[number]
    cells = np.full((4, 4, 3), one.color, np.uint8)
    layers = Layers(one.width, one.height, Prompt(WORDS), None, rdoq.quantize(cells))
    shown = encode_png(comparison.render_preview(layers, Strengths()))
    Visitor(number, EVERYONE, Page({}, {}), Counts(), (0, 0)).mine(shown, "preview")


def test_a_picture_of_somebody_else_is_noticed(visitor):
    visitor.mine(drawn(EVERYONE[7]), "picture")
    with pytest.raises(Fault, match="another size"):
        visitor.mine(drawn(EVERYONE[8]), "picture")
    other = io.BytesIO()
    Image.open(io.BytesIO(drawn(EVERYONE[8]))).resize((visitor.own.width, visitor.own.height)).save(other, "PNG")
    with pytest.raises(Fault, match="the colors of person 8"):
        visitor.mine(other.getvalue(), "picture")


def test_a_status_of_trouble_is_noticed(visitor):
    visitor.told('<div class="tl-status tl-good"><p>Fine.</p></div>')
    with pytest.raises(Fault, match=r"Something went wrong\."):
        visitor.told('<div class="tl-status tl-bad"><p>Something went wrong.</p></div>')


def test_the_growth_of_the_memory():
    rising = [(at, 200 * (1 + 0.02 * max(at - 180, 0) / 60)) for at in np.arange(0, 600, 5.0)]
    assert slope(rising, 180) == pytest.approx(2)
    assert slope([(at, 100 + 300 * (at < 180)) for at, _ in rising], 180) == pytest.approx(0, abs=1e-6)
    assert slope(rising[:40], 180) is None


def test_each_broken_promise_is_a_line():
    rising = [(at, 200 + at) for at in np.arange(0, 600, 5.0)]
    times = {"preview": [0.1], "decode": [1.0]}
    assert Found(Counts(), times, [], 3, 0.1, left=0, code=0).broken() == []
    broken = Found(Counts(faults=["x"]), {"preview": [0.1]}, rising, 3, 0.1, left=2, code=1).broken()
    assert len(broken) == 5 and "errors, such as: x" in broken[0] and "decode" in broken[1] and "%" in broken[2]


def test_an_update_of_something_else_keeps_the_value():
    assert _newer("a", {"__type__": "update", "interactive": True}) == "a"
    assert _newer("a", {"__type__": "update", "value": None}) is None
    assert _newer("a", "b") == "b"
