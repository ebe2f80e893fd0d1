// Sliders for hue, saturation and brightness of the selected cells, or of all. The server computes the colors. While a
// slider moves, only its newest position is requested; the whole movement is one edit. Other cells that are painted
// meanwhile keep their new colors.

import { gesture } from './gestures.mjs';
import { record } from './history.mjs';
import { $$ } from './host.mjs';
import { announce, count, request } from './messages.mjs';
import { gridShape, hasGrid, selectedCells, setGridColors, state } from './state.mjs';
import { drawCells } from './updates.mjs';

// The shift under way, or null: {load, shape, original, cells, pending, isFinal, isRequesting, isApplied}.
// original: the grid's colors before it; pending: the slider values to request next.
let shift = null;

// Apply the sliders' values. `isFinal`: the slider was released.
export async function shiftColors(isFinal) {
  if (!hasGrid() || gesture) return;
  shift ??= beginShift();
  shift.pending = Object.fromEntries($$('[data-shift]').map((input) => [input.dataset.shift, Number(input.value)]));
  shift.isFinal ||= isFinal;
  if (shift.isRequesting) return;
  await requestPending(shift);
  if (shift.isFinal) finishShift();
}

function beginShift() {
  const { colors } = state.doc.grid, cells = selectedCells.size ? [...selectedCells] : [...colors.keys()];
  return { load: state.doc.load, shape: gridShape(), original: colors, cells, pending: null };
}

const isCurrent = ({ load, shape }) => state.doc?.load === load && gridShape() === shape;

async function requestPending(current) {
  current.isRequesting = true;
  while (current.pending) {
    const values = current.pending;
    current.pending = null;
    const answer = await request('shift', { colors: current.cells.map((cell) => current.original[cell]), ...values });
    if (!answer || !isCurrent(current)) {
      current.isFinal = true;
      break;
    }
    replaceColors(current.cells, answer.colors);
    current.isApplied = true;
    drawCells();
  }
  current.isRequesting = false;
}

function replaceColors(cells, replacements) {
  const colors = state.doc.grid.colors.slice();
  cells.forEach((cell, i) => { colors[cell] = replacements[i]; });
  setGridColors(colors);
}

function finishShift() {
  const { cells, original, isApplied } = shift, applied = isApplied && isCurrent(shift);
  shift = null;
  for (const input of $$('[data-shift]')) input.value = 0;
  if (!applied) return;
  const { doc, mask } = state, colors = doc.grid.colors.slice();
  for (const cell of cells) colors[cell] = original[cell];
  record({ doc: { ...doc, grid: { ...doc.grid, colors } }, mask }, 'shifted');
  announce(`Colors of ${count(cells.length, 'cell')} shifted`);
}
