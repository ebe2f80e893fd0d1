// What is seen: color cells and mask in canvases of a pixel a cell, scaled by CSS; lines in one of the stage's size,
// so that they stay sharp at any zoom. A pointer tells of more places than there are frames: each is drawn once a frame.

const wanted = new Set();
function soon(paintIt) {
  if (!wanted.size) requestAnimationFrame(() => { const all = [...wanted]; wanted.clear(); if (doc) for (const f of all) f(); });
  wanted.add(paintIt);
}
const drawSketch = () => soon(paintSketch), drawMask = () => soon(paintMask);

function buildGrid() {
  const shape = doc?.grid ? `${doc.grid.cols}x${doc.grid.rows}` : '';
  if (grid.dataset.shape === shape) return;
  grid.dataset.shape = shape;
  grid.replaceChildren();
  if (!shape) { layer.cells.width = layer.cells.height = 1; return; }
  const { rows, cols } = doc.grid;
  layer.cells.width = cols; layer.cells.height = rows;
  grid.style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${cols}, minmax(0, 1fr))`;
  for (let r = 0; r < rows; r++) {
    const row = document.createElement('div');
    row.className = 'lc-row'; row.setAttribute('role', 'row');
    for (let c = 0; c < cols; c++) {
      const b = document.createElement('button');
      b.type = 'button'; b.dataset.cell = r * cols + c; b.tabIndex = r + c ? -1 : 0; b.setAttribute('role', 'gridcell');
      row.append(b);
    }
    grid.append(row);
  }
}

function drawCells() {
  if (!doc.grid) return;
  const ctx = layer.cells.getContext('2d'), { cols, colors } = doc.grid, buttons = grid.querySelectorAll('button');
  colors.forEach((hex, i) => {
    const b = buttons[i];
    if (b?.dataset.hex === hex) return;
    ctx.fillStyle = hex; ctx.fillRect(i % cols, Math.floor(i / cols), 1, 1);
    if (b) { b.dataset.hex = hex; b.setAttribute('aria-label', `row ${Math.floor(i / cols) + 1}, column ${i % cols + 1}: ${hex}`); }
  });
}

const DARK = '#1c1917', LIGHT = 'rgb(255 255 255 / 50%)', ACCENT = '#0f766e';

function paintSketch() {
  const c = layer.sketch, ratio = Math.min(2, window.devicePixelRatio || 1);
  const w = Math.max(1, Math.round(stage.clientWidth * ratio)), h = Math.max(1, Math.round(stage.clientHeight * ratio));
  if (c.width !== w || c.height !== h) { c.width = w; c.height = h; }
  const ctx = c.getContext('2d'), unit = px(1); // a pixel of the screen
  ctx.setTransform(1, 0, 0, 1, 0, 0); ctx.clearRect(0, 0, w, h);
  ctx.setTransform(w * view.k / doc.width, 0, 0, h * view.k / doc.height, w * view.x, h * view.y);
  ctx.lineCap = ctx.lineJoin = 'round';
  if (!root.classList.contains('no-sketch')) {
    if (doc.pose) doc.pose.forEach((points, i) => drawPerson(ctx, points, unit, joint?.person === i));
    else drawStrokes(ctx, unit);
  }
  if (COLOR_TOOLS.includes(tool)) drawArea(ctx, unit);
  gesture?.tool.draw?.(ctx, unit);
  if (cursor) drawCursor(ctx, unit);
}

// A light rim keeps the dark line visible on dark cells.
function drawStrokes(ctx, unit) {
  lines(ctx, doc.strokes.filter((s) => !selected.has(s)), [[LIGHT, 3.4], [DARK, 1.6]], unit);
  if (!selected.size) return;
  const shift = gesture?.shift ?? [0, 0], box = bounds(selected);
  ctx.save();
  ctx.translate(...shift);
  lines(ctx, selected, [['#fff', 5], [ACCENT, 3]], unit);
  dashed(ctx, () => ctx.rect(box[0] - 5 * unit, box[1] - 5 * unit, box[2] - box[0] + 10 * unit, box[3] - box[1] + 10 * unit), unit);
  ctx.restore();
}

// Strokes go from cell to cell of a lattice; decoders get them averaged so.
const averaged = new WeakMap();
function asSeen(s) {
  if (!averaged.has(s)) averaged.set(s, smoothed(s, 1));
  return averaged.get(s);
}

function lines(ctx, strokes, styles, unit) {
  ctx.beginPath();
  for (const s of strokes) trace(ctx, asSeen(s));
  for (const [style, width] of styles) { ctx.strokeStyle = style; ctx.lineWidth = width * unit; ctx.stroke(); }
}

// A line seen on any ground: white, with dark dashes on it.
function dashed(ctx, path, unit) {
  ctx.beginPath(); path();
  ctx.lineWidth = 1.6 * unit;
  ctx.strokeStyle = '#fff'; ctx.stroke();
  ctx.setLineDash([4 * unit, 4 * unit]); ctx.strokeStyle = DARK; ctx.stroke(); ctx.setLineDash([]);
}

// The rim of the selected cells.
function drawArea(ctx, unit) {
  if (!area.size || !doc.grid) return;
  const { rows, cols } = doc.grid, w = doc.width / cols, h = doc.height / rows;
  dashed(ctx, () => {
    for (const i of area) {
      const c = i % cols, r = Math.floor(i / cols), edge = (other, inside, x0, y0, x1, y1) => {
        if (!inside || !area.has(other)) { ctx.moveTo(x0 * w, y0 * h); ctx.lineTo(x1 * w, y1 * h); }
      };
      edge(i - cols, r > 0, c, r, c + 1, r); edge(i + cols, r < rows - 1, c, r + 1, c + 1, r + 1);
      edge(i - 1, c > 0, c, r, c, r + 1); edge(i + 1, c < cols - 1, c + 1, r, c + 1, r + 1);
    }
  }, unit);
}

function drawCursor(ctx, unit) {
  const [x, y] = cursor, n = 9 * unit;
  ctx.beginPath();
  ctx.moveTo(x - n, y); ctx.lineTo(x + n, y); ctx.moveTo(x, y - n); ctx.lineTo(x, y + n);
  for (const [style, width] of [['#fff', 4], [gesture ? '#be123c' : DARK, 2]]) { ctx.strokeStyle = style; ctx.lineWidth = width * unit; ctx.stroke(); }
}

function paintMask() {
  const ctx = layer.mask.getContext('2d'), image = ctx.createImageData(maskW, maskH), words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < mask.length; i++) if (mask[i]) words[i] = 0xff5a14e6; // ABGR: a strong pink, at half opacity by CSS
  ctx.putImageData(image, 0, 0);
}

function draw() { if (doc) { drawCells(); drawSketch(); drawMask(); } }
