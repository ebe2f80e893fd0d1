// Mouse, pen and touch on the stage. One pointer at a time draws: others never join its stroke. A second finger begins
// a pinch; a pen takes over from a finger or a palm, and while it draws, or shortly after, fingers do nothing.

import { hideBrush, showBrush } from './brush_ring.mjs';
import { pinchGesture } from './geometry/viewport.mjs';
import { beginGesture, discardGesture, endGesture, gesture, moveGesture } from './gestures.mjs';
import { stage } from './host.mjs';
import { hideCursor } from './keyboard.mjs';
import { state } from './state.mjs';
import { TOOLS } from './tool_registry.mjs';
import { tool } from './toolbar.mjs';
import { imagePoint, panBy, stagePlace, zoomBy } from './view.mjs';

const MIDDLE_BUTTON = 1;
const PALM_TIME = 500; // ms after the pen's last event in which fingers do nothing
const isTouch = (event) => event.pointerType === 'touch';
const isPen = (event) => event.pointerType === 'pen';

let owner = null; // {id, isTouch} of the pointer that draws or pans
let panFrom = null; // where the last event of a panning pointer was on the stage
let lastPen = -Infinity; // time of the pen's last event
const fingers = new Map(); // pointer id -> [u, v]
let pinch = null; // the fingers' last places, until all are lifted

const isPalm = (event) => isTouch(event) && (event.timeStamp - lastPen < PALM_TIME);

function release(event) {
  if (owner?.id !== event.pointerId) return false;
  owner = panFrom = null;
  return true;
}

stage.addEventListener('pointerdown', (event) => {
  if (!state.doc) return;
  hideCursor();
  if (isPen(event)) takeOver(event);
  if (isPalm(event)) return;
  if (isTouch(event)) fingers.set(event.pointerId, stagePlace(event));
  if (fingers.size > 1) beginPinch();
  if (owner || pinch || event.button > MIDDLE_BUTTON) return;
  stage.focus({ preventScroll: true });
  event.preventDefault();
  stage.setPointerCapture(event.pointerId);
  owner = { id: event.pointerId, isTouch: isTouch(event) };
  if (event.button === MIDDLE_BUTTON || tool === 'hand') panFrom = stagePlace(event);
  else beginGesture(imagePoint(event), { shift: event.shiftKey, alt: event.altKey, touch: isTouch(event) });
});

function takeOver(event) {
  lastPen = event.timeStamp;
  fingers.clear();
  pinch = null;
  if (!owner?.isTouch) return;
  discardGesture();
  owner = panFrom = null;
}

function beginPinch() {
  if (owner && !owner.isTouch) return;
  discardGesture();
  owner = panFrom = null;
  pinch = [...fingers.values()].slice(0, 2);
}

stage.addEventListener('pointermove', (event) => {
  if (!state.doc) return;
  if (isPen(event)) lastPen = event.timeStamp;
  if (fingers.has(event.pointerId)) fingers.set(event.pointerId, stagePlace(event));
  if (pinch) movePinch();
  if (pinch || (owner && owner.id !== event.pointerId)) return;
  if (panFrom) {
    const place = stagePlace(event);
    panBy(place[0] - panFrom[0], place[1] - panFrom[1]);
    panFrom = place;
    return;
  }
  if (isTouch(event)) hideBrush(); else showBrush(event, TOOLS[tool].brushRadius?.());
  if (!gesture || !owner) return;
  const coalesced = event.getCoalescedEvents?.() ?? [];
  for (const part of coalesced.length ? coalesced : [event]) moveGesture(imagePoint(part));
});

function movePinch() {
  if (fingers.size < 2) return;
  const places = [...fingers.values()].slice(0, 2), { factor, from, to } = pinchGesture(pinch, places);
  zoomBy(factor, from);
  panBy(to[0] - from[0], to[1] - from[1]);
  pinch = places;
}

function lift(event) {
  fingers.delete(event.pointerId);
  if (!fingers.size) pinch = null;
}

stage.addEventListener('pointerup', (event) => {
  lift(event);
  if (!release(event)) return;
  const point = imagePoint(event), last = gesture?.last; // a busy page may have sent no move for the last step
  if (last && (point[0] !== last[0] || point[1] !== last[1])) moveGesture(point);
  endGesture();
});

stage.addEventListener('pointercancel', (event) => {
  lift(event);
  if (release(event)) discardGesture();
});

// The browser may end a capture without a pointerup.
stage.addEventListener('lostpointercapture', (event) => {
  if (release(event)) endGesture();
});

stage.addEventListener('pointerleave', hideBrush);
