// Edits and their history. For other scripts of the page, `document.querySelector('.lc').canvas` offers
//   snapshot()   all that can be undone, in one opaque object: strokes, colors, pose, object mask. Cheap: references.
//   restore(s)   restore a snapshot as a separate edit, without a step in the history
//   onchange(f)  call f({ undo, redo, word }) after each step of the history: how many steps there are either way, and
//                what was done, '' for a load from the server
//   undo(), redo()

import { UndoStack } from './geometry/undo_stack.mjs';
import { gradio } from './host.mjs';
import { state } from './state.mjs';
import { updateControls } from './updates.mjs';

const MAX_UNDO_STEPS = 100;
export const undoStack = new UndoStack(MAX_UNDO_STEPS);
const listeners = [];

export const snapshot = () => ({ doc: state.doc, mask: state.mask });

export function onHistoryChange(listener) {
  listeners.push(listener);
}

export function notifyListeners(word) {
  for (const listener of listeners) listener({ undo: undoStack.undoSteps, redo: undoStack.redoSteps, word });
}

// Finish an edit that began at the snapshot `before`: a step of the history, and an event if the layers changed.
export function record(before, word = 'edited') {
  if (state.doc === before.doc && state.mask === before.mask) return;
  undoStack.push(before);
  if (state.doc !== before.doc) commit(); else updateControls();
  notifyListeners(word);
}

// Set the component's value and trigger its `edit` event. The value goes to the server only with the events that read
// it: one request for each finished gesture. It is JSON text because Gradio copies lists several times, item by item.
export function commit() {
  state.revision += 1;
  gradio.props.value = JSON.stringify({ ...state.doc, rev: state.revision });
  gradio.trigger('edit', { rev: state.revision });
  updateControls();
}
