// Keyboard shortcuts, and a cursor for every tool: arrow keys move it, Enter or Space begins and ends a gesture. The
// buttons' `aria-keyshortcuts` state the same shortcuts.

import { eraseObject } from './erase.mjs';
import { cellCenter } from './geometry/cells.mjs';
import { WHOLE_PICTURE } from './geometry/viewport.mjs';
import { beginGesture, cancelGesture, endGesture, gesture, moveGesture } from './gestures.mjs';
import { $, TEXT_FIELDS, cellGrid, colorInput, root, stage } from './host.mjs';
import { announce } from './messages.mjs';
import {
  canPaste, copySelection, duplicateSelection, hasSelection, scaleSelection, selectedObjectMask, turnSelection,
} from './objects.mjs';
import { pasteFromClipboard, selectAll, selectNothing } from './selection.mjs';
import { hasGrid, latticeSpacing, selectedStrokes, state } from './state.mjs';
import { invertMask, setSubtracting } from './tool_mask.mjs';
import { nudgeJoint, resizePerson, toggleJoint } from './tool_pose.mjs';
import { COLOR_TOOLS, TOOLS, sizes } from './tool_registry.mjs';
import { deleteSelection, nudgeSelection } from './tool_select.mjs';
import { setTool, tool } from './toolbar.mjs';
import { ZOOM_STEP, panBy, placeOnStage, setView, zoomBy } from './view.mjs';
import { redo, undo } from './undo.mjs';
import { drawSketch } from './updates.mjs';

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const TOOL_KEYS = {
  b: 'pen', e: 'eraser', v: 'select', w: 'object', s: 'shape', o: 'mask', x: 'box', l: 'lasso',
  c: 'cell', g: 'fill', i: 'pick', r: 'area', p: 'pose', h: 'hand',
};
const LONG_STEP = 5; // with Shift
const STAGE_MARGIN = 0.05; // of the stage: how close the cursor comes to its edge when zoomed in
const PERSON_STEP = 1.05;
const TURN_STEP = Math.PI / 36;
const SCALE_STEP = 1.05;

export function hideCursor() {
  if (!state.cursor) return;
  state.cursor = null;
  if (state.doc) drawSketch();
}

function moveCursor(dx, dy, isLong) {
  const { doc } = state, [stepX, stepY] = cursorStep(), steps = isLong ? LONG_STEP : 1;
  const [x, y] = state.cursor ?? [doc.width / 2 - dx * stepX, doc.height / 2 - dy * stepY];
  const clamp = (v, side) => Math.max(0, Math.min(side - 0.001, v));
  state.cursor = [clamp(x + steps * dx * stepX, doc.width), clamp(y + steps * dy * stepY, doc.height)];
  keepCursorInSight();
  if (gesture) moveGesture(state.cursor);
  drawSketch();
  const [u, v] = state.cursor;
  announce(`${Math.round(100 * u / doc.width)} % across, ${Math.round(100 * v / doc.height)} % down`);
}

// Return the step of the arrow keys in image pixels: a color cell, or two cells of the sketch's lattice.
function cursorStep() {
  const { doc } = state;
  if (COLOR_TOOLS.includes(tool) && hasGrid()) return [doc.width / doc.grid.cols, doc.height / doc.grid.rows];
  return [2 * latticeSpacing(), 2 * latticeSpacing()];
}

function keepCursorInSight() {
  const excess = (v) => Math.max(STAGE_MARGIN - v, 0) + Math.min(1 - STAGE_MARGIN - v, 0);
  const [u, v] = placeOnStage(state.cursor);
  if (excess(u) || excess(v)) panBy(excess(u), excess(v));
}

function startOrStopDrawing(event) {
  if (gesture) {
    endGesture();
    announce('Stroke finished');
    return;
  }
  if (!state.cursor) moveCursor(0, 0, false);
  beginGesture(state.cursor, { shift: event.shiftKey, alt: event.altKey });
  if (gesture) announce(`${TOOLS[tool].name} started: arrow keys draw, Enter stops`);
}

// Arrow keys on the stage. With Ctrl they move the selection, with Alt they rotate and scale it, otherwise they move
// the cursor; until the cursor is first used, they also move a selection alone. Return whether the key was used.
function pressArrow(event) {
  const [dx, dy] = ARROWS[event.key], isSelected = ['select', 'object'].includes(tool) && hasSelection();
  const nudges = tool === 'pose' ? state.joint : isSelected;
  if (event.altKey && isSelected && !gesture) {
    if (dx) turnSelection(dx * TURN_STEP); else scaleSelection(SCALE_STEP ** -dy);
    return true;
  }
  if (gesture || !(event.ctrlKey || event.metaKey || (nudges && !state.cursor))) {
    moveCursor(dx, dy, event.shiftKey);
    return true;
  }
  if (!nudges) return false;
  const steps = event.shiftKey ? LONG_STEP : 1, nudge = tool === 'pose' ? nudgeJoint : nudgeSelection;
  nudge(steps * dx, steps * dy);
  return true;
}

function changeSize(direction) {
  if (tool === 'pose') {
    resizePerson(direction > 0 ? PERSON_STEP : 1 / PERSON_STEP);
    return;
  }
  if (!TOOLS[tool].size) return;
  const input = $('.lc-size');
  input.value = Number(input.value) + direction; // the browser limits it
  sizes[tool] = Number(input.value);
}

function deletePressed() {
  if (tool === 'pose') toggleJoint();
  else if (state.region && tool === 'object') eraseObject(selectedObjectMask());
  else if (selectedStrokes.size) deleteSelection();
  else eraseObject();
}

function escapePressed() {
  if (gesture) cancelGesture();
  else if (!selectNothing()) hideCursor();
}

const PLAIN_KEYS = {
  '[': () => changeSize(-1),
  ']': () => changeSize(1),
  '+': () => zoomBy(ZOOM_STEP, state.cursor ? placeOnStage(state.cursor) : undefined),
  '=': () => PLAIN_KEYS['+'](),
  '-': () => zoomBy(1 / ZOOM_STEP),
  0: () => setView(WHOLE_PICTURE),
  u: () => setSubtracting(!state.subtracting),
  n: () => invertMask(),
  delete: deletePressed,
  backspace: deletePressed,
  escape: escapePressed,
};

// Each of these returns whether the key was used.

function pressWithControl(event, key) {
  if (key === 'z') (event.shiftKey ? redo : undo)();
  else if (key === 'y') redo();
  else if (key === 'd' && hasSelection()) duplicateSelection();
  else if (key === 'c' && hasSelection()) copySelection();
  else if (key === 'v' && canPaste()) pasteFromClipboard();
  else return key === 'a' && selectAll();
  return true;
}

function pressPlain(key) {
  const name = TOOL_KEYS[key], action = PLAIN_KEYS[key];
  if (name) {
    if (TOOLS[name].isAvailable()) setTool(name);
  } else if (action) action();
  else return false;
  return true;
}

function press(event) {
  const key = event.key.toLowerCase(), withControl = event.ctrlKey || event.metaKey;
  if (event.target === stage && ARROWS[event.key]) return pressArrow(event);
  if (event.target === stage && (key === 'enter' || key === ' ') && !withControl) {
    startOrStopDrawing(event);
    return true;
  }
  return withControl ? pressWithControl(event, key) : pressPlain(key);
}

root.addEventListener('keydown', (event) => {
  const usesAlt = event.altKey && !ARROWS[event.key] && event.key !== 'Enter';
  if (!state.doc || usesAlt || event.target.matches(TEXT_FIELDS) || event.target.closest('dialog')) return;
  if (!press(event)) return;
  event.preventDefault();
  event.stopPropagation();
});

stage.addEventListener('blur', () => {
  if (gesture && state.cursor) endGesture();
  hideCursor();
});

// ---- the color cells as a grid of buttons ----

cellGrid.addEventListener('keydown', (event) => {
  const arrow = ARROWS[event.key];
  if (!arrow) return;
  const { rows, cols } = state.doc.grid, cell = Number(event.target.dataset.cell);
  const row = Math.floor(cell / cols) + arrow[1], col = cell % cols + arrow[0];
  event.preventDefault();
  if (row < 0 || col < 0 || row >= rows || col >= cols) return;
  const next = cellGrid.querySelectorAll('button')[row * cols + col];
  event.target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

// Use the tool on a cell, like Enter or Space on it; a tool that does not work on colors paints.
export function useToolOnCell(cell) {
  const { grid, width, height } = state.doc;
  if (!COLOR_TOOLS.includes(tool)) setTool('cell');
  const isPainting = tool === 'cell';
  beginGesture(cellCenter(grid, cell, width, height), { shift: tool === 'area' });
  endGesture();
  if (isPainting) announce(`Painted ${colorInput.value}`);
}
