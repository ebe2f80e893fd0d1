// Gestures: a pointer (or the keyboard's cursor, see keyboard.js) goes down, moves, and is lifted. A tool is an object in TOOLS with
//   allowed()          can it be used on this picture?
//   begin(p, how)      at p in image pixels; how: {shift, alt}. false: that was all, there is nothing to drag.
//   move(p, last)      on the way, from `last`
//   end(before)        lifted; `before` is what the edit began with. A word for the history, or nothing.
//   draw(ctx, unit)    what is under way, over the sketch; `unit` is a pixel of the screen
//   size               [label, least, most, first] of its slider, in `sizes` while it lives
// What a tool changes in `doc` and `mask` while it is dragged is taken back by cancel().

const TOOLS = {}, sizes = {}, COLOR_TOOLS = ['cell', 'fill', 'pick', 'area'], waiting = [];
let tool = 'pen', ownTool = 'pen', takeAway = false, busy = 0;

function setTool(name) {
  const old = tool;
  tool = root.dataset.tool = ownTool = name;
  for (const b of $$('button[data-tool]')) b.setAttribute('aria-pressed', String(b.dataset.tool === name));
  for (const row of $$('[data-for]')) row.hidden = !row.dataset.for.split(' ').includes(name);
  const [label, least, most, first] = TOOLS[name].size ?? [];
  $('.lc-size-label').hidden = !label;
  if (label) {
    const input = $('.lc-size');
    Object.assign(input, { min: least, max: most, value: sizes[name] ??= first });
    $('.lc-size-label span').textContent = label; input.setAttribute('aria-label', `${label} of ${TOOLS[name].name}`);
  }
  $('.lc-now').textContent = TOOLS[name].name;
  if (old === name || !doc) return;
  if (name !== 'select' && selected.size) { selected.clear(); refresh(); }
  if (!busy) say('');
  showBrush(null); drawSketch();
}

const sizeOf = (name = tool) => sizes[name] ?? TOOLS[name].size[3];
// Of an eraser or a mask brush, in image pixels.
const radius = () => Math.max(0.75 * cellSize(), sizeOf() * Math.max(doc.width, doc.height) / 200);

function begin(p, how) {
  if (gesture || !doc || !TOOLS[tool].allowed()) return;
  gesture = { before: now(), tool: TOOLS[tool], last: p, start: p };
  if (gesture.tool.begin?.(p, how) === false) { const { before } = gesture; gesture = null; record(before); draw(); }
}

function move(p) {
  const { last } = gesture;
  gesture.last = p;
  gesture.tool.move?.(p, last);
}

function finish() {
  if (!gesture) return;
  const ended = gesture, word = ended.tool.end?.(ended);
  gesture = null;
  record(ended.before, word);
  draw(); refresh();
  letGo();
}

function cancel() {
  if (!gesture) return;
  ({ doc, mask } = gesture.before);
  gesture = null;
  draw();
  letGo();
}

// An answer of the server waits until the pointer is lifted: so it takes nothing that is being drawn.
const lifted = () => (gesture ? new Promise((done) => waiting.push(done)) : null);
function letGo() { for (const done of waiting.splice(0)) done(); }

// ---- pointers ------------------------------------------------------------------------------------------------------

let panning = null;

stage.addEventListener('pointerdown', (e) => {
  if (!doc) return;
  hideCursor();
  if (fingerDown(e)) return;
  if (e.button > 1 || !e.isPrimary) return;
  stage.focus({ preventScroll: true }); e.preventDefault();
  stage.setPointerCapture(e.pointerId);
  if (e.button === 1 || tool === 'hand') { panning = onStage(e); return; }
  begin(at(e), { shift: e.shiftKey, alt: e.altKey, touch: e.pointerType === 'touch' });
});

stage.addEventListener('pointermove', (e) => {
  if (!doc || fingerMoved(e) || !e.isPrimary) return;
  if (panning) { const to = onStage(e); pan(to[0] - panning[0], to[1] - panning[1]); panning = to; return; }
  showBrush(e.pointerType === 'touch' ? null : e);
  if (!gesture) return;
  const parts = e.getCoalescedEvents?.() ?? [];
  for (const q of parts.length ? parts : [e]) move(at(q));
});

stage.addEventListener('pointerup', (e) => {
  const pinched = fingerUp(e);
  panning = null;
  if (e.isPrimary && !pinched) finish();
});
stage.addEventListener('pointercancel', (e) => { fingerUp(e); panning = null; cancel(); });
stage.addEventListener('pointerleave', () => showBrush(null));

// The ring that shows how far a brush reaches.
function showBrush(e) {
  const brush = $('.lc-brush'), r = e && TOOLS[tool].reach?.();
  brush.style.display = r ? 'block' : 'none';
  if (!r) return;
  const [x, y] = onStage(e), d = 2 * r / px(1);
  Object.assign(brush.style, { left: `${100 * x}%`, top: `${100 * y}%`, width: `${d}px`, height: `${d}px` });
}

TOOLS.hand = { name: 'Hand', allowed: () => Boolean(doc) };
