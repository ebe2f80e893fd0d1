// Strokes: a click selects one, Shift adds or takes away, a drag over free ground takes all that a rectangle meets, a
// drag on a selected stroke moves them. Moves go by whole cells of the lattice: so a stroke stays the very chain it was.

const selected = new Set();

function strokeAt(p, reach) {
  let best = null, least = reach * reach;
  for (const s of doc.strokes) {
    const d = distanceTo(s, ...p);
    if (d < least) { best = s; least = d; }
  }
  return best;
}

// The nearest whole number of cells, such that nothing leaves the picture.
function bySteps([dx, dy]) {
  const [l, t, r, b] = bounds(selected), w = doc.width / doc.cols, h = doc.height / doc.rows;
  const fit = (d, low, high, side, cell) => Math.max(Math.ceil(-low / cell + 0.001), Math.min(Math.floor((side - high) / cell - 0.001), Math.round(d / cell))) * cell;
  return [fit(dx, l, r, doc.width, w), fit(dy, t, b, doc.height, h)];
}

function moveSelected(shift) {
  if (!selected.size || !(shift[0] || shift[1])) return;
  const moved = new Map([...selected].map((s) => [s, s.map((v, i) => round(v + shift[i % 2]))]));
  doc = { ...doc, strokes: doc.strokes.map((s) => moved.get(s) ?? s) };
  selected.clear();
  for (const s of moved.values()) selected.add(s);
}

function sayStrokes() { say(selected.size ? `${counted(selected.size, 'stroke')} of ${doc.strokes.length} selected` : 'No stroke selected'); }

TOOLS.select = {
  name: 'Select', allowed: drawable,
  begin(p, how) {
    const hit = strokeAt(p, px(how.touch ? 16 : 9));
    gesture.add = how.shift;
    if (!hit) { if (!how.shift) selected.clear(); gesture.rectangle = true; return true; }
    if (how.shift && selected.has(hit)) selected.delete(hit);
    else { if (!how.shift && !selected.has(hit)) selected.clear(); selected.add(hit); }
    sayStrokes(); drawSketch();
    return true;
  },
  move(p) {
    if (!gesture.rectangle && selected.size) gesture.shift = bySteps([p[0] - gesture.start[0], p[1] - gesture.start[1]]);
    drawSketch();
  },
  end({ rectangle, shift, start, last }) {
    if (rectangle) {
      for (const s of doc.strokes) if (meets(s, boxOf(start, last))) selected.add(s);
      sayStrokes();
    } else if (shift) { moveSelected(shift); return 'moved'; }
    return undefined;
  },
  draw(ctx, unit) {
    if (!gesture.rectangle) return;
    const [l, t, r, b] = boxOf(gesture.start, gesture.last);
    dashed(ctx, () => ctx.rect(l, t, r - l, b - t), unit);
  },
};

function deleteSelected() {
  if (!selected.size || gesture) return;
  const before = now(), n = selected.size;
  doc = { ...doc, strokes: doc.strokes.filter((s) => !selected.has(s)) };
  selected.clear();
  record(before, 'deleted'); draw();
  say(`${counted(n, 'stroke')} deleted`);
}

// Strokes stand by importance, and a byte budget cuts the last first.
function bringFirst() {
  const before = now();
  doc = { ...doc, strokes: [...doc.strokes.filter((s) => selected.has(s)), ...doc.strokes.filter((s) => !selected.has(s))] };
  record(before, 'put first');
  say(`${counted(selected.size, 'stroke')} put first: a byte budget cuts them last`);
}

// By so many cells of the lattice.
function nudge(dx, dy) {
  const before = now();
  moveSelected(bySteps([dx * doc.width / doc.cols, dy * doc.height / doc.rows]));
  record(before, 'moved'); draw();
}

function selectAll() {
  if (tool === 'area') { markArea(range(doc.grid.colors.length)); say('All cells selected'); drawSketch(); refresh(); return true; }
  if (!drawable() || tool !== 'select') return false;
  for (const s of doc.strokes) selected.add(s);
  sayStrokes(); drawSketch(); refresh();
  return true;
}
function selectNone() {
  if (!selected.size && !area.size && !joint) return false;
  selected.clear(); area.clear(); joint = null;
  drawSketch(); refresh(); say('Nothing selected');
  return true;
}
const range = (n) => Array.from({ length: n }, (_, i) => i);
