// Pen and eraser. The pen has no size, because strokes of the sketch have no width; the eraser has one.

import { boundingBox, clampPath, eraseFromStrokes, resample, roundCoordinate, smooth } from './geometry/polyline.mjs';
import { dotStroke } from './geometry/strokes.mjs';
import { gesture } from './gestures.mjs';
import { $ } from './host.mjs';
import { canDrawStrokes, latticeSpacing, state } from './state.mjs';
import { TOOLS, brushRadius } from './tool_registry.mjs';
import { drawLines } from './ink.mjs';
import { drawSketch, pruneSelections } from './updates.mjs';

const SMOOTHING_LEVELS = 11;
const MAX_SMOOTHING_PASSES = 12;
const MIN_STROKE_SIDE = 1.2; // lattice cells; anything smaller is a click

// Return the smoothing, from 0 to below 1: how far the pen lags behind the pointer at each event.
const smoothing = () => Number($('.lc-smooth').value) / SMOOTHING_LEVELS;

TOOLS.pen = {
  name: 'Pen',
  isAvailable: canDrawStrokes,
  begin(p) {
    gesture.path = [roundCoordinate(p[0]), roundCoordinate(p[1])];
    gesture.pen = p;
  },
  move(p) {
    const [x, y] = gesture.pen, follow = 1 - smoothing();
    gesture.pen = [x + follow * (p[0] - x), y + follow * (p[1] - y)];
    gesture.path.push(roundCoordinate(gesture.pen[0]), roundCoordinate(gesture.pen[1]));
    drawSketch();
  },
  // The new stroke comes first, so that trimming to a byte budget keeps it longest.
  end({ path, last }) {
    state.doc = { ...state.doc, pose: null, strokes: [penLine(path, last), ...state.doc.strokes] };
    return 'stroke';
  },
  draw(ctx, unit) { drawLines(ctx, [gesture.path.slice()], unit); },
};

function penLine(path, last) {
  const { width, height } = state.doc, spacing = latticeSpacing(), [left, top, right, bottom] = boundingBox([path]);
  const isClick = Math.max(right - left, bottom - top) < MIN_STROKE_SIDE * spacing;
  const line = isClick
    ? dotStroke(left, top, state.doc)
    : resample(clampPath([...path, ...last], width, height), spacing / 2);
  return smooth(line, Math.round(MAX_SMOOTHING_PASSES * smoothing())).map(roundCoordinate);
}

TOOLS.eraser = {
  name: 'Eraser',
  isAvailable: canDrawStrokes,
  size: ['Size', 1, 24, 6],
  brushRadius: () => brushRadius('eraser'),
  begin(p) { this.move(p, p); },
  move(p, previous) {
    const strokes = eraseFromStrokes(state.doc.strokes, previous, p, brushRadius('eraser'));
    if (strokes === state.doc.strokes) return;
    state.doc = { ...state.doc, strokes };
    pruneSelections();
    drawSketch();
  },
  end: () => 'erased',
};
