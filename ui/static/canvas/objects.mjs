// The selected object: strokes, and the region whose colors move with them. Strokes move at once; the server then
// moves the colors, as part of the same step of the history.

import { encodeRuns } from './geometry/bitmap.mjs';
import { mergeAnswer } from './geometry/merge.mjs';
import { affine, placeMask, placeStroke, rotation, scaling, translation } from './geometry/placement.mjs';
import { boundingBox } from './geometry/polyline.mjs';
import { cutStrokes, dilate, interior, maskBox } from './geometry/regions.mjs';
import { snapShift, translateStrokes } from './geometry/strokes.mjs';
import { gesture, gestureEnd } from './gestures.mjs';
import { commit, record, snapshot } from './history.mjs';
import { announce, count, request } from './messages.mjs';
import { latticeSpacing, selectedStrokes, state } from './state.mjs';
import { drawAll, drawSketch, updateControls } from './updates.mjs';

const CLIPBOARD_KEY = 'trilayer.copied';
const OBJECT_MARGIN = 1.5; // lattice cells around an object in which its outline lies
const MIN_PIECE = 5; // points of a line that is cut at an object
const OFFSET = 0.06; // of the longer side, between a copy and its original
const MAX_CLIPBOARD = 2_000_000; // characters

export const maskScaleOf = () => state.maskWidth / state.doc.width;

export const hasSelection = () => selectedStrokes.size > 0 || state.region !== null;

// Return the box of the selected strokes and their region, in image pixels; null without a selection.
export function selectionBox() {
  const boxes = [];
  if (selectedStrokes.size) boxes.push(boundingBox(selectedStrokes));
  const box = state.region && maskBox(state.region, state.maskWidth);
  if (box) boxes.push(box.map((v) => v / maskScaleOf()));
  if (!boxes.length) return null;
  const corners = boxes.flatMap(([left, top, right, bottom]) => [left, top, right, bottom]);
  return boundingBox([corners]);
}

// Return the mask of the selected object, its outline included; null if nothing is enclosed.
export const selectedObjectMask = () => (state.region ? withOutline(state.region) : null);

export function withOutline(region) {
  return dilate(region, state.maskWidth, state.maskHeight, OBJECT_MARGIN * latticeSpacing() * maskScaleOf());
}

// Select strokes and a region: the given one, in which all lines are moved too, or else the area that they enclose.
export function selectObject(strokes, region) {
  selectedStrokes.clear();
  for (const stroke of strokes) selectedStrokes.add(stroke);
  state.region = region ?? enclosedBySelection();
  state.cutsLines = Boolean(region);
  drawSketch();
  updateControls();
}

export function enclosedBySelection() {
  if (!selectedStrokes.size) return null;
  return interior(selectedStrokes, state.maskWidth, state.maskHeight, maskScaleOf());
}

function announceMoved(word) {
  announce(`${word} ${selectedStrokes.size ? count(selectedStrokes.size, 'stroke') : 'colors'}`);
}

const isTranslation = ({ matrix: [a, b, , d, e], radius }) => !radius && a === 1 && e === 1 && !b && !d;

// Return the placement limited to whole lattice cells if it only moves, so that strokes keep their exact shape.
export function snapPlacement(placement) {
  const box = selectionBox();
  if (!isTranslation(placement) || !box) return placement;
  const shift = [placement.matrix[2], placement.matrix[5]];
  return translation(snapShift(shift, selectedStrokes.size ? boundingBox(selectedStrokes) : box, state.doc));
}

function placedStrokes(strokes, placement) {
  if (isTranslation(placement)) {
    return translateStrokes([], strokes, [placement.matrix[2], placement.matrix[5]]).moved;
  }
  return strokes.map((stroke) => placeStroke(placement, stroke, latticeSpacing() / 2, state.doc));
}

// Return the strokes that the region cuts in pieces; see `cutStrokes`.
function linesToCut() {
  if (!state.cutsLines) return new Map();
  const others = state.doc.strokes.filter((stroke) => !selectedStrokes.has(stroke));
  return cutStrokes(others, selectedObjectMask(), state.maskWidth, state.maskHeight, maskScaleOf(), MIN_PIECE);
}

// Move the selection, or a copy of it. Return whether anything changed.
export function placeSelection(placement, { keep = false } = {}) {
  const { doc, region } = state, cut = linesToCut(), inside = [...cut.values()].flatMap((pieces) => pieces.inside);
  const chosen = [...selectedStrokes, ...inside], moved = placedStrokes(chosen, placement);
  const replaced = new Map(chosen.map((stroke, i) => [stroke, moved[i]]));
  const apart = doc.strokes.flatMap((stroke) => (cut.has(stroke) ? Object.values(cut.get(stroke)).flat() : [stroke]));
  const others = keep ? doc.strokes : apart.filter((stroke) => !replaced.has(stroke));
  const strokes = keep ? [...moved, ...doc.strokes] : apart.map((stroke) => replaced.get(stroke) ?? stroke);
  state.doc = { ...doc, strokes };
  state.cutsLines = false; // lines at its new place are not its own
  selectedStrokes.clear();
  for (const stroke of moved) selectedStrokes.add(stroke);
  if (region) {
    state.region = placeMask(placement, region, state.maskWidth, state.maskHeight, maskScaleOf());
    moveColors({ ...doc, strokes: others }, region, placement, keep);
  }
}

// Ask the server to move the colors under a region, and add its answer to the step of the history recorded meanwhile.
async function moveColors(sent, region, placement, keep, copied) {
  if (!sent.grid) return;
  const { maskWidth, maskHeight } = copied ?? state, after = { strokes: [...selectedStrokes], before: state.doc };
  state.openRequests += 1;
  const mask = copied ? copied.mask : { width: maskWidth, height: maskHeight, runs: encodeRuns(region) };
  const source = copied?.source;
  const options = { mask, placement, keep, ...(source && { source }) };
  const answer = await request('move', { ...sent, rev: state.revision, ...options });
  state.openRequests -= 1;
  await gestureEnd();
  updateControls();
  if (!answer || state.doc?.load !== sent.load) return;
  const present = new Set(state.doc.strokes);
  if (!after.strokes.every((stroke) => present.has(stroke)) || state.doc.base !== sent.base) return; // undone since
  if (!after.strokes.length && state.doc !== after.before) return;
  state.doc = mergeAnswer(state.doc, sent, answer).doc;
  commit();
  drawAll();
  if (answer.note) announce(answer.note);
}

function edit(word, placement, options) {
  if (gesture || !hasSelection() || state.openRequests) return;
  const before = snapshot();
  placeSelection(placement, options);
  if (state.doc === before.doc) return;
  record(before, word);
  drawAll();
  updateControls();
  announceMoved(word === 'duplicated' ? 'Duplicated' : 'Moved');
}

export function flipSelection(isVertical) {
  const [left, top, right, bottom] = selectionBox();
  edit('flipped', affine(isVertical ? [1, 0, 0, 0, -1, top + bottom] : [-1, 0, left + right, 0, 1, 0]));
}

export function duplicateSelection() {
  const offset = OFFSET * Math.max(state.doc.width, state.doc.height);
  edit('duplicated', snapPlacement(translation([offset, offset])), { keep: true });
}

export function nudgePlacement(dx, dy) {
  edit('moved', snapPlacement(translation([dx, dy])));
}

function selectionCenter() {
  const [left, top, right, bottom] = selectionBox();
  return [(left + right) / 2, (top + bottom) / 2];
}

// Rotate the selection about its center by an angle in radians, or scale it by a factor.
export const turnSelection = (angle) => edit('turned', rotation(selectionCenter(), angle));
export const scaleSelection = (factor) => edit('scaled', scaling(selectionCenter(), [factor, factor]));

// ---- clipboard, which all tabs share ----

export function copySelection() {
  if (!hasSelection()) return;
  const { doc, region, maskWidth, maskHeight } = state, { base, width, height, grid } = doc;
  const copied = {
    width, height, strokes: [...selectedStrokes], box: selectionBox(),
    mask: region && { width: maskWidth, height: maskHeight, runs: encodeRuns(region) },
    source: { base, width, height, grid },
  };
  const text = JSON.stringify(copied);
  try {
    if (text.length > MAX_CLIPBOARD) throw new Error('too large');
    localStorage.setItem(CLIPBOARD_KEY, text);
    announce('Copied. Paste works in other pictures, too.');
  } catch {
    announce('The selection is too large to copy.');
  }
  updateControls();
}

function readClipboard() {
  try {
    const copied = JSON.parse(localStorage.getItem(CLIPBOARD_KEY));
    return copied && copied.width > 0 && Array.isArray(copied.strokes) ? copied : null;
  } catch {
    return null;
  }
}

export const canPaste = () => {
  try {
    return localStorage.getItem(CLIPBOARD_KEY) !== null;
  } catch {
    return false;
  }
};

export function pasteSelection() {
  const copied = readClipboard();
  if (!copied || gesture || !state.doc || state.openRequests || state.doc.pose?.length) return;
  const { doc } = state, before = snapshot(), scale = Math.min(doc.width / copied.width, doc.height / copied.height);
  const offset = scale === 1 ? OFFSET * Math.max(doc.width, doc.height) : 0;
  const placement = affine([scale, 0, offset, 0, scale, offset]);
  const pasted = copied.strokes.map((stroke) => placeStroke(placement, stroke, latticeSpacing() / 2, doc));
  state.doc = { ...doc, pose: null, strokes: [...pasted, ...doc.strokes] };
  selectObject(pasted, null);
  if (copied.mask) moveColors(doc, null, placement, true, copied);
  record(before, 'pasted');
  drawAll();
  updateControls();
  announce(`Pasted ${count(pasted.length, 'stroke')}${copied.mask ? ' with colors' : ''}`);
}
