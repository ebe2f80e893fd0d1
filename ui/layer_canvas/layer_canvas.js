// Runs once per mount as the body of function(element, trigger, props, server, upload, watch), after geometry.js.
// The template holds no ${}, so Gradio never renders it again; everything that changes is drawn here.
// `doc` is what the person edits and is never mutated: each edit makes a new one, so undo keeps references.

const $ = (s) => element.querySelector(s);
const root = $('.lc'), stage = $('.lc-stage'), grid = $('.lc-grid'), brush = $('.lc-brush'), colour = $('.lc-colour'), size = $('.lc-size');
const layer = { cells: $('canvas.lc-cells'), sketch: $('canvas.lc-sketch'), mask: $('canvas.lc-mask') };
const HISTORY = 100, MASK_SIDE = 512;

let doc = null, mask = null, maskW = 0, maskH = 0, rev = 0, tool = 'pen', past = [], future = [], gesture = null, erasing = false;

const say = (text) => { $('.lc-say').textContent = text; };
const cellSize = () => Math.max(doc.width / doc.cols, doc.height / doc.rows);
const radius = () => Math.max(0.75 * cellSize(), Number(size.value) * Math.max(doc.width, doc.height) / 200);
const masked = () => mask !== null && mask.includes(1);

// ---- history -------------------------------------------------------------------------------------------------------

const now = () => ({ doc, mask });
function remember(state) { past.push(state); if (past.length > HISTORY) past.shift(); future = []; }
function step(from, to, word) {
  if (!from.length || gesture) return;
  to.push(now());
  const back = from.pop(), edited = back.doc !== doc;
  ({ doc, mask } = back);
  rebuild();
  if (edited) commit();
  say(word);
}

// A load from the server counts as an edit: the page then shows its bytes and its preview. One that answers `of` a
// drawing that has changed since, or comes while a stroke is drawn, gives way to the person's work; a `quiet` one
// brings its own bytes and preview.
function arrive() {
  const { of, quiet } = props.value ?? {};
  if (of && doc && (gesture || of.load !== doc.load || of.rev !== rev)) { commit(); return; }
  load(props.value);
  if (doc && !quiet) trigger('edit', { rev: doc.rev });
}

// The value goes to the server only with the events that read it: one request a finished gesture.
function commit() {
  rev += 1;
  props.value = { ...doc, rev };
  trigger('edit', { rev });
  refresh();
}

function load(value) {
  const keep = value && doc && value.keep_history && value.width === doc.width && value.height === doc.height;
  const goesOn = keep && value.series && value.series === doc.series && rev === 0; // one step of history for all of it
  if (!keep) past = [];
  if (keep && !goesOn) remember(now()); else future = [];
  gesture = null;
  doc = value ? { ...value } : null;
  for (const key of ['keep_history', 'of', 'quiet']) delete doc?.[key];
  if (!keep) mask = null;
  rev = 0;
  rebuild();
}

// ---- drawing -------------------------------------------------------------------------------------------------------

// Everything that depends on the sizes of the picture and of its grids.
function rebuild() {
  root.classList.toggle('empty', !doc);
  grid.replaceChildren();
  if (doc) {
    const scale = Math.min(1, MASK_SIDE / Math.max(doc.width, doc.height));
    maskW = Math.max(1, Math.round(doc.width * scale)); maskH = Math.max(1, Math.round(doc.height * scale));
    if (!mask || mask.length !== maskW * maskH) mask = new Uint8Array(maskW * maskH);
    layer.mask.width = maskW; layer.mask.height = maskH;
    stage.style.aspectRatio = `${doc.width} / ${doc.height}`;
    stage.style.maxWidth = `calc(72vh * ${doc.width / doc.height})`;
    if (doc.grid) buildGrid();
    setTool(allowed(tool) ? tool : 'mask');
  }
  draw();
  refresh();
}

function buildGrid() {
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
  if (!doc.grid) { layer.cells.width = layer.cells.height = 1; return; }
  const ctx = layer.cells.getContext('2d'), { cols, colors } = doc.grid, buttons = grid.querySelectorAll('button');
  colors.forEach((hex, i) => {
    ctx.fillStyle = hex; ctx.fillRect(i % cols, Math.floor(i / cols), 1, 1);
    buttons[i]?.setAttribute('aria-label', `row ${Math.floor(i / cols) + 1}, column ${i % cols + 1}: ${hex}`);
  });
}

// A light rim keeps the dark line visible on dark cells.
function drawSketch() {
  const c = layer.sketch, ratio = Math.min(2, window.devicePixelRatio || 1), w = Math.max(1, Math.round(stage.clientWidth * ratio)), h = Math.max(1, Math.round(stage.clientHeight * ratio));
  if (c.width !== w || c.height !== h) { c.width = w; c.height = h; }
  const ctx = c.getContext('2d'), k = w / doc.width;
  ctx.setTransform(1, 0, 0, 1, 0, 0); ctx.clearRect(0, 0, w, h); ctx.setTransform(k, 0, 0, h / doc.height, 0, 0);
  ctx.lineCap = ctx.lineJoin = 'round';
  const strokes = gesture?.path ? [...doc.strokes, gesture.path] : doc.strokes;
  ctx.beginPath();
  for (const s of strokes) trace(ctx, s);
  for (const [style, width] of [['rgb(255 255 255 / 50%)', 3.4], ['#1c1917', 1.6]]) { ctx.strokeStyle = style; ctx.lineWidth = width * ratio / k; ctx.stroke(); }
  for (const person of doc.pose || []) drawPerson(ctx, person, ratio / k);
}

// OpenPose's 18 keypoints, and the pairs that its skeleton joins.
const LIMBS = [[1, 2], [1, 5], [2, 3], [3, 4], [5, 6], [6, 7], [1, 8], [8, 9], [9, 10], [1, 11], [11, 12], [12, 13], [1, 0], [0, 14], [14, 16], [0, 15], [15, 17]];
function drawPerson(ctx, points, px) {
  LIMBS.forEach(([a, b], i) => {
    if (!points[a] || !points[b]) return;
    ctx.strokeStyle = `hsl(${i * 360 / LIMBS.length} 90% 45%)`; ctx.lineWidth = 4 * px;
    ctx.beginPath(); ctx.moveTo(...points[a]); ctx.lineTo(...points[b]); ctx.stroke();
  });
  ctx.fillStyle = '#1c1917';
  for (const p of points) if (p) { ctx.beginPath(); ctx.arc(p[0], p[1], 3.5 * px, 0, 7); ctx.fill(); }
}

function drawMask() {
  const ctx = layer.mask.getContext('2d'), image = ctx.createImageData(maskW, maskH), words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < mask.length; i++) if (mask[i]) words[i] = 0xff5a14e6; // ABGR: a strong pink, at half opacity by CSS
  ctx.putImageData(image, 0, 0);
}

function draw() { if (doc) { drawCells(); drawSketch(); drawMask(); } }

function refresh() {
  const some = Boolean(doc) && masked();
  $('.lc-apply').disabled = !some || erasing; $('.lc-clear').disabled = !some;
  $('.lc-undo').disabled = !past.length; $('.lc-redo').disabled = !future.length;
  for (const b of element.querySelectorAll('[data-tool]')) if (b !== root) b.disabled = !allowed(b.dataset.tool);
  root.dataset.rev = rev; root.dataset.strokes = doc ? doc.strokes.length : 0; root.dataset.masked = some;
}

// ---- tools ---------------------------------------------------------------------------------------------------------

function allowed(name) {
  if (!doc) return false;
  if (name === 'pen' || name === 'eraser') return !doc.pose;
  return name === 'cell' || name === 'pick' ? Boolean(doc.grid) : true;
}

function setTool(name) {
  tool = root.dataset.tool = name;
  for (const b of element.querySelectorAll('button[data-tool]')) b.setAttribute('aria-pressed', String(b.dataset.tool === name));
}

const at = (e) => { const r = stage.getBoundingClientRect(); return [(e.clientX - r.left) * doc.width / r.width, (e.clientY - r.top) * doc.height / r.height]; };
function cellAt([x, y]) {
  const { rows, cols } = doc.grid, c = Math.floor(x * cols / doc.width), r = Math.floor(y * rows / doc.height);
  return r < 0 || c < 0 || r >= rows || c >= cols ? -1 : r * cols + c;
}
function paint(i, hex) {
  if (i < 0 || doc.grid.colors[i] === hex) return;
  const colors = doc.grid.colors.slice(); colors[i] = hex;
  doc = { ...doc, grid: { ...doc.grid, colors } };
  drawCells();
}
function pick(i) {
  if (i < 0) return;
  colour.value = doc.grid.colors[i]; setTool('cell'); say(`Picked ${colour.value}`);
}

function move(p) {
  const last = gesture.last;
  gesture.last = p;
  if (tool === 'pen') { gesture.path.push(round(p[0]), round(p[1])); drawSketch(); }
  else if (tool === 'eraser') { const strokes = rubOut(doc.strokes, last, p, radius()); if (strokes !== doc.strokes) { doc = { ...doc, strokes }; drawSketch(); } }
  else if (tool === 'cell') paint(cellAt(p), colour.value);
  else { const k = maskW / doc.width; brushMask(mask, maskW, maskH, last.map((v) => v * k), p.map((v) => v * k), radius() * k, tool === 'mask' ? 1 : 0); drawMask(); }
}

function begin(e) {
  if (e.button || !e.isPrimary || gesture || !allowed(tool)) return;
  const p = at(e);
  stage.focus({ preventScroll: true }); e.preventDefault();
  if (tool === 'pick') { pick(cellAt(p)); return; }
  gesture = { before: now(), last: p, path: tool === 'pen' ? [] : null };
  if (tool === 'mask' || tool === 'unmask') mask = mask.slice();
  stage.setPointerCapture(e.pointerId);
  move(p);
}

function finish() {
  if (!gesture) return;
  const { before, path } = gesture;
  gesture = null;
  // What a person draws outranks what was found: it stands first, where a byte budget cuts last.
  if (path) doc = { ...doc, strokes: [resample(path.map((v, i) => Math.max(0, Math.min(i % 2 ? doc.height : doc.width, v))), cellSize() / 2), ...doc.strokes] };
  if (doc === before.doc && mask === before.mask) return;
  remember(before);
  if (doc !== before.doc) { drawSketch(); commit(); } else refresh();
}

function cancel() { if (gesture) { ({ doc, mask } = gesture.before); gesture = null; draw(); } }

function moveBrush(e) {
  const shown = doc && e.pointerType !== 'touch' && ['eraser', 'mask', 'unmask'].includes(tool);
  brush.style.display = shown ? 'block' : 'none';
  if (!shown) return;
  const r = stage.getBoundingClientRect(), d = 2 * radius() * r.width / doc.width;
  Object.assign(brush.style, { left: `${e.clientX - r.left}px`, top: `${e.clientY - r.top}px`, width: `${d}px`, height: `${d}px` });
}

// The server erases, with the same code as the command line. Its answer speaks of the strokes that were sent,
// so what was drawn or painted while it worked stays.
async function eraseMasked() {
  if (erasing || !masked() || gesture) return;
  const sent = doc, before = now();
  erasing = true; refresh(); say('Erasing…');
  let answer;
  try { answer = await server.erase({ ...sent, rev, mask: { width: maskW, height: maskH, runs: runLengths(mask) } }); } catch { answer = { error: 'The server could not be reached; nothing was erased.' }; }
  erasing = false;
  // the answer is about strokes that are gone if another picture was opened meanwhile
  const other = !doc || doc.load !== sent.load;
  if (other || !answer || answer.error) { say(!other && answer ? answer.error : 'Nothing was erased.'); refresh(); return; }
  cancel();
  const old = new Set(sent.strokes), still = new Set(doc.strokes);
  const left = answer.strokes.map((s) => (typeof s === 'number' ? sent.strokes[s] : s)).filter((s) => !old.has(s) || still.has(s));
  const strokes = [...doc.strokes.filter((s) => !old.has(s)), ...left], gone = old.size - left.filter((s) => old.has(s)).length;
  remember(doc === sent ? before : now());
  doc = { ...doc, strokes };
  if (answer.pose) doc = { ...doc, pose: answer.pose, base: answer.base };
  if (doc.grid) {
    const colors = doc.grid.colors.slice();
    for (const [i, hex] of answer.cells) if (colors[i] === sent.grid.colors[i]) colors[i] = hex;
    doc = { ...doc, grid: { ...doc.grid, colors } };
  }
  mask = new Uint8Array(mask.length);
  draw(); commit();
  const cells = counted(answer.cells.length, 'colour cell');
  if (answer.pose) say(`Erased ${counted(joints(sent.pose) - joints(answer.pose), 'joint')} and ${cells}`);
  else say(`Erased from ${counted(gone, 'stroke')} and ${cells}`);
}

const joints = (pose) => pose.flat().filter(Boolean).length;
const counted = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;

function clearMask() { if (!masked() || gesture) return; remember(now()); mask = new Uint8Array(mask.length); drawMask(); refresh(); say('Mask cleared'); }
const undo = () => step(past, future, 'Undone'), redo = () => step(future, past, 'Redone');

// ---- events --------------------------------------------------------------------------------------------------------

stage.addEventListener('pointerdown', begin);
stage.addEventListener('pointermove', (e) => {
  moveBrush(e);
  if (!gesture || !e.isPrimary) return;
  const parts = e.getCoalescedEvents?.() ?? [];
  for (const q of parts.length ? parts : [e]) move(at(q));
});
stage.addEventListener('pointerup', (e) => { if (e.isPrimary) finish(); });
stage.addEventListener('pointercancel', cancel);
stage.addEventListener('pointerleave', () => { brush.style.display = 'none'; });

element.addEventListener('click', (e) => {
  const b = e.target.closest('button');
  if (!b || b.disabled || !doc) return;
  if (b.dataset.tool) setTool(b.dataset.tool);
  else if (b.classList.contains('lc-undo')) undo();
  else if (b.classList.contains('lc-redo')) redo();
  else if (b.classList.contains('lc-apply')) eraseMasked();
  else if (b.classList.contains('lc-clear')) clearMask();
  else if (b.dataset.cell) useCell(Number(b.dataset.cell));
});
// Enter or Space on a cell: pick with the picker, else paint.
function useCell(i) {
  if (tool === 'pick') { pick(i); return; }
  const before = now();
  paint(i, colour.value);
  if (doc !== before.doc) { remember(before); commit(); say(`Painted ${colour.value}`); }
}
colour.addEventListener('change', () => { if (doc?.grid) setTool('cell'); });
for (const box of element.querySelectorAll('[data-show]')) box.addEventListener('change', () => root.classList.toggle(`no-${box.dataset.show}`, !box.checked));

grid.addEventListener('keydown', (e) => {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[e.key];
  if (!step) return;
  const { rows, cols } = doc.grid, i = Number(e.target.dataset.cell), r = Math.floor(i / cols) + step[0], c = i % cols + step[1];
  e.preventDefault();
  if (r < 0 || c < 0 || r >= rows || c >= cols) return;
  const next = grid.querySelectorAll('button')[r * cols + c];
  e.target.tabIndex = -1; next.tabIndex = 0; next.focus();
});

const KEYS = { b: 'pen', e: 'eraser', c: 'cell', i: 'pick', o: 'mask', u: 'unmask' };
root.addEventListener('keydown', (e) => {
  const key = e.key.toLowerCase();
  if (!doc || e.altKey || e.target.matches('input:not([type=range]):not([type=checkbox])')) return;
  if (e.ctrlKey || e.metaKey) {
    if (key === 'z') (e.shiftKey ? redo : undo)(); else if (key === 'y') redo(); else return;
  } else if (KEYS[key]) { if (allowed(KEYS[key])) setTool(KEYS[key]); } else if (key === '[' || key === ']') size.value = Number(size.value) + (key === ']' ? 1 : -1);
  else if (key === 'delete') eraseMasked(); else if (key === 'escape') cancel(); else return;
  e.preventDefault();
});

new ResizeObserver(() => { if (doc) drawSketch(); }).observe(stage);
watch('value', arrive);
load(props.value);
