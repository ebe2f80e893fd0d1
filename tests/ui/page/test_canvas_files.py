"""Sketches and colors that the canvas imports from other files."""

from __future__ import annotations

import re

import numpy as np
from playwright.sync_api import expect

from tests.ui.page.canvas_page import FILE, OTHER, STROKES, SVG
from ui.services.examples import START_PICTURE


def test_a_sketch_is_imported_from_an_svg_a_photo_and_another_file(canvas):
    canvas.unfold(".lc-keep-strokes")
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
    canvas.page.locator(".lc-palette").check()
    canvas.choose("colors", "other.tril", OTHER.to_bytes())
    canvas.page.locator(".lc-palette").uncheck()
    canvas.announces("Palette of other.tril")
    palette = canvas.layers().texture  # in the places and the grid of the present colors
    assert (palette.rows, palette.cols) == (FILE.texture.rows, FILE.texture.cols) and canvas.strokes() == STROKES
    assert np.abs(palette.cells.astype(int).mean((0, 1)) - (20, 90, 200)).max() < 16
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
