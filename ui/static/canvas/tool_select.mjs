// Selection. Select: a click selects a stroke, Shift adds or removes one, a drag on an empty area selects by
// rectangle or lasso. Object: a click selects a whole object, the area inside a closed outline or else an area of
// similar color. With both, a drag on the selection moves it, its handles scale and rotate it, and Bend drags a part.

import { fillPolygon } from './geometry/bitmap.mjs';
import { bend, boxHandles, handlePlacement, translation } from './geometry/placement.mjs';
import { boxFromCorners, hasPointInBox } from './geometry/polyline.mjs';
import { enclosedRegion, paintStrokes, similarRegion, strokesUnder } from './geometry/regions.mjs';
import { bringToFront, nearestStroke } from './geometry/strokes.mjs';
import { gesture } from './gestures.mjs';
import { record, snapshot } from './history.mjs';
import { $ } from './host.mjs';
import { drawDashed, drawDashedBox } from './ink.mjs';
import { announce, count } from './messages.mjs';
import {
  enclosedBySelection, hasSelection, maskScaleOf, nudgePlacement, placeSelection, selectObject, selectionBox,
  snapPlacement, withOutline,
} from './objects.mjs';
import { canDrawStrokes, hasDrawing, selectedStrokes, state } from './state.mjs';
import { TOOLS, sizeOf } from './tool_registry.mjs';
import { underlayPixels } from './underlay.mjs';
import { drawAll, drawSketch, updateControls } from './updates.mjs';
import { screenToImage } from './view.mjs';

const STROKE_RADIUS = 9; // screen pixels
const TOUCH_STROKE_RADIUS = 16; // screen pixels
const HANDLE_RADIUS = 11; // screen pixels
const TOUCH_HANDLE_RADIUS = 22; // screen pixels
export const TURN_DISTANCE = 26; // screen pixels, from the box to the handle that turns it
const BOX_MARGIN = 5; // screen pixels
const MOVE_START = 4; // screen pixels that a pointer may tremble in a click
const LASSO_SHARE = 0.5; // of a stroke's points that a lasso must surround
const OBJECT_SHARE = 0.6; // of a stroke's points that must lie in an object
const TOLERANCE_STEP = 4; // RGB levels to a step of the tolerance slider

const usesLasso = () => $('.lc-select-mode').value === 'lasso';
const bends = () => $('[data-do=bend]').getAttribute('aria-pressed') === 'true';

export function toggleBend() {
  $('[data-do=bend]').setAttribute('aria-pressed', String(!bends()));
  announce(bends() ? 'Drag a part of the selection to bend it' : '');
  drawSketch();
}

// Return the handles of the selection, or none while it cannot be scaled.
export function selectionHandles() {
  const box = state.doc && !bends() ? selectionBox() : null;
  return box ? boxHandles(box, screenToImage(TURN_DISTANCE)) : [];
}

const isNear = (p, { at }, radius) => Math.hypot(p[0] - at[0], p[1] - at[1]) <= radius;

function isOnBox([x, y], [left, top, right, bottom], margin) {
  return x >= left - margin && x <= right + margin && y >= top - margin && y <= bottom + margin;
}

// Return the action of a pointer pressed on the selection: {handle}, {moves} or {bends}; null outside of it.
function grip(p, touch) {
  const box = hasSelection() ? selectionBox() : null;
  if (!box) return null;
  const radius = screenToImage(touch ? TOUCH_HANDLE_RADIUS : HANDLE_RADIUS);
  const isOnStroke = selectedStrokes.has(strokeAt(p, touch)); // which moves, where it lies under the handle of a side
  const handle = selectionHandles().find((candidate) => (
    isNear(p, candidate, radius) && !(isOnStroke && candidate.u * candidate.v === 0)
  ));
  if (handle) return { handle };
  if (!isOnBox(p, box, screenToImage(BOX_MARGIN))) return null;
  return bends() ? { bends: true } : { moves: true };
}

// Return the placement of a drag from `start` to p.
function draggedPlacement({ grip: held, box, start }, p) {
  if (held.handle) return handlePlacement(held.handle, box, p, gesture.isFree);
  if (held.bends) return bend(start, p, bendRadius(box, start));
  return snapPlacement(translation([p[0] - start[0], p[1] - start[1]]));
}

// A bend reaches as far as the selection's farthest corner, so that the other end stays.
function bendRadius([left, top, right, bottom], [x, y]) {
  return Math.max(...[left, right].flatMap((u) => [top, bottom].map((v) => Math.hypot(u - x, v - y))));
}

function beginTransform(held, p) {
  Object.assign(gesture, { grip: held, box: selectionBox() });
  gesture.isClick = true;
  gesture.clickSlack = screenToImage(MOVE_START);
  gesture.start = p;
}

function moveTransform(p) {
  const { start, clickSlack } = gesture;
  if (gesture.isClick && Math.hypot(p[0] - start[0], p[1] - start[1]) < clickSlack) return;
  gesture.isClick = false;
  gesture.placement = draggedPlacement(gesture, p);
}

function endTransform({ placement }) {
  if (!placement) return undefined;
  placeSelection(placement);
  updateControls();
  announce(`Moved ${state.region ? 'lines and colors' : count(selectedStrokes.size, 'stroke')}`);
  return 'moved';
}

const strokeAt = (p, touch) => nearestStroke(
  state.doc.strokes, p, screenToImage(touch ? TOUCH_STROKE_RADIUS : STROKE_RADIUS),
);

function selectStroke(hit, shift) {
  const chosen = new Set(shift ? selectedStrokes : []);
  if (shift && chosen.has(hit)) chosen.delete(hit); else chosen.add(hit);
  selectObject(chosen, null);
  announceSelection();
}

TOOLS.select = {
  name: 'Select',
  isAvailable: canDrawStrokes,
  begin(p, { shift, touch }) {
    const hit = strokeAt(p, touch), held = shift ? null : grip(p, touch);
    gesture.isFree = shift;
    if (held && !(held.moves && hit && !selectedStrokes.has(hit) && !state.region)) {
      beginTransform(held, p);
      gesture.clicked = hit;
      return;
    }
    if (hit) {
      selectStroke(hit, shift);
      if (selectedStrokes.has(hit)) beginTransform({ moves: true }, p);
      return;
    }
    if (!shift) selectObject([], null);
    Object.assign(gesture, { selects: usesLasso() ? 'lasso' : 'box', path: [...p] });
  },
  move(p) {
    if (gesture.grip) moveTransform(p);
    gesture.path?.push(...p);
    drawSketch();
  },
  end(ended) {
    if (ended.selects) selectArea(ended);
    else if (ended.isClick && ended.clicked && !selectedStrokes.has(ended.clicked)) selectStroke(ended.clicked, false);
    return ended.grip ? endTransform(ended) : undefined;
  },
  draw(ctx, unit) {
    if (gesture.selects === 'box') drawDashedBox(ctx, boxFromCorners(gesture.start, gesture.last), unit);
    if (gesture.selects === 'lasso') drawPolygon(ctx, gesture.path, unit);
  },
};

function drawPolygon(ctx, path, unit) {
  drawDashed(ctx, () => {
    for (let i = 0; i < path.length; i += 2) ctx.lineTo(path[i], path[i + 1]);
    ctx.closePath();
  }, unit);
}

function selectArea({ selects, start, last, path }) {
  const { strokes } = state.doc;
  let found;
  if (selects === 'box') {
    const box = boxFromCorners(start, last);
    found = strokes.filter((stroke) => hasPointInBox(stroke, box));
  } else {
    const { maskWidth, maskHeight } = state, scale = maskScaleOf(), mask = new Uint8Array(maskWidth * maskHeight);
    fillPolygon(mask, maskWidth, maskHeight, path.map((v) => v * scale), 1);
    found = strokesUnder(strokes, mask, maskWidth, maskHeight, scale, LASSO_SHARE);
  }
  selectObject([...selectedStrokes, ...found], null);
  announceSelection();
}

TOOLS.object = {
  name: 'Object',
  isAvailable: hasDrawing,
  size: ['Tolerance', 1, 40, 10],
  begin(p, { shift, touch }) {
    gesture.isFree = shift;
    const held = grip(p, touch);
    if (held) {
      beginTransform(held, p);
      return undefined;
    }
    if (!selectObjectAt(p)) return false;
    beginTransform({ moves: true }, p);
    return undefined;
  },
  move(p) {
    moveTransform(p);
    drawSketch();
  },
  end(ended) {
    const { isClick, start } = ended, box = selectionBox();
    // a click inside the selection may mean a smaller object in it
    if (isClick && box && ended.box && ended.grip.moves) reselect(start);
    return endTransform(ended);
  },
};

function reselect(p) {
  const region = regionAt(p);
  if (region) selectRegion(region);
}

// Return the region of the object at a point: inside an outline, or else of similar color; null if there is none.
function regionAt(p) {
  const { doc, maskWidth, maskHeight } = state, scale = maskScaleOf();
  const enclosed = doc.pose?.length ? null : enclosedRegion(doc.strokes, p, maskWidth, maskHeight, scale);
  if (enclosed) return enclosed;
  const pixels = underlayPixels(maskWidth, maskHeight);
  if (!pixels) return null;
  const col = Math.min(maskWidth - 1, Math.max(0, Math.floor(p[0] * scale)));
  const row = Math.min(maskHeight - 1, Math.max(0, Math.floor(p[1] * scale)));
  const lines = paintStrokes(doc.pose?.length ? [] : doc.strokes, maskWidth, maskHeight, scale, 0);
  const start = row * maskWidth + col, tolerance = TOLERANCE_STEP * sizeOf('object');
  return similarRegion(pixels, maskWidth, maskHeight, start, tolerance, lines);
}

function selectRegion(region) {
  const { doc, maskWidth, maskHeight } = state, scale = maskScaleOf();
  const lines = doc.pose?.length ? [] : doc.strokes;
  const strokes = strokesUnder(lines, withOutline(region), maskWidth, maskHeight, scale, OBJECT_SHARE);
  selectObject(strokes, region);
  announce(`Object selected: ${count(strokes.length, 'stroke')} and the colors inside`);
}

function selectObjectAt(p) {
  const region = regionAt(p);
  if (region) selectRegion(region);
  else {
    selectObject([], null);
    announce('No object here: raise the tolerance, or use Select');
  }
  return region !== null;
}

export function announceSelection() {
  const total = state.doc.strokes.length, selected = selectedStrokes.size;
  const colors = state.region ? ', with the colors inside' : '';
  announce(selected ? `${count(selected, 'stroke')} of ${total} selected${colors}` : 'No stroke selected');
}

// Move the selection by whole lattice cells.
export function nudgeSelection(cols, rows) {
  const { doc } = state;
  nudgePlacement(cols * doc.width / doc.cols, rows * doc.height / doc.rows);
}

export function deleteSelection() {
  const deleted = selectedStrokes.size;
  if (!deleted || gesture) return;
  const before = snapshot(), strokes = state.doc.strokes.filter((stroke) => !selectedStrokes.has(stroke));
  state.doc = { ...state.doc, strokes };
  selectObject([], null);
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
  selectObject(state.doc.strokes, null);
  state.region = enclosedBySelection();
  announceSelection();
}
