// The prompts share the canvas's undo: what is typed in one go is a step, between the strokes before and after it.
// Ctrl+Z in a text box stays the browser's own; anywhere else it goes over words, strokes, colors and mask in their order.
// The canvas has its own steps (`.lc`'s `canvas`); here are those of words, each with how many of the canvas's came before.
const BOXES = ['#prompt textarea', '#negative textarea'], PAUSE = 1500, MOST_STEPS = 100;
const boxes = () => BOXES.map((where) => document.querySelector(where));

let canvas = null, count = 0, ahead = 0, undone = [], done = [], typing = -Infinity, typed = null, putting = false, texts = [];

const read = () => boxes().map((box, i) => box?.value ?? texts[i] ?? null);

function put(back) {
  putting = true;
  boxes().forEach((box, i) => {
    if (!box || back[i] === null || box.value === back[i]) return;
    box.value = back[i];
    box.dispatchEvent(new Event('input', { bubbles: true }));
  });
  putting = false;
  typed = null;
  texts = read();
}

// The canvas took a step: '' is a load, which may be of another picture.
function stepped({ undo, redo, word }) {
  const back = word === 'Undone' || word === 'Redone';
  if (!back && undo === 0) { done = []; undone = []; }
  if (!back && word) {
    undone = [];
    if (undo === count) done = done.flatMap((step) => (step.at > 0 ? [{ ...step, at: step.at - 1 }] : [])); // the oldest went
  }
  count = undo;
  ahead = redo;
  typed = null;
  enable();
}

function undo() {
  if (done.at(-1)?.at !== count) { canvas.undo(); return; }
  const step = done.pop();
  undone.push({ at: count, texts: read() });
  put(step.texts);
  enable();
}

function redo() {
  if (undone.at(-1)?.at !== count) { canvas.redo(); return; }
  const step = undone.pop();
  done.push({ at: count, texts: read() });
  put(step.texts);
  enable();
}

const button = (what) => document.querySelector(`.lc [data-do="${what}"]`);
function enable() {
  for (const [what, steps] of [['undo', done.length + count], ['redo', undone.length + ahead]]) {
    const its = button(what);
    if (its && its.disabled === steps > 0) its.disabled = !steps;
  }
}

function join() {
  const found = document.querySelector('.lc')?.canvas;
  if (!found || found === canvas) return;
  canvas = found;
  canvas.onchange(stepped);
  const watch = new MutationObserver(enable);
  for (const what of ['undo', 'redo']) watch.observe(button(what), { attributes: true, attributeFilter: ['disabled'] });
}

document.addEventListener('focusin', (e) => { join(); if (boxes().includes(e.target)) texts = read(); }, true);
document.addEventListener('focusout', (e) => { if (e.target === typed) typed = null; }, true);
document.addEventListener('pointerdown', join, true);
document.addEventListener('input', (e) => {
  if (putting || !boxes().includes(e.target)) return;
  join();
  if (canvas && (e.target !== typed || e.timeStamp - typing > PAUSE)) {
    done = [...done, { at: count, texts }].slice(-MOST_STEPS);
    undone = [];
  }
  typed = e.target;
  typing = e.timeStamp;
  texts = read();
  enable();
}, true);

document.addEventListener('click', (e) => {
  const what = e.target.closest?.('.lc [data-do="undo"], .lc [data-do="redo"]')?.dataset.do;
  if (!what || !canvas) return;
  e.stopPropagation();
  (what === 'undo' ? undo : redo)();
}, true);
document.addEventListener('keydown', (e) => {
  const key = e.key.toLowerCase();
  if (e.altKey || !(e.ctrlKey || e.metaKey) || !['z', 'y'].includes(key)) return;
  if (e.target.closest?.('input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]')) return;
  join();
  if (!canvas) return;
  e.preventDefault();
  e.stopPropagation();
  (key === 'y' || e.shiftKey ? redo : undo)();
}, true);
