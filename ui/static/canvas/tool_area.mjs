// Selection of color cells.

import { cellsInBox } from './geometry/cells.mjs';
import { boxFromCorners } from './geometry/polyline.mjs';
import { gesture } from './gestures.mjs';
import { announce, count } from './messages.mjs';
import { gridShape, hasGrid, selectedCells, state } from './state.mjs';
import { TOOLS } from './tool_registry.mjs';
import { drawSketch, updateControls } from './updates.mjs';

let selectionShape = ''; // of the grid whose cells are selected

function addToSelection(cells) {
  for (const cell of cells) selectedCells.add(cell);
  selectionShape = gridShape();
}

// Clear the selection if the grid has changed.
export function pruneCellSelection() {
  if (selectedCells.size && selectionShape !== gridShape()) selectedCells.clear();
}

TOOLS.area = {
  name: 'Area',
  isAvailable: hasGrid,
  begin(p, { shift }) {
    if (!shift) selectedCells.clear();
    gesture.selectedBefore = [...selectedCells];
    this.move(p);
  },
  move(p) {
    const { grid, width, height } = state.doc;
    selectedCells.clear();
    addToSelection(gesture.selectedBefore);
    addToSelection(cellsInBox(grid, boxFromCorners(gesture.start, p), width, height));
    drawSketch();
  },
  end() { announce(`${count(selectedCells.size, 'cell')} selected`); },
};

export function selectAllCells() {
  addToSelection(state.doc.grid.colors.keys());
  announce('All cells selected');
  drawSketch();
  updateControls();
}
