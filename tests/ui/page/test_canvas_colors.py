"""Color cells and masks of the canvas."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from tests.ui.page.canvas_page import COLS, FILE, ROWS, STROKES


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


def test_a_mask_is_exported_and_imported(canvas):
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
    clear = Image.fromarray(np.dstack([np.zeros(mine.shape, np.uint8)] * 3 + [mine.astype(np.uint8) * 255]))
    for kind, image in (("PNG", clear), ("TIFF", clear), ("GIF", clear.convert("P")), ("BMP", picture.convert("L"))):
        out = BytesIO()
        image.save(out, kind, **({"transparency": 0} if kind == "GIF" else {}))
        canvas.do("clear")
        canvas.choose("import", f"m.{kind.lower()}", out.getvalue())
        canvas.canvas_has("masked", "true")
        assert (canvas.mask() == mine).all()
    canvas.choose("import", "m.png", b"no picture")
    canvas.says("is not a PNG, JPEG, WebP, AVIF, GIF, BMP, TIFF or PNM picture")


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
