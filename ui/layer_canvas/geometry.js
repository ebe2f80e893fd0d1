// Pure functions on flat polylines [x0, y0, x1, y1, ...] in image pixels, and on byte masks.

const round = (v) => Math.round(v * 1000) / 1000;

// Square of the distance from (x, y) to the segment a-b.
function distance2(x, y, a, b) {
  const dx = b[0] - a[0], dy = b[1] - a[1], n = dx * dx + dy * dy;
  const t = n ? Math.max(0, Math.min(1, ((x - a[0]) * dx + (y - a[1]) * dy) / n)) : 0;
  return (x - a[0] - t * dx) ** 2 + (y - a[1] - t * dy) ** 2;
}

// Points no further apart than `step`, so that an eraser finds them all; drops what is nearer than a third of it.
function resample(path, step) {
  const out = [path[0], path[1]];
  for (let i = 2; i < path.length; i += 2) {
    const x = out[out.length - 2], y = out[out.length - 1], dx = path[i] - x, dy = path[i + 1] - y, d = Math.hypot(dx, dy);
    if (d < step / 3 && i < path.length - 2) continue;
    const n = Math.max(1, Math.ceil(d / step));
    for (let k = 1; k <= n; k++) out.push(x + dx * k / n, y + dy * k / n);
  }
  if (out.length < 4) out.push(out[0] + step, out[1]);
  return out.map(round);
}

// The strokes left when a brush of radius r went from a to b: pieces of two points or more; a stroke not met stays the same object.
function rubOut(strokes, a, b, r) {
  const r2 = r * r;
  let changed = false;
  const left = strokes.flatMap((s) => {
    const pieces = [];
    let piece = [], met = false;
    for (let i = 0; i < s.length; i += 2) {
      if (distance2(s[i], s[i + 1], a, b) > r2) piece.push(s[i], s[i + 1]);
      else { met = true; pieces.push(piece); piece = []; }
    }
    if (!met) return [s];
    changed = true;
    return [...pieces, piece].filter((p) => p.length >= 4);
  });
  return changed ? left : strokes;
}

// Sets the bytes of `mask` (w x h) within r of the segment a-b to `value`.
function brushMask(mask, w, h, a, b, r, value) {
  const x0 = Math.max(0, Math.floor(Math.min(a[0], b[0]) - r)), x1 = Math.min(w - 1, Math.ceil(Math.max(a[0], b[0]) + r));
  const y0 = Math.max(0, Math.floor(Math.min(a[1], b[1]) - r)), y1 = Math.min(h - 1, Math.ceil(Math.max(a[1], b[1]) + r));
  for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) if (distance2(x + 0.5, y + 0.5, a, b) <= r * r) mask[y * w + x] = value;
}

// Run lengths of a byte mask in reading order, starting with the zeros.
function runLengths(mask) {
  const runs = [];
  let now = 0, n = 0;
  for (const v of mask) { if ((v ? 1 : 0) === now) n++; else { runs.push(n); now = 1 - now; n = 1; } }
  runs.push(n);
  return runs;
}

// Traces a polyline as quadratic curves through the midpoints of its edges.
function trace(ctx, s) {
  const n = s.length;
  ctx.moveTo(s[0], s[1]);
  for (let i = 2; i < n - 2; i += 2) ctx.quadraticCurveTo(s[i], s[i + 1], (s[i] + s[i + 2]) / 2, (s[i + 1] + s[i + 3]) / 2);
  ctx.lineTo(s[n - 2], s[n - 1]);
}
