// Shortcuts, and a cursor that does with keys what a pointer does: arrows move it, Enter or Space puts the tool down and
// lifts it. So every tool works without a pointer. `aria-keyshortcuts` of the buttons says the same to others.

let cursor = null;

function hideCursor() { if (cursor) { cursor = null; if (doc) drawSketch(); } }

function moveCursor(dx, dy, far) {
  const cell = COLOR_TOOLS.includes(tool) && doc.grid ? [doc.width / doc.grid.cols, doc.height / doc.grid.rows] : [2 * cellSize(), 2 * cellSize()];
  const [x, y] = cursor ?? [doc.width / 2 - dx * cell[0], doc.height / 2 - dy * cell[1]], n = far ? 5 : 1;
  const inPicture = (v, side) => Math.max(0, Math.min(side - 0.001, v));
  cursor = [inPicture(x + n * dx * cell[0], doc.width), inPicture(y + n * dy * cell[1], doc.height)];
  follow();
  if (gesture) move(cursor);
  drawSketch();
  say(`${Math.round(100 * cursor[0] / doc.width)} % across, ${Math.round(100 * cursor[1] / doc.height)} % down`);
}

// Keeps the cursor on the stage while zoomed in.
function follow() {
  const [u, v] = toStage(cursor), off = (s) => (s < 0.05 ? 0.05 - s : s > 0.95 ? 0.95 - s : 0);
  if (off(u) || off(v)) pan(off(u), off(v));
}

function press(e) {
  if (gesture) { finish(); say('Lifted'); return; }
  if (!cursor) moveCursor(0, 0, false);
  begin(cursor, { shift: e.shiftKey, alt: e.altKey });
  if (gesture) say(`${TOOLS[tool].name} down: arrows draw, Enter lifts`);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = { b: 'pen', e: 'eraser', v: 'select', c: 'cell', g: 'fill', i: 'pick', r: 'area', o: 'mask', x: 'box', l: 'lasso', p: 'pose', h: 'hand' };

// Arrows on the stage: what is selected moves, with Ctrl; the cursor, without, unless only a pointer has been used.
function arrow(e) {
  const [dx, dy] = ARROWS[e.key], nudges = tool === 'pose' ? joint : tool === 'select' && selected.size;
  if (gesture || !(e.ctrlKey || e.metaKey || (nudges && !cursor))) moveCursor(dx, dy, e.shiftKey);
  else if (!nudges) return false;
  else { const n = e.shiftKey ? 5 : 1; (tool === 'pose' ? nudgeJoint : nudge)(n * dx, n * dy); }
  return true;
}

function resize(by) {
  if (tool === 'pose') { scalePerson(by > 0 ? 1.05 : 1 / 1.05); return; }
  if (!TOOLS[tool].size) return;
  const input = $('.lc-size');
  input.value = Number(input.value) + by;
  sizes[tool] = Number(input.value);
}

function withControl(e, key) {
  if (key === 'z') (e.shiftKey ? redo : undo)();
  else if (key === 'y') redo();
  else if (key === 'a') return selectAll();
  else return false;
  return true;
}

function alone(e, key) {
  if (KEYS[key]) { if (TOOLS[KEYS[key]].allowed()) setTool(KEYS[key]); } else if (key === '[' || key === ']') resize(key === ']' ? 1 : -1);
  else if (key === '+' || key === '=') zoom(ZOOM_STEP, cursor ? toStage(cursor) : undefined);
  else if (key === '-') zoom(1 / ZOOM_STEP);
  else if (key === '0') show({ k: 1, x: 0, y: 0 });
  else if (key === 'u') setTakeAway(!takeAway);
  else if (key === 'n') invertMask();
  else if (key === 'delete' || key === 'backspace') { if (tool === 'pose') toggleJoint(); else if (selected.size) deleteSelected(); else eraseMasked(); }
  else if (key === 'escape') { if (gesture) cancel(); else if (!selectNone()) hideCursor(); } else return false;
  return true;
}

root.addEventListener('keydown', (e) => {
  const key = e.key.toLowerCase(), typing = e.target.matches('select, input:not([type=range]):not([type=checkbox])');
  if (!doc || e.altKey && !ARROWS[e.key] && key !== 'enter' || typing || e.target.closest('dialog')) return;
  let used;
  if (e.target === stage && ARROWS[e.key]) used = arrow(e);
  else if (e.target === stage && (key === 'enter' || key === ' ') && !e.ctrlKey && !e.metaKey) { press(e); used = true; } else used = e.ctrlKey || e.metaKey ? withControl(e, key) : alone(e, key);
  if (used) { e.preventDefault(); e.stopPropagation(); }
});
stage.addEventListener('blur', () => { if (gesture && cursor) finish(); hideCursor(); });

// ---- the color cells as a grid of buttons ----------------------------------------------------------------------------

grid.addEventListener('keydown', (e) => {
  const way = ARROWS[e.key];
  if (!way) return;
  const { rows, cols } = doc.grid, i = Number(e.target.dataset.cell), r = Math.floor(i / cols) + way[1], c = i % cols + way[0];
  e.preventDefault();
  if (r < 0 || c < 0 || r >= rows || c >= cols) return;
  const next = grid.querySelectorAll('button')[r * cols + c];
  e.target.tabIndex = -1; next.tabIndex = 0; next.focus();
});

// Enter or Space on a cell: what the tool does there, else it is painted.
function useCell(i) {
  const { rows, cols } = doc.grid, middle = [(i % cols + 0.5) * doc.width / cols, (Math.floor(i / cols) + 0.5) * doc.height / rows];
  if (!COLOR_TOOLS.includes(tool)) setTool('cell');
  const painting = tool === 'cell';
  begin(middle, { shift: tool === 'area' });
  finish();
  if (painting) say(`Painted ${color.value}`);
}
