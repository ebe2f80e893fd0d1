// Geometry of polylines: flat arrays [x0, y0, x1, y1, ...] in image pixels. A point is [x, y], a box is
// [left, top, right, bottom].

// Round a coordinate to a thousandth of a pixel.
export const roundCoordinate = (v) => Math.round(v * 1000) / 1000;

// Return the squared distance from (x, y) to the segment a-b.
export function squaredDistanceToSegment(x, y, a, b) {
  const dx = b[0] - a[0], dy = b[1] - a[1], squaredLength = dx * dx + dy * dy;
  const projection = squaredLength ? ((x - a[0]) * dx + (y - a[1]) * dy) / squaredLength : 0;
  const t = Math.max(0, Math.min(1, projection));
  return (x - a[0] - t * dx) ** 2 + (y - a[1] - t * dy) ** 2;
}

// Return the squared distance from (x, y) to the nearest segment of a polyline.
export function squaredDistanceToPolyline(polyline, x, y) {
  let minimum = Infinity;
  for (let i = 2; i < polyline.length; i += 2) {
    const a = [polyline[i - 2], polyline[i - 1]], b = [polyline[i], polyline[i + 1]];
    minimum = Math.min(minimum, squaredDistanceToSegment(x, y, a, b));
  }
  return minimum;
}

// Return the path with points at most `spacing` apart, so that the eraser meets every part of it. Points closer
// than a third of the spacing are dropped; a single point becomes a segment.
export function resample(path, spacing) {
  const out = [path[0], path[1]];
  for (let i = 2; i < path.length; i += 2) {
    const x = out[out.length - 2], y = out[out.length - 1], dx = path[i] - x, dy = path[i + 1] - y;
    const distance = Math.hypot(dx, dy), isLast = i === path.length - 2;
    if (distance < spacing / 3 && !isLast) continue;
    const steps = Math.max(1, Math.ceil(distance / spacing));
    for (let k = 1; k <= steps; k++) out.push(x + dx * k / steps, y + dy * k / steps);
  }
  if (out.length < 4) out.push(out[0] + spacing, out[1]);
  return out.map(roundCoordinate);
}

// Return the polyline filtered `passes` times with [1 2 1]/4; its end points stay.
export function smooth(polyline, passes) {
  let current = polyline;
  for (let pass = 0; pass < passes; pass++) {
    const next = current.slice();
    for (let i = 2; i < current.length - 2; i++) next[i] = (current[i - 2] + 2 * current[i] + current[i + 2]) / 4;
    current = next;
  }
  return current;
}

// Return the strokes without the points within `radius` of the segment a-b; a stroke may fall apart into pieces of
// at least two points. Strokes that the eraser misses stay the same objects, because undo, selection and the
// server's answers identify strokes by reference; where it misses all, the same array is returned.
export function eraseFromStrokes(strokes, a, b, radius) {
  const remaining = strokes.flatMap((stroke) => splitAtSegment(stroke, a, b, radius));
  const unchanged = remaining.length === strokes.length && remaining.every((stroke, i) => stroke === strokes[i]);
  return unchanged ? strokes : remaining;
}

function splitAtSegment(stroke, a, b, radius) {
  const pieces = [[]];
  let erased = false;
  for (let i = 0; i < stroke.length; i += 2) {
    if (squaredDistanceToSegment(stroke[i], stroke[i + 1], a, b) <= radius * radius) {
      erased = true;
      pieces.push([]);
    } else pieces.at(-1).push(stroke[i], stroke[i + 1]);
  }
  return erased ? pieces.filter((piece) => piece.length >= 4) : [stroke];
}

// Return the bounding box of polylines.
export function boundingBox(polylines) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const polyline of polylines) {
    for (let i = 0; i < polyline.length; i += 2) {
      box[0] = Math.min(box[0], polyline[i]);
      box[1] = Math.min(box[1], polyline[i + 1]);
      box[2] = Math.max(box[2], polyline[i]);
      box[3] = Math.max(box[3], polyline[i + 1]);
    }
  }
  return box;
}

// Return the box with the opposite corners a and b.
export const boxFromCorners = (a, b) => [
  Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1]),
];

const isInBox = ([left, top, right, bottom], x, y) => x >= left && x <= right && y >= top && y <= bottom;

// Return whether a point of the polyline lies in the box. Points are closer together than the sides of any box that
// a user draws, so segments need no separate test.
export function hasPointInBox(polyline, box) {
  for (let i = 0; i < polyline.length; i += 2) if (isInBox(box, polyline[i], polyline[i + 1])) return true;
  return false;
}

// Return the path with every point moved inside a picture of that size.
export const clampPath = (path, width, height) => path.map((v, i) => Math.max(0, Math.min(i % 2 ? height : width, v)));
