// Pure functions on flat polylines [x0, y0, x1, y1, ...] in image pixels.

const round = (v) => Math.round(v * 1000) / 1000;

// Square of the distance from (x, y) to the segment a-b.
function distance2(x, y, a, b) {
  const dx = b[0] - a[0], dy = b[1] - a[1], n = dx * dx + dy * dy;
  const t = n ? Math.max(0, Math.min(1, ((x - a[0]) * dx + (y - a[1]) * dy) / n)) : 0;
  return (x - a[0] - t * dx) ** 2 + (y - a[1] - t * dy) ** 2;
}

// Square of the distance from (x, y) to the polyline.
function distanceTo(s, x, y) {
  let least = Infinity;
  for (let i = 2; i < s.length; i += 2) least = Math.min(least, distance2(x, y, [s[i - 2], s[i - 1]], [s[i], s[i + 1]]));
  return least;
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

// The polyline averaged [1 2 1]/4 so many times; its ends stay.
function smoothed(path, times) {
  let now = path;
  for (; times > 0; times--) {
    const next = now.slice();
    for (let i = 2; i < now.length - 2; i++) next[i] = (now[i - 2] + 2 * now[i] + now[i + 2]) / 4;
    now = next;
  }
  return now;
}

// The strokes left when a brush of radius r went from a to b: pieces of two points or more.
// A stroke that is not met stays the same object: that is how undo, selection and the server know it.
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

// [left, top, right, bottom] of polylines.
function bounds(strokes) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const s of strokes) {
    for (let i = 0; i < s.length; i += 2) {
      box[0] = Math.min(box[0], s[i]); box[1] = Math.min(box[1], s[i + 1]);
      box[2] = Math.max(box[2], s[i]); box[3] = Math.max(box[3], s[i + 1]);
    }
  }
  return box;
}

const boxOf = (a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
const inBox = ([l, t, r, b], x, y) => x >= l && x <= r && y >= t && y <= b;

// Does the polyline have a point in the box? Points lie closer than any box that a person draws.
function meets(s, box) {
  for (let i = 0; i < s.length; i += 2) if (inBox(box, s[i], s[i + 1])) return true;
  return false;
}

// Traces a polyline as quadratic curves through the midpoints of its edges.
function trace(ctx, s) {
  const n = s.length;
  ctx.moveTo(s[0], s[1]);
  for (let i = 2; i < n - 2; i += 2) ctx.quadraticCurveTo(s[i], s[i + 1], (s[i] + s[i + 2]) / 2, (s[i + 1] + s[i + 3]) / 2);
  ctx.lineTo(s[n - 2], s[n - 1]);
}
