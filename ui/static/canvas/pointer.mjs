// Mouse, pen and touch on the stage.

import { hideBrush, showBrush } from './brush_ring.mjs';
import { beginGesture, cancelGesture, endGesture, gesture, moveGesture } from './gestures.mjs';
import { stage } from './host.mjs';
import { hideCursor } from './keyboard.mjs';
import { state } from './state.mjs';
import { TOOLS } from './tool_registry.mjs';
import { tool } from './toolbar.mjs';
import { fingerDown, fingerMoved, fingerUp, imagePoint, panBy, stagePlace } from './view.mjs';

const MIDDLE_BUTTON = 1;
const isTouch = (event) => event.pointerType === 'touch';
let panFrom = null; // where the last event of a panning gesture was on the stage

stage.addEventListener('pointerdown', (event) => {
  if (!state.doc) return;
  hideCursor();
  if (fingerDown(event) || event.button > MIDDLE_BUTTON || !event.isPrimary) return;
  stage.focus({ preventScroll: true });
  event.preventDefault();
  stage.setPointerCapture(event.pointerId);
  if (event.button === MIDDLE_BUTTON || tool === 'hand') panFrom = stagePlace(event);
  else beginGesture(imagePoint(event), { shift: event.shiftKey, alt: event.altKey, touch: isTouch(event) });
});

stage.addEventListener('pointermove', (event) => {
  if (!state.doc || fingerMoved(event) || !event.isPrimary) return;
  if (panFrom) {
    const place = stagePlace(event);
    panBy(place[0] - panFrom[0], place[1] - panFrom[1]);
    panFrom = place;
    return;
  }
  if (isTouch(event)) hideBrush(); else showBrush(event, TOOLS[tool].brushRadius?.());
  if (!gesture) return;
  const coalesced = event.getCoalescedEvents?.() ?? [];
  for (const part of coalesced.length ? coalesced : [event]) moveGesture(imagePoint(part));
});

stage.addEventListener('pointerup', (event) => {
  const pinched = fingerUp(event);
  panFrom = null;
  if (event.isPrimary && !pinched) endGesture();
});

stage.addEventListener('pointercancel', (event) => {
  fingerUp(event);
  panFrom = null;
  cancelGesture();
});

stage.addEventListener('pointerleave', hideBrush);
