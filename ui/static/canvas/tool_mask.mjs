// The object mask: brush, rectangle and lasso, each of which adds or subtracts.

import { fillPolygon, paintSegment } from './geometry/bitmap.mjs';
import { boxFromCorners } from './geometry/polyline.mjs';
import { gesture } from './gestures.mjs';
import { record, snapshot } from './history.mjs';
import { $ } from './host.mjs';
import { announce } from './messages.mjs';
import { hasDrawing, hasMask, state } from './state.mjs';
import { TOOLS, brushRadius } from './tool_registry.mjs';
import { drawDashed, drawDashedBox } from './ink.mjs';
import { drawMask, drawSketch } from './updates.mjs';

// Alt switches between adding and subtracting for one gesture.
const maskValue = () => (state.subtracting === Boolean(gesture.isAlternate) ? 1 : 0);
const maskScale = () => state.maskWidth / state.doc.width;
const toMask = (path) => path.map((v) => v * maskScale());

function maskTool(name, methods) {
  return {
    name,
    isAvailable: hasDrawing,
    end: () => 'mask',
    ...methods,
    begin(p, { alt }) {
      gesture.isAlternate = alt;
      state.mask = state.mask.slice();
      methods.begin?.(p);
    },
  };
}

function fillMask(polygon) {
  fillPolygon(state.mask, state.maskWidth, state.maskHeight, toMask(polygon), maskValue());
  return 'mask';
}

TOOLS.mask = maskTool('Mask', {
  size: ['Size', 1, 24, 6],
  brushRadius: () => brushRadius('mask'),
  begin(p) { TOOLS.mask.move(p, p); },
  move(p, previous) {
    const { mask, maskWidth, maskHeight } = state, radius = brushRadius('mask') * maskScale();
    paintSegment(mask, maskWidth, maskHeight, toMask(previous), toMask(p), radius, maskValue());
    drawMask();
  },
});

TOOLS.box = maskTool('Box', {
  move() { drawSketch(); },
  end({ start, last }) {
    const [left, top, right, bottom] = boxFromCorners(start, last);
    return fillMask([left, top, right, top, right, bottom, left, bottom]);
  },
  draw(ctx, unit) { drawDashedBox(ctx, boxFromCorners(gesture.start, gesture.last), unit); },
});

TOOLS.lasso = maskTool('Lasso', {
  begin(p) { gesture.path = [...p]; },
  move(p) {
    gesture.path.push(...p);
    drawSketch();
  },
  end: ({ path }) => fillMask(path),
  draw(ctx, unit) {
    const { path } = gesture;
    drawDashed(ctx, () => {
      for (let i = 0; i < path.length; i += 2) ctx.lineTo(path[i], path[i + 1]);
      ctx.closePath();
    }, unit);
  },
});

export function setMask(mask, message) {
  if (gesture || !state.doc) return;
  const before = snapshot();
  if (hasMask()) state.previousMask = state.mask;
  state.mask = mask;
  record(before, 'mask');
  drawMask();
  announce(message);
}

export const clearMask = () => setMask(new Uint8Array(state.mask.length), 'Mask cleared');
export const invertMask = () => setMask(state.mask.map((v) => 1 - v), 'Mask inverted');

export function restoreMask() {
  const { mask, previousMask } = state;
  if (previousMask?.length === mask.length) setMask(previousMask, 'Last mask restored');
}

export function setSubtracting(subtracting) {
  state.subtracting = subtracting;
  $('[data-do=subtract]').setAttribute('aria-pressed', String(subtracting));
  announce(subtracting ? 'Mask tools subtract' : 'Mask tools add');
}
