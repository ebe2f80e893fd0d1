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

// Merge what is left after erasing: answer.strokes holds numbers of sent strokes and new pieces, answer.cells pairs
// of cell and color, answer.pose the people, answer.base the base without the erased detail. Strokes and cells edited
// since stay as they are.
// Return {doc, strokes, joints, cells}: the drawing, and how many of each were erased.
export function mergeErased(current, sent, { strokes, cells, pose, base }) {
  const old = byReference(sent.strokes), existing = byReference(current.strokes);
  const remaining = strokes
    .map((stroke) => (typeof stroke === 'number' ? sent.strokes[stroke] : stroke))
    .filter((stroke) => !old.has(stroke) || existing.has(stroke));
  const doc = { ...current, strokes: [...current.strokes.filter((stroke) => !old.has(stroke)), ...remaining] };
  const posed = Boolean(pose) && current.pose === sent.pose;
  if (posed) doc.pose = pose;
  if (base && current.base === sent.base) Object.assign(doc, { base, full: null });
  if (current.grid && current.grid.colors.length === sent.grid?.colors.length) {
    const colors = current.grid.colors.slice();
    for (const [cell, hex] of cells) if (colors[cell] === sent.grid.colors[cell]) colors[cell] = hex;
    doc.grid = { ...current.grid, colors };
  }
  return {
    doc,
    strokes: old.size - remaining.filter((stroke) => old.has(stroke)).length,
    joints: posed ? visibleJoints(sent.pose) - visibleJoints(pose) : 0,
    cells: cells.length,
  };
}
