"""Color diffusion: colors spread from the cells of a colormap, and the lines of a sketch stop them.

Like diffusion curves (Orzan et al. 2008), but the colors are given by cell means instead of on the curves. On a grid of
pixels, minimize over x

    sum over links (i, j)      w_ij (x_i - x_j)²            smoothness; w_ij is small where a line cuts the link
  + sum over cells, pixels     cell_weight (cell mean - c)²  each cell keeps its color c
  + sum over pixels            prior_weight (x_i - x0_i)²    enclosed regions stay near the interpolated colors x0

This is a sparse, symmetric, positive definite system, which is solved from coarse to fine by conjugate gradients. Lines
run between pixels, not on them, so that no color leaks through a line and no pixel is covered by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

CUT_LINK_WEIGHT: Final = 0.003  # weight of a link that a line cuts; other links have weight 1
CELL_WEIGHT: Final = 30.0  # divided by the pixels of a cell, so that the effect does not depend on the resolution
PRIOR_WEIGHT: Final = 0.05  # also divided by the pixels of a cell
SMALL_REGION_FACTOR: Final = 0.4  # relative increase of the prior's weight in a region as large as a cell
ITERATIONS: Final = (40, 30, 24, 24)  # of conjugate gradients, from the coarsest level to the finest
CONFIDENT_CONTRAST: Final = 8.0  # contrast between cells, in quantization errors, at which confidence is 1
MIN_CONFIDENCE: Final = 0.02
OVERSHOOT: Final = 0.3  # how far a pixel may exceed the local range of colors, as a fraction of that range


def diffuse(
    cells: np.ndarray, polylines: Sequence[np.ndarray], height: int, width: int, error: float = 0.0
) -> np.ndarray:
    """Return a picture with the colors of `cells` spread between the lines.

    cells: (rows, cols, 3) float32 in 0..1, with a quantization error of about `error`
    polylines: each (N, 2) of x, y in units of the whole picture (0..1)

    The result is float32 in 0..1, of about (height, width, 3): a whole number of pixels for each cell.
    """
    rows, cols = cells.shape[:2]
    cell_height, cell_width = max(1, round(height / rows)), max(1, round(width / cols))
    confidence = cell_confidence(cells, error)
    colors = cells
    for level, iterations in enumerate(ITERATIONS):
        shift = len(ITERATIONS) - 1 - level
        level_size = cols * max(1, cell_width >> shift), rows * max(1, cell_height >> shift)
        prior = cv2.resize(cells, level_size, interpolation=cv2.INTER_CUBIC)
        start = cv2.resize(colors, level_size) if level else prior
        system = _assemble(cells, confidence, polylines, prior)
        colors = _conjugate_gradients(system, start, iterations)
    return _clip_to_local_range(colors, cells)


def cell_confidence(cells: np.ndarray, error: float) -> np.ndarray:
    """Return the confidence in the color of each cell, (rows, cols) float32 in MIN_CONFIDENCE..1.

    If a cell differs from its neighbors by no more than the quantization error, the difference is meaningless, and the
    area is best painted in one color.
    """
    if not error:
        return np.ones(cells.shape[:2], np.float32)
    window = np.ones((3, 3), np.uint8)
    contrast = np.maximum(cv2.dilate(cells, window) - cells, cells - cv2.erode(cells, window)).max(2)
    confidence = (contrast / (CONFIDENT_CONTRAST * error)) ** 2
    return np.asarray(np.clip(confidence, MIN_CONFIDENCE, 1.0), np.float32)


# --- links that lines cut ---------------------------------------------------------------------------


def cut_links(polylines: Sequence[np.ndarray], height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which links between neighboring pixels are cut by a line.

    polylines: each (N, 2) of x, y in pixels; the first pixel's center is (0.5, 0.5). Returns horizontal
    (height, width - 1) bool, links from (y, x) to (y, x + 1), and vertical (height - 1, width) bool, links
    from (y, x) to (y + 1, x). Every path of links from one side of a line to the other uses a cut one.
    """
    horizontal = np.zeros((height, width - 1), bool)
    vertical = np.zeros((height - 1, width), bool)
    if polylines:
        starts = np.concatenate([line[:-1] for line in polylines]).astype(np.float64) - 0.5
        ends = np.concatenate([line[1:] for line in polylines]).astype(np.float64) - 0.5
        _mark_crossings(horizontal, starts, ends)
        _mark_crossings(vertical.T, starts[:, ::-1], ends[:, ::-1])
    return horizontal, vertical


def _mark_crossings(links: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
    """Set links[y, floor(x)] wherever a segment crosses the row of pixel centers y at x."""
    lower = np.ceil(np.minimum(starts[:, 1], ends[:, 1])).astype(int)
    upper = np.ceil(np.maximum(starts[:, 1], ends[:, 1])).astype(int)  # exclusive, so that no row counts twice
    count = upper - lower
    segment = np.repeat(np.arange(len(starts)), count)
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + lower[segment]
    start, end = starts[segment], ends[segment]
    x = start[:, 0] + (row - start[:, 1]) / (end[:, 1] - start[:, 1]) * (end - start)[:, 0]
    column = np.floor(x).astype(int)
    rows, columns = links.shape
    is_inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    links[row[is_inside], column[is_inside]] = True


# --- the linear system ------------------------------------------------------------------------------


class _System:
    """The linear system A x = b of one resolution; x is (height, width, 3) float32.

    horizontal: (height, width - 1, 3), weights of the links; vertical: (height - 1, width, 3), the same
    prior_weight: (height, width, 3); cell_weight: (rows, cols, 1)

    Holds buffers, so that applying A allocates little. Not for use by several threads.
    """

    def __init__(
        self,
        cells: np.ndarray,
        prior: np.ndarray,
        cell_weight: np.ndarray,
        prior_weight: np.ndarray,
        horizontal: np.ndarray,
        vertical: np.ndarray,
    ) -> None:
        self.cell_weight = cell_weight
        self.prior_weight = prior_weight
        self.horizontal = horizontal
        self.vertical = vertical
        self._size = prior.shape[1], prior.shape[0]
        self._grid = cells.shape[1], cells.shape[0]
        self._horizontal_flow = np.empty_like(horizontal)
        self._vertical_flow = np.empty_like(vertical)
        self._result = np.empty_like(prior)
        self.right_side = self._spread(cells * cell_weight) + prior_weight * prior
        self.inverse_diagonal = self._invert_diagonal()

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Return A x, in a buffer that the next call overwrites."""
        result = self._result
        np.multiply(self.prior_weight, x, out=result)
        np.add(result, self._spread(self._cell_means(x) * self.cell_weight), out=result)
        np.subtract(x[:, 1:], x[:, :-1], out=self._horizontal_flow)
        np.multiply(self._horizontal_flow, self.horizontal, out=self._horizontal_flow)
        result[:, :-1] -= self._horizontal_flow
        result[:, 1:] += self._horizontal_flow
        np.subtract(x[1:], x[:-1], out=self._vertical_flow)
        np.multiply(self._vertical_flow, self.vertical, out=self._vertical_flow)
        result[:-1] -= self._vertical_flow
        result[1:] += self._vertical_flow
        return result

    def _invert_diagonal(self) -> np.ndarray:
        (width, height), (cols, rows) = self._size, self._grid
        cell_pixels = (height // rows) * (width // cols)
        diagonal = self._spread(self.cell_weight * np.ones(3, np.float32)) / cell_pixels + self.prior_weight
        diagonal[:, :-1] += self.horizontal
        diagonal[:, 1:] += self.horizontal
        diagonal[:-1] += self.vertical
        diagonal[1:] += self.vertical
        return np.asarray(np.reciprocal(diagonal, out=diagonal))

    def _cell_means(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(x, self._grid, interpolation=cv2.INTER_AREA))

    def _spread(self, values: np.ndarray) -> np.ndarray:
        """Copy the value of each cell to all its pixels."""
        return np.asarray(cv2.resize(values, self._size, interpolation=cv2.INTER_NEAREST))


def _assemble(cells: np.ndarray, confidence: np.ndarray, polylines: Sequence[np.ndarray], prior: np.ndarray) -> _System:
    """Return the system of the resolution of `prior`, (height, width, 3) float32."""
    height, width = prior.shape[:2]
    rows, cols = cells.shape[:2]
    cell_pixels = (height // rows) * (width // cols)
    lines = [line * np.array([width, height], np.float64) for line in polylines]
    cell_weight = (CELL_WEIGHT / cell_pixels * confidence)[..., None]
    region_cells = _region_areas(lines, height, width)[..., None] / cell_pixels
    pixel_confidence = cv2.resize(confidence, (width, height))[..., None]
    prior_weight = PRIOR_WEIGHT / cell_pixels * (1 + SMALL_REGION_FACTOR / region_cells**2) * pixel_confidence
    horizontal, vertical = (_link_weights(cut) for cut in cut_links(lines, height, width))
    return _System(cells, prior, cell_weight, np.repeat(prior_weight.astype(np.float32), 3, 2), horizontal, vertical)


def _link_weights(is_cut: np.ndarray) -> np.ndarray:
    """Return the weight of each link for each of three channels; broadcasting a single one would be slower."""
    weights = np.where(is_cut, np.float32(CUT_LINK_WEIGHT), np.float32(1))
    return np.repeat(weights[..., None], 3, 2)


def _region_areas(lines: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Return for each pixel the area of its region, enclosed by lines, in pixels: (height, width) float32.

    Within an enclosed region, the solution compensates for the error of the cell's mean. In a region much smaller than
    the cell it would become far too bright or too dark, so the prior is stronger there. Lines are drawn two pixels wide
    to close small gaps.
    """
    is_free = np.ones((height, width), np.uint8)
    cv2.polylines(is_free, [np.round(line - 0.5).astype(np.int32) for line in lines], False, 0, 2)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(is_free, connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float32)
    areas[0] = height * width  # the pixels of the lines
    return np.asarray(areas[labels])


def _conjugate_gradients(system: _System, start: np.ndarray, iterations: int) -> np.ndarray:
    """Return an approximate solution from `start`, with the diagonal (Jacobi) preconditioner."""
    buffer = np.empty_like(start)

    def dot(a: np.ndarray, b: np.ndarray) -> float:
        # NumPy sums in one thread, so the result does not depend on the number of cores
        return float(np.multiply(a, b, out=buffer).sum())

    x = start.copy()
    residual = system.right_side - system.apply(x)
    direction = residual * system.inverse_diagonal
    energy = dot(residual, direction)
    for _ in range(iterations):
        if energy < 1e-9 * x.size:
            break
        image = system.apply(direction)
        step = np.float32(energy / dot(direction, image))
        x += np.multiply(direction, step, out=buffer)
        residual -= np.multiply(image, step, out=buffer)
        preconditioned = np.multiply(residual, system.inverse_diagonal, out=image)
        last_energy, energy = energy, dot(residual, preconditioned)
        direction *= np.float32(energy / last_energy)
        direction += preconditioned
    return x


def _clip_to_local_range(x: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Clip colors to slightly more than the range of the cells around them, and to 0..1."""
    height, width = x.shape[:2]
    window = np.ones((3, 3), np.uint8)
    low, high = cv2.erode(cells, window), cv2.dilate(cells, window)
    margin = OVERSHOOT * (high - low) + 0.02
    low = cv2.resize(low - margin, (width, height), interpolation=cv2.INTER_LINEAR)
    high = cv2.resize(high + margin, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(np.clip(x, low, high), 0.0, 1.0))
