// Actions on the selection of the current tool: strokes, cells or a joint.

import { announce } from './messages.mjs';
import { pasteSelection } from './objects.mjs';
import { canDrawStrokes, selectedCells, selectedStrokes, state } from './state.mjs';
import { selectAllCells } from './tool_area.mjs';
import { TOOLS } from './tool_registry.mjs';
import { selectAllStrokes } from './tool_select.mjs';
import { setTool, tool } from './toolbar.mjs';
import { drawSketch, updateControls } from './updates.mjs';

// Select all cells or strokes. Return false if the tool selects neither.
export function selectAll() {
  if (tool === 'area') selectAllCells();
  else if (tool === 'select' && canDrawStrokes()) selectAllStrokes();
  else return false;
  return true;
}

// Paste, and select what was pasted.
export function pasteFromClipboard() {
  if (tool !== 'select' && tool !== 'object') setTool('select');
  pasteSelection();
}

// Return false if nothing was selected.
export function selectNothing() {
  if (TOOLS[tool].cancel?.()) return true;
  if (!selectedStrokes.size && !selectedCells.size && !state.joint && !state.region) return false;
  selectedStrokes.clear();
  selectedCells.clear();
  state.joint = null;
  state.region = null;
  drawSketch();
  updateControls();
  announce('Nothing selected');
  return true;
}
