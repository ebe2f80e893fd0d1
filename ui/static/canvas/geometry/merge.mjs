// Merging an answer of the server into a drawing that changed while the server worked. `sent` is the drawing that
// the server was given, `current` is the drawing now: what differs between them is newer work of the person and stays.

import { visibleJoints } from './skeleton.mjs';

const byReference = (strokes) => new Set(strokes);
const sameShape = (a, b) => Boolean(a && b) && a.rows === b.rows && a.cols === b.cols;

// Return the drawing with an imported sketch or pose; strokes drawn since stay first. `full`, the layers that
// raising the byte budget could restore, no longer applies.
export function mergeSketch(current, sent, { base, cols, rows, strokes, pose }) {
  const old = byReference(sent.strokes), added = pose ? [] : current.strokes.filter((stroke) => !old.has(stroke));
  return { ...current, base, cols, rows, pose, full: null, strokes: [...added, ...strokes] };
}

// Return the drawing with imported colors; cells painted since stay, unless the grid itself changed.
export function mergeColors(current, sent, { base, grid }) {
  const comparable = sameShape(current.grid, sent.grid) && sameShape(current.grid, grid);
  const isNewer = (i) => comparable && current.grid.colors[i] !== sent.grid.colors[i];
  const colors = grid.colors.map((hex, i) => (isNewer(i) ? current.grid.colors[i] : hex));
  return { ...current, base, full: null, grid: { ...grid, colors } };
}

// Return the drawing with the colors of an answer, {base, grid}; cells painted since stay. Colors that were imported or
// computed since are newer: then the answer is not used.
export function mergeComputedColors(current, sent, { base, grid }) {
  if (!base || current.base !== sent.base || !sameShape(current.grid, sent.grid)) return current;
  const isNewer = (i) => current.grid.colors[i] !== sent.grid.colors[i];
  const colors = grid.colors.map((hex, i) => (isNewer(i) ? current.grid.colors[i] : hex));
  return { ...current, base, full: null, grid: { ...grid, colors } };
}

// Merge an answer of the server: answer.strokes holds numbers of sent strokes and new pieces, answer.pose the people,
// answer.base and answer.grid the colors, of which answer.cells changed. Strokes and cells edited since stay.
// Return {doc, strokes, joints, cells}: the drawing, and how many of each were erased or changed.
export function mergeAnswer(current, sent, answer) {
  const { strokes, cells, pose } = answer, old = byReference(sent.strokes), existing = byReference(current.strokes);
  const remaining = strokes
    .map((stroke) => (typeof stroke === 'number' ? sent.strokes[stroke] : stroke))
    .filter((stroke) => !old.has(stroke) || existing.has(stroke));
  const merged = { ...current, strokes: [...current.strokes.filter((stroke) => !old.has(stroke)), ...remaining] };
  const posed = Boolean(pose) && current.pose === sent.pose;
  if (posed) merged.pose = pose;
  return {
    doc: mergeComputedColors(merged, sent, answer),
    strokes: old.size - remaining.filter((stroke) => old.has(stroke)).length,
    joints: posed ? visibleJoints(sent.pose) - visibleJoints(pose) : 0,
    cells,
  };
}
