// Change the mood of all colors or the color of an object; the server computes base colors and detail. Show swatches of
// the drawing's colors.

import { encodeRuns } from './geometry/bitmap.mjs';
import { distinctColors } from './geometry/cells.mjs';
import { mergeComputedColors } from './geometry/merge.mjs';
import { gesture, gestureEnd } from './gestures.mjs';
import { record, snapshot } from './history.mjs';
import { $, colorInput } from './host.mjs';
import { announce, request, withNote } from './messages.mjs';
import { hasGrid, state } from './state.mjs';
import { drawAll, updateControls } from './updates.mjs';

const SWATCHES = 8;
const list = $('.lc-swatches');
let shownColors = null;

export const applyMood = (mood, name) => recolor(name, { mood }, `Colors: ${name}`);

// Give a region the chosen color; light and shadow stay.
export function recolorRegion(region) {
  const { maskWidth, maskHeight } = state;
  const mask = { width: maskWidth, height: maskHeight, runs: encodeRuns(region) };
  return recolor('Recoloring', { mask, color: colorInput.value }, `Recolored with ${colorInput.value}`);
}

async function recolor(name, options, message) {
  if (!hasGrid() || state.openRequests || gesture) return;
  const sent = state.doc;
  state.openRequests += 1;
  updateControls();
  announce(`${name}…`);
  const answer = await request('recolor', { ...sent, rev: state.revision, ...options });
  state.openRequests -= 1;
  updateControls();
  await gestureEnd();
  if (!answer || state.doc?.load !== sent.load) return;
  const before = snapshot();
  state.doc = mergeComputedColors(state.doc, sent, answer);
  record(before, 'recolored');
  drawAll();
  updateControls();
  announce(withNote(message, answer));
}

// Show the drawing's most distinct colors.
export function updateSwatches() {
  const colors = state.doc?.grid?.colors ?? [];
  if (colors === shownColors) return;
  shownColors = colors;
  list.replaceChildren(...distinctColors(colors, SWATCHES).map((hex) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.swatch = hex;
    button.style.background = hex;
    button.title = hex;
    button.setAttribute('aria-label', `Use the color ${hex}`);
    return button;
  }));
}

list.addEventListener('click', (event) => {
  const { swatch } = event.target.dataset;
  if (!swatch) return;
  colorInput.value = swatch;
  announce(`Color ${swatch}`);
});
