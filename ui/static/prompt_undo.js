// Undo of prompts, in one sequence with the undo of the canvas: text that is typed without a pause is one step between the
// strokes before and after it. In a text box, Ctrl+Z is the browser's own undo; elsewhere it undoes text and drawing.
// The canvas stores its own steps (`canvas` of `.lc`). The steps of text are stored here, each with `at`: the number of
// canvas steps before it.
const BOXES = ['#prompt textarea', '#negative textarea'], PAUSE = 1500, MAX_STEPS = 100;
const boxes = () => BOXES.map((selector) => document.querySelector(selector));

let canvas = null, canvasUndo = 0, canvasRedo = 0, textRedo = [], textUndo = [];
let lastInputTime = -Infinity, lastBox = null, isRestoring = false, texts = [];

const readTexts = () => boxes().map((box, i) => box?.value ?? texts[i] ?? null);

function restoreTexts(stored) {
  isRestoring = true;
  boxes().forEach((box, i) => {
    if (!box || stored[i] === null || box.value === stored[i]) return;
    box.value = stored[i];
    box.dispatchEvent(new Event('input', { bubbles: true }));
  });
  isRestoring = false;
  lastBox = null;
  texts = readTexts();
}

// Handles a step of the canvas; `word` is '' for a load, possibly of another image.
function onCanvasStep({ undo, redo, word }) {
  const isUndoOrRedo = word === 'Undone' || word === 'Redone';
  if (!isUndoOrRedo && undo === 0) { textUndo = []; textRedo = []; }
  if (!isUndoOrRedo && word) {
    textRedo = [];
    // the canvas's history is full and has dropped its oldest step
    if (undo === canvasUndo) textUndo = textUndo.flatMap((step) => (step.at > 0 ? [{ ...step, at: step.at - 1 }] : []));
  }
  canvasUndo = undo;
  canvasRedo = redo;
  lastBox = null;
  enableButtons();
}

function undo() {
  if (textUndo.at(-1)?.at !== canvasUndo) { canvas.undo(); return; }
  const step = textUndo.pop();
  textRedo.push({ at: canvasUndo, texts: readTexts() });
  restoreTexts(step.texts);
  enableButtons();
}

function redo() {
  if (textRedo.at(-1)?.at !== canvasUndo) { canvas.redo(); return; }
  const step = textRedo.pop();
  textUndo.push({ at: canvasUndo, texts: readTexts() });
  restoreTexts(step.texts);
  enableButtons();
}

const canvasButton = (action) => document.querySelector(`.lc [data-do="${action}"]`);
function enableButtons() {
  for (const [action, count] of [['undo', textUndo.length + canvasUndo], ['redo', textRedo.length + canvasRedo]]) {
    const button = canvasButton(action);
    if (button && button.disabled === count > 0) button.disabled = !count;
  }
}

function connectCanvas() {
  const current = document.querySelector('.lc')?.canvas;
  if (!current || current === canvas) return;
  canvas = current;
  canvas.onchange(onCanvasStep);
  const observer = new MutationObserver(enableButtons);
  for (const action of ['undo', 'redo']) observer.observe(canvasButton(action), { attributes: true, attributeFilter: ['disabled'] });
}

document.addEventListener('focusin', (e) => { connectCanvas(); if (boxes().includes(e.target)) texts = readTexts(); }, true);
document.addEventListener('focusout', (e) => { if (e.target === lastBox) lastBox = null; }, true);
document.addEventListener('pointerdown', connectCanvas, true);
document.addEventListener('input', (e) => {
  if (isRestoring || !boxes().includes(e.target)) return;
  connectCanvas();
  if (canvas && (e.target !== lastBox || e.timeStamp - lastInputTime > PAUSE)) {
    textUndo = [...textUndo, { at: canvasUndo, texts }].slice(-MAX_STEPS);
    textRedo = [];
  }
  lastBox = e.target;
  lastInputTime = e.timeStamp;
  texts = readTexts();
  enableButtons();
}, true);

document.addEventListener('click', (e) => {
  const action = e.target.closest?.('.lc [data-do="undo"], .lc [data-do="redo"]')?.dataset.do;
  if (!action || !canvas) return;
  e.stopPropagation();
  (action === 'undo' ? undo : redo)();
}, true);
document.addEventListener('keydown', (e) => {
  const key = e.key.toLowerCase();
  if (e.altKey || !(e.ctrlKey || e.metaKey) || !['z', 'y'].includes(key)) return;
  if (e.target.closest?.('input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]')) return;
  connectCanvas();
  if (!canvas) return;
  e.preventDefault();
  e.stopPropagation();
  (key === 'y' || e.shiftKey ? redo : undo)();
}, true);
