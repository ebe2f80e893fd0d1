// Zoom and pan, and the wheel. The wheel zooms with Ctrl, which a trackpad's pinch also sends. A plain wheel
// zooms once the canvas has the focus; zooming out stops at the whole picture, so that the page can scroll past it.

import {
  WHOLE_PICTURE, clampView, imageToStage, panView, stageToImage, zoomView,
} from './geometry/viewport.mjs';
import { stage } from './host.mjs';
import { state } from './state.mjs';
import { drawSketch, updateControls } from './updates.mjs';

export const ZOOM_STEP = 1.5;
const WHEEL_LINE = 30; // pixels
const MAX_WHEEL = 200; // pixels
const WHEEL_PER_ZOOM = 400; // pixels
export let view = WHOLE_PICTURE;

export function setView(next) {
  view = clampView(next);
  stage.style.setProperty('--lc-view', `translate(${100 * view.x}%, ${100 * view.y}%) scale(${view.scale})`);
  if (!state.doc) return;
  drawSketch();
  updateControls();
}

export function resetView() {
  view = WHOLE_PICTURE;
  stage.style.removeProperty('--lc-view');
}

// Zoom with the place `fixed` of the stage staying where it is.
export const zoomBy = (factor, fixed = [0.5, 0.5]) => setView(zoomView(view, factor, fixed));
export const panBy = (du, dv) => setView(panView(view, du, dv));

// Return where a pointer event is on the stage, in fractions of its sides.
export function stagePlace(event) {
  const box = stage.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

// Return where a pointer event is in the picture, in image pixels.
export const imagePoint = (event) => stageToImage(view, stagePlace(event), state.doc);
export const placeOnStage = (point) => imageToStage(view, point, state.doc);

// Convert a length from screen pixels to image pixels.
export const screenToImage = (length) => length * state.doc.width / (stage.clientWidth * view.scale || 1);

stage.addEventListener('wheel', (event) => {
  const focused = stage.contains(document.activeElement), plainZoom = focused && (event.deltaY < 0 || view.scale > 1);
  if (!state.doc || !(event.ctrlKey || event.metaKey || plainZoom)) return;
  event.preventDefault();
  const delta = event.deltaY * (event.deltaMode ? WHEEL_LINE : 1);
  zoomBy(Math.exp(-Math.max(-MAX_WHEEL, Math.min(MAX_WHEEL, delta)) / WHEEL_PER_ZOOM), stagePlace(event));
}, { passive: false });
