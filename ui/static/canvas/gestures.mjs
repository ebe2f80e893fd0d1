// Gestures: a pointer, or the keyboard's cursor, begins one, moves, and ends it.

import { updateControls } from './controls.mjs';
import { drawAll } from './draw.mjs';
import { record, snapshot } from './history.mjs';
import { state } from './state.mjs';
import { TOOLS } from './tool_registry.mjs';
import { tool } from './toolbar.mjs';

// The gesture under way, or null: {tool, before, start, last}, and what the tool adds. before: a snapshot; start and
// last: image points.
export let gesture = null;
const waiting = [];

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

// Wait until no gesture is under way, so that an answer of the server does not replace what is being drawn.
export const gestureEnd = () => (gesture ? new Promise((resolve) => { waiting.push(resolve); }) : null);

function releaseWaiting() {
  for (const resolve of waiting.splice(0)) resolve();
}
