// Drawing. Color cells and mask are canvases with a pixel for each cell, scaled by CSS; lines are drawn in the
// stage's resolution, so that they stay sharp at any zoom. Pointers send more events than there are frames: drawing
// is scheduled once for each frame.

import { selectionOutline } from './geometry/cells.mjs';
import { boundingBox } from './geometry/polyline.mjs';
import { gesture } from './gestures.mjs';
import { cellGrid, layers, root, stage } from './host.mjs';
import { selectedCells, selectedStrokes, state } from './state.mjs';
import { drawPeople } from './tool_pose.mjs';
import { COLOR_TOOLS } from './tool_registry.mjs';
import { tool } from './toolbar.mjs';
import { screenToImage, view } from './view.mjs';
import { ACCENT, INK, drawDashed, drawDashedBox, drawLines, strokeLines, strokePath } from './ink.mjs';
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
  gesture?.tool.draw?.(ctx, unit);
  if (state.cursor) drawCursor(ctx, unit);
}

function drawStrokes(ctx, unit) {
  drawLines(ctx, state.doc.strokes.filter((stroke) => !selectedStrokes.has(stroke)), unit);
  if (!selectedStrokes.size) return;
  const [left, top, right, bottom] = boundingBox(selectedStrokes), margin = 5 * unit;
  ctx.save();
  ctx.translate(...(gesture?.shift ?? [0, 0]));
  strokeLines(ctx, selectedStrokes, [['#fff', 5], [ACCENT, 3]], unit);
  drawDashedBox(ctx, [left - margin, top - margin, right + margin, bottom + margin], unit);
  ctx.restore();
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
