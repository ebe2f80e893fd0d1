// Drawings that come from the server, as the component's value.

import { cancelGesture, gesture } from './gestures.mjs';
import { commit, notifyListeners, snapshot, undoStack } from './history.mjs';
import { gradio } from './host.mjs';
import { announce } from './messages.mjs';
import { state } from './state.mjs';
import { TOOLS } from './tool_registry.mjs';
import { setTool } from './toolbar.mjs';
import { resetView } from './view.mjs';
import { rebuild } from './updates.mjs';

export const componentValue = () => (gradio.props.value ? JSON.parse(gradio.props.value) : null);

// Load the new value. It counts as an edit, so that the page shows its size and preview, except for a `quiet` value,
// which comes with its own. A value that was made `of` a drawing that has changed since, or that comes during a
// gesture, is dropped in favor of the user's work.
export function onServerValue() {
  const value = componentValue(), { of, quiet } = value ?? {};
  if (of && state.doc && (gesture || of.load !== state.doc.load || of.rev !== state.revision)) {
    commit();
    return;
  }
  load(value);
  if (state.doc && !quiet) gradio.trigger('edit', { rev: state.doc.rev });
}

export function load(value) {
  const { doc } = state;
  const keepHistory = value && doc && value.keep_history && value.width === doc.width && value.height === doc.height;
  // values of one series, such as the positions of a slider, make one step of the history
  const continues = keepHistory && value.series && value.series === doc.series && state.revision === 0;
  cancelGesture();
  if (!keepHistory) undoStack.clear();
  else if (continues) undoStack.clearRedo();
  else undoStack.push(snapshot());
  state.doc = value ? withoutLoadOptions(value) : null;
  state.revision = 0;
  if (!keepHistory) {
    state.mask = state.previousMask = null;
    resetView();
    announce('');
  }
  rebuild();
  if (value?.tool && TOOLS[value.tool].isAvailable()) setTool(value.tool);
  notifyListeners('');
}

function withoutLoadOptions(value) {
  const doc = { ...value };
  for (const option of ['keep_history', 'of', 'quiet', 'tool']) delete doc[option];
  return doc;
}
