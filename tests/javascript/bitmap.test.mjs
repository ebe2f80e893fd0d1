import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  decodeRuns, encodeRuns, fillPolygon, maskSize, paintSegment, traceOutlines,
} from '../../ui/static/canvas/geometry/bitmap.mjs';

const rows = (mask, width) => {
  const count = mask.length / width;
  return Array.from({ length: count }, (_, y) => mask.slice(y * width, (y + 1) * width).join(''));
};
const sum = (mask) => mask.reduce((total, v) => total + v, 0);

// Return twice the area that closed polylines surround; holes count negative.
function doubleArea(outlines) {
  let area = 0;
  for (const p of outlines) for (let i = 0; i + 3 < p.length; i += 2) area += p[i] * p[i + 3] - p[i + 2] * p[i + 1];
  return area;
}

test('a mask has the size of the picture up to the limit', () => {
  assert.deepEqual(maskSize(640, 480, 512), [512, 384]);
  assert.deepEqual(maskSize(100, 50, 512), [100, 50]);
  assert.deepEqual(maskSize(4096, 1, 512), [512, 1]);
});

test('a painted segment covers the pixels within its radius', () => {
  const mask = new Uint8Array(7 * 5);
  paintSegment(mask, 7, 5, [1.5, 2.5], [5.5, 2.5], 1, 1);
  assert.deepEqual(rows(mask, 7), ['0000000', '0111110', '1111111', '0111110', '0000000']);
  paintSegment(mask, 7, 5, [3.5, 2.5], [3.5, 2.5], 0.5, 0);
  assert.equal(mask[2 * 7 + 3], 0);
});

test('painting outside the mask is cut off', () => {
  const mask = new Uint8Array(4 * 4);
  paintSegment(mask, 4, 4, [-50, 1.5], [50, 1.5], 0.6, 1);
  assert.deepEqual(rows(mask, 4), ['0000', '1111', '0000', '0000']);
  paintSegment(mask, 4, 4, [90, 90], [99, 99], 2, 1);
  assert.equal(sum(mask), 4);
});

test('a polygon is filled between its edges, even-odd', () => {
  const mask = new Uint8Array(6 * 6);
  fillPolygon(mask, 6, 6, [1, 1, 5, 1, 5, 5, 1, 5], 1);
  assert.deepEqual(rows(mask, 6), ['000000', '011110', '011110', '011110', '011110', '000000']);
  fillPolygon(mask, 6, 6, [2, 2, 4, 2, 4, 4, 2, 4], 0);
  assert.equal(sum(mask), 12);
  const twice = new Uint8Array(6 * 6);
  fillPolygon(twice, 6, 6, [1, 1, 5, 1, 5, 5, 1, 5, 1, 1, 5, 1, 5, 5, 1, 5], 1); // surrounded twice: outside
  assert.equal(sum(twice), 0);
});

test('a polygon larger than the mask fills all of it', () => {
  const mask = new Uint8Array(4 * 3);
  fillPolygon(mask, 4, 3, [-9, -9, 99, -9, 99, 99, -9, 99], 1);
  assert.equal(sum(mask), 12);
});

test('run lengths begin with zeros and add up to the mask', () => {
  assert.deepEqual(encodeRuns(Uint8Array.of(0, 0, 1, 1, 1, 0)), [2, 3, 1]);
  assert.deepEqual(encodeRuns(Uint8Array.of(1, 0)), [0, 1, 1]);
  assert.deepEqual(encodeRuns(new Uint8Array(5)), [5]);
});

test('outlines surround exactly the set pixels', () => {
  const square = Uint8Array.of(0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0);
  const [outline, ...others] = traceOutlines(square, 4, 4);
  assert.deepEqual(others, []);
  assert.deepEqual(outline.slice(0, 2), outline.slice(-2)); // closed
  assert.equal(doubleArea([outline]), 2 * 4);
});

test('a hole has an outline of its own, the other way around', () => {
  const ring = new Uint8Array(5 * 5).fill(1);
  ring[2 * 5 + 2] = 0;
  const outlines = traceOutlines(ring, 5, 5);
  assert.equal(outlines.length, 2);
  assert.equal(doubleArea(outlines), 2 * 24);
});

test('pixels that touch at a corner, and those at the edge, are outlined, too', () => {
  const diagonal = Uint8Array.of(1, 0, 0, 1);
  assert.equal(doubleArea(traceOutlines(diagonal, 2, 2)), 2 * 2);
  assert.deepEqual(traceOutlines(new Uint8Array(4), 2, 2), []);
});

test('run lengths are decoded to the same mask', () => {
  for (const mask of [[0, 0, 1, 1, 0], [1, 1, 0], [0], [1]]) {
    assert.deepEqual(decodeRuns(encodeRuns(Uint8Array.from(mask))), Uint8Array.from(mask));
  }
});
