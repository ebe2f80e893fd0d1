// Undo and redo.

import { cancelGesture, gesture } from './gestures.mjs';
import { commit, notifyListeners, snapshot, undoStack } from './history.mjs';
import { announce } from './messages.mjs';
import { state } from './state.mjs';
import { rebuild } from './updates.mjs';

export function restore({ doc, mask }) {
  const changed = doc !== state.doc;
  cancelGesture();
  Object.assign(state, { doc, mask });
  rebuild();
  if (changed) commit();
}

export function undo() {
  if (!undoStack.undoSteps || gesture) return;
  restore(undoStack.undo(snapshot()));
  announce('Undone');
  notifyListeners('Undone');
}

export function redo() {
  if (!undoStack.redoSteps || gesture) return;
  restore(undoStack.redo(snapshot()));
  announce('Redone');
  notifyListeners('Redone');
}
