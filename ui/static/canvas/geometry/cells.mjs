// Color cells. A grid is {rows, cols, colors}, colors as "#rrggbb" in row-major order; cells are numbered likewise.
// Points and boxes are in image pixels of a picture of width x height.

const GRID_SIZES = [2, 4, 6, 8, 12, 16, 24, 32, 48, 64]; // cells on the longer side
const DEFAULT_GRID_SIZE = 8;

// Return the cell at a point, or -1 outside the picture.
export function cellAt({ rows, cols }, [x, y], width, height) {
  const col = Math.floor(x * cols / width), row = Math.floor(y * rows / height);
  return row < 0 || col < 0 || row >= rows || col >= cols ? -1 : row * cols + col;
}

// Return the center of a cell.
export function cellCenter({ rows, cols }, cell, width, height) {
  return [(cell % cols + 0.5) * width / cols, (Math.floor(cell / cols) + 0.5) * height / rows];
}

// Return the cells in a disc `diameter` cells wide around the cell at a point; none outside the picture.
export function cellsUnderBrush(grid, point, diameter, width, height) {
  const center = cellAt(grid, point, width, height), found = [];
  if (center < 0) return found;
  const { rows, cols } = grid, radius = (diameter - 1) / 2, reach = Math.ceil(radius);
  const row0 = Math.floor(center / cols), col0 = center % cols;
  for (let row = Math.max(0, row0 - reach); row <= Math.min(rows - 1, row0 + reach); row++) {
    for (let col = Math.max(0, col0 - reach); col <= Math.min(cols - 1, col0 + reach); col++) {
      if (Math.hypot(row - row0, col - col0) <= radius + 0.2) found.push(row * cols + col);
    }
  }
  return found;
}

// Return the set of cells that a brush covers on its way from a to b.
export function cellsAlongSegment(grid, a, b, diameter, width, height) {
  const dx = b[0] - a[0], dy = b[1] - a[1], found = new Set();
  const crossed = Math.max(Math.abs(dx) * grid.cols / width, Math.abs(dy) * grid.rows / height);
  const steps = Math.max(1, Math.ceil(2 * crossed));
  for (let k = 0; k <= steps; k++) {
    const point = [a[0] + dx * k / steps, a[1] + dy * k / steps];
    for (const cell of cellsUnderBrush(grid, point, diameter, width, height)) found.add(cell);
  }
  return found;
}

// Return the cells that touch a box, cut to the picture.
export function cellsInBox({ rows, cols }, [left, top, right, bottom], width, height) {
  const index = (v, count, side) => Math.max(0, Math.min(count - 1, Math.floor(v * count / side))), found = [];
  for (let row = index(top, rows, height); row <= index(bottom, rows, height); row++) {
    for (let col = index(left, cols, width); col <= index(right, cols, width); col++) found.push(row * cols + col);
  }
  return found;
}

// Return the connected cells around `start` whose RGB distance to its color is at most `tolerance` (flood fill).
export function similarCells({ rows, cols, colors }, start, tolerance) {
  const target = rgb(colors[start]), found = new Set([start]), pending = [start];
  while (pending.length) {
    const cell = pending.pop(), col = cell % cols, row = Math.floor(cell / cols), neighbors = [];
    if (col > 0) neighbors.push(cell - 1);
    if (col < cols - 1) neighbors.push(cell + 1);
    if (row > 0) neighbors.push(cell - cols);
    if (row < rows - 1) neighbors.push(cell + cols);
    for (const neighbor of neighbors) {
      if (found.has(neighbor) || colorDistance(rgb(colors[neighbor]), target) > tolerance) continue;
      found.add(neighbor);
      pending.push(neighbor);
    }
  }
  return [...found];
}

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const colorDistance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

// Return the colors with these cells set to `hex`; the same array if nothing changes.
export function paintCells(colors, cells, hex) {
  const painted = colors.slice();
  let changed = false;
  for (const cell of cells) {
    if (painted[cell] === hex) continue;
    painted[cell] = hex;
    changed = true;
  }
  return changed ? painted : colors;
}

// Return the outline of a set of cells as segments [x0, y0, x1, y1] in units of cells.
export function selectionOutline(cells, { rows, cols }) {
  const segments = [];
  for (const cell of cells) {
    const col = cell % cols, row = Math.floor(cell / cols);
    if (row === 0 || !cells.has(cell - cols)) segments.push([col, row, col + 1, row]);
    if (row === rows - 1 || !cells.has(cell + cols)) segments.push([col, row + 1, col + 1, row + 1]);
    if (col === 0 || !cells.has(cell - 1)) segments.push([col, row, col, row + 1]);
    if (col === cols - 1 || !cells.has(cell + 1)) segments.push([col + 1, row, col + 1, row + 1]);
  }
  return segments;
}

// Return the cells on the longer side of the next finer (direction > 0) or coarser grid, undefined at the limit. A
// picture without colors (grid null) counts as a default grid.
export function nextGridSize(grid, direction) {
  const size = grid ? Math.max(grid.rows, grid.cols) : DEFAULT_GRID_SIZE;
  return direction > 0 ? GRID_SIZES.find((n) => n > size) : GRID_SIZES.findLast((n) => n < size);
}

// Return up to `limit` colors that differ most from each other, starting with the most frequent color.
export function distinctColors(colors, limit) {
  const counts = new Map();
  for (const hex of colors) counts.set(hex, (counts.get(hex) ?? 0) + 1);
  const left = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a)), chosen = left.splice(0, 1);
  while (chosen.length < limit && left.length) {
    const distances = left.map((hex) => Math.min(...chosen.map((other) => colorDistance(rgb(hex), rgb(other)))));
    const farthest = distances.indexOf(Math.max(...distances));
    chosen.push(...left.splice(farthest, 1));
  }
  return chosen;
}
