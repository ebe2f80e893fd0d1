"""Every tool of the canvas with a real mouse and keyboard, on one page that is reset between tests."""

from __future__ import annotations

import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from codec import Layers, Pose, Prompt, Sketch
from codec.texture import rdoq
from tests.ui.conftest import Visit
from ui.services import canvas_state
from ui.services.examples import START_FILE, START_PICTURE

FILE = Layers.from_bytes(START_FILE.read_bytes())
STROKES = FILE.structure.strokes
ROWS, COLS = FILE.texture.rows, FILE.texture.cols
OTHER = Layers(
    320, 240, Prompt("another"), Sketch(64, 48, (((3, 3), (4, 4), (5, 5)), ((30, 30), (31, 30), (32, 31)))),
    rdoq.quantize(np.full((6, 8, 3), (20, 90, 200), np.uint8)),
)  # fmt: skip
SVG = b"<svg viewBox='0 0 100 100'><path d='M10 10 L90 10 90 90'/></svg>"


class Canvas(Visit):
    """A page whose canvas is read in the browser, without the server."""

    def drag(self, *points: tuple[float, float]) -> None:
        self.page.mouse.move(*self.spot(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.spot(*point), steps=2 if len(points) <= 4 else 1)  # each step takes a frame
        self.page.mouse.up()

    def value(self) -> dict:
        """Return the canvas's value."""
        return self.page.evaluate("document.querySelector('.lc').canvas.snapshot().doc")

    def mask(self) -> np.ndarray:
        """Return the mask, (height, width) bool."""
        text, width = self.page.evaluate(
            """() => [document.querySelector('.lc').canvas.snapshot().mask.join(''),
                      document.querySelector('canvas.lc-mask').width]"""
        )
        return (np.frombuffer(text.encode(), np.uint8) == ord("1")).reshape(-1, width)

    def layers(self) -> Layers:
        """Return the layers that the server would read from the canvas's value."""
        return canvas_state.read(self.value()).layers_as_opened()

    def strokes(self) -> tuple:
        """Return the strokes of the sketch."""
        return self.layers().structure.strokes

    def spot(self, x: float, y: float) -> tuple[float, float]:
        """Return the place on the screen of a point in 0..1 of the canvas's sides."""
        box = self.page.locator(".lc-stage").bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def click(self, x: float, y: float, **options) -> None:
        """Click on a point of the canvas."""
        self.page.mouse.click(*self.spot(x, y), **options)

    def slide(self, where: str, value: int) -> None:
        """Set a slider."""
        self.page.locator(where).evaluate(
            """(e, v) => {
                 e.value = v;
                 for (const t of ['input', 'change']) e.dispatchEvent(new Event(t, { bubbles: true }));
               }""",
            value,
        )

    def choose(self, name: str, file: str, data: bytes) -> None:
        """Press a button that asks for a file, and choose one."""
        with self.page.expect_file_chooser() as chooser:
            self.do(name)
        chooser.value.set_files({"name": file, "mimeType": "application/octet-stream", "buffer": data})

    def keys(self, *names: str) -> None:
        """Press keys one after the other."""
        for name in names:
            self.page.keyboard.press(name)

    def announces(self, text: str | re.Pattern[str]) -> None:
        """Wait until the canvas's own message is this."""
        expect(self.page.locator(".lc-message")).to_contain_text(text)


@pytest.fixture(scope="module")
def opened(context, address):
    canvas = Canvas(context.new_page(), address)
    canvas.page.set_viewport_size({"width": 1400, "height": 1000})
    canvas.restart()
    canvas.page.evaluate("window.first = document.querySelector('.lc').canvas.snapshot()")
    yield canvas
    canvas.page.close()


@pytest.fixture
def canvas(opened):
    """The example, not zoomed and without selections, with the pen chosen."""
    opened.faults.clear()
    opened.page.unroute_all()
    opened.page.evaluate("document.querySelector('.lc').canvas.restore(window.first)")
    opened.page.locator(".lc-stage").scroll_into_view_if_needed()
    opened.page.locator(".lc-stage").focus()
    opened.keys("Escape", "0", "b")
    opened.slide(".lc-size", 0)
    opened.slide(".lc-smooth", 0)
    opened.page.evaluate("document.querySelector('.lc-color').value = '#c8553d'")
    yield opened
    assert opened.faults == []


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


def test_a_thick_pen_draws_the_outline_of_its_line(canvas):
    canvas.slide(".lc-size", 16)
    canvas.drag((0.2, 0.5), (0.8, 0.5))
    value = canvas.value()
    assert len(value["strokes"]) == len(STROKES) + 1
    x, y = np.array(value["strokes"][0]).reshape(-1, 2).T
    radius = 16 * value["width"] / 400
    assert np.hypot(x[0] - x[-1], y[0] - y[-1]) < 3  # it is closed
    assert abs(np.ptp(y) - 2 * radius) < 6 and abs(np.ptp(x) - 0.6 * value["width"] - 2 * radius) < 8


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
    assert selected > 1 and canvas.canvas("region") == "true"
    canvas.do("copy")
    canvas.do("paste")
    canvas.canvas_has("busy", "false")
    assert len(canvas.value()["strokes"]) == len(STROKES) + selected
    canvas.undo()
    canvas.tool("object")
    canvas.click(0.5, 0.3)
    canvas.do("bend")
    canvas.drag((0.5, 0.1), (0.6, 0.1))
    canvas.canvas_has("busy", "false")
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
    canvas.keys("Control+d")
    assert len(canvas.value()["strokes"]) == len(STROKES) + 2
    for _ in range(4):
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
    painted = np.array(canvas.value()["grid"]["colors"]).reshape(ROWS, COLS) == "#0000ff"
    assert painted.any() and not painted[:, : int(0.75 * COLS)].any()
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


def test_a_picture_lies_under_the_lines_and_a_press_compares(canvas):
    picture = canvas.page.locator(".lc-underlay")
    expect(picture).to_be_hidden()
    canvas.page.locator(".lc-underlay-choice").select_option("original")
    expect(picture).to_be_visible()
    canvas.slide(".lc-underlay-opacity", 30)
    assert picture.evaluate("e => getComputedStyle(e).opacity") == "0.3"
    hold = canvas.page.locator("[data-hold=original]")
    hold.hover()
    canvas.page.mouse.down()
    assert picture.evaluate("e => getComputedStyle(e).opacity") == "1"
    canvas.page.mouse.up()
    assert picture.evaluate("e => getComputedStyle(e).opacity") == "0.3"
    canvas.page.locator(".lc-underlay-choice").select_option("none")
    expect(picture).to_be_hidden()


def test_a_stroke_on_a_zoomed_canvas_is_where_it_was_drawn(canvas):
    at = canvas.spot(0.25, 0.25)
    canvas.page.mouse.move(*at)
    canvas.page.keyboard.down("Control")
    for _ in range(4):
        canvas.page.mouse.wheel(0, -200)
    canvas.page.keyboard.up("Control")
    canvas.canvas_has("zoom", re.compile("^[4-9][0-9][0-9]$"))
    canvas.drag((0.25, 0.25), (0.5, 0.25))  # that quarter has stayed in its place
    value, zoom = canvas.value(), int(canvas.canvas("zoom")) / 100
    x, y = np.array(value["strokes"][0]).reshape(-1, 2).T
    assert abs(x[0] - 0.25 * value["width"]) < 3 and abs(y[0] - 0.25 * value["height"]) < 3
    assert abs(x[-1] - x[0] - 0.25 * value["width"] / zoom) < 3
    canvas.tool("hand")
    canvas.drag((0.5, 0.5), (0.6, 0.5))
    canvas.tool("pen")
    canvas.drag((0.35, 0.25), (0.5, 0.25))
    assert abs(canvas.value()["strokes"][0][0] - 0.25 * value["width"]) < 3
    canvas.do("fit")
    canvas.canvas_has("zoom", "100")
    canvas.keys("+", "+", "-")
    canvas.canvas_has("zoom", "150")
    canvas.do("zoom-out")
    canvas.canvas_has("zoom", "100")


def test_two_fingers_zoom_and_do_not_draw(canvas):
    touch = canvas.page.context.new_cdp_session(canvas.page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [dict(zip("xy", canvas.spot(*place), strict=True)) | {"id": i} for i, place in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", (0.45, 0.5))
    fingers("touchMove", (0.44, 0.5))
    fingers("touchStart", (0.44, 0.5), (0.56, 0.5))
    fingers("touchMove", (0.3, 0.5), (0.7, 0.5))
    fingers("touchMove", (0.2, 0.5), (0.8, 0.5))
    fingers("touchEnd")
    canvas.canvas_has("zoom", re.compile("^[3-9][0-9][0-9]$"))
    assert canvas.layers() == FILE


def test_a_second_pointer_never_joins_a_stroke(canvas):
    """A pen, a palm, a second finger and a mouse; a stroke that is cut off comes back with Undo."""
    devices = canvas.page.context.new_cdp_session(canvas.page)

    def touch(kind: str, **places: tuple[float, float]) -> None:
        points = [
            dict(zip("xy", canvas.spot(*place), strict=True)) | {"id": int(name[1:])} for name, place in places.items()
        ]
        devices.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def point(kind: str, device: str, x: float, y: float) -> None:
        left, top = canvas.spot(x, y)
        event = {"type": kind, "x": left, "y": top, "pointerType": device, "button": "left", "buttons": 1}
        devices.send("Input.dispatchMouseEvent", event | {"clickCount": 1})

    def reach(stroke: list[float]) -> tuple[float, float]:
        value = canvas.value()
        x, y = np.array(stroke).reshape(-1, 2).T
        return float(x.max() / value["width"]), float(y.max() / value["height"])

    # a finger draws, the mouse moves and clicks
    touch("touchStart", f1=(0.1, 0.1))
    touch("touchMove", f1=(0.2, 0.1))
    canvas.page.mouse.move(*canvas.spot(0.9, 0.9))
    canvas.page.mouse.down()
    canvas.page.mouse.up()
    touch("touchMove", f1=(0.3, 0.1))
    touch("touchEnd")
    strokes = canvas.value()["strokes"]
    assert len(strokes) == len(STROKES) + 1 and reach(strokes[0])[0] < 0.35 and reach(strokes[0])[1] < 0.2
    canvas.undo()
    # a finger draws, a second one comes down: the stroke is gone, and Undo brings it back
    touch("touchStart", f1=(0.1, 0.1))
    touch("touchMove", f1=(0.3, 0.1))
    touch("touchStart", f1=(0.3, 0.1), f2=(0.6, 0.6))
    touch("touchEnd")
    assert canvas.layers() == FILE
    canvas.announces("Undo brings it back")
    canvas.undo()
    assert len(canvas.strokes()) == len(STROKES) + 1
    canvas.undo()
    assert canvas.layers() == FILE
    # the pen draws, the palm comes down and moves
    point("mousePressed", "pen", 0.1, 0.1)
    point("mouseMoved", "pen", 0.2, 0.1)
    touch("touchStart", f1=(0.8, 0.9))
    touch("touchMove", f1=(0.7, 0.95))
    point("mouseMoved", "pen", 0.3, 0.1)
    touch("touchEnd")
    point("mouseReleased", "pen", 0.3, 0.1)
    strokes = canvas.value()["strokes"]
    assert len(strokes) == len(STROKES) + 1 and reach(strokes[0])[0] < 0.35 and reach(strokes[0])[1] < 0.2


def test_strokes_cells_and_masks_are_drawn_with_the_keyboard(canvas):
    canvas.keys("ArrowLeft", "ArrowUp", "Enter", "ArrowRight", "Shift+ArrowRight", "ArrowDown", "Enter")
    assert canvas.strokes()[1:] == STROKES and len(canvas.strokes()[0]) >= 12
    canvas.keys("c", "Shift+ArrowUp", "Enter", "ArrowRight", "Enter")
    changed = np.flatnonzero(np.array(canvas.value()["grid"]["colors"]) == "#c8553d")
    assert len(changed) == 2 and changed[1] - changed[0] == 1
    canvas.keys("x", "Home", "Enter", "Shift+ArrowDown", "Shift+ArrowRight", "Enter")
    canvas.canvas_has("masked", "true")
    canvas.keys("ArrowLeft")
    canvas.announces("% across")


def test_cells_are_painted_filled_and_picked(canvas):
    canvas.page.locator(".lc-color").fill("#0000ff")
    canvas.tool("cell")
    canvas.slide(".lc-size", 3)
    canvas.drag((0.5, 0.5), (0.7, 0.5))
    cells = np.array(canvas.value()["grid"]["colors"]).reshape(ROWS, COLS) == "#0000ff"
    row, first, last = ROWS // 2, COLS // 2, int(0.7 * COLS)
    assert cells[row - 1 : row + 2, first : last + 1].all()
    assert not cells[: row - 2].any() and not cells[:, : first - 2].any()
    assert canvas.strokes() == STROKES
    canvas.page.locator(".lc-color").fill("#00ff00")
    canvas.tool("fill")
    canvas.click(0.55, 0.5)
    assert "#0000ff" not in canvas.value()["grid"]["colors"]
    canvas.page.locator(".lc-color").fill("#123456")
    canvas.tool("pick")
    canvas.click(0.55, 0.5)
    assert canvas.page.locator(".lc-color").input_value() == "#00ff00" and canvas.canvas("tool") == "cell"
    canvas.undo()
    canvas.undo()
    assert canvas.layers() == FILE


def test_shifting_the_colors_of_an_area_is_one_edit(canvas):
    canvas.tool("area")
    canvas.drag((0.01, 0.01), (0.29, 0.29))
    rows, cols = int(0.29 * ROWS) + 1, int(0.29 * COLS) + 1
    canvas.canvas_has("area", str(rows * cols))
    canvas.slide("[data-shift=brightness]", 30)
    canvas.announces("shifted")
    new = np.frombuffer(bytes.fromhex("".join(c[1:] for c in canvas.value()["grid"]["colors"])), np.uint8)
    change = new.reshape(ROWS, COLS, 3).astype(int).sum(2) - FILE.texture.cells.astype(int).sum(2)
    assert (change[:rows, :cols] > 0).all() and not change[rows:].any() and not change[:, cols:].any()
    canvas.undo()
    assert canvas.layers() == FILE
    canvas.keys("Escape")
    canvas.canvas_has("area", "0")
    canvas.slide("[data-shift=hue]", 180)
    canvas.announces(f"{ROWS * COLS} cells shifted")
    turned = canvas.layers().texture.cells.astype(int).mean((0, 1))
    assert turned[2] > turned[0]  # the coffee is blue
    canvas.tool("fill")
    canvas.tool("area")
    canvas.drag((0.01, 0.01), (0.1, 0.9))
    canvas.tool("fill")
    canvas.click(0.05, 0.5)
    first = np.array(canvas.value()["grid"]["colors"]).reshape(ROWS, COLS)
    assert (first[: int(0.9 * ROWS), :2] == canvas.page.locator(".lc-color").input_value()).all()


def test_the_grid_becomes_finer_and_coarser(canvas):
    canvas.tool("cell")
    canvas.do("finer")
    canvas.canvas_has("grid", "24x16")
    canvas.do("coarser")
    canvas.canvas_has("grid", "16x11")
    colors = canvas.layers().texture
    assert (colors.rows, colors.cols) == (11, 16)
    assert np.abs(colors.cells.mean((0, 1)) - FILE.texture.cells.mean((0, 1))).max() < 12
    for _ in range(2):
        canvas.undo()
    assert canvas.layers() == FILE


def test_a_mask_is_drawn_subtracted_inverted_cleared_and_restored(canvas):
    canvas.tool("box")
    canvas.drag((0.2, 0.2), (0.8, 0.8))
    assert abs(canvas.mask().mean() - 0.36) < 0.01
    canvas.do("subtract")
    canvas.tool("lasso")
    canvas.drag((0.2, 0.2), (0.8, 0.2), (0.2, 0.8))
    assert abs(canvas.mask().mean() - 0.18) < 0.01
    canvas.tool("mask")
    canvas.drag((0.75, 0.3), (0.75, 0.9))
    assert canvas.mask().mean() < 0.16
    canvas.do("subtract")
    canvas.drag((0.1, 0.1), (0.1, 0.2))
    part = canvas.mask()
    assert part[int(0.15 * len(part)), int(0.1 * part.shape[1])]
    canvas.keys("n")
    assert (canvas.mask() == ~part).all()
    canvas.do("clear")
    assert not canvas.mask().any()
    canvas.do("last-mask")
    assert (canvas.mask() == ~part).all()
    assert canvas.layers() == FILE


def test_a_mask_is_exported_and_imported_as_png(canvas):
    canvas.tool("box")
    canvas.drag((0.1, 0.1), (0.4, 0.6))
    mine = canvas.mask()
    with canvas.page.expect_download() as download:
        canvas.do("export")
    assert download.value.suggested_filename == "coffee-mask.png"
    picture = Image.open(download.value.path())
    assert ((np.array(picture.convert("L")) > 127) == mine).all()
    canvas.do("clear")
    out = BytesIO()
    picture.resize((900, 600), Image.Resampling.NEAREST).save(out, "PNG")
    canvas.choose("import", "m.png", out.getvalue())
    canvas.canvas_has("masked", "true")
    assert (canvas.mask() != mine).mean() < 0.01
    for below in (0, 255):  # black paint on clear
        clear = np.dstack([np.where(mine, 0, below).astype(np.uint8)] * 3 + [np.where(mine, 255, 0).astype(np.uint8)])
        out = BytesIO()
        Image.fromarray(clear).save(out, "PNG")
        canvas.do("clear")
        canvas.choose("import", "m.png", out.getvalue())
        canvas.canvas_has("masked", "true")
        assert (canvas.mask() == mine).all()
    canvas.choose("import", "m.png", b"no picture")
    canvas.says("cannot read that file as a picture")


def test_the_masked_area_is_erased_and_the_mask_can_be_restored(canvas):
    canvas.tool("box")
    canvas.drag((0.6, 0.0), (1.1, 1.1))  # no line goes on beyond the right edge
    canvas.keys("Delete")
    canvas.announces("Erased from")
    layers = canvas.layers()
    inner = [x for stroke in layers.structure.strokes for x, _ in stroke if x / FILE.structure.cols > 0.62]
    assert layers.structure.strokes and not inner
    assert set(layers.structure.strokes) & set(STROKES)
    changed = (layers.texture.cells != FILE.texture.cells).any(axis=2)
    assert changed[:, 11:].any() and len(layers.to_bytes()) < len(FILE.to_bytes())
    canvas.canvas_has("masked", "false")
    canvas.do("last-mask")
    canvas.canvas_has("masked", "true")


def test_a_sketch_is_imported_from_an_svg_a_photo_and_another_file(canvas):
    canvas.page.locator(".lc-keep-strokes").check()
    canvas.choose("sketch", "corner.svg", SVG)
    canvas.announces(f"{len(STROKES) + 1} strokes with those of corner.svg")
    assert canvas.strokes()[1:] == STROKES
    canvas.page.locator(".lc-keep-strokes").uncheck()
    canvas.choose("sketch", "corner.svg", SVG)
    canvas.announces("1 stroke from corner.svg")
    canvas.choose("sketch", "other.tril", OTHER.to_bytes())
    canvas.announces("2 strokes from other.tril")
    layers = canvas.layers()
    assert layers.structure == OTHER.structure and layers.texture == FILE.texture and layers.semantic == FILE.semantic
    canvas.choose("sketch", "photo.jpg", START_PICTURE.read_bytes())
    canvas.announces(re.compile(r"[2-9]\d+ strokes from photo.jpg"))
    for _ in range(4):
        canvas.undo()
    assert canvas.layers() == FILE


def test_colors_are_copied_from_another_file_and_a_photo(canvas):
    canvas.tool("cell")
    canvas.choose("colors", "other.tril", OTHER.to_bytes())
    canvas.announces("Colors of other.tril")
    assert canvas.layers().texture == OTHER.texture and canvas.strokes() == STROKES
    canvas.choose("colors", "photo.jpg", START_PICTURE.read_bytes())
    canvas.announces("Colors of photo.jpg")
    near = canvas.layers().texture.cells.astype(int).mean((0, 1)) - FILE.texture.cells.astype(int).mean((0, 1))
    assert np.abs(near).max() < 20
    canvas.undo()
    canvas.undo()
    assert canvas.layers() == FILE


def test_a_file_that_cannot_be_imported_is_reported_once_and_no_work_is_lost(canvas):
    with canvas.page.expect_response("**/run/predict*"):
        canvas.drag((0.1, 0.1), (0.3, 0.9))
    mine = canvas.value()["strokes"]
    canvas.choose("sketch", "no.png", b"hello")
    canvas.says("PNG, JPEG, WebP")
    expect(canvas.page.locator("#status .tl-bad")).to_have_count(1)
    expect(canvas.page.locator(".lc-message")).to_have_text("")
    assert canvas.value()["strokes"] == mine


def test_strokes_drawn_during_an_import_are_kept(canvas):
    held = []
    canvas.page.route("**/component_server**", lambda route: held.append(route))
    with canvas.page.expect_request("**/component_server**"):
        canvas.choose("sketch", "other.tril", OTHER.to_bytes())
    canvas.announces("Reading")
    canvas.page.wait_for_function("() => document.querySelector('.lc').dataset.busy === 'true'")
    canvas.drag((0.05, 0.05), (0.06, 0.9))
    canvas.page.mouse.move(*canvas.spot(0.95, 0.05))
    canvas.page.mouse.down()
    canvas.page.mouse.move(*canvas.spot(0.95, 0.5))
    held[0].continue_()
    canvas.page.unroute("**/component_server**")
    canvas.page.wait_for_function("() => document.querySelector('.lc').dataset.busy === 'false'")
    canvas.page.mouse.move(*canvas.spot(0.95, 0.9))
    canvas.page.mouse.up()
    canvas.announces("2 strokes from other.tril")
    strokes = canvas.strokes()
    assert len(strokes) == 4 and strokes[2:] == OTHER.structure.strokes
    assert min(x for x, _ in strokes[0]) > 55 and len(strokes[0]) > 30  # of 64
    assert max(x for x, _ in strokes[1]) < 10 and len(strokes[1]) > 30


def test_people_are_added_posed_and_removed(canvas):
    canvas.tool("pose")
    canvas.do("add-person")
    canvas.announces("People replace the sketch")
    value = canvas.value()
    width, height = value["width"], value["height"]
    x, y = value["pose"][0][4]  # the right wrist
    canvas.drag((x / width, y / height), (0.2, 0.2))
    wrist = canvas.value()["pose"][0][4]
    assert abs(wrist[0] - 0.2 * width) < 3 and abs(wrist[1] - 0.2 * height) < 3
    assert canvas.value()["pose"][0][:4] == value["pose"][0][:4]
    expect(canvas.page.locator(".lc-joint")).to_have_value("4")
    canvas.keys("Delete")
    assert canvas.value()["pose"][0][4] is None
    canvas.do("joint")
    assert canvas.value()["pose"][0][4] is not None
    canvas.page.locator(".lc-joint").select_option("left ankle")
    canvas.page.locator(".lc-stage").focus()
    before = canvas.value()["pose"][0][13]
    canvas.keys("Control+ArrowLeft")
    assert canvas.value()["pose"][0][13][0] < before[0]
    canvas.do("add-person")
    assert canvas.canvas("people") == "2"
    hip, knee = canvas.value()["pose"][1][8], canvas.value()["pose"][1][9]
    thigh = (hip[0] + knee[0]) / 2 / width, (hip[1] + knee[1]) / 2 / height
    canvas.drag(thigh, (thigh[0] + 0.1, thigh[1]))
    assert abs(canvas.value()["pose"][1][0][0] - 0.35 * width) < 3  # all of the person came along
    pose = canvas.layers().structure
    assert isinstance(pose, Pose) and len(pose.persons) == 2
    expect(canvas.page.locator(".lc button[data-tool=pen]")).to_be_disabled()
    canvas.do("remove-person")
    canvas.do("remove-person")
    assert canvas.layers() == FILE  # the sketch is back


def test_the_shortcuts_are_listed(canvas):
    sheet = canvas.page.get_by_role("dialog", name="Keyboard shortcuts")
    canvas.keys("?")
    expect(sheet.get_by_role("row", name="Ctrl+Z Undo")).to_be_visible()
    expect(sheet.get_by_role("row", name="L Draw around an area")).to_be_visible()
    canvas.keys("Escape")
    expect(sheet).to_be_hidden()
    canvas.do("shortcuts")
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_be_hidden()
    canvas.page.locator("#prompt textarea").press("?")
    expect(sheet).to_be_hidden()
    canvas.page.locator("#prompt textarea").fill(FILE.semantic.text)


def test_other_scripts_are_notified_of_the_history(canvas):
    canvas.page.evaluate("window.told = []; document.querySelector('.lc').canvas.onchange((e) => told.push(e))")
    canvas.drag((0.1, 0.1), (0.3, 0.3))
    canvas.keys("Control+z")
    told = canvas.page.evaluate("window.told")
    assert [event["word"] for event in told] == ["stroke", "Undone"]
    assert told[0]["undo"] == told[1]["undo"] + 1 and told[1]["redo"] == 1


def test_every_control_has_a_name_and_is_large_enough(canvas):
    for name in canvas.page.locator(".lc button[data-tool]").evaluate_all("all => all.map((b) => b.dataset.tool)"):
        canvas.tool(name)
        controls = canvas.page.locator(".lc-toolbar, .lc-options, .lc-footer").locator("button, input, select")
        small = controls.evaluate_all(
            """all => all.filter((e) => e.offsetParent).map((e) => (e.closest('label') ?? e).getBoundingClientRect())
                 .filter((r) => r.width < 24 || r.height < 24).length"""
        )
        nameless = canvas.page.locator(".lc button, .lc input, .lc select").evaluate_all(
            "all => all.filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).length"
        )
        assert (small, nameless) == (0, 0), name
