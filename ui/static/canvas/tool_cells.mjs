// Color cells: brush, fill and color picker.

import { cellAt, cellsAlongSegment, paintCells, similarCells } from './geometry/cells.mjs';
import { colorInput } from './host.mjs';
import { announce, count } from './messages.mjs';
import { hasGrid, selectedCells, setGridColors, state } from './state.mjs';
import { TOOLS, sizeOf } from './tool_registry.mjs';
import { setTool } from './toolbar.mjs';
import { drawCells } from './updates.mjs';

const TOLERANCE_STEP = 4; // RGB levels to a step of the tolerance slider

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
  size: ['Size', 1, 9, 1],
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

// Fill the selection where it is clicked, elsewhere the connected cells of similar color.
TOOLS.fill = {
  name: 'Fill',
  isAvailable: hasGrid,
  size: ['Tolerance', 0, 60, 14],
  begin(p, { alt }) {
    const cell = cellUnder(p);
    if (alt) pickColor(cell);
    else if (cell >= 0) {
      const tolerance = TOLERANCE_STEP * sizeOf('fill');
      const cells = selectedCells.has(cell) ? [...selectedCells] : similarCells(state.doc.grid, cell, tolerance);
      paint(cells);
      announce(`Filled ${count(cells.length, 'cell')}`);
    }
    return false;
  },
};
