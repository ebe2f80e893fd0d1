// What applies to whatever the tool selects: strokes, cells or a joint.

import { announce } from './messages.mjs';
import { canDrawStrokes, selectedCells, selectedStrokes, state } from './state.mjs';
import { selectAllCells } from './tool_area.mjs';
import { selectAllStrokes } from './tool_select.mjs';
import { tool } from './toolbar.mjs';
import { drawSketch, updateControls } from './updates.mjs';

// Select all cells or strokes. Return false if the tool selects neither.
export function selectAll() {
  if (tool === 'area') selectAllCells();
  else if (tool === 'select' && canDrawStrokes()) selectAllStrokes();
  else return false;
  return true;
}

// Return false if nothing was selected.
export function selectNothing() {
  if (!selectedStrokes.size && !selectedCells.size && !state.joint) return false;
  selectedStrokes.clear();
  selectedCells.clear();
  state.joint = null;
  drawSketch();
  updateControls();
  announce('Nothing selected');
  return true;
}
