"""The byte budget: what is cut, and the slider that cuts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from codec import Layers, Pose, Prompt
from tests import samples
from ui.services.examples import START_FILE
from ui.services import actions, budget, canvas_state
from ui.services.budget import Split

FULL = Layers.from_bytes(START_FILE.read_bytes())
POSE = Pose((((1024, 200), (1024, 1800), *(None,) * 16),))


@pytest.mark.parametrize("most", [100, 137, 250, 400, 550])
def test_a_budget_is_kept_and_almost_used(most):
    cut = budget.fit_to_budget(FULL, most)
    assert most - 12 <= len(cut.to_bytes()) <= most
    assert cut.structure.strokes and cut.semantic == FULL.semantic


def test_enough_bytes_leave_the_very_layers():
    assert budget.fit_to_budget(FULL, 4000) is FULL


def test_less_of_the_budget_is_the_first_part_of_more():
    few, more = budget.fit_to_budget(FULL, 200).structure.strokes, budget.fit_to_budget(FULL, 450).structure.strokes
    assert 0 < len(few) < len(more) and more[: len(few) - 1] == few[:-1]


@pytest.mark.parametrize(("pinned", "size"), [("colors", 60), ("colors", 150), ("sketch", 50), ("sketch", 200)])
def test_a_pinned_layer_keeps_its_bytes(pinned, size):
    sizes = budget.fit_to_budget(FULL, 400, Split(pinned, size)).sizes()
    its = sizes.texture if pinned == "colors" else sizes.structure
    assert 0.9 * size <= its <= size and sizes.total <= 400


def test_of_a_pose_only_the_colors_give_way():
    posed = Layers(600, 400, FULL.semantic, POSE, FULL.texture)
    cut = budget.fit_to_budget(posed, 100)
    assert cut.structure == POSE and len(cut.to_bytes()) <= 100


def test_a_prompt_that_is_too_long_leaves_the_least_there_can_be():
    words = Prompt(" ".join(f"w{7919 * i % 9973:x}q" for i in range(60)))
    wordy = Layers(600, 400, words, FULL.structure, FULL.texture)
    cut = budget.fit_to_budget(wordy, 100)
    assert cut.semantic == wordy.semantic and not cut.structure.strokes and len(cut.texture.to_bytes()) < 20


def test_what_it_was_cut_from_comes_back_until_an_edit():
    answer = budget.trimmed_value(
        budget.fit_to_budget(FULL, 200), FULL, canvas_state.read(canvas_state.write(FULL, "x"))
    )
    drawing, layers = actions.current(answer, "other words", "", "0", False)
    whole = budget.untrimmed_layers(drawing, layers)
    assert (whole.structure, whole.texture, whole.semantic.text) == (FULL.structure, FULL.texture, "other words")
    edited = answer | {"strokes": answer["strokes"][1:]}
    drawing, layers = actions.current(edited, "", "", "0", False)
    assert budget.untrimmed_layers(drawing, layers) is layers


def test_layers_of_another_size_are_not_what_it_was_cut_from():
    other = canvas_state.encode_base(samples.example())
    value = canvas_state.write(FULL, "x") | {"full": other}
    drawing, layers = actions.current(value, "", "", "0", False)
    assert budget.untrimmed_layers(drawing, layers) is layers


def slide(visit, to: int) -> None:
    """Puts the slider there and waits for its bytes."""
    visit.page.locator("#budget input[type=range]").evaluate(
        "(e, to) => { e.value = to; e.dispatchEvent(new Event('input', { bubbles: true })); }", to
    )


def test_the_slider_cuts_live_and_brings_back(fresh):
    visit = fresh().open()
    page, total = visit.page, visit.page.locator(".tl-total strong")
    visit.put("open", {"name": "mine.tril", "mimeType": "application/octet-stream", "buffer": FULL.to_bytes()})
    visit.says("Opened mine")
    strokes = int(visit.canvas("strokes"))

    page.locator("#budget input[type=range]").scroll_into_view_if_needed()
    box = page.locator("#budget input[type=range]").bounding_box()
    at = lambda share: (box["x"] + share * box["width"], box["y"] + box["height"] / 2)  # noqa: E731
    before = page.locator("#compare img").last.get_attribute("src")
    page.mouse.move(*at(0.5))
    page.mouse.down()
    page.mouse.move(*at(0.1), steps=4)
    visit.says("Cut to")  # while it is held
    expect(page.locator("#compare img").last).not_to_have_attribute("src", before)
    page.mouse.up()
    page.wait_for_function("() => !document.querySelector('.pending')")
    most = int(page.locator("#budget input[type=number]").input_value())
    assert 200 < most < 550
    label = f"{visit.bytes()} bytes of a budget of {most}"
    expect(page.locator("#readout .tl-bar")).to_have_attribute("aria-label", label)
    assert most - 12 <= len(visit.save()) <= most
    assert int(visit.canvas("strokes")) < strokes

    slide(visit, 4000)
    expect(total).to_have_text(str(len(FULL.to_bytes())))
    visit.canvas_has("strokes", str(strokes))
    restored = Layers.from_bytes(visit.save())
    assert (restored.structure, restored.texture) == (FULL.structure, FULL.texture)

    slide(visit, 200)  # then a stroke of one's own: it is what a later cut leaves to the last
    visit.says("Cut to")
    visit.drag((0.1, 0.1), (0.3, 0.9), (0.5, 0.4))
    visit.says("Preview of your edit")
    slide(visit, 4000)
    visit.says("All there is")
    drawn = Layers.from_bytes(visit.save()).structure.strokes
    assert len(drawn) < strokes and len(drawn[0]) > 40

    visit.undo()
    visit.undo()  # one step for all that the slider did
    expect(total).to_have_text(str(len(FULL.to_bytes())))

    page.get_by_role("button", name="Budget and extraction").click()
    page.get_by_label("Pin the colors").check()
    colors = int(page.locator("#pinned input").input_value())
    slide(visit, 400)
    visit.says("Cut to")
    sizes = Layers.from_bytes(visit.save()).sizes()
    assert 0.85 * colors <= sizes.texture <= colors and sizes.total <= 400


def test_a_picture_gives_more_detail_when_there_are_more_bytes(visit):
    before = visit.bytes()
    slide(visit, 2000)
    assert visit.bytes_change_from(before) > before
    visit.says("All there is")
    slide(visit, before)
    visit.says("Cut to")
    assert len(visit.save()) <= before
