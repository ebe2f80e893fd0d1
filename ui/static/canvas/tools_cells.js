// Color cells: brush, bucket, picker; a selection of them, and what can be done to it.

const area = new Set(); // indices of selected cells
let areaOf = '', shifting = null;

const hasGrid = () => Boolean(doc?.grid);

function cellAt([x, y]) {
  const { rows, cols } = doc.grid, c = Math.floor(x * cols / doc.width), r = Math.floor(y * rows / doc.height);
  return r < 0 || c < 0 || r >= rows || c >= cols ? -1 : r * cols + c;
}

function paint(cells, hex) {
  const colors = doc.grid.colors.slice();
  let changed = false;
  for (const i of cells) if (colors[i] !== hex) { colors[i] = hex; changed = true; }
  if (!changed) return;
  doc = { ...doc, grid: { ...doc.grid, colors } };
  drawCells();
}

function pick(i) {
  if (i < 0) return;
  color.value = doc.grid.colors[i];
  say(`Picked ${color.value}`);
}

// The cells within the brush around a place: a disc `sizes.cell` cells across, one cell at the least.
function underBrush(p) {
  const i = cellAt(p);
  if (i < 0) return [];
  const { rows, cols } = doc.grid, reach = (sizeOf('cell') - 1) / 2, r0 = Math.floor(i / cols), c0 = i % cols, n = Math.ceil(reach), found = [];
  for (let r = Math.max(0, r0 - n); r <= Math.min(rows - 1, r0 + n); r++) {
    for (let c = Math.max(0, c0 - n); c <= Math.min(cols - 1, c0 + n); c++) if (Math.hypot(r - r0, c - c0) <= reach + 0.2) found.push(r * cols + c);
  }
  return found;
}

TOOLS.cell = {
  name: 'Cell', allowed: hasGrid, size: ['Size', 1, 9, 1],
  reach: () => (sizeOf('cell') > 1 ? (sizeOf('cell') - 0.5) / 2 * doc.width / doc.grid.cols : 0),
  begin(p, how) { if (how.alt) { pick(cellAt(p)); return false; } this.move(p, p); return true; },
  move(p, last) {
    const steps = Math.ceil(2 * Math.max(Math.abs(p[0] - last[0]) * doc.grid.cols / doc.width, Math.abs(p[1] - last[1]) * doc.grid.rows / doc.height)) || 1;
    const cells = new Set();
    for (let k = 0; k <= steps; k++) for (const i of underBrush([last[0] + (p[0] - last[0]) * k / steps, last[1] + (p[1] - last[1]) * k / steps])) cells.add(i);
    paint(cells, color.value);
  },
  end: () => 'painted',
};

TOOLS.pick = {
  name: 'Pick', allowed: hasGrid,
  begin(p) { setTool('cell'); pick(cellAt(p)); return false; },
};

// A bucket: the selection where it is poured into it, else neighbors of about one color.
TOOLS.fill = {
  name: 'Fill', allowed: hasGrid, size: ['Reach', 0, 60, 14],
  begin(p, how) {
    const i = cellAt(p);
    if (how.alt) pick(i);
    else if (i >= 0) { const cells = area.has(i) ? [...area] : alike(i, 4 * sizeOf('fill')); paint(cells, color.value); say(`Filled ${counted(cells.length, 'cell')}`); }
    return false;
  },
};

function alike(start, tolerance) {
  const { rows, cols, colors } = doc.grid, rgb = (i) => [1, 3, 5].map((at) => parseInt(colors[i].slice(at, at + 2), 16));
  const first = rgb(start), found = new Set([start]), todo = [start];
  while (todo.length) {
    const i = todo.pop(), c = i % cols, r = Math.floor(i / cols);
    for (const [ok, j] of [[c > 0, i - 1], [c < cols - 1, i + 1], [r > 0, i - cols], [r < rows - 1, i + cols]]) {
      if (!ok || found.has(j) || Math.hypot(...rgb(j).map((v, k) => v - first[k])) > tolerance) continue;
      found.add(j); todo.push(j);
    }
  }
  return [...found];
}

// ---- a selection ---------------------------------------------------------------------------------------------------

function markArea(cells) { for (const i of cells) area.add(i); areaOf = `${doc.grid.cols}x${doc.grid.rows}`; }

TOOLS.area = {
  name: 'Area', allowed: hasGrid,
  begin(p, how) { if (!how.shift) area.clear(); gesture.kept = [...area]; this.move(p); return true; },
  move(p) {
    const { rows, cols } = doc.grid, [l, t, r, b] = boxOf(gesture.start, p);
    const first = (v, n, side) => Math.max(0, Math.min(n - 1, Math.floor(v * n / side)));
    area.clear(); markArea(gesture.kept);
    for (let y = first(t, rows, doc.height); y <= first(b, rows, doc.height); y++) {
      for (let x = first(l, cols, doc.width); x <= first(r, cols, doc.width); x++) area.add(y * cols + x);
    }
    drawSketch();
  },
  end() { say(`${counted(area.size, 'cell')} selected`); },
};

// Hue, saturation and brightness: while a slider moves, answers of the server show, the newest asked for only; letting
// go makes one edit of it. What was painted elsewhere meanwhile stays.
async function shiftColors(done) {
  if (!hasGrid() || gesture) return;
  const values = Object.fromEntries($$('[data-shift]').map((input) => [input.dataset.shift, Number(input.value)]));
  shifting ??= { from: doc.grid.colors, cells: area.size ? [...area] : range(doc.grid.colors.length), shape: `${doc.grid.cols}x${doc.grid.rows}`, load: doc.load };
  const mine = shifting;
  mine.wanted = values; mine.done ||= done;
  if (mine.busy) return;
  mine.busy = true;
  while (mine.wanted) {
    const wanted = mine.wanted;
    mine.wanted = null;
    const answer = await ask('shift', { colors: mine.cells.map((i) => mine.from[i]), ...wanted });
    if (!answer || doc?.load !== mine.load || !hasGrid() || mine.shape !== `${doc.grid.cols}x${doc.grid.rows}`) { mine.done = true; break; }
    const colors = doc.grid.colors.slice();
    mine.cells.forEach((i, k) => { colors[i] = answer.colors[k]; });
    mine.shown = true;
    doc = { ...doc, grid: { ...doc.grid, colors } };
    drawCells();
  }
  mine.busy = false;
  if (!mine.done) return;
  shifting = null;
  for (const input of $$('[data-shift]')) input.value = 0;
  if (!mine.shown || doc?.load !== mine.load || !hasGrid()) return;
  const colors = doc.grid.colors.slice();
  for (const i of mine.cells) colors[i] = mine.from[i];
  record({ doc: { ...doc, grid: { ...doc.grid, colors } }, mask }, 'shifted');
  say(`Colors of ${counted(mine.cells.length, 'cell')} shifted`);
}

// ---- the grid ------------------------------------------------------------------------------------------------------

const SHAPES = [2, 4, 6, 8, 12, 16, 24, 32, 48, 64]; // cells on the longer side
function finerGrid(way) {
  const n = doc?.grid ? Math.max(doc.grid.rows, doc.grid.cols) : 8;
  return way > 0 ? SHAPES.find((s) => s > n) : SHAPES.findLast((s) => s < n);
}

async function regrid(way) {
  const cells = finerGrid(way);
  if (!cells || busy || gesture) return;
  const sent = doc;
  busy += 1; refresh();
  const answer = await ask('regrid', { ...sent, rev, cells });
  busy -= 1; refresh();
  await lifted();
  if (!answer || doc?.load !== sent.load) { refresh(); return; }
  if (doc.grid !== sent.grid) { refresh(); say('The colors changed meanwhile: press again.'); return; }
  const before = now();
  area.clear();
  doc = { ...doc, grid: answer.grid };
  record(before, 'grid'); rebuild();
  say(`${answer.grid.cols} × ${answer.grid.rows} color cells`);
}
