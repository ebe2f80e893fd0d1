// A sketch or colors from another file: a .tril, a picture, a drawing or an SVG, which the server reads. What is drawn
// or painted in the meantime stays on top.

import { mergeColors, mergeSketch } from './geometry/merge.mjs';
import { gesture, gestureEnd } from './gestures.mjs';
import { record, snapshot } from './history.mjs';
import { $, gradio } from './host.mjs';
import { announce, request, showError, withNote } from './messages.mjs';
import { selectedStrokes, state } from './state.mjs';
import { rebuild, updateControls } from './updates.mjs';

export const PICTURE_TYPES = '.png,.jpg,.jpeg,.webp,.avif,image/*';
const SENDING_FAILED = 'The file could not be sent: it is over 20 MB, or the server does not respond. '
  + 'Choose a smaller file, or try again.';
const FILE_TYPES = { sketch: `.tril,.svg,${PICTURE_TYPES}`, colors: `.tril,${PICTURE_TYPES}` };

// Open the file chooser. The promise stays pending if the user cancels.
export function chooseFile(types) {
  return new Promise((resolve) => {
    const input = $('.lc-file');
    input.accept = types;
    input.value = '';
    input.onchange = () => resolve(input.files[0]);
    input.click();
  });
}

// Import 'sketch' or 'colors'.
export async function importLayer(layer) {
  if (state.openRequests || gesture || !state.doc) return;
  const file = await chooseFile(FILE_TYPES[layer]);
  if (!file || state.openRequests || !state.doc) return;
  const sent = state.doc;
  state.openRequests += 1;
  updateControls();
  announce(`Reading ${file.name}…`);
  const answer = await requestLayer(layer, file, sent);
  state.openRequests -= 1;
  updateControls();
  await gestureEnd();
  if (!answer || state.doc?.load !== sent.load) {
    updateControls();
    return;
  }
  const before = snapshot();
  state.doc = (layer === 'sketch' ? mergeSketch : mergeColors)(state.doc, sent, answer);
  if (layer === 'sketch') {
    selectedStrokes.clear();
    state.joint = null;
  }
  record(before, 'imported');
  rebuild();
  announce(withNote(answer.message, answer));
}

// Send a file to the server. Return its path there, or null after an error was shown.
export async function uploadFile(file) {
  try {
    return (await gradio.upload(file)).path;
  } catch {
    showError(SENDING_FAILED);
    return null;
  }
}

async function requestLayer(layer, file, sent) {
  const path = await uploadFile(file);
  if (!path) return null;
  const how = $('.lc-import-mode').value, add = $('.lc-keep-strokes').checked;
  const borrow = { path, name: file.name, what: layer, how, add, palette: $('.lc-palette').checked };
  return request('borrow', { ...sent, rev: state.revision, borrow });
}
