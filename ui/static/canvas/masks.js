// Pure functions on byte masks, w x h bytes of 0 or 1 in reading order.

// Sets the bytes within r of the segment a-b to `value`.
function brushMask(mask, w, h, a, b, r, value) {
  const x0 = Math.max(0, Math.floor(Math.min(a[0], b[0]) - r)), x1 = Math.min(w - 1, Math.ceil(Math.max(a[0], b[0]) + r));
  const y0 = Math.max(0, Math.floor(Math.min(a[1], b[1]) - r)), y1 = Math.min(h - 1, Math.ceil(Math.max(a[1], b[1]) + r));
  for (let y = y0; y <= y1; y++) {
    for (let x = x0; x <= x1; x++) if (distance2(x + 0.5, y + 0.5, a, b) <= r * r) mask[y * w + x] = value;
  }
}

// Sets the bytes inside a closed polygon [x0, y0, ...] to `value`: even-odd, each row between its crossings.
function fillMask(mask, w, h, polygon, value) {
  const n = polygon.length;
  for (let y = 0; y < h; y++) {
    const cuts = [];
    for (let i = 0; i < n; i += 2) {
      const [x0, y0, x1, y1] = [polygon[i], polygon[i + 1], polygon[(i + 2) % n], polygon[(i + 3) % n]];
      if ((y0 <= y + 0.5) !== (y1 <= y + 0.5)) cuts.push(x0 + (y + 0.5 - y0) * (x1 - x0) / (y1 - y0));
    }
    cuts.sort((a, b) => a - b);
    for (let i = 0; i + 1 < cuts.length; i += 2) {
      const from = Math.max(0, Math.ceil(cuts[i] - 0.5)), to = Math.min(w - 1, Math.floor(cuts[i + 1] - 0.5));
      for (let x = from; x <= to; x++) mask[y * w + x] = value;
    }
  }
}

// Run lengths in reading order, starting with the zeros.
function runLengths(mask) {
  const runs = [];
  let now = 0, n = 0;
  for (const v of mask) { if ((v ? 1 : 0) === now) n++; else { runs.push(n); now = 1 - now; n = 1; } }
  runs.push(n);
  return runs;
}

// The outlines of what is set, as closed polylines along the bytes' edges, the set side on the right.
function outlines(mask, w, h) {
  const at = (x, y) => x >= 0 && y >= 0 && x < w && y < h && mask[y * w + x] === 1;
  const next = new Map(), key = (x, y) => y * (w + 1) + x; // a corner -> the corners that edges lead to
  const edge = (x0, y0, x1, y1) => { const k = key(x0, y0); if (next.has(k)) next.get(k).push([x1, y1]); else next.set(k, [[x1, y1]]); };
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      if (!at(x, y)) continue;
      if (!at(x, y - 1)) edge(x, y, x + 1, y);
      if (!at(x + 1, y)) edge(x + 1, y, x + 1, y + 1);
      if (!at(x, y + 1)) edge(x + 1, y + 1, x, y + 1);
      if (!at(x - 1, y)) edge(x, y + 1, x, y);
    }
  }
  const found = [];
  for (const [start] of next) {
    while (next.get(start).length) {
      const line = [start % (w + 1), Math.floor(start / (w + 1))];
      for (let k = start; next.get(k).length;) { const [x, y] = next.get(k).pop(); line.push(x, y); k = key(x, y); }
      found.push(line);
    }
  }
  return found;
}
