"""Strokes and objects of the canvas: drawn, erased, selected, moved, bent, scaled."""

from __future__ import annotations

import numpy as np

from tests.ui.page.canvas_page import FILE, STROKES

TURN_DISTANCE = 26  # screen pixels from a selection's box to the handle that turns it


def test_a_stroke_is_added_undone_and_redone(canvas):
    canvas.drag((0.1, 0.1), (0.3, 0.9), (0.5, 0.4))
    assert canvas.strokes()[1:] == STROKES
    canvas.keys("Control+z")
    assert canvas.layers() == FILE
    canvas.keys("Control+Shift+z")
    assert canvas.strokes()[1:] == STROKES


def test_a_click_draws_a_dot(canvas):
    canvas.click(0.9, 0.9)
    assert canvas.strokes()[1:] == STROKES and 2 <= len(canvas.strokes()[0]) <= 3


def test_smoothing_straightens_a_wobbly_stroke(canvas):
    wobble = [(0.1 + 0.02 * i, 0.5 + 0.02 * (-1) ** i) for i in range(16)]

    def rough() -> float:
        canvas.drag(*wobble)
        y = np.array(canvas.value()["strokes"][0])[1::2]
        return float(np.abs(np.diff(y)).sum())

    plain = rough()
    canvas.slide(".lc-smooth", 10)
    assert rough() < plain / 3


def test_the_eraser_splits_a_stroke(canvas):
    canvas.drag((0.03, 0.03), (0.97, 0.03))
    whole = canvas.strokes()
    canvas.tool("eraser")
    canvas.slide(".lc-size", 1)
    canvas.drag((0.5, 0.025), (0.5, 0.035))
    left = canvas.strokes()
    assert len(left) == len(whole) + 1 and set(whole[1:]) <= set(left)
    assert set(left[0]) | set(left[1]) < set(whole[0])


def test_strokes_are_selected_moved_brought_to_the_front_and_deleted(canvas):
    canvas.drag((0.05, 0.95), (0.25, 0.95))
    canvas.drag((0.05, 0.05), (0.25, 0.05))
    mine = canvas.strokes()[:2]
    rest = canvas.strokes()[2:]
    canvas.tool("select")
    canvas.click(0.15, 0.95)
    canvas.canvas_has("selected", "1")
    canvas.page.keyboard.down("Shift")
    canvas.click(0.15, 0.05)
    canvas.page.keyboard.up("Shift")
    canvas.canvas_has("selected", "2")
    canvas.drag((0.15, 0.05), (0.2, 0.3))
    moved = canvas.strokes()
    assert moved[2:] == rest
    for before, after in zip(mine, moved, strict=False):  # the same chain elsewhere, inside the picture
        steps = {(b[0] - a[0], b[1] - a[1]) for a, b in zip(before, after, strict=True)}
        assert len(steps) == 1 and next(iter(steps))[0] > 0
    canvas.keys("Control+z")
    assert canvas.strokes()[:2] == mine
    canvas.keys("Escape")
    canvas.click(0.15, 0.95)
    canvas.do("front")
    assert canvas.strokes()[:2] == mine[::-1]
    canvas.page.locator(".lc-stage").focus()
    canvas.keys("ArrowRight", "Shift+ArrowUp")
    a, b = canvas.strokes()[0][0], mine[1][0]
    assert (a[0] - b[0], a[1] - b[1]) == (1, -5)
    canvas.keys("Delete")
    assert canvas.strokes() == (mine[0], *rest)
    canvas.keys("Control+a")
    canvas.canvas_has("selected", str(len(rest) + 1))


def test_a_rectangle_selects_the_strokes_it_touches(canvas):
    canvas.tool("select")
    canvas.drag((0.75, 0.02), (1.1, 0.7))  # the pointer may leave the picture
    places = [(np.array(stroke) + 0.5) / (FILE.structure.cols, FILE.structure.rows) for stroke in STROKES]
    inside = [((at >= (0.75, 0.02)) & (at <= (1.1, 0.7))).all(1).any() for at in places]
    met = {stroke for stroke, met in zip(STROKES, inside, strict=True) if met}
    canvas.canvas_has("selected", str(len(met)))
    canvas.do("delete")
    assert canvas.strokes() == tuple(stroke for stroke in STROKES if stroke not in met)
    canvas.undo()
    assert canvas.layers() == FILE


def test_an_object_is_moved_with_its_colors_copied_bent_and_erased(canvas):
    """The cup: one click selects it, one drag moves it; each step is one step of the history."""
    before, revision = canvas.layers(), int(canvas.canvas("rev"))
    canvas.tool("object")
    canvas.drag((0.5, 0.3), (0.62, 0.3))
    canvas.canvas_has("rev", str(revision + 2))  # the lines, then the colors
    moved = canvas.layers()
    assert moved.semantic == before.semantic and len(moved.structure.strokes) == len(STROKES)
    shift = int(0.12 * moved.texture.small_picture(0, 0).shape[1])
    old, new = (layers.texture.small_picture(0, 0).astype(int) for layers in (before, moved))
    rows, cols = old.shape[:2]
    inside = slice(int(0.15 * rows), int(0.4 * rows)), slice(int(0.4 * cols), int(0.6 * cols))
    there = inside[0], slice(inside[1].start + shift, inside[1].stop + shift)
    assert np.abs(new[there] - old[inside]).mean() < np.abs(old[there] - old[inside]).mean() / 2
    canvas.undo()
    assert canvas.layers() == FILE
    canvas.click(0.5, 0.3)
    selected = int(canvas.canvas("selected"))
    assert selected >= 1 and canvas.canvas("region") == "true"
    canvas.do("copy")
    canvas.do("paste")
    canvas.is_idle()
    assert len(canvas.value()["strokes"]) == len(STROKES) + selected
    canvas.undo()
    canvas.tool("object")
    canvas.click(0.5, 0.3)
    canvas.do("bend")
    canvas.drag((0.5, 0.1), (0.6, 0.1))
    canvas.is_idle()
    canvas.do("bend")
    bent = canvas.strokes()
    assert len(bent) >= len(STROKES) and bent != STROKES
    canvas.undo()
    assert canvas.layers() == FILE
    canvas.keys("Escape")
    canvas.click(0.5, 0.3)
    canvas.do("erase-object")
    canvas.announces("If the prompt names the object")
    erased = canvas.layers()
    assert erased.structure != FILE.structure and len(erased.to_bytes()) < len(FILE.to_bytes())
    canvas.undo()
    assert canvas.layers() == FILE


def test_a_selection_is_scaled_turned_flipped_and_lassoed(canvas):
    canvas.drag((0.05, 0.9), (0.15, 0.95))
    canvas.tool("select")
    canvas.page.locator(".lc-select-mode").select_option("lasso")
    canvas.drag((0.02, 0.85), (0.2, 0.85), (0.2, 0.99), (0.02, 0.99))
    canvas.page.locator(".lc-select-mode").select_option("box")
    canvas.canvas_has("selected", "1")

    def box() -> tuple[float, float, float, float]:
        value = canvas.value()
        x, y = np.array(value["strokes"][0]).reshape(-1, 2).T / [[value["width"]], [value["height"]]]
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())

    left, top, right, _ = box()
    canvas.drag((right, top), (right + 0.1, top - 0.05))
    wider = box()
    assert wider[2] - wider[0] > 1.5 * (right - left) and abs(wider[0] - left) < 0.01
    first = canvas.value()["strokes"][0]
    canvas.do("flip-x")
    flipped = canvas.value()["strokes"][0]
    assert flipped[0] > flipped[-2] and first[0] < first[-2]
    plain = box()
    canvas.page.locator(".lc-stage").focus()
    canvas.keys("Alt+ArrowUp")
    assert 1.03 < (box()[2] - box()[0]) / (plain[2] - plain[0]) < 1.08
    canvas.keys("Alt+ArrowDown", "Alt+ArrowRight")
    assert abs(box()[3] - box()[1] - (plain[3] - plain[1])) > 0.01
    canvas.keys("Alt+ArrowLeft")
    left, top, right, bottom = box()
    middle, center, stage = (left + right) / 2, (top + bottom) / 2, canvas.page.locator(".lc-stage").bounding_box()
    canvas.drag((middle, top - TURN_DISTANCE / stage["height"]), (middle + 0.2, center))  # a quarter turn to the right
    turned, value = box(), canvas.value()
    wide, high = (right - left) * value["width"], (bottom - top) * value["height"]
    assert abs((turned[2] - turned[0]) * value["width"] - high) < 8
    assert abs((center - turned[1]) * value["height"] - wide / 2) < 8  # the lower end is cut off by the picture's edge
    canvas.keys("Control+d")
    assert len(canvas.value()["strokes"]) == len(STROKES) + 2
    for _ in range(9):
        canvas.undo()
    assert canvas.layers() == FILE


def test_shapes_moods_fills_and_swatches(canvas):
    canvas.tool("shape")
    canvas.page.locator(".lc-shape-kind").select_option("ellipse")
    canvas.drag((0.8, 0.6), (0.95, 0.9))
    value = canvas.value()
    x, y = np.array(value["strokes"][0]).reshape(-1, 2).T
    assert abs(np.ptp(x) - 0.15 * value["width"]) < 4 and abs(np.ptp(y) - 0.3 * value["height"]) < 4
    canvas.page.locator(".lc-shape-kind").select_option("polygon")
    for point in ((0.1, 0.7), (0.2, 0.7), (0.2, 0.9), (0.1, 0.7)):
        canvas.click(*point)
    canvas.announces("closed")
    assert len(canvas.value()["strokes"]) == len(STROKES) + 2
    canvas.page.locator(".lc-shape-kind").select_option("line")
    canvas.tool("fill")
    canvas.page.locator(".lc-color").fill("#0000ff")
    canvas.page.locator(".lc-stop").check()
    canvas.click(0.875, 0.75)
    canvas.page.locator(".lc-stop").uncheck()
    canvas.announces("Recolored with #0000ff")
    old, new = (layers.texture.small_picture(0, 0).astype(int) for layers in (FILE, canvas.layers()))
    rows, cols = old.shape[:2]
    inside = new[int(0.7 * rows) : int(0.8 * rows), int(0.85 * cols) : int(0.9 * cols)]
    assert (inside[..., 2] - inside[..., 0]).min() > 40 and np.abs(new - old)[:, : int(0.7 * cols)].mean() < 6
    canvas.page.locator(".lc-swatches button").nth(1).click()
    assert canvas.page.locator(".lc-color").input_value() != "#0000ff"
    for _ in range(3):
        canvas.undo()
    assert canvas.layers() == FILE
    canvas.page.locator(".lc-mood").select_option("night")
    canvas.announces("Colors: Night")
    night, day = (layers.texture.small_picture(0, 0).mean() for layers in (canvas.layers(), FILE))
    assert night < 0.8 * day
    canvas.undo()
    assert canvas.layers() == FILE
