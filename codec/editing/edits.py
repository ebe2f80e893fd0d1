"""Edits of layers, without decoding: pure functions from `Layers` to `Layers`.

What an edit does not touch keeps its very bytes: other layers, other strokes, the lattice, the
quantizer step. All raise `InvalidLayer` where the layer or the value is not one that can be edited so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from codec.bitstream.container import KEEPABLE
from codec.editing.cells import coverage, filled, resampled, shifted
from codec.errors import BudgetTooSmall, InvalidLayer
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.chain_code import Stroke
from codec.structure.pose import UNITS, Pose
from codec.structure.pose_payload import Joint
from codec.structure.sketch import Sketch
from codec.texture.colormap import MAX_CELLS, MIN_CELLS, Colormap

LATTICE: Final = 128  # cells on the longer side of a sketch begun from nothing
GRID: Final = 16  # and of a colormap
_COVERED: Final = 1 / 3  # of a cell: what the mask covers more of is refilled


def reprompt(layers: Layers, text: str, negative: str | None = None) -> Layers:
    """With another prompt; `negative` None keeps the one there is."""
    kept = layers.semantic.negative if layers.semantic else ""
    return _edited(layers, semantic=Prompt(text, kept if negative is None else negative))


def resketch(layers: Layers, polylines: Iterable[np.ndarray]) -> Layers:
    """With these strokes, each (N, 2) of x, y in pixels, most important first, on the lattice there is.

    Strokes given as `Sketch.points()` stay what they were.
    """
    cols, rows = lattice(layers)
    sketch = Sketch.from_polylines(polylines, layers.width, layers.height, cols, rows)
    return _edited(layers, structure=sketch)


def draw(layers: Layers, polyline: np.ndarray) -> Layers:
    """With one more stroke, (N, 2) of x, y in pixels. It goes first: a person meant it."""
    old = layers.structure.strokes if isinstance(layers.structure, Sketch) else ()
    cols, rows = lattice(layers)
    new = Sketch.from_polylines([polyline], layers.width, layers.height, cols, rows)
    return _edited(layers, structure=Sketch(cols, rows, new.strokes + old))


def cut(layers: Layers, max_bytes: int) -> Layers:
    """Without the strokes at the end of the sketch, so that the file has at most `max_bytes`.

    Nothing is coded again and no source is needed: the sketch's payload is cut where it must be. Words
    stay, and colors as long as there is a stroke to cut; then they are cut to a blurrier map. Layers that
    are small enough come back as they are. Raises `BudgetTooSmall` where the rest alone is larger.
    """
    over = layers.sizes().total - max_bytes
    while over > 0:
        sketch = layers.structure
        if not isinstance(sketch, Sketch) or not sketch.strokes:
            layers = _blurred(layers, over)
            break
        shorter = sketch.cut(len(sketch.to_bytes()) - over)  # maybe of the same strokes, in fewer bytes
        layers = replace(_edited(layers, structure=shorter), structure=shorter)
        over = layers.sizes().total - max_bytes
    return layers


def _blurred(layers: Layers, over: int) -> Layers:
    """With colors of so many bytes less, or a few more saved, as lengths too may shrink."""
    try:
        if layers.texture:
            shorter = layers.texture.cut(len(layers.texture.to_bytes()) - over)
            return replace(_edited(layers, texture=shorter), texture=shorter)
    except BudgetTooSmall:
        pass
    least = layers.sizes().total
    kept = "with its people, who are not cut" if isinstance(layers.structure, Pose) else "without any stroke"
    raise BudgetTooSmall(f"the file needs {least} bytes {kept}: shorten the prompt or allow more")


def repose(layers: Layers, pose: Pose | None) -> Layers:
    """With these people in place of the pose or the sketch; None for neither."""
    return _edited(layers, structure=pose)


def lattice(layers: Layers) -> tuple[int, int]:
    """Columns and rows of the sketch, or of the one that would be begun.

    Raises `InvalidLayer` for a pose.
    """
    if isinstance(layers.structure, Pose):
        raise InvalidLayer("the structure layer is a pose: it has no strokes to draw or erase")
    if layers.structure:
        return layers.structure.cols, layers.structure.rows
    rows, cols = grid(layers.width, layers.height, LATTICE, 8, 1024)
    return cols, rows


def grid(width: int, height: int, cells: int, least: int = 4, most: int = 32) -> tuple[int, int]:
    """Rows and columns of about square cells, `cells` on the longer side, each within bounds."""
    longer = max(width, height)
    rows, cols = (min(max(round(cells * side / longer), least), most) for side in (height, width))
    return rows, cols


def paint(layers: Layers, row: int, col: int, color: Sequence[int]) -> Layers:
    """With one cell of the colormap in another color, 3 integers in 0..255 of sRGB."""
    cells = _cells(layers)
    if not (0 <= row < cells.shape[0] and 0 <= col < cells.shape[1]):
        raise InvalidLayer(f"the colormap has {cells.shape[0]} rows and {cells.shape[1]} columns")
    if len(color) != 3 or not all(0 <= value <= 255 for value in color):
        raise InvalidLayer("a color is three numbers of 0..255")
    cells[row, col] = color
    return recolor(layers, cells)


def recolor(layers: Layers, cells: np.ndarray) -> Layers:
    """With these cells, (rows, cols, 3) uint8 sRGB, at the step there is."""
    if layers.texture:
        return _edited(layers, texture=layers.texture.repaint(cells))
    return _edited(layers, texture=Colormap.from_cells(cells))


def regrid(layers: Layers, rows: int, cols: int) -> Layers:
    """With the same colors in a finer or coarser grid, 2..64 cells a side; white ones where there were none."""
    if not all(MIN_CELLS <= side <= MAX_CELLS for side in (rows, cols)):
        raise InvalidLayer(f"a colormap has {MIN_CELLS} to {MAX_CELLS} cells a side")
    return recolor(layers, resampled(_cells(layers), rows, cols))


def shift(
    layers: Layers, hue: float = 0, saturation: float = 0, brightness: float = 0, where: np.ndarray | None = None
) -> Layers:
    """With the colors of the cells `where`, (rows, cols) bool, or of all, in another hue (degrees), and with so much
    more saturation (-1..1) and brightness (-1..1, on a lightness of 0..1)."""
    old = _cells(layers)
    if where is not None and (where.shape != old.shape[:2] or where.dtype != bool):
        raise InvalidLayer(f"which cells to shift must be {old.shape[:2]} bool")
    new = shifted(old, hue, saturation, brightness)
    return recolor(layers, new if where is None else np.where(where[..., None], new, old))


def swap_structure(layers: Layers, other: Layers) -> Layers:
    """With the other's sketch or pose, stretched to this picture."""
    return _edited(layers, structure=other.structure)


def swap_texture(layers: Layers, other: Layers) -> Layers:
    """With the other's colors, stretched to this picture."""
    return _edited(layers, texture=other.texture)


def erase(layers: Layers, mask: np.ndarray) -> Layers:
    """Without an object: no strokes or joints under the mask, and cells filled from around it.

    `mask`: (height, width) bool, True over the object. A cell covered by more than a third takes the
    color that flows in from its uncovered neighbors; colors stay if every cell is covered.
    """
    if mask.shape != (layers.height, layers.width) or mask.dtype != bool:
        raise InvalidLayer(f"the mask must be ({layers.height}, {layers.width}) bool")
    structure, texture = layers.structure, layers.texture
    if isinstance(structure, Sketch):
        structure = _erase_strokes(structure, mask)
    elif structure:
        structure = _erase_joints(structure, mask)
    if texture:
        holes = coverage(mask, texture.rows, texture.cols) > _COVERED
        texture = texture.refill(filled(texture.cells, holes))
    return _edited(layers, structure=structure, texture=texture)


def _edited(layers: Layers, **changed: object) -> Layers:
    """With other layers. If that changes the picture, extensions not made for it are dropped."""
    after = replace(layers, **changed)  # type: ignore[arg-type]
    if after == layers:
        return layers
    return replace(after, extra=tuple(chunk for chunk in layers.extra if chunk[0] & KEEPABLE))


def _cells(layers: Layers) -> np.ndarray:
    if layers.texture:
        return layers.texture.cells.copy()
    return np.full((*grid(layers.width, layers.height, GRID), 3), 255, np.uint8)


def _erase_strokes(sketch: Sketch, mask: np.ndarray) -> Sketch:
    height, width = mask.shape
    kept: list[Stroke] = []
    for stroke, points in zip(sketch.strokes, sketch.points(width, height), strict=True):
        x, y = points.astype(int).T
        hidden = mask[np.minimum(y, height - 1), np.minimum(x, width - 1)]
        breaks = np.flatnonzero(np.diff(hidden)) + 1
        for piece in np.split(np.arange(len(stroke)), breaks):
            if len(piece) >= 2 and not hidden[piece[0]]:
                kept.append(stroke[piece[0] : piece[-1] + 1])
    return Sketch(sketch.cols, sketch.rows, tuple(kept))


def _erase_joints(pose: Pose, mask: np.ndarray) -> Pose:
    height, width = mask.shape

    def shown(joint: Joint) -> Joint:
        hidden = joint is not None and mask[joint[1] * height // UNITS, joint[0] * width // UNITS]
        return None if hidden else joint

    persons = [tuple(shown(joint) for joint in person) for person in pose.persons]
    return Pose(tuple(person for person in persons if any(joint is not None for joint in person)))
