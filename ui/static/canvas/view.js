// Zoom and pan: the picture is shown k times as large, its corner at (x, y) in parts of the stage.
// Wheel with Ctrl (a trackpad's pinch sends that, too) always zooms; a plain wheel only once the canvas has the focus,
// and outward only while there is something to zoom out of: else the page could not be scrolled past it.

const MAX_ZOOM = 16, ZOOM_STEP = 1.5;
let view = { k: 1, x: 0, y: 0 };

function show(next) {
  const k = Math.max(1, Math.min(MAX_ZOOM, next.k)), within = (v) => Math.max(1 - k, Math.min(0, v));
  view = { k, x: within(next.x), y: within(next.y) };
  stage.style.setProperty('--lc-view', `translate(${100 * view.x}%, ${100 * view.y}%) scale(${k})`);
  if (doc) { drawSketch(); refresh(); }
}
function resetView() { view = { k: 1, x: 0, y: 0 }; stage.style.removeProperty('--lc-view'); }

// `at` is what stays in its place, in parts of the stage.
function zoom(by, at = [0.5, 0.5]) {
  const k = Math.max(1, Math.min(MAX_ZOOM, view.k * by)), share = k / view.k;
  show({ k, x: at[0] - (at[0] - view.x) * share, y: at[1] - (at[1] - view.y) * share });
}
function pan(dx, dy) { show({ ...view, x: view.x + dx, y: view.y + dy }); }

const onStage = (e) => { const r = stage.getBoundingClientRect(); return [(e.clientX - r.left) / r.width, (e.clientY - r.top) / r.height]; };
const at = (e) => { const [u, v] = onStage(e); return [(u - view.x) / view.k * doc.width, (v - view.y) / view.k * doc.height]; };
const toStage = (p) => [view.x + view.k * p[0] / doc.width, view.y + view.k * p[1] / doc.height];
// So many pixels of the screen, in pixels of the picture.
const px = (n) => n * doc.width / (stage.clientWidth * view.k || 1);

stage.addEventListener('wheel', (e) => {
  const focused = stage.contains(document.activeElement);
  if (!doc || !(e.ctrlKey || e.metaKey || (focused && (e.deltaY < 0 || view.k > 1)))) return;
  e.preventDefault();
  zoom(Math.exp(-Math.max(-200, Math.min(200, e.deltaY * (e.deltaMode ? 30 : 1))) / 400), onStage(e));
}, { passive: false });

// ---- two fingers ---------------------------------------------------------------------------------------------------

const fingers = new Map();
let pinch = null;

function fingerDown(e) {
  if (e.pointerType !== 'touch') return false;
  fingers.set(e.pointerId, onStage(e));
  if (fingers.size === 2) { cancel(); pinch = [...fingers.values()]; }
  return fingers.size > 1;
}

function fingerMoved(e) {
  if (!fingers.has(e.pointerId)) return false;
  fingers.set(e.pointerId, onStage(e));
  if (!pinch || fingers.size < 2) return Boolean(pinch);
  const [a, b] = pinch, [c, d] = [...fingers.values()];
  const middle = (p, q) => [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2], apart = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]);
  const from = middle(a, b), to = middle(c, d);
  zoom(apart(c, d) / Math.max(0.01, apart(a, b)), from);
  pan(to[0] - from[0], to[1] - from[1]);
  pinch = [c, d];
  return true;
}

function fingerUp(e) {
  fingers.delete(e.pointerId);
  const pinched = pinch !== null;
  if (!fingers.size) pinch = null;
  return pinched;
}
