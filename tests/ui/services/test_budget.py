"""The byte budget slider, and the values behind it. tests/editing/test_transrate.py tests the trimming."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from codec import Layers
from tests import samples
from ui.services import budget, canvas_state
from ui.services.budget import Locks
from ui.services.examples import START_FILE

FULL = Layers.from_bytes(START_FILE.read_bytes())


def read(value: dict[str, Any], prompt: str) -> tuple[canvas_state.Drawing, Layers]:
    drawing = canvas_state.read(value)
    return drawing, drawing.layers(prompt, "", None)


def test_a_locked_layer_stays_as_it_is():
    current = budget.fit_to_budget(FULL, FULL, 300)
    colors = budget.fit_to_budget(FULL, current, 400, Locks(colors=True))
    sketch = budget.fit_to_budget(FULL, current, 400, Locks(sketch=True))
    assert colors.texture == current.texture and len(colors.structure.strokes) >= len(current.structure.strokes)
    assert sketch.structure == current.structure and sketch.sizes().texture > current.sizes().texture
    assert budget.fit_to_budget(FULL, current, 100, Locks(sketch=True)).structure == current.structure
    assert budget.fit_to_budget(FULL, current, 4000, Locks(sketch=True, colors=True)) is current
    assert budget.fit_to_budget(FULL, FULL, 4000) is FULL


def test_trimmed_layers_are_restored_until_an_edit():
    drawing, _ = read(canvas_state.write(FULL, "x"), "")
    value = budget.trimmed_value(budget.fit_to_budget(FULL, FULL, 200), FULL, drawing)
    drawing, layers = read(value, "other words")
    full = budget.untrimmed_layers(drawing, layers)
    assert (full.structure, full.texture, full.semantic.text) == (FULL.structure, FULL.texture, "other words")
    drawing, layers = read(value | {"strokes": value["strokes"][1:]}, "")
    assert budget.untrimmed_layers(drawing, layers) is layers


def test_layers_of_another_size_are_not_restored():
    value = canvas_state.write(FULL, "x") | {"full": canvas_state.encode_base(samples.example())}
    drawing, layers = read(value, "")
    assert budget.untrimmed_layers(drawing, layers) is layers


def test_small_unedited_layers_can_be_refined():
    value = canvas_state.write(FULL, "x")
    drawing, layers = read(value, FULL.semantic.text)
    assert budget.can_refine(drawing, layers, 4000) and not budget.can_refine(drawing, layers, 600)
    drawing, layers = read(value | {"strokes": value["strokes"][1:]}, FULL.semantic.text)
    assert not budget.can_refine(drawing, layers, 4000)


def slide(visit, max_bytes: int) -> None:
    """Move the slider."""
    visit.page.locator("#budget input[type=range]").evaluate(
        "(e, to) => { e.value = to; e.dispatchEvent(new Event('input', { bubbles: true })); }", max_bytes
    )


def test_slider_trims_while_it_is_held(visit):
    page = visit.page
    visit.put_tril("mine", FULL.to_bytes())
    strokes = int(visit.canvas("strokes"))
    slider = page.locator("#budget input[type=range]")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    preview = page.locator("#compare img").last
    picture = preview.get_attribute("src")
    page.mouse.move(box["x"] + 0.5 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.1 * box["width"], middle, steps=4)
    visit.says("Trimmed to")  # before the mouse is released
    expect(preview).not_to_have_attribute("src", picture)
    page.mouse.up()
    page.wait_for_function("() => !document.querySelector('.pending')")
    max_bytes = int(page.locator("#budget input[type=number]").input_value())
    assert 200 < max_bytes < 550
    label = f"{visit.bytes()} bytes of a budget of {max_bytes}"
    expect(page.locator("#readout .tl-bar")).to_have_attribute("aria-label", label)
    assert max_bytes - 12 <= len(visit.save()) <= max_bytes
    assert int(visit.canvas("strokes")) < strokes


def test_higher_budget_restores_the_layers(visit):
    visit.put_tril("mine", FULL.to_bytes())
    strokes = visit.canvas("strokes")
    slide(visit, 250)
    visit.says("Trimmed to")
    slide(visit, 4000)
    visit.bytes_are(len(FULL.to_bytes()))
    visit.canvas_has("strokes", strokes)
    restored = Layers.from_bytes(visit.save())
    assert (restored.structure, restored.texture) == (FULL.structure, FULL.texture)


def test_edit_of_trimmed_layers_is_trimmed_last(visit):
    visit.put_tril("mine", FULL.to_bytes())
    strokes = int(visit.canvas("strokes"))
    slide(visit, 200)
    visit.says("Trimmed to")
    visit.drag((0.1, 0.1), (0.3, 0.9), (0.5, 0.4))
    visit.says("Preview of your edit")
    slide(visit, 4000)
    visit.says("Everything fits")
    drawn = Layers.from_bytes(visit.save()).structure.strokes
    assert len(drawn) < strokes and len(drawn[0]) > 40
    visit.undo()  # the stroke
    visit.undo()  # the slide, one step
    visit.bytes_are(len(FULL.to_bytes()))


def test_locked_colors_are_not_trimmed(visit):
    page = visit.page
    visit.put_tril("mine", FULL.to_bytes())
    page.locator("#lock-colors input").check()
    slide(visit, 530)
    visit.says("Trimmed to")
    layers = Layers.from_bytes(visit.save())
    assert layers.texture == FULL.texture and layers.sizes().total <= 530


def test_more_bytes_extract_more_detail_from_the_picture(reloaded):
    before = reloaded.bytes()
    slide(reloaded, 2500)
    assert reloaded.bytes_change_from(before) > before
    reloaded.says("Everything fits")
    slide(reloaded, before)
    reloaded.says("Trimmed to")
    assert len(reloaded.save()) <= before
