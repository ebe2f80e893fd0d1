import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mergeColors, mergeComputedColors, mergeAnswer, mergeSketch } from '../../ui/static/canvas/geometry/merge.mjs';

const A = [0, 0, 1, 1], B = [2, 2, 3, 3], NEW = [4, 4, 5, 5], IMPORTED = [6, 6, 7, 7];
const SENT = {
  base: 'old', full: 'full', width: 10, height: 10, cols: 5, rows: 5, strokes: [A, B], pose: null,
  grid: { rows: 1, cols: 2, colors: ['#000000', '#111111'] },
};
const person = (...hidden) => Array.from({ length: 18 }, (_, i) => (hidden.includes(i) ? null : [i, i]));

test('an imported sketch replaces the strokes that were sent and keeps those drawn since', () => {
  const answer = { base: 'new', cols: 8, rows: 8, strokes: [IMPORTED], pose: null };
  const merged = mergeSketch({ ...SENT, strokes: [NEW, A, B] }, SENT, answer);
  assert.deepEqual(merged.strokes, [NEW, IMPORTED]);
  assert.deepEqual([merged.base, merged.cols, merged.rows, merged.full], ['new', 8, 8, null]);
  assert.equal(merged.grid, SENT.grid);
});

test('an imported pose replaces all strokes', () => {
  const answer = { base: 'new', cols: 8, rows: 8, strokes: [], pose: [person()] };
  const merged = mergeSketch({ ...SENT, strokes: [NEW, A] }, SENT, answer);
  assert.deepEqual([merged.strokes, merged.pose], [[], answer.pose]);
});

test('imported colors keep cells painted since', () => {
  const painted = { ...SENT, grid: { ...SENT.grid, colors: ['#000000', '#ffffff'] } };
  const grid = { rows: 1, cols: 2, colors: ['#aaaaaa', '#bbbbbb'] };
  assert.deepEqual(mergeColors(painted, SENT, { base: 'new', grid }).grid.colors, ['#aaaaaa', '#ffffff']);
  assert.deepEqual(mergeColors(SENT, SENT, { base: 'new', grid }).grid, grid);
});

test('imported colors of another grid replace all cells', () => {
  const grid = { rows: 2, cols: 1, colors: ['#aaaaaa', '#bbbbbb'] };
  const painted = { ...SENT, grid: { ...SENT.grid, colors: ['#000000', '#ffffff'] } };
  assert.deepEqual(mergeColors(painted, SENT, { base: 'new', grid }).grid, grid);
  assert.deepEqual(mergeColors({ ...SENT, grid: null }, SENT, { base: 'new', grid }).grid, grid);
});

test('erasing keeps whole strokes by reference and adds pieces', () => {
  const erased = mergeAnswer(SENT, SENT, {
    strokes: [0, [2, 2, 2.5, 2.5]], cells: 1, base: 'erased', grid: { ...SENT.grid, colors: ['#000000', '#222222'] },
  });
  assert.equal(erased.doc.strokes[0], A);
  assert.deepEqual(erased.doc.strokes[1], [2, 2, 2.5, 2.5]);
  assert.deepEqual(erased.doc.grid.colors, ['#000000', '#222222']);
  assert.deepEqual([erased.strokes, erased.joints, erased.cells], [1, 0, 1]);
  assert.deepEqual(SENT.grid.colors, ['#000000', '#111111']); // the input is not changed
});

test('erasing spares what was drawn or painted since, and does not bring back what was deleted', () => {
  const current = { ...SENT, strokes: [NEW, B], grid: { ...SENT.grid, colors: ['#000000', '#ffffff'] } };
  const { doc } = mergeAnswer(current, SENT, {
    strokes: [0, 1], cells: 2, base: 'erased', grid: { ...SENT.grid, colors: ['#222222', '#222222'] },
  });
  assert.deepEqual(doc.strokes, [NEW, B]);
  assert.deepEqual(doc.grid.colors, ['#222222', '#ffffff']);
});

test('erased joints are counted, unless people moved in the meantime', () => {
  const posed = { ...SENT, strokes: [], pose: [person()] }, answer = { strokes: [], cells: 0, pose: [person(3, 4)] };
  const erased = mergeAnswer(posed, posed, answer);
  assert.equal(erased.joints, 2);
  assert.equal(erased.doc.pose, answer.pose);
  const moved = mergeAnswer({ ...posed, pose: [person(7)] }, posed, answer);
  assert.equal(moved.joints, 0);
  assert.deepEqual(moved.doc.pose, [person(7)]);
});

test('computed colors give way to colors that were imported since', () => {
  const answer = { base: 'new', grid: { ...SENT.grid, colors: ['#222222', '#222222'] } };
  assert.equal(mergeComputedColors({ ...SENT, base: 'imported' }, SENT, answer).base, 'imported');
  assert.equal(mergeComputedColors(SENT, SENT, { cells: 0 }), SENT);
  assert.deepEqual(mergeComputedColors(SENT, SENT, answer).grid.colors, ['#222222', '#222222']);
});
