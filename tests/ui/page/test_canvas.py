"""The canvas as a whole: pointers, keyboard, zoom, people, the underlay, names of controls."""

from __future__ import annotations

import re

import numpy as np
from playwright.sync_api import expect

from codec import Pose
from tests.ui.page.canvas_page import FILE, STROKES


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


# Random events of a mouse, a pen and three fingers, with the time between them. Each pointer stays in a band of its
# own, so a stroke that lies in two bands is mixed. Two fingers never move at once, which would zoom. Returns the
# variants with a mixed stroke, and how many strokes were drawn.
RANDOM_POINTERS = """(variants) => {
  const stage = document.querySelector('.lc-stage'), { canvas } = document.querySelector('.lc');
  const base = canvas.snapshot(), pointers = ['mouse', 'pen', 'touch', 'touch', 'touch'], mixed = [];
  let seed = 1, clock = 10_000, drawn = 0;
  const random = () => { seed = (seed * 16807) % 2147483647; return seed / 2147483647; };
  stage.setPointerCapture = () => {};
  for (let variant = 0; variant < variants; variant++) {
    const down = new Set(), x = pointers.map(() => 0.1 + 0.3 * random());
    const send = (kind, i) => {
      const box = stage.getBoundingClientRect();
      const clientX = box.x + x[i] * box.width, clientY = box.y + ((i + 0.5) / pointers.length) * box.height;
      const event = new PointerEvent(`pointer${kind}`, {
        pointerId: i + 1, pointerType: pointers[i], clientX, clientY, button: 0, buttons: 1, bubbles: true,
      });
      Object.defineProperty(event, 'timeStamp', { value: clock });
      stage.dispatchEvent(event);
    };
    for (let step = 0; step < 40; step++) {
      const i = Math.floor(random() * pointers.length), isFinger = pointers[i] === 'touch';
      const fingers = [...down].filter((j) => pointers[j] === 'touch').length, choice = random();
      clock += random() < 0.15 ? 700 : 15;
      if (!down.has(i) && choice < 0.6) { down.add(i); send('down', i); }
      else if (down.has(i) && choice > 0.8) { down.delete(i); send(choice > 0.95 ? 'cancel' : 'up', i); }
      else if (!isFinger || (down.has(i) && fingers === 1)) { x[i] += 0.03; send('move', i); }
    }
    for (const i of down) send('up', i);
    const { doc } = canvas.snapshot(), known = new Set(base.doc.strokes.map(String));
    for (const stroke of doc.strokes.filter((points) => !known.has(String(points)))) {
      const bands = stroke.filter((_, k) => k % 2).map((y) => Math.floor(y / doc.height * pointers.length));
      if (new Set(bands).size > 1) mixed.push(variant);
      drawn += 1;
    }
    canvas.restore(base);
    clock += 2000;
  }
  delete stage.setPointerCapture;
  return [mixed, drawn];
}"""


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
    # the palm comes down and slides, then the pen draws: the palm's stroke is gone, and Undo brings it back
    touch("touchStart", f1=(0.8, 0.9))
    touch("touchMove", f1=(0.6, 0.95))
    point("mousePressed", "pen", 0.1, 0.1)
    canvas.announces("Undo brings it back")
    touch("touchMove", f1=(0.5, 0.9))
    point("mouseMoved", "pen", 0.3, 0.1)
    touch("touchEnd")
    point("mouseReleased", "pen", 0.3, 0.1)
    strokes = canvas.value()["strokes"]
    assert len(strokes) == len(STROKES) + 1 and reach(strokes[0])[0] < 0.35 and reach(strokes[0])[1] < 0.2
    canvas.undo()
    canvas.undo()
    strokes = canvas.value()["strokes"]
    assert len(strokes) == len(STROKES) + 1 and 0.55 < reach(strokes[0])[0] < 0.85 and reach(strokes[0])[1] > 0.85
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
    canvas.undo()
    mixed, drawn = canvas.page.evaluate(RANDOM_POINTERS, 120)
    assert mixed == [] and drawn > 120


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
