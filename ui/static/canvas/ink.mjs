// Lines on a canvas. `unit` is a screen pixel in image pixels.

import { smooth } from './geometry/polyline.mjs';

export const INK = '#1c1917';
export const ACCENT = '#0f766e';
const HALO = 'rgb(255 255 255 / 50%)';

// Draw polylines in ink, with a light halo that keeps them visible on dark cells.
export const drawLines = (ctx, polylines, unit) => strokeLines(ctx, polylines, [[HALO, 3.4], [INK, 1.6]], unit);

export function strokeLines(ctx, polylines, styles, unit) {
  ctx.beginPath();
  for (const polyline of polylines) tracePath(ctx, smoothed(polyline));
  strokePath(ctx, styles, unit);
}

// Stroke the current path with each of [color, width in screen pixels].
export function strokePath(ctx, styles, unit) {
  for (const [color, width] of styles) {
    ctx.strokeStyle = color;
    ctx.lineWidth = width * unit;
    ctx.stroke();
  }
}

// Strokes follow the cells of a lattice; decoders average them like this before they draw.
const smoothedStrokes = new WeakMap();
function smoothed(stroke) {
  if (!smoothedStrokes.has(stroke)) smoothedStrokes.set(stroke, smooth(stroke, 1));
  return smoothedStrokes.get(stroke);
}

// Add a polyline to the path as quadratic curves through the midpoints of its segments.
export function tracePath(ctx, p) {
  const n = p.length;
  ctx.moveTo(p[0], p[1]);
  for (let i = 2; i < n - 2; i += 2) {
    ctx.quadraticCurveTo(p[i], p[i + 1], (p[i] + p[i + 2]) / 2, (p[i + 1] + p[i + 3]) / 2);
  }
  ctx.lineTo(p[n - 2], p[n - 1]);
}

// Stroke the path that `trace` adds in white with dark dashes, which is visible on any background.
export function drawDashed(ctx, trace, unit) {
  ctx.beginPath();
  trace();
  ctx.lineWidth = 1.6 * unit;
  ctx.strokeStyle = '#fff';
  ctx.stroke();
  ctx.setLineDash([4 * unit, 4 * unit]);
  ctx.strokeStyle = INK;
  ctx.stroke();
  ctx.setLineDash([]);
}

export function drawDashedBox(ctx, [left, top, right, bottom], unit) {
  drawDashed(ctx, () => ctx.rect(left, top, right - left, bottom - top), unit);
}
