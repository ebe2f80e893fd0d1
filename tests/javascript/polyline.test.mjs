import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  boundingBox, boxFromCorners, clampPath, eraseFromStrokes, hasPointInBox, resample, roundCoordinate, smooth,
  squaredDistanceToPolyline, squaredDistanceToSegment,
} from '../../ui/static/canvas/geometry/polyline.mjs';

// Return a horizontal polyline from x = 0 to n with a point at every pixel.
const horizontal = (n, y) => Array.from({ length: n + 1 }, (_, x) => [x, y]).flat();

test('coordinates are rounded to a thousandth of a pixel', () => {
  assert.equal(roundCoordinate(1.23456), 1.235);
  assert.equal(roundCoordinate(-7), -7);
});

test('distance to a segment is measured to its nearest point', () => {
  assert.equal(squaredDistanceToSegment(5, 3, [0, 0], [10, 0]), 9); // beside it
  assert.equal(squaredDistanceToSegment(13, 4, [0, 0], [10, 0]), 25); // beyond its end
  assert.equal(squaredDistanceToSegment(-3, -4, [0, 0], [10, 0]), 25); // before its start
  assert.equal(squaredDistanceToSegment(3, 4, [0, 0], [0, 0]), 25); // a segment of no length
});

test('distance to a polyline is the distance to its nearest segment', () => {
  assert.equal(squaredDistanceToPolyline([0, 0, 10, 0, 10, 10], 12, 5), 4);
  assert.equal(squaredDistanceToPolyline([0, 0], 1, 1), Infinity); // a single point has no segment
});

test('a resampled path has no gap larger than the spacing and keeps its ends', () => {
  const path = resample([0, 0, 0.1, 0, 10, 0, 10, 7], 2);
  assert.deepEqual(path.slice(0, 2), [0, 0]);
  assert.deepEqual(path.slice(-2), [10, 7]);
  for (let i = 2; i < path.length; i += 2) {
    const gap = Math.hypot(path[i] - path[i - 2], path[i + 1] - path[i - 1]);
    assert.ok(gap <= 2.001 && gap > 0.5, `gap of ${gap}`); // the point at 0.1 is dropped
  }
});

test('a resampled point becomes a segment of one spacing', () => {
  assert.deepEqual(resample([3, 4], 2), [3, 4, 5, 4]);
});

test('smoothing keeps end points and straight lines, and flattens a zigzag', () => {
  assert.deepEqual(smooth([0, 0, 1, 0, 2, 0], 5), [0, 0, 1, 0, 2, 0]);
  const zigzag = [0, 0, 1, 2, 2, 0, 3, 2, 4, 0], once = smooth(zigzag, 1);
  assert.deepEqual([once[0], once[1], once[8], once[9]], [0, 0, 4, 0]);
  assert.equal(once[3], 1);
  assert.equal(smooth(zigzag, 0), zigzag);
  assert.deepEqual(zigzag, [0, 0, 1, 2, 2, 0, 3, 2, 4, 0]); // the input is not changed
});

test('the eraser splits a stroke where it crosses it', () => {
  const [left, right, ...others] = eraseFromStrokes([horizontal(10, 0)], [5, -3], [5, 3], 1);
  assert.deepEqual(left, horizontal(3, 0));
  assert.deepEqual(right, [7, 0, 8, 0, 9, 0, 10, 0]);
  assert.deepEqual(others, []);
});

test('the eraser drops pieces of a single point and whole strokes', () => {
  assert.deepEqual(eraseFromStrokes([[0, 0, 4, 0, 8, 0]], [4, 0], [4, 0], 1), []);
  assert.deepEqual(eraseFromStrokes([horizontal(3, 0)], [0, 0], [3, 0], 1), []);
});

test('strokes that the eraser misses keep their identity', () => {
  const strokes = [horizontal(10, 0), horizontal(10, 50)];
  assert.equal(eraseFromStrokes(strokes, [0, 20], [10, 20], 3), strokes);
  const erased = eraseFromStrokes(strokes, [0, 0], [2, 0], 1);
  assert.notEqual(erased, strokes);
  assert.equal(erased.at(-1), strokes[1]);
});

test('a bounding box holds all polylines', () => {
  assert.deepEqual(boundingBox([[1, 9, 4, 2], [-3, 5]]), [-3, 2, 4, 9]);
});

test('a box has the same corners whichever way it is drawn', () => {
  assert.deepEqual(boxFromCorners([5, 1], [2, 8]), [2, 1, 5, 8]);
  assert.deepEqual(boxFromCorners([2, 8], [5, 1]), [2, 1, 5, 8]);
});

test('a polyline is in a box if one of its points is, edges included', () => {
  assert.ok(hasPointInBox([0, 0, 5, 5], [5, 5, 9, 9]));
  assert.ok(!hasPointInBox([0, 0, 5, 5], [6, 6, 9, 9]));
});

test('a path is clamped to the picture', () => {
  assert.deepEqual(clampPath([-1, -2, 50, 99, 5, 5], 40, 30), [0, 0, 40, 30, 5, 5]);
});
