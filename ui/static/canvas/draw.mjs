// Drawing. Color cells and mask are canvases with a pixel for each cell, scaled by CSS; lines are drawn in the
// stage's resolution, so that they stay sharp at any zoom. Pointers send more events than there are frames: drawing
// is scheduled once for each frame.

import { traceOutlines } from './geometry/bitmap.mjs';
import { selectionOutline } from './geometry/cells.mjs';
import { placePolyline } from './geometry/placement.mjs';
import { smooth } from './geometry/polyline.mjs';
import { gesture } from './gestures.mjs';
import { cellGrid, layers, root, stage } from './host.mjs';
import { selectionBox } from './objects.mjs';
import { selectedCells, selectedStrokes, state } from './state.mjs';
import { drawPeople } from './tool_pose.mjs';
import { COLOR_TOOLS, TOOLS } from './tool_registry.mjs';
import { selectionHandles } from './tool_select.mjs';
import { tool } from './toolbar.mjs';
import { screenToImage, view } from './view.mjs';
import { ACCENT, INK, drawDashed, drawDashedBox, drawLines, strokeLines, strokePath, tracePath } from './ink.mjs';
import { onUpdate } from './updates.mjs';

const DRAWING_CURSOR = '#be123c';
const MASK_COLOR = 0xff5a14e6; // ABGR, pink; CSS makes it translucent
const MAX_PIXEL_RATIO = 2;

const scheduled = new Set();

function schedule(paint) {
  if (!scheduled.size) requestAnimationFrame(paintScheduled);
  scheduled.add(paint);
}

function paintScheduled() {
  const paints = [...scheduled];
  scheduled.clear();
  if (state.doc) for (const paint of paints) paint();
}

onUpdate('sketch', () => schedule(paintSketch));
onUpdate('mask', () => schedule(paintMask));
onUpdate('cells', paintColors);

// ---- color cells ----

// Build the grid of buttons that makes the color cells accessible.
export function buildCellGrid() {
  const { rows, cols } = state.doc?.grid ?? { rows: 0, cols: 0 }, shape = rows ? `${cols}x${rows}` : '';
  if (cellGrid.dataset.shape === shape) return;
  cellGrid.dataset.shape = shape;
  Object.assign(layers.cells, { width: cols || 1, height: rows || 1 });
  if (rows) cellGrid.style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${cols}, minmax(0, 1fr))`;
  cellGrid.replaceChildren(...Array.from({ length: rows }, (_, row) => cellRow(row, cols)));
}

function cellRow(row, cols) {
  const element = document.createElement('div');
  element.className = 'lc-row';
  element.setAttribute('role', 'row');
  for (let col = 0; col < cols; col++) {
    const button = document.createElement('button'), cell = row * cols + col;
    button.type = 'button';
    button.dataset.cell = cell;
    button.tabIndex = cell ? -1 : 0;
    button.setAttribute('role', 'gridcell');
    element.append(button);
  }
  return element;
}

function paintColors() {
  if (!state.doc?.grid) return;
  const ctx = layers.cells.getContext('2d'), { cols, colors } = state.doc.grid;
  const buttons = cellGrid.querySelectorAll('button');
  colors.forEach((hex, cell) => {
    const button = buttons[cell], row = Math.floor(cell / cols), col = cell % cols;
    if (button?.dataset.hex === hex) return;
    ctx.fillStyle = hex;
    ctx.fillRect(col, row, 1, 1);
    if (!button) return;
    button.dataset.hex = hex;
    button.setAttribute('aria-label', `row ${row + 1}, column ${col + 1}: ${hex}`);
  });
}

// ---- sketch ----

function paintSketch() {
  const { doc, joint } = state, canvas = layers.sketch, ratio = Math.min(MAX_PIXEL_RATIO, window.devicePixelRatio || 1);
  const width = Math.max(1, Math.round(stage.clientWidth * ratio));
  const height = Math.max(1, Math.round(stage.clientHeight * ratio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const ctx = canvas.getContext('2d'), unit = screenToImage(1), { scale, x, y } = view;
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.setTransform(width * scale / doc.width, 0, 0, height * scale / doc.height, width * x, height * y);
  ctx.lineCap = ctx.lineJoin = 'round';
  if (!root.classList.contains('no-sketch')) {
    if (doc.pose) drawPeople(ctx, doc.pose, joint, unit); else drawStrokes(ctx, unit);
  }
  if (COLOR_TOOLS.includes(tool)) drawCellSelection(ctx, unit);
  drawSelection(ctx, unit);
  TOOLS[tool].drawIdle?.(ctx, unit);
  gesture?.tool.draw?.(ctx, unit);
  if (state.cursor) drawCursor(ctx, unit);
}

function drawStrokes(ctx, unit) {
  drawLines(ctx, state.doc.strokes.filter((stroke) => !selectedStrokes.has(stroke)), unit);
}

// Draw the selection at the position of the current gesture, with its region's outline and its handles.
function drawSelection(ctx, unit) {
  const box = selectionBox(), placement = gesture?.placement, margin = 5 * unit;
  if (!box) return;
  const placed = (polyline) => (placement ? placePolyline(placement, polyline) : polyline);
  strokeLines(ctx, [...selectedStrokes].map(placed), [['#fff', 5], [ACCENT, 3]], unit);
  if (state.region) {
    drawDashed(ctx, () => { for (const outline of regionOutlines()) tracePath(ctx, placed(outline)); }, unit);
  }
  if (placement) return;
  const [left, top, right, bottom] = box;
  drawDashedBox(ctx, [left - margin, top - margin, right + margin, bottom + margin], unit);
  for (const { at, turn } of selectionHandles()) {
    ctx.beginPath();
    if (turn) ctx.arc(at[0], at[1], 5 * unit, 0, 2 * Math.PI);
    else ctx.rect(at[0] - 4 * unit, at[1] - 4 * unit, 8 * unit, 8 * unit);
    ctx.fillStyle = '#fff';
    ctx.fill();
    strokePath(ctx, [[ACCENT, 2]], unit);
  }
}

const outlinesOfRegions = new WeakMap();
function regionOutlines() {
  const { region, maskWidth, maskHeight, doc } = state, scale = doc.width / maskWidth;
  if (!outlinesOfRegions.has(region)) {
    const outlines = traceOutlines(region, maskWidth, maskHeight).filter((outline) => outline.length > 16);
    outlinesOfRegions.set(region, outlines.map((outline) => smooth(outline, 3).map((v) => v * scale)));
  }
  return outlinesOfRegions.get(region);
}

function drawCellSelection(ctx, unit) {
  const { doc } = state;
  if (!selectedCells.size || !doc.grid) return;
  const width = doc.width / doc.grid.cols, height = doc.height / doc.grid.rows;
  drawDashed(ctx, () => {
    for (const [x0, y0, x1, y1] of selectionOutline(selectedCells, doc.grid)) {
      ctx.moveTo(x0 * width, y0 * height);
      ctx.lineTo(x1 * width, y1 * height);
    }
  }, unit);
}

function drawCursor(ctx, unit) {
  const [x, y] = state.cursor, arm = 9 * unit;
  ctx.beginPath();
  ctx.moveTo(x - arm, y);
  ctx.lineTo(x + arm, y);
  ctx.moveTo(x, y - arm);
  ctx.lineTo(x, y + arm);
  strokePath(ctx, [['#fff', 4], [gesture ? DRAWING_CURSOR : INK, 2]], unit);
}

// ---- mask ----

function paintMask() {
  const { mask, maskWidth, maskHeight } = state, ctx = layers.mask.getContext('2d');
  const image = ctx.createImageData(maskWidth, maskHeight), pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < mask.length; i++) if (mask[i]) pixels[i] = MASK_COLOR;
  ctx.putImageData(image, 0, 0);
}
