// Gestures: a pointer, or the keyboard's cursor, begins one, moves, and ends it.

import { notifyListeners, record, snapshot, undoStack } from './history.mjs';
import { announce } from './messages.mjs';
import { state } from './state.mjs';
import { TOOLS } from './tool_registry.mjs';
import { tool } from './toolbar.mjs';
import { drawAll, updateControls } from './updates.mjs';

// The current gesture, or null: {tool, before, start, last, hasMoved}, and what the tool adds. before: a snapshot;
// start and last: image points.
export let gesture = null;
const waiting = [];
const MIN_DISCARDED = 0.05; // of the width: a shorter stroke was the first finger of two

export function beginGesture(point, options) {
  if (gesture || !state.doc || !TOOLS[tool].isAvailable()) return;
  const before = snapshot();
  gesture = { tool: TOOLS[tool], before, start: point, last: point };
  if (gesture.tool.begin?.(point, options) !== false) return;
  gesture = null;
  record(before);
  drawAll();
}

export function moveGesture(point) {
  const { last } = gesture;
  gesture.last = point;
  const [x, y] = gesture.start;
  gesture.hasMoved ||= Math.hypot(point[0] - x, point[1] - y) > MIN_DISCARDED * state.doc.width;
  gesture.tool.move?.(point, last);
}

export function endGesture() {
  if (!gesture) return;
  const ended = gesture, word = ended.tool.end?.(ended);
  gesture = null;
  record(ended.before, word);
  drawAll();
  updateControls();
  releaseWaiting();
}

export function cancelGesture() {
  if (!gesture) return;
  Object.assign(state, gesture.before);
  gesture = null;
  drawAll();
  releaseWaiting();
}

// Cancel a gesture that another pointer has interrupted. Undo restores what it has changed.
export function discardGesture() {
  if (!gesture) return;
  const discarded = gesture;
  discarded.tool.end?.(discarded);
  const after = snapshot();
  cancelGesture();
  if (!discarded.hasMoved || (after.doc === discarded.before.doc && after.mask === discarded.before.mask)) return;
  undoStack.push(discarded.before);
  undoStack.push(after);
  updateControls();
  notifyListeners('discarded');
  announce('Stroke discarded. Undo brings it back.');
}

// Wait until no gesture is under way, so that an answer of the server does not replace what is being drawn.
export const gestureEnd = () => (gesture ? new Promise((resolve) => { waiting.push(resolve); }) : null);

function releaseWaiting() {
  for (const resolve of waiting.splice(0)) resolve();
}
