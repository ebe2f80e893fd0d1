// The canvas's state and its history. All of its files run once per mount, in the order of __init__.py, as one
// body of function(element, trigger, props, server, upload, watch), so they share their names. The template
// holds no ${}, so Gradio never renders it again; everything that changes is drawn here.
//
// For other scripts of the page, `document.querySelector('.lc').canvas` is
//   snapshot()   what can be undone, in one opaque object: strokes, colors, pose, object mask. Cheap: references.
//   restore(s)   brings a snapshot back as an edit of its own; it does not touch the history.
//   onchange(f)  calls f({ undo, redo, word }) after each step of the history: how many there are to either side, and
//                what was done, '' for a load from the server.
//   undo(), redo()
// `doc` is what the person edits and is never mutated: each edit makes a new one, so undo keeps references.

const $ = (s) => element.querySelector(s), $$ = (s) => [...element.querySelectorAll(s)];
const root = $('.lc'), stage = $('.lc-stage'), grid = $('.lc-grid'), color = $('.lc-color');
const layer = { cells: $('canvas.lc-cells'), sketch: $('canvas.lc-sketch'), mask: $('canvas.lc-mask') };
const HISTORY = 100, MASK_SIDE = 512;

let doc = null, mask = null, lastMask = null, maskW = 0, maskH = 0, rev = 0, past = [], future = [], gesture = null;
const listeners = [];

const say = (text) => { $('.lc-say').textContent = text; };
const counted = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;
const cellSize = () => Math.max(doc.width / doc.cols, doc.height / doc.rows);
const masked = () => mask !== null && mask.includes(1);

// What went wrong goes to the page's status box, which reads it here: once, and with the server gone, too.
function trouble(text) {
  const box = document.createElement('div'), line = document.createElement('p');
  box.className = 'tl-status tl-bad'; box.setAttribute('role', 'alert');
  line.textContent = text; box.append(line);
  root.trouble = box.outerHTML;
  say('');
  trigger('trouble');
}

// Asks the server. -> its answer, or null after the status box has said why there is none.
async function ask(name, payload) {
  let answer;
  try { answer = await server[name](payload); } catch { answer = { error: 'The server could not be reached: nothing was changed here. Try again.' }; }
  if (answer && !answer.error) return answer;
  trouble(answer?.error ?? 'The server gave no answer: nothing was changed here. Try again.');
  return null;
}

// ---- history -------------------------------------------------------------------------------------------------------

const now = () => ({ doc, mask });
function tell(word) { for (const f of listeners) f({ undo: past.length, redo: future.length, word }); }
function remember(state) { past.push(state); if (past.length > HISTORY) past.shift(); future = []; }

// Ends an edit that began at `before`: a step of the history, and an event if the layers changed.
function record(before, word = 'edited') {
  if (doc === before.doc && mask === before.mask) return false;
  remember(before);
  if (doc !== before.doc) commit(); else refresh();
  tell(word);
  return true;
}

function restore(state) {
  const edited = state.doc !== doc;
  cancel();
  ({ doc, mask } = state);
  rebuild();
  if (edited) commit();
}

function step(from, to, word) {
  if (!from.length || gesture) return;
  to.push(now());
  restore(from.pop());
  say(word);
  tell(word);
}
const undo = () => step(past, future, 'Undone'), redo = () => step(future, past, 'Redone');

// The value goes to the server only with the events that read it: one request a finished gesture.
function commit() {
  rev += 1;
  props.value = JSON.stringify({ ...doc, rev }); // a text: Gradio copies it several times, a list number by number
  trigger('edit', { rev });
  refresh();
}

// ---- loads ---------------------------------------------------------------------------------------------------------

// A load from the server counts as an edit: the page then shows its bytes and its preview. One that answers `of` a
// drawing that has changed since, or comes while a stroke is drawn, gives way to the person's work; a `quiet` one
// brings its own bytes and preview.
const given = () => (props.value ? JSON.parse(props.value) : null);
function arrive() {
  const value = given(), { of, quiet } = value ?? {};
  if (of && doc && (gesture || of.load !== doc.load || of.rev !== rev)) { commit(); return; }
  load(value);
  if (doc && !quiet) trigger('edit', { rev: doc.rev });
}

function load(value) {
  const keep = value && doc && value.keep_history && value.width === doc.width && value.height === doc.height;
  const goesOn = keep && value.series && value.series === doc.series && rev === 0; // one step of history for all of it
  cancel();
  if (!keep) past = [];
  if (keep && !goesOn) remember(now()); else future = [];
  doc = value ? { ...value } : null;
  for (const key of ['keep_history', 'of', 'quiet']) delete doc?.[key];
  if (!keep) { mask = lastMask = null; resetView(); say(''); }
  rev = 0;
  rebuild();
  tell('');
}

// Everything that depends on the sizes of the picture and of its grids.
function rebuild() {
  root.classList.toggle('empty', !doc);
  if (doc) {
    const scale = Math.min(1, MASK_SIDE / Math.max(doc.width, doc.height));
    maskW = Math.max(1, Math.round(doc.width * scale)); maskH = Math.max(1, Math.round(doc.height * scale));
    if (!mask || mask.length !== maskW * maskH) mask = new Uint8Array(maskW * maskH);
    if (layer.mask.width !== maskW || layer.mask.height !== maskH) { layer.mask.width = maskW; layer.mask.height = maskH; }
    stage.style.aspectRatio = `${doc.width} / ${doc.height}`;
    stage.style.maxWidth = `calc(72vh * ${doc.width / doc.height})`;
    const own = ownTool; // comes back with the next picture that it is for
    setTool(TOOLS[own].allowed() ? own : doc.pose?.length ? 'pose' : 'mask');
    ownTool = own;
  }
  buildGrid();
  prune();
  draw();
  refresh();
}

// What the buttons can do now, and what the canvas says of itself.
function refresh() {
  const some = Boolean(doc) && masked(), can = {
    undo: past.length, redo: future.length, erase: some && !busy, clear: some, export: some, again: lastMask && !some,
    delete: selected.size || joint, front: selected.size, finer: doc && !busy && finerGrid(1), coarser: doc?.grid && !busy && finerGrid(-1),
    person: doc && (doc.pose?.length ?? 0) < MAX_PERSONS, unperson: doc && person() !== null, next: doc?.pose?.length > 1, 'zoom-in': view.k < MAX_ZOOM,
    'zoom-out': view.k > 1, fit: view.k > 1, sketch: doc && !busy, colors: doc && !busy, joint: doc && person() !== null,
  };
  const focused = document.activeElement;
  for (const b of $$('button[data-do]')) b.disabled = b.dataset.do !== 'sheet' && (!doc || (b.dataset.do in can && !can[b.dataset.do]));
  for (const b of $$('button[data-tool]')) b.disabled = !doc || !TOOLS[b.dataset.tool].allowed();
  for (const input of $$('[data-shift]')) input.disabled = !doc?.grid;
  if (focused?.disabled && root.contains(focused)) stage.focus({ preventScroll: true }); // keys go on working
  Object.assign(root.dataset, {
    rev, strokes: doc ? doc.strokes.length : 0, masked: some, selected: selected.size, people: doc?.pose?.length ?? 0,
    grid: doc?.grid ? `${doc.grid.cols}x${doc.grid.rows}` : '', area: area.size, zoom: Math.round(100 * view.k), busy: Boolean(busy),
  });
  $('.lc-zoom').textContent = `${Math.round(100 * view.k)} %`;
  $('.lc-shape').textContent = doc?.grid ? `${doc.grid.cols} × ${doc.grid.rows} cells` : 'no colors yet';
  showPose();
}

// Selections are of strokes, cells and joints that are still there.
function prune() {
  const there = new Set(doc?.strokes);
  for (const s of selected) if (!there.has(s)) selected.delete(s);
  if (area.size && (!doc?.grid || areaOf !== `${doc.grid.cols}x${doc.grid.rows}`)) area.clear();
  if (joint && !doc?.pose?.[joint.person]) joint = null;
}
