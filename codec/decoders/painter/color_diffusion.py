"""Colors flow from the cells of a colormap until the lines of a sketch stop them.

After diffusion curves (Orzan et al. 2008), but the colors come from cell means instead of
from the curves. On a grid of pixels x we look for the least

    sum over links (i, j)  w_ij (x_i - x_j)²        smooth, but w_ij is small where a line cuts
  + grip * sum over pixels (mean of its cell - c)²  every cell keeps its color c, as firmly as c is sure
  + pull * sum over pixels (x_i - x0_i)²            and what is shut in stays near a smooth x0

which is a sparse symmetric system, solved from coarse to fine by conjugate gradients. A line
lies between pixels and not on them: nothing leaks through it and no pixel is lost to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

LEAK = 0.003  # what a cut link still lets through, of 1
GRIP = 30.0  # over the pixels of a cell, so that it means the same at every resolution
PULL = 0.05  # the same
SMALL = 0.4  # how much stronger it pulls in a region as small as a cell
ROUNDS = (40, 30, 24, 24)  # conjugate gradient steps, coarse levels first
CALM = 8.0  # errors of the quantizer that neighboring cells must differ by to be kept apart firmly
LOOSE = 0.02  # of the grip is what cells that differ less keep
OVERSHOOT = 0.3  # how far, of the local range of colors, a pixel may leave that range


def cut_links(polylines: Sequence[np.ndarray], height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which links between neighboring pixels are cut by a line.

    polylines: each (N, 2) of x, y in pixels, the first pixel's center being (0.5, 0.5).
    Returns across (height, width - 1) bool, links from (y, x) to (y, x + 1), and down
    (height - 1, width) bool, links from (y, x) to (y + 1, x). Every path of links from one side
    of a line to the other uses a cut one.
    """
    across = np.zeros((height, width - 1), bool)
    down = np.zeros((height - 1, width), bool)
    if polylines:
        starts = np.concatenate([line[:-1] for line in polylines]).astype(np.float64) - 0.5
        ends = np.concatenate([line[1:] for line in polylines]).astype(np.float64) - 0.5
        _mark(across, starts, ends)
        _mark(down.T, starts[:, ::-1], ends[:, ::-1])
    return across, down


def _mark(links: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
    """Set links[y, floor(x)] wherever a segment crosses the row of pixel centers y at x."""
    lower = np.ceil(np.minimum(starts[:, 1], ends[:, 1])).astype(int)
    upper = np.ceil(np.maximum(starts[:, 1], ends[:, 1])).astype(int)  # half open: no row twice
    count = upper - lower
    segment = np.repeat(np.arange(len(starts)), count)
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + lower[segment]
    start, end = starts[segment], ends[segment]
    column = start[:, 0] + (row - start[:, 1]) / (end[:, 1] - start[:, 1]) * (end - start)[:, 0]
    column = np.floor(column).astype(int)
    rows, columns = links.shape
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    links[row[inside], column[inside]] = True


def diffuse(
    cells: np.ndarray, polylines: Sequence[np.ndarray], height: int, width: int, error: float = 0.0
) -> np.ndarray:
    """Paint the colors of `cells` between the lines.

    cells: (rows, cols, 3) float32 in 0..1, known to about `error`; polylines: each (N, 2) of x, y in units of
    the whole picture (0..1). Returns about (height, width, 3) float32 in 0..1: whole pixels to each cell.
    """
    rows, cols = cells.shape[:2]
    tall, wide = max(1, round(height / rows)), max(1, round(width / cols))
    painted = cells
    firm = firmness(cells, error)
    levels = len(ROUNDS)
    for level, rounds in enumerate(ROUNDS):
        shift = levels - 1 - level
        h, w = rows * max(1, tall >> shift), cols * max(1, wide >> shift)
        smooth = cv2.resize(cells, (w, h), interpolation=cv2.INTER_CUBIC)
        start = cv2.resize(painted, (w, h)) if level else smooth
        painted = _solve(cells, firm, polylines, smooth, start, rounds)
    return _within_reach(painted, cells)


def firmness(cells: np.ndarray, error: float) -> np.ndarray:
    """How firmly each cell keeps its color, (rows, cols) float32 in LOOSE..1.

    Where all cells around differ by no more than the quantizer's error, that is all they tell: a plain ground.
    """
    if not error:
        return np.ones(cells.shape[:2], np.float32)
    around = np.ones((3, 3), np.uint8)
    apart = np.maximum(cv2.dilate(cells, around) - cells, cells - cv2.erode(cells, around)).max(2)
    return np.clip((apart / (CALM * error)) ** 2, LOOSE, 1.0).astype(np.float32)


def _solve(
    cells: np.ndarray,
    firm: np.ndarray,
    polylines: Sequence[np.ndarray],
    smooth: np.ndarray,
    start: np.ndarray,
    rounds: int,
) -> np.ndarray:
    """Conjugate gradients with a diagonal preconditioner at one resolution, from `start`."""
    height, width = smooth.shape[:2]
    rows, cols = cells.shape[:2]
    per_cell = (height // rows) * (width // cols)
    scale = np.array([width, height], np.float64)
    lines = [line * scale for line in polylines]
    grip = (GRIP / per_cell * firm)[..., None]
    cells_in = _areas(lines, height, width)[..., None] / per_cell
    pull = PULL / per_cell * (1 + SMALL / cells_in**2) * cv2.resize(firm, (width, height))[..., None]
    pull = np.repeat(pull.astype(np.float32), 3, 2)
    across, down = (_conductance(cut) for cut in cut_links(lines, height, width))
    y, flow_across, flow_down, product = smooth.copy(), np.empty_like(across), np.empty_like(down), smooth.copy()

    def to_cells(x: np.ndarray) -> np.ndarray:
        return cv2.resize(x, (cols, rows), interpolation=cv2.INTER_AREA)

    def spread(c: np.ndarray) -> np.ndarray:
        return cv2.resize(c, (width, height), interpolation=cv2.INTER_NEAREST)

    def apply(x: np.ndarray) -> np.ndarray:
        np.multiply(pull, x, out=y)
        np.add(y, spread(to_cells(x) * grip), out=y)
        np.subtract(x[:, 1:], x[:, :-1], out=flow_across)
        np.multiply(flow_across, across, out=flow_across)
        y[:, :-1] -= flow_across
        y[:, 1:] += flow_across
        np.subtract(x[1:], x[:-1], out=flow_down)
        np.multiply(flow_down, down, out=flow_down)
        y[:-1] -= flow_down
        y[1:] += flow_down
        return y

    def dot(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.multiply(a, b, out=product).sum())  # in one thread: the same sum everywhere

    diagonal = spread(grip * np.ones(3, np.float32)) / per_cell + pull
    diagonal[:, :-1] += across
    diagonal[:, 1:] += across
    diagonal[:-1] += down
    diagonal[1:] += down
    np.reciprocal(diagonal, out=diagonal)

    x = start.copy()
    residual = spread(cells * grip) + pull * smooth - apply(x)
    step = residual * diagonal
    energy = dot(residual, step)
    for _ in range(rounds):
        if energy < 1e-9 * x.size:
            break
        image = apply(step)
        length = np.float32(energy / dot(step, image))
        x += np.multiply(step, length, out=product)
        residual -= np.multiply(image, length, out=product)
        before, energy = energy, dot(residual, np.multiply(residual, diagonal, out=image))
        step *= np.float32(energy / before)
        step += image
    return x


def _conductance(cut: np.ndarray) -> np.ndarray:
    """The weight w of each link, for each of three channels: numpy is slow where it must repeat them itself."""
    return np.repeat(np.where(cut, np.float32(LEAK), np.float32(1))[..., None], 3, 2)


def _areas(lines: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Size in pixels of the region that each pixel is shut in, (height, width) float32.

    A region must carry alone what its cell has too much or too little; if it is much smaller
    than a cell, an error of the quantizer would make it glow. Lines are drawn broad here, so
    that small gaps count as shut.
    """
    free = np.ones((height, width), np.uint8)
    cv2.polylines(free, [np.round(line - 0.5).astype(np.int32) for line in lines], False, 0, 2)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(free, connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float32)
    areas[0] = height * width  # the lines themselves
    return areas[labels]


def _within_reach(x: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Clip `x` to a little more than the range of the colors of the cells around it."""
    height, width = x.shape[:2]
    around = np.ones((3, 3), np.uint8)
    low, high = cv2.erode(cells, around), cv2.dilate(cells, around)
    reach = OVERSHOOT * (high - low) + 0.02
    low = cv2.resize(low - reach, (width, height), interpolation=cv2.INTER_LINEAR)
    high = cv2.resize(high + reach, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(np.clip(x, low, high), 0.0, 1.0)
