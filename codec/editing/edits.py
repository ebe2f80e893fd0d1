"""Edits: pure functions from `Layers` to `Layers` that need no decoder.

An edit changes only what it names: the bytes of other layers, other strokes, the lattice and the quantizer step stay
the same. All edits raise `InvalidLayer` for a value that the layer cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from codec.allocation import available_bytes, sketch_bytes
from codec.bitstream.container import KEEPABLE
from codec.editing.cells import adjust_cells, coverage, inpaint_cells, resample_cells
from codec.editing.join import join_gaps
from codec.errors import BudgetTooSmall, InvalidLayer
from codec.grid_shape import grid_shape
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.chain_code import Stroke
from codec.structure.pose import UNITS, Pose
from codec.structure.pose_payload import Joint
from codec.structure.sketch import Sketch
from codec.texture import rdoq
from codec.texture.colormap import MAX_CELLS, MIN_CELLS, Colormap
from codec.texture.repaint import repaint, smallest_repaint

DEFAULT_LATTICE: Final = 128  # cells on the longer side of a new sketch
DEFAULT_GRID: Final = 16  # cells on the longer side of a new colormap
_MAX_COVERAGE: Final = 1 / 3  # share of a cell under an erasing mask above which the cell is inpainted
_MIN_PIECE: Final = 4  # points; shorter pieces of a stroke that was cut are dropped
_MAX_DETAIL_COVERAGE: Final = 0.1  # share of a detail cell under an erasing mask above which it is cleared


def reprompt(layers: Layers, text: str, negative: str | None = None) -> Layers:
    """Replace the prompt; `negative` None keeps the present negative prompt."""
    present = layers.semantic.negative if layers.semantic else ""
    return _edited(layers, semantic=Prompt(text, present if negative is None else negative))


def resketch(layers: Layers, polylines: Iterable[np.ndarray]) -> Layers:
    """Replace the sketch by these strokes, each (N, 2) of x, y in pixels, most important first.

    The lattice stays. Strokes from `Sketch.points()` are stored unchanged.
    """
    cols, rows = lattice_shape(layers)
    sketch = Sketch.from_polylines(polylines, layers.width, layers.height, cols, rows)
    return _edited(layers, structure=sketch)


def draw(layers: Layers, polyline: np.ndarray) -> Layers:
    """Add a stroke, (N, 2) of x, y in pixels, as the most important one."""
    strokes = layers.structure.strokes if isinstance(layers.structure, Sketch) else ()
    cols, rows = lattice_shape(layers)
    drawn = Sketch.from_polylines([polyline], layers.width, layers.height, cols, rows)
    return _edited(layers, structure=Sketch(cols, rows, drawn.strokes + strokes))


def cut(layers: Layers, max_bytes: int) -> Layers:
    """Truncate the layers so that the file has at most `max_bytes`.

    The detail of the colors is truncated first, down to the share that the encoder would give it, then the sketch,
    then all of the colors. The payloads are embedded bitstreams: nothing is encoded again, and the source picture is
    not needed. The prompt stays. Layers that are small enough are returned unchanged. Raises `BudgetTooSmall` if the
    file cannot be that small.
    """
    excess = layers.sizes().total - max_bytes
    if excess > 0 and layers.texture is not None and layers.texture.detail is not None:
        layers = _cut_detail(layers, excess, available_bytes(layers, max_bytes))
        excess = layers.sizes().total - max_bytes
    while excess > 0:
        sketch = layers.structure
        if not isinstance(sketch, Sketch) or not sketch.strokes:
            return _cut_colors(layers, excess)
        shorter = sketch.cut(len(sketch.to_bytes()) - excess)  # may hold the same strokes in fewer bytes
        layers = replace(_edited(layers, structure=shorter), structure=shorter)
        excess = layers.sizes().total - max_bytes
    return layers


def _cut_detail(layers: Layers, excess: int, available: int) -> Layers:
    """Truncate the detail by up to `excess` bytes; the texture layer keeps its share and the base colors.

    `available`: bytes for structure and texture in the smaller file.
    """
    texture = layers.texture
    assert texture is not None
    base_size = len(replace(texture, detail=None).to_bytes())
    share = available - sketch_bytes(available)
    size = len(texture.to_bytes())
    shorter = texture.cut(min(max(size - excess, share, base_size), size))
    return replace(_edited(layers, texture=shorter), texture=shorter)


def _cut_colors(layers: Layers, excess: int) -> Layers:
    """Truncate the colors by `excess` bytes. Raises `BudgetTooSmall` if that is not possible."""
    try:
        if layers.texture:
            shorter = layers.texture.cut(len(layers.texture.to_bytes()) - excess)
            return replace(_edited(layers, texture=shorter), texture=shorter)
    except BudgetTooSmall:
        pass
    needed = layers.sizes().total
    remaining = "with its pose, which cannot be cut" if isinstance(layers.structure, Pose) else "without any stroke"
    raise BudgetTooSmall(f"the file needs {needed} bytes {remaining}: shorten the prompt or allow more")


def repose(layers: Layers, pose: Pose | None) -> Layers:
    """Replace the structure layer by a pose; None removes it."""
    return _edited(layers, structure=pose)


def lattice_shape(layers: Layers) -> tuple[int, int]:
    """Return (columns, rows) of the sketch's lattice, or of the lattice that a new sketch would have.

    Raises `InvalidLayer` for a pose.
    """
    if isinstance(layers.structure, Pose):
        raise InvalidLayer("the structure layer is a pose: it has no strokes to draw or erase")
    if layers.structure:
        return layers.structure.cols, layers.structure.rows
    rows, cols = grid_shape(layers.width, layers.height, DEFAULT_LATTICE, 8, 1024)
    return cols, rows


def paint(layers: Layers, row: int, col: int, color: Sequence[int]) -> Layers:
    """Set one cell of the base colors to a color, 3 integers of sRGB in 0..255; detail stays."""
    cells = _cells(layers)
    if not (0 <= row < cells.shape[0] and 0 <= col < cells.shape[1]):
        raise InvalidLayer(
            f"there is no cell ({row}, {col}): the colormap has {cells.shape[0]} rows and {cells.shape[1]} columns"
        )
    if len(color) != 3 or not all(0 <= value <= 255 for value in color):
        raise InvalidLayer("a color must be three numbers in 0..255")
    cells[row, col] = color
    return recolor(layers, cells)


def recolor(layers: Layers, cells: np.ndarray) -> Layers:
    """Replace the base colors by (rows, cols, 3) uint8 sRGB cells, with the present quantizer step; detail stays."""
    if layers.texture:
        return _edited(layers, texture=repaint(layers.texture, cells))
    return _edited(layers, texture=rdoq.quantize(cells))


def regrid(layers: Layers, rows: int, cols: int) -> Layers:
    """Resample the base colors to another grid, 2..64 cells a side; new colors are white, detail stays."""
    if not all(MIN_CELLS <= side <= MAX_CELLS for side in (rows, cols)):
        raise InvalidLayer(f"a colormap must have {MIN_CELLS} to {MAX_CELLS} cells a side")
    return recolor(layers, resample_cells(_cells(layers), rows, cols))


def shift(
    layers: Layers, hue: float = 0, saturation: float = 0, brightness: float = 0, where: np.ndarray | None = None
) -> Layers:
    """Change hue, saturation and brightness of the base colors; detail stays.

    `hue`: degrees. `saturation`: -1 for gray, 0 for no change, 1 for twice as much. `brightness`: -1..1, added to a
    lightness of 0..1. `where`: the cells to change, (rows, cols) bool; None for all.
    """
    cells = _cells(layers)
    if where is not None and (where.shape != cells.shape[:2] or where.dtype != bool):
        raise InvalidLayer(f"the selection of cells must be {cells.shape[:2]} bool")
    adjusted = adjust_cells(cells, hue, saturation, brightness)
    return recolor(layers, adjusted if where is None else np.where(where[..., None], adjusted, cells))


def swap_structure(layers: Layers, other: Layers) -> Layers:
    """Replace the structure layer by that of `other`, stretched to this picture."""
    return _edited(layers, structure=other.structure)


def swap_texture(layers: Layers, other: Layers) -> Layers:
    """Replace the texture layer, detail included, by that of `other`, stretched to this picture."""
    return _edited(layers, texture=other.texture)


def erase(layers: Layers, mask: np.ndarray) -> Layers:
    """Erase an object: remove strokes and joints under the mask, inpaint the colors and clear the detail under it.

    Lines that end at the mask are joined across it where one continues the other. If only one line crosses the mask,
    that line is the object, and its two remaining parts are not joined.

    `mask`: (height, width) bool, True over the object. A base cell is inpainted from its neighbors if the mask covers
    more than a third of it; the base colors stay if all cells are covered. A detail cell is cleared if the mask covers
    more than a tenth of it.
    """
    if mask.shape != (layers.height, layers.width) or mask.dtype != bool:
        raise InvalidLayer(f"the mask must be ({layers.height}, {layers.width}) bool")
    structure, texture = layers.structure, layers.texture
    if isinstance(structure, Sketch):
        remaining = erase_strokes(structure, mask)
        structure = join_gaps(remaining, mask) if _touched_strokes(structure, mask) > 1 else remaining
    elif structure:
        structure = _erase_joints(structure, mask)
    if texture:
        holes = coverage(mask, texture.rows, texture.cols) > _MAX_COVERAGE
        texture = _clear_detail(smallest_repaint(texture, inpaint_cells(texture.cells, holes)), mask)
    return _edited(layers, structure=structure, texture=texture)


def _edited(layers: Layers, **changes: Any) -> Layers:
    """Return the layers with changes; if anything changes, extensions that are not marked as keepable are dropped.

    The recipe is dropped, too, unless only the prompt changes, because it ignores strokes and colors.
    """
    edited = replace(layers, **changes)
    if edited == layers:
        return layers
    recipe = layers.recipe if changes.keys() == {"semantic"} else None
    return replace(edited, extra=tuple(chunk for chunk in layers.extra if chunk[0] & KEEPABLE), recipe=recipe)


def _cells(layers: Layers) -> np.ndarray:
    """Return a copy of the color cells, white ones if there are no colors."""
    if layers.texture:
        return layers.texture.cells.copy()
    return np.full((*grid_shape(layers.width, layers.height, DEFAULT_GRID), 3), 255, np.uint8)


def _clear_detail(texture: Colormap, mask: np.ndarray) -> Colormap:
    """Return the texture without the detail of the cells that the mask covers."""
    if texture.detail is None:
        return texture
    covered = coverage(mask, texture.detail.rows, texture.detail.cols) > _MAX_DETAIL_COVERAGE
    detail = texture.detail.cleared(covered) if covered.any() else texture.detail
    return texture if detail is texture.detail else replace(texture, detail=detail)


def erase_strokes(sketch: Sketch, mask: np.ndarray) -> Sketch:
    """Return the strokes outside the mask. Strokes that it cuts leave their pieces of at least `_MIN_PIECE` points."""
    height, width = mask.shape
    strokes: list[Stroke] = []
    for stroke, points in zip(sketch.strokes, sketch.points(width, height), strict=True):
        x, y = points.astype(int).T
        hidden = mask[np.minimum(y, height - 1), np.minimum(x, width - 1)]
        breaks = np.flatnonzero(np.diff(hidden)) + 1
        for run in np.split(np.arange(len(stroke)), breaks):
            if (len(run) >= _MIN_PIECE or not len(breaks)) and not hidden[run[0]]:
                strokes.append(stroke[run[0] : run[-1] + 1])
    return Sketch(sketch.cols, sketch.rows, tuple(strokes))


def _touched_strokes(sketch: Sketch, mask: np.ndarray) -> int:
    """Return how many strokes have points under the mask."""
    height, width = mask.shape
    places = (points.astype(int).T for points in sketch.points(width, height))
    return sum(bool(mask[np.minimum(y, height - 1), np.minimum(x, width - 1)].any()) for x, y in places)


def _erase_joints(pose: Pose, mask: np.ndarray) -> Pose:
    """Return the pose without the joints under the mask and without persons that lost all joints."""
    height, width = mask.shape

    def visible(joint: Joint) -> Joint:
        hidden = joint is not None and mask[joint[1] * height // UNITS, joint[0] * width // UNITS]
        return None if hidden else joint

    persons = [tuple(visible(joint) for joint in person) for person in pose.persons]
    return Pose(tuple(person for person in persons if any(joint is not None for joint in person)))
