import assert from 'node:assert/strict';
import { test } from 'node:test';

import { shapePath } from '../../ui/static/canvas/geometry/shapes.mjs';

test('shapes go from corner to corner', () => {
  assert.deepEqual(shapePath('line', [1, 2], [5, 9], false), [1, 2, 5, 9]);
  assert.deepEqual(shapePath('rectangle', [1, 2], [5, 9], false), [1, 2, 5, 2, 5, 9, 1, 9, 1, 2]);
  const ellipse = shapePath('ellipse', [10, 10], [30, 20], false), x = ellipse.filter((_, i) => i % 2 === 0);
  assert.ok(Math.abs(Math.min(...x) - 10) < 1e-9 && Math.abs(Math.max(...x) - 30) < 1e-9);
});

test('Shift makes squares, circles and diagonals', () => {
  assert.deepEqual(shapePath('rectangle', [0, 0], [-4, 9], true).slice(4, 6), [-9, 9]);
  const [, , x, y] = shapePath('line', [0, 0], [10, 9], true);
  assert.ok(Math.abs(x - y) < 1e-9);
});
