import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  affine, bend, boxHandles, handlePlacement, place, placeBack, placeMask, placePolyline, placeStroke, rotation, scaling,
  translation,
} from '../../ui/static/canvas/geometry/placement.mjs';

const near = (a, b) => assert.ok(Math.hypot(a[0] - b[0], a[1] - b[1]) < 0.5, `${a} is not near ${b}`);

test('points move, scale about a fixed point, and turn about a center', () => {
  assert.deepEqual(place(translation([3, -2]), [1, 1]), [4, -1]);
  assert.deepEqual(place(scaling([10, 10], [2, 3]), [11, 11]), [12, 13]);
  assert.deepEqual(place(scaling([10, 10], [2, 3]), [10, 10]), [10, 10]);
  near(place(rotation([0, 0], Math.PI / 2), [10, 0]), [0, 10]);
});

test('a scale never becomes zero, and may flip', () => {
  const [a, , , , e] = scaling([0, 0], [0, -2]).matrix;
  assert.ok(a > 0 && a < 0.1 && e === -2);
});

test('a bend moves the grabbed point, and the rim not at all', () => {
  const bent = bend([50, 50], [60, 50], 40);
  assert.deepEqual(place(bent, [50, 50]), [60, 50]);
  assert.deepEqual(place(bent, [91, 50]), [91, 50]);
  assert.ok(place(bend([50, 50], [500, 50], 40), [50, 50])[0] < 80); // it does not fold
});

test('placeBack inverts each placement', () => {
  for (const placement of [
    translation([5, 6]), scaling([1, 2], [0.5, 3]), rotation([9, 9], 1), bend([20, 20], [28, 14], 25),
    affine([-1, 0, 40, 0, 1, 0]),
  ]) near(placeBack(placement, place(placement, [17, 23])), [17, 23]);
});

test('strokes are placed with dense points inside the picture', () => {
  const stroke = placeStroke(scaling([0, 0], [4, 4]), [0, 0, 10, 0], 2, { width: 30, height: 30 });
  assert.equal(Math.max(...stroke), 30);
  for (let i = 2; i < stroke.length; i += 2) assert.ok(stroke[i] - stroke[i - 2] <= 2.001);
  assert.deepEqual(placePolyline(translation([1, 2]), [0, 0, 1, 1]), [1, 2, 2, 3]);
});

test('masks are placed, too', () => {
  const mask = new Uint8Array(16);
  mask[5] = 1; // (1, 1) of 4 x 4 mask pixels; half a mask pixel to an image pixel
  assert.equal(placeMask(translation([2, 4]), mask, 4, 4, 0.5).indexOf(1), 14);
});

test('dragging a handle puts it at the pointer', () => {
  const box = [10, 10, 30, 50], handles = boxHandles(box, 5);
  assert.equal(handles.length, 9);
  for (const handle of handles.filter(({ turn }) => !turn)) {
    const target = [handle.at[0] + 4 * handle.u, handle.at[1] + 4 * handle.v];
    near(place(handlePlacement(handle, box, target, true), handle.at), target);
  }
  const corner = handles.find(({ u, v }) => u === 1 && v === 1);
  const [a, , , , e] = handlePlacement(corner, box, [40, 60], false).matrix;
  assert.equal(a, e);
  const turn = handles.find((handle) => handle.turn);
  near(place(handlePlacement(turn, box, [100, 30], false), turn.at), [45, 30]);
});
