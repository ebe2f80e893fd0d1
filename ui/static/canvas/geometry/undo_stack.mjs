// A bounded stack of states for undo and redo.

export class UndoStack {
  #past = [];
  #future = [];
  #limit;

  constructor(limit) {
    this.#limit = limit;
  }

  get undoSteps() { return this.#past.length; }

  get redoSteps() { return this.#future.length; }

  // Add the state before an edit; the oldest is dropped beyond the limit, and nothing can be redone.
  push(state) {
    this.#past.push(state);
    if (this.#past.length > this.#limit) this.#past.shift();
    this.#future = [];
  }

  // Return the state to go back to, and keep the current one for `redo`. There must be one: see `undoSteps`.
  undo(current) {
    this.#future.push(current);
    return this.#past.pop();
  }

  // Return the state to go forward to, and keep the current one for `undo`. There must be one: see `redoSteps`.
  redo(current) {
    this.#past.push(current);
    return this.#future.pop();
  }

  clear() {
    this.#past = [];
    this.#future = [];
  }

  clearRedo() {
    this.#future = [];
  }
}
