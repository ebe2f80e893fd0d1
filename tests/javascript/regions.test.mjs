import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  cutStrokes, dilate, enclosedRegion, interior, maskArea, maskBox, paintStrokes, similarRegion, strokesUnder,
} from '../../ui/static/canvas/geometry/regions.mjs';

const WIDTH = 60, HEIGHT = 40;
const SQUARE = [20, 10, 40, 10, 40, 30, 20, 30, 20, 10];
const OPEN = [20, 10, 40, 10, 40, 30, 20, 30, 20, 12.5]; // stands open by 2.5 pixels

test('a click in an outline finds what it encloses, small gaps closed', () => {
  for (const stroke of [SQUARE, OPEN]) {
    const region = enclosedRegion([stroke], [30, 20], WIDTH, HEIGHT, 1);
    assert.ok(Math.abs(maskArea(region) - 400) < 120, maskArea(region));
    const [left, top, right, bottom] = maskBox(region, WIDTH);
    assert.ok(left >= 17 && top >= 7 && right <= 43 && bottom <= 33);
  }
  assert.equal(enclosedRegion([SQUARE], [5, 5], WIDTH, HEIGHT, 1), null);
  assert.equal(enclosedRegion([[5, 5, 50, 5]], [30, 20], WIDTH, HEIGHT, 1), null);
  assert.equal(enclosedRegion([SQUARE], [-5, 99], WIDTH, HEIGHT, 1), null);
});

test('strokes enclose a region together; a line encloses none', () => {
  const halves = [[20, 10, 40, 10, 40, 30], [40, 30, 20, 30, 20, 10]];
  assert.ok(maskArea(interior(halves, WIDTH, HEIGHT, 1)) > 300);
  assert.equal(interior([[5, 5, 50, 20]], WIDTH, HEIGHT, 1), null);
  const half = interior([SQUARE], WIDTH / 2, HEIGHT / 2, 0.5);
  assert.ok(Math.abs(4 * maskArea(half) - 400) < 160, maskArea(half));
});

test('similar connected pixels are a region', () => {
  const rgba = new Uint8ClampedArray(4 * WIDTH * HEIGHT).fill(255);
  for (let y = 10; y < 20; y++) for (let x = 10; x < 20; x++) rgba.set([200 + x % 2, 0, 0], 4 * (y * WIDTH + x));
  const none = new Uint8Array(WIDTH * HEIGHT);
  assert.equal(maskArea(similarRegion(rgba, WIDTH, HEIGHT, 12 * WIDTH + 12, 8, none)), 100);
  assert.equal(similarRegion(rgba, WIDTH, HEIGHT, 0, 8, none), null); // all the rest
  const lines = paintStrokes([[14, 0, 14, HEIGHT]], WIDTH, HEIGHT, 1, 0);
  const left = similarRegion(rgba, WIDTH, HEIGHT, 12 * WIDTH + 12, 8, lines);
  assert(maskArea(left) < 50 && left[12 * WIDTH + 12] === 1 && left[12 * WIDTH + 17] === 0); // a line parts it
});

test('strokes under a mask are counted by their points', () => {
  const mask = new Uint8Array(WIDTH * HEIGHT);
  for (let y = 0; y < HEIGHT; y++) mask.fill(1, y * WIDTH, y * WIDTH + 30);
  const inside = [1, 1, 5, 5], half = [20, 1, 25, 1, 35, 1, 45, 1], outside = [40, 1, 50, 1];
  assert.deepEqual(strokesUnder([inside, half, outside], mask, WIDTH, HEIGHT, 1, 0.5), [inside, half]);
  assert.deepEqual(strokesUnder([inside, half], mask, WIDTH, HEIGHT, 1, 0.6), [inside]);
});

test('masks grow on all sides and stop at the border', () => {
  const mask = new Uint8Array(25);
  mask[12] = 1;
  assert.equal(maskArea(dilate(mask, 5, 5, 1)), 9);
  assert.equal(maskArea(dilate(mask, 5, 5, 9)), 25);
  assert.equal(dilate(mask, 5, 5, 0.2), mask);
  assert.equal(maskBox(new Uint8Array(25), 5), null);
  assert.ok(maskArea(paintStrokes([[1, 1, 4, 1]], 5, 5, 1, 1)) >= 4);
});

test('lines are cut where they enter a mask, without short pieces', () => {
  const mask = new Uint8Array(WIDTH * HEIGHT).fill(0);
  for (let y = 0; y < HEIGHT; y++) mask.fill(1, y * WIDTH + 20, y * WIDTH + 40);
  const line = (from, to) => Array.from({ length: to - from }, (_, i) => [from + i, 5]).flat();
  const across = line(10, 50), touching = line(10, 23), apart = line(45, 55);
  const cut = cutStrokes([across, touching, apart], mask, WIDTH, HEIGHT, 1, 5);
  assert.deepEqual([...cut.keys()], [across]);
  assert.deepEqual(cut.get(across), { inside: [line(20, 40)], outside: [line(10, 20), line(40, 50)] });
});
