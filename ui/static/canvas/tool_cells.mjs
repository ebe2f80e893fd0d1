// Color cells: brush, fill and color picker.

import { cellAt, cellsAlongSegment, paintCells, similarCells } from './geometry/cells.mjs';
import { enclosedRegion } from './geometry/regions.mjs';
import { $, colorInput } from './host.mjs';
import { announce, count } from './messages.mjs';
import { recolorRegion } from './moods.mjs';
import { hasGrid, selectedCells, setGridColors, state } from './state.mjs';
import { TOOLS, sizeOf } from './tool_registry.mjs';
import { setTool } from './toolbar.mjs';
import { drawCells } from './updates.mjs';

const FILL_TOLERANCE = 4; // RGB levels to a step of the tolerance slider

export const cellUnder = (p) => cellAt(state.doc.grid, p, state.doc.width, state.doc.height);

function paint(cells) {
  const colors = paintCells(state.doc.grid.colors, cells, colorInput.value);
  if (colors === state.doc.grid.colors) return;
  setGridColors(colors);
  drawCells();
}

function pickColor(cell) {
  if (cell < 0) return;
  colorInput.value = state.doc.grid.colors[cell];
  announce(`Picked ${colorInput.value}`);
}

TOOLS.cell = {
  name: 'Cell',
  isAvailable: hasGrid,
  size: ['Size', 1, 33, 1],
  brushRadius: () => (sizeOf('cell') > 1 ? (sizeOf('cell') - 0.5) / 2 * state.doc.width / state.doc.grid.cols : 0),
  begin(p, { alt }) {
    if (alt) pickColor(cellUnder(p)); else this.move(p, p);
    return !alt;
  },
  move(p, previous) {
    const { grid, width, height } = state.doc;
    paint(cellsAlongSegment(grid, previous, p, sizeOf('cell'), width, height));
  },
  end: () => 'painted',
};

TOOLS.pick = {
  name: 'Pick',
  isAvailable: hasGrid,
  begin(p) {
    setTool('cell');
    pickColor(cellUnder(p));
    return false;
  },
};

// Return the selection if it holds the cell, or else the connected cells of similar color.
function cellsToFill(cell) {
  if (selectedCells.has(cell)) return [...selectedCells];
  return similarCells(state.doc.grid, cell, FILL_TOLERANCE * sizeOf('fill'));
}

// Return what the lines around a point enclose, if lines stop the fill; null if it does not end there.
function regionToFill(cell, p) {
  const { doc, maskWidth, maskHeight } = state;
  if (!$('.lc-stop').checked || doc.pose?.length || selectedCells.has(cell)) return null;
  return enclosedRegion(doc.strokes, p, maskWidth, maskHeight, maskWidth / doc.width);
}

// Fill the selection where it is clicked, elsewhere the connected cells of similar color, or what lines enclose.
TOOLS.fill = {
  name: 'Fill',
  isAvailable: hasGrid,
  size: ['Tolerance', 0, 60, 14],
  begin(p, { alt }) {
    const cell = cellUnder(p), region = alt || cell < 0 ? null : regionToFill(cell, p);
    if (alt) pickColor(cell);
    else if (region) Promise.resolve().then(() => recolorRegion(region)); // when this gesture is over
    else if (cell >= 0) {
      const cells = cellsToFill(cell);
      paint(cells);
      announce(`Filled ${count(cells.length, 'cell')}`);
    }
    return false;
  },
};
