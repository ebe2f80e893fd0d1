// Erasing an object. The server erases, with the same code as the command line.

import { encodeRuns } from './geometry/bitmap.mjs';
import { mergeErased } from './geometry/merge.mjs';
import { gesture, gestureEnd } from './gestures.mjs';
import { record, snapshot } from './history.mjs';
import { announce, count, request } from './messages.mjs';
import { hasMask, state } from './state.mjs';
import { drawAll, pruneSelections, updateControls } from './updates.mjs';

export async function eraseObject() {
  if (state.openRequests || !hasMask() || gesture) return;
  const sent = state.doc, { mask, maskWidth, maskHeight } = state, before = snapshot();
  state.openRequests += 1;
  updateControls();
  announce('Erasing…');
  const runs = { width: maskWidth, height: maskHeight, runs: encodeRuns(mask) };
  const answer = await request('erase', { ...sent, rev: state.revision, mask: runs });
  state.openRequests -= 1;
  updateControls();
  if (state.doc?.load !== sent.load) { // another picture was opened in the meantime
    announce('Nothing was erased.');
    updateControls();
    return;
  }
  if (!answer) return;
  await gestureEnd();
  if (state.doc?.load === sent.load) applyErased(sent, answer, mask, before);
}

function applyErased(sent, answer, mask, before) {
  const start = state.doc === sent ? before : snapshot(), erased = mergeErased(state.doc, sent, answer);
  state.doc = erased.doc;
  state.previousMask = mask;
  if (state.mask === mask) state.mask = new Uint8Array(mask.length); // not if a new mask was begun
  record(start, 'erased');
  pruneSelections();
  drawAll();
  updateControls();
  const cells = count(erased.cells, 'color cell');
  if (answer.pose) announce(`Erased ${count(erased.joints, 'joint')} and ${cells}`);
  else announce(`Erased from ${count(erased.strokes, 'stroke')} and ${cells}`);
}
