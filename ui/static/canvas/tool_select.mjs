// Selection of strokes: a click selects a stroke, Shift adds or removes one, a drag on empty ground selects the
// strokes in a rectangle, and a drag on a selected stroke moves the selection. Strokes move by whole lattice cells, so
// that they keep their exact shape in the file.

import { boundingBox, boxFromCorners, hasPointInBox } from './geometry/polyline.mjs';
import { bringToFront, nearestStroke, snapShift, translateStrokes } from './geometry/strokes.mjs';
import { gesture } from './gestures.mjs';
import { record, snapshot } from './history.mjs';
import { announce, count } from './messages.mjs';
import { canDrawStrokes, selectedStrokes, state } from './state.mjs';
import { TOOLS } from './tool_registry.mjs';
import { screenToImage } from './view.mjs';
import { drawDashedBox } from './ink.mjs';
import { drawAll, drawSketch, updateControls } from './updates.mjs';

const STROKE_RADIUS = 9; // screen pixels
const TOUCH_STROKE_RADIUS = 16; // screen pixels

TOOLS.select = {
  name: 'Select',
  isAvailable: canDrawStrokes,
  begin(p, { shift, touch }) {
    const hit = nearestStroke(state.doc.strokes, p, screenToImage(touch ? TOUCH_STROKE_RADIUS : STROKE_RADIUS));
    gesture.isRectangle = !hit;
    if (shift && selectedStrokes.has(hit)) selectedStrokes.delete(hit);
    else {
      if (!shift && !selectedStrokes.has(hit)) selectedStrokes.clear();
      if (hit) selectedStrokes.add(hit);
    }
    if (hit) announceSelection();
    drawSketch();
  },
  move(p) {
    const { isRectangle, start } = gesture;
    if (!isRectangle && selectedStrokes.size) gesture.shift = snapSelection([p[0] - start[0], p[1] - start[1]]);
    drawSketch();
  },
  end({ isRectangle, shift, start, last }) {
    if (isRectangle) {
      const box = boxFromCorners(start, last);
      for (const stroke of state.doc.strokes) if (hasPointInBox(stroke, box)) selectedStrokes.add(stroke);
      announceSelection();
    } else if (shift) {
      moveSelection(shift);
      return 'moved';
    }
    return undefined;
  },
  draw(ctx, unit) {
    if (gesture.isRectangle) drawDashedBox(ctx, boxFromCorners(gesture.start, gesture.last), unit);
  },
};

function announceSelection() {
  const total = state.doc.strokes.length, selected = selectedStrokes.size;
  announce(selected ? `${count(selected, 'stroke')} of ${total} selected` : 'No stroke selected');
}

const snapSelection = (shift) => snapShift(shift, boundingBox(selectedStrokes), state.doc);

function moveSelection(shift) {
  if (!selectedStrokes.size || !(shift[0] || shift[1])) return;
  const { strokes, moved } = translateStrokes(state.doc.strokes, selectedStrokes, shift);
  state.doc = { ...state.doc, strokes };
  selectedStrokes.clear();
  for (const stroke of moved) selectedStrokes.add(stroke);
}

// Move the selection by whole lattice cells.
export function nudgeSelection(cols, rows) {
  const before = snapshot(), { doc } = state;
  moveSelection(snapSelection([cols * doc.width / doc.cols, rows * doc.height / doc.rows]));
  record(before, 'moved');
  drawAll();
}

export function deleteSelection() {
  const deleted = selectedStrokes.size;
  if (!deleted || gesture) return;
  const before = snapshot(), strokes = state.doc.strokes.filter((stroke) => !selectedStrokes.has(stroke));
  state.doc = { ...state.doc, strokes };
  selectedStrokes.clear();
  record(before, 'deleted');
  drawAll();
  announce(`${count(deleted, 'stroke')} deleted`);
}

export function bringSelectionToFront() {
  const before = snapshot();
  state.doc = { ...state.doc, strokes: bringToFront(state.doc.strokes, selectedStrokes) };
  record(before, 'kept first');
  announce(`${count(selectedStrokes.size, 'stroke')} kept first when trimming`);
}

export function selectAllStrokes() {
  for (const stroke of state.doc.strokes) selectedStrokes.add(stroke);
  announceSelection();
  drawSketch();
  updateControls();
}
