"""A short load test, and tests that the load test notices broken promises."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from codec import Layers, Prompt
from codec.decoders import Strengths
from codec.images.io import encode_png
from codec.texture import rdoq
from tests.load.__main__ import LoadResult, report, run
from tests.load.server import Sample, growth
from tests.load.tab import Counts, Fault, Page, updated_value
from tests.load.visitor import PROMPT, Visitor, draw_picture, identities
from ui.services import comparison

EVERYONE = identities(50)
NUMBER = 7


def make_visitor(number: int = NUMBER) -> Visitor:
    return Visitor(number, EVERYONE, Page({}), Counts(), (0, 0))


@pytest.mark.load
def test_a_few_people_for_some_seconds_break_no_promise():
    result = run(people=4, seconds=6, pause=(0.1, 0.8), edits=2)
    assert result.broken_promises() == []
    assert result.counts.requests > 30 and result.files > 8 and len(result.times["decode"]) >= 4
    assert "0 errors" in report(result) and "0 left" in report(result)


def test_identities_differ_in_size_and_color():
    assert len({identity.color for identity in EVERYONE}) == 50
    assert len({(identity.width, identity.height) for identity in EVERYONE}) == 50


@pytest.mark.parametrize("number", [6, 42])
def test_painter_keeps_the_color_of_a_person(number):
    identity = EVERYONE[number]
    cells = np.full((4, 4, 3), identity.color, np.uint8)
    layers = Layers(identity.width, identity.height, Prompt(PROMPT), None, rdoq.quantize(cells))
    make_visitor(number).check_picture(encode_png(comparison.render_preview(layers, Strengths())), "preview")


def test_picture_of_another_person_is_noticed():
    visitor = make_visitor()
    visitor.check_picture(draw_picture(EVERYONE[NUMBER]), "picture")
    other = draw_picture(EVERYONE[NUMBER + 1])
    with pytest.raises(Fault, match="another size"):
        visitor.check_picture(other, "picture")
    resized = io.BytesIO()
    size = (visitor.identity.width, visitor.identity.height)
    Image.open(io.BytesIO(other)).resize(size).save(resized, "PNG")
    with pytest.raises(Fault, match=f"the colors of person {NUMBER + 1}"):
        visitor.check_picture(resized.getvalue(), "picture")


def test_error_in_the_status_box_is_noticed():
    visitor = make_visitor()
    visitor.check_status({"code": "", "html": '<div class="tl-status tl-good"><p>Fine.</p></div>'})
    with pytest.raises(Fault, match=r"Something went wrong\."):
        visitor.check_status({"code": "", "html": '<div class="tl-status tl-bad"><p>Something went wrong.</p></div>'})


def test_memory_growth_is_measured_after_the_warm_up():
    rising = [Sample(at, 200 * (1 + 0.02 * max(at - 180, 0) / 60)) for at in np.arange(0, 600, 5.0)]
    assert growth(rising, 180) == pytest.approx(2)
    falling = [Sample(at, 100 + 300 * (at < 180)) for at, _ in rising]
    assert growth(falling, 180) == pytest.approx(0, abs=1e-6)
    assert growth(rising[:40], 180) is None


def test_each_broken_promise_is_reported():
    rising = [Sample(at, 200 + at) for at in np.arange(0, 600, 5.0)]
    times = {"preview": [0.1], "decode": [1.0]}
    assert LoadResult(Counts(), times, [], 3, 0.1, files_left=0, exit_code=0).broken_promises() == []
    result = LoadResult(Counts(faults=["x"]), {"preview": [0.1]}, rising, 3, 0.1, files_left=2, exit_code=1)
    errors, unseen, memory, files, exit_code = result.broken_promises()
    assert "errors, such as: x" in errors and "decode" in unseen and "%" in memory
    assert "2 files" in files and "exit code 1" in exit_code
    assert all(f"BROKEN: {line}" in report(result) for line in result.broken_promises())


def test_update_of_another_property_keeps_the_value():
    assert updated_value("a", {"__type__": "update", "interactive": True}) == "a"
    assert updated_value("a", {"__type__": "update", "value": None}) is None
    assert updated_value("a", "b") == "b"
