import assert from 'node:assert/strict';
import { test } from 'node:test';

import { boundingBox } from '../../ui/static/canvas/geometry/polyline.mjs';
import {
  bringToFront, dotStroke, nearestStroke, snapShift, translateStrokes,
} from '../../ui/static/canvas/geometry/strokes.mjs';

const LATTICE = { width: 80, height: 60, cols: 40, rows: 30 }; // cells of 2 x 2 px

test('the nearest stroke is found within the distance', () => {
  const strokes = [[0, 0, 10, 0], [0, 4, 10, 4]];
  assert.equal(nearestStroke(strokes, [5, 3], 5), strokes[1]);
  assert.equal(nearestStroke(strokes, [5, 30], 5), null);
});

test('shifts snap to whole lattice cells', () => {
  assert.deepEqual(snapShift([3.2, -4.9], [20, 20, 30, 30], LATTICE), [4, -4]);
  assert.deepEqual(snapShift([0.9, 0], [20, 20, 30, 30], LATTICE), [0, 0]);
});

test('shifts stop at the edges of the picture', () => {
  const [dx, dy] = snapShift([-99, 99], [21, 21, 31, 31], LATTICE);
  assert.ok(21 + dx >= 0 && 21 + dx < 2 && 31 + dy <= 60 && 31 + dy > 58, `${dx}, ${dy}`);
});

test('only the selected strokes move, and the others stay the same objects', () => {
  const strokes = [[0, 0, 1, 1], [5, 5, 6, 6]];
  const { strokes: all, moved } = translateStrokes(strokes, new Set([strokes[1]]), [2, -1]);
  assert.equal(all[0], strokes[0]);
  assert.deepEqual(all[1], [7, 4, 8, 5]);
  assert.equal(all[1], moved[0]);
});

test('selected strokes come to the front in their order', () => {
  const [a, b, c, d] = [[1], [2], [3], [4]];
  assert.deepEqual(bringToFront([a, b, c, d], new Set([d, b])), [b, d, a, c]);
});

test('a dot goes from its cell to the next one, inside the picture', () => {
  assert.deepEqual(dotStroke(10.5, 7.9, LATTICE), [11, 7, 13, 7]);
  for (const [x, y] of [[0, 0], [-5, -5], [79.9, 59.9], [200, 200]]) {
    const [left, top, right, bottom] = boundingBox([dotStroke(x, y, LATTICE)]);
    assert.ok(left > 0 && top > 0 && right < 80 && bottom < 60 && right - left === 2, `${x}, ${y}`);
  }
});
