import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  MAX_ZOOM, WHOLE_PICTURE, clampView, imageToStage, panView, pinchGesture, stageToImage, zoomView,
} from '../../ui/static/canvas/geometry/viewport.mjs';

const SIZE = { width: 400, height: 300 };
const close = (a, b) => a.every((v, i) => Math.abs(v - b[i]) < 1e-9);

test('a view always covers the stage', () => {
  assert.deepEqual(clampView({ scale: 0.5, x: 3, y: -3 }), { scale: 1, x: 0, y: 0 });
  assert.deepEqual(clampView({ scale: 2, x: 0.5, y: -7 }), { scale: 2, x: 0, y: -1 });
  assert.equal(clampView({ scale: 99, x: 0, y: 0 }).scale, MAX_ZOOM);
});

test('zooming keeps the fixed place where it is', () => {
  const fixed = [0.3, 0.7], view = zoomView(zoomView(WHOLE_PICTURE, 3, fixed), 1.5, fixed);
  assert.equal(view.scale, 4.5);
  assert.ok(close(stageToImage(view, fixed, SIZE), stageToImage(WHOLE_PICTURE, fixed, SIZE)));
});

test('zooming out ends at the whole picture', () => {
  assert.deepEqual(zoomView(zoomView(WHOLE_PICTURE, 3, [0.9, 0.1]), 0.01, [0.2, 0.2]), { scale: 1, x: 0, y: 0 });
});

test('panning moves the picture within its edges', () => {
  const view = zoomView(WHOLE_PICTURE, 2, [0.5, 0.5]);
  assert.deepEqual(panView(view, 0.1, -0.2), { scale: 2, x: -0.4, y: -0.7 });
  assert.deepEqual(panView(view, 9, 9), { scale: 2, x: 0, y: 0 });
});

test('stage and image coordinates convert into each other', () => {
  const view = panView(zoomView(WHOLE_PICTURE, 4, [0.2, 0.6]), 0.05, -0.1), point = [123, 45];
  assert.ok(close(stageToImage(view, imageToStage(view, point, SIZE), SIZE), point));
  assert.deepEqual(imageToStage(WHOLE_PICTURE, [200, 300], SIZE), [0.5, 1]);
});

test('a pinch has a factor and a center', () => {
  const { factor, from, to } = pinchGesture([[0.4, 0.5], [0.6, 0.5]], [[0.3, 0.6], [0.7, 0.6]]);
  assert.ok(Math.abs(factor - 2) < 1e-9);
  assert.ok(close(from, [0.5, 0.5]) && close(to, [0.5, 0.6]));
  const { factor: bounded } = pinchGesture([[0.5, 0.5], [0.5, 0.5]], [[0, 0], [1, 0]]);
  assert.ok(Number.isFinite(bounded));
});
