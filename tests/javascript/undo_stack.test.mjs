import assert from 'node:assert/strict';
import { test } from 'node:test';

import { UndoStack } from '../../ui/static/canvas/geometry/undo_stack.mjs';

test('states are undone and redone in order', () => {
  const stack = new UndoStack(10);
  stack.push('a');
  stack.push('b');
  assert.equal(stack.undo('c'), 'b');
  assert.equal(stack.undo('b'), 'a');
  assert.deepEqual([stack.undoSteps, stack.redoSteps], [0, 2]);
  assert.equal(stack.redo('a'), 'b');
  assert.equal(stack.redo('b'), 'c');
  assert.deepEqual([stack.undoSteps, stack.redoSteps], [2, 0]);
});

test('a new edit makes undone states unreachable', () => {
  const stack = new UndoStack(10);
  stack.push('a');
  stack.undo('b');
  stack.push('c');
  assert.deepEqual([stack.undoSteps, stack.redoSteps], [1, 0]);
});

test('the oldest state is dropped beyond the limit', () => {
  const stack = new UndoStack(2);
  for (const state of ['a', 'b', 'c']) stack.push(state);
  assert.equal(stack.undoSteps, 2);
  assert.equal(stack.undo('d'), 'c');
  assert.equal(stack.undo('c'), 'b');
  assert.equal(stack.undoSteps, 0);
});

test('clearing forgets both directions, or only the undone states', () => {
  const stack = new UndoStack(10);
  stack.push('a');
  stack.push('b');
  stack.undo('c');
  stack.clearRedo();
  assert.deepEqual([stack.undoSteps, stack.redoSteps], [1, 0]);
  stack.clear();
  assert.equal(stack.undoSteps, 0);
});
