import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  cellAt, cellCenter, cellsAlongSegment, cellsInBox, cellsUnderBrush, distinctColors, nextGridSize,
  paintCells, selectionOutline, similarCells,
} from '../../ui/static/canvas/geometry/cells.mjs';

const RED = '#ff0000', PINK = '#ff1010', BLUE = '#0000ff';
const grid = (rows, cols, color = RED) => ({ rows, cols, colors: Array(rows * cols).fill(color) });
const sorted = (cells) => [...cells].sort((a, b) => a - b);

test('a point lies in one cell, and none outside the picture', () => {
  assert.equal(cellAt(grid(3, 4), [0, 0], 40, 30), 0);
  assert.equal(cellAt(grid(3, 4), [39.9, 29.9], 40, 30), 11);
  assert.equal(cellAt(grid(3, 4), [15, 25], 40, 30), 9);
  for (const outside of [[-1, 5], [40, 5], [5, -1], [5, 30]]) assert.equal(cellAt(grid(3, 4), outside, 40, 30), -1);
});

test('the center of a cell lies in that cell', () => {
  for (let cell = 0; cell < 12; cell++) {
    assert.equal(cellAt(grid(3, 4), cellCenter(grid(3, 4), cell, 40, 30), 40, 30), cell);
  }
});

test('a brush covers a disc of cells, cut at the edges', () => {
  assert.deepEqual(cellsUnderBrush(grid(5, 5), [25, 25], 1, 50, 50), [12]);
  assert.deepEqual(cellsUnderBrush(grid(5, 5), [25, 25], 3, 50, 50), [7, 11, 12, 13, 17]);
  assert.deepEqual(cellsUnderBrush(grid(5, 5), [5, 5], 3, 50, 50), [0, 1, 5]);
  assert.deepEqual(cellsUnderBrush(grid(5, 5), [-5, 5], 3, 50, 50), []);
});

test('a brush stroke leaves no gaps between cells', () => {
  assert.deepEqual(sorted(cellsAlongSegment(grid(5, 5), [1, 25], [49, 25], 1, 50, 50)), [10, 11, 12, 13, 14]);
  const diagonal = cellsAlongSegment(grid(5, 5), [1, 1], [49, 49], 1, 50, 50);
  for (const cell of [0, 6, 12, 18, 24]) assert.ok(diagonal.has(cell));
  assert.deepEqual([...cellsAlongSegment(grid(5, 5), [5, 5], [5, 5], 1, 50, 50)], [0]);
});

test('a box selects the cells that it touches', () => {
  assert.deepEqual(cellsInBox(grid(3, 4), [11, 11, 29, 19], 40, 30), [5, 6]);
  assert.deepEqual(cellsInBox(grid(3, 4), [-99, -99, 99, 99], 40, 30).length, 12);
  assert.deepEqual(cellsInBox(grid(3, 4), [200, 200, 300, 300], 40, 30), [11]);
});

test('a fill spreads over connected cells of similar color', () => {
  const picture = grid(3, 3);
  for (const cell of [1, 4, 7]) picture.colors[cell] = BLUE; // a wall
  picture.colors[3] = PINK;
  assert.deepEqual(sorted(similarCells(picture, 0, 0)), [0]);
  assert.deepEqual(sorted(similarCells(picture, 0, 30)), [0, 3, 6]);
  assert.deepEqual(sorted(similarCells(picture, 0, 442)), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('a fill does not wrap around the edges', () => {
  const picture = grid(2, 3, BLUE);
  picture.colors[2] = picture.colors[3] = RED; // the end of a row and the start of the next
  assert.deepEqual(similarCells(picture, 2, 0), [2]);
});

test('painting makes new colors only if something changes', () => {
  const { colors } = grid(1, 3);
  assert.equal(paintCells(colors, [0, 1], RED), colors);
  assert.deepEqual(paintCells(colors, [0, 2], BLUE), [BLUE, RED, BLUE]);
  assert.deepEqual(colors, [RED, RED, RED]);
});

test('a selection is outlined without inner edges', () => {
  const key = (segments) => segments.map(String).sort();
  assert.deepEqual(
    key(selectionOutline(new Set([0, 1]), { rows: 2, cols: 3 })),
    key([[0, 0, 1, 0], [1, 0, 2, 0], [0, 1, 1, 1], [1, 1, 2, 1], [0, 0, 0, 1], [2, 0, 2, 1]]),
  );
  assert.equal(selectionOutline(new Set([2, 3]), { rows: 2, cols: 3 }).length, 8); // not neighbors: another row
  assert.deepEqual(selectionOutline(new Set(), { rows: 2, cols: 3 }), []);
});

test('grids become finer and coarser in fixed steps, up to a limit', () => {
  assert.equal(nextGridSize(grid(11, 16), 1), 24);
  assert.equal(nextGridSize(grid(11, 16), -1), 12);
  assert.equal(nextGridSize(grid(13, 20), 1), 24);
  assert.equal(nextGridSize(grid(64, 64), 1), undefined);
  assert.equal(nextGridSize(grid(2, 2), -1), undefined);
  assert.equal(nextGridSize(null, 1), 12);
});

test('distinct colors begin with the most frequent one', () => {
  const colors = ['#ff0000', '#000000', '#ff0000', '#fe0000', '#0000ff'];
  assert.deepEqual(distinctColors(colors, 3), ['#ff0000', '#0000ff', '#000000']);
  assert.deepEqual(distinctColors([], 3), []);
});
