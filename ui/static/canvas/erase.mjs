// Erasing an object. The server erases, with the same code as the command line.

import { encodeRuns } from './geometry/bitmap.mjs';
import { mergeAnswer } from './geometry/merge.mjs';
import { gesture, gestureEnd } from './gestures.mjs';
import { record, snapshot } from './history.mjs';
import { announce, count, request } from './messages.mjs';
import { hasMask, state } from './state.mjs';
import { drawAll, pruneSelections, updateControls } from './updates.mjs';

// Erase what the mask covers, or another mask of its size.
export async function eraseObject(objectMask = null) {
  if (state.openRequests || !(objectMask || hasMask()) || gesture) return;
  const sent = state.doc, mask = objectMask ?? state.mask, { maskWidth, maskHeight } = state, before = snapshot();
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
  const start = state.doc === sent ? before : snapshot(), erased = mergeAnswer(state.doc, sent, answer);
  state.doc = erased.doc;
  state.previousMask = mask;
  if (state.mask === mask) state.mask = new Uint8Array(mask.length); // not if a new mask was begun
  state.region = null;
  record(start, 'erased');
  pruneSelections();
  drawAll();
  updateControls();
  const cells = count(erased.cells, 'color cell');
  const lines = answer.pose ? count(erased.joints, 'joint') : `from ${count(erased.strokes, 'stroke')}`;
  const note = answer.note ? `${answer.note} ` : '';
  announce(`Erased ${lines} and ${cells}. ${note}If the prompt names the object, remove it there, too.`);
}
