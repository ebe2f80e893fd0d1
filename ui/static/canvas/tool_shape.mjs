// Lines, rectangles, ellipses and polygons, as strokes. Shift makes them regular. A polygon gets a corner at each
// click; a click on its first corner, or a double click, closes it.

import { clampPath, resample } from './geometry/polyline.mjs';
import { shapePath } from './geometry/shapes.mjs';
import { gesture } from './gestures.mjs';
import { $ } from './host.mjs';
import { drawLines } from './ink.mjs';
import { announce } from './messages.mjs';
import { canDrawStrokes, latticeSpacing, state } from './state.mjs';
import { TOOLS } from './tool_registry.mjs';
import { drawSketch } from './updates.mjs';
import { screenToImage } from './view.mjs';

const CLOSE_RADIUS = 12; // screen pixels
const MIN_SIZE = 3; // screen pixels

const shape = () => $('.lc-shape-kind').value;
let corners = []; // of the polygon under way: [x0, y0, ...]
let cornersLoad = null; // the load of the drawing that they belong to

const isOpen = () => shape() === 'polygon' && corners.length > 0 && cornersLoad === state.doc?.load;

function addStroke(path) {
  const { width, height } = state.doc, stroke = resample(clampPath(path, width, height), latticeSpacing() / 2);
  state.doc = { ...state.doc, pose: null, strokes: [stroke, ...state.doc.strokes] };
}

TOOLS.shape = {
  name: 'Shape',
  isAvailable: canDrawStrokes,
  begin(p, { shift }) {
    gesture.isRegular = shift;
    if (shape() !== 'polygon') return undefined;
    if (!isOpen()) {
      corners = [];
      cornersLoad = state.doc.load;
    }
    return addCorner(p);
  },
  move() { drawSketch(); },
  end({ start, last, isRegular }) {
    if (Math.hypot(last[0] - start[0], last[1] - start[1]) < screenToImage(MIN_SIZE)) return undefined;
    addStroke(shapePath(shape(), start, last, isRegular));
    return 'shape';
  },
  draw(ctx, unit) {
    if (shape() === 'polygon') return;
    const { start, last, isRegular } = gesture;
    drawLines(ctx, [shapePath(shape(), start, last, isRegular)], unit);
  },
  drawIdle(ctx, unit) {
    if (!isOpen()) return;
    drawLines(ctx, [[...corners.slice(0, 2), ...corners]], unit);
    ctx.beginPath();
    ctx.arc(corners[0], corners[1], 5 * unit, 0, 2 * Math.PI);
    ctx.stroke();
  },
  cancel() {
    const wasOpen = isOpen();
    corners = [];
    if (wasOpen) drawSketch();
    return wasOpen;
  },
};

// Add a corner to the polygon, or close it. The gesture is complete either way.
function addCorner(p) {
  const near = (i) => Math.hypot(corners[i] - p[0], corners[i + 1] - p[1]) < screenToImage(CLOSE_RADIUS);
  const closes = corners.length >= 4 && (near(0) || near(corners.length - 2));
  if (!closes) {
    corners.push(...p);
    announce('Click the next corner; click the first one to close the polygon');
    drawSketch();
    return false;
  }
  if (corners.length >= 6) addStroke([...corners, corners[0], corners[1]]);
  else addStroke(corners);
  corners = [];
  announce('Polygon closed');
  return false;
}
