// Binary masks: Uint8Arrays of width x height bytes, 0 or 1, in row-major order.

import { squaredDistanceToSegment } from './polyline.mjs';

// Return [width, height] of the mask of a picture: its size, scaled down to sides of at most `maxSide`.
export function maskSize(width, height, maxSide) {
  const scale = Math.min(1, maxSide / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

// Set the pixels within `radius` of the segment a-b to `value`, in place.
export function paintSegment(mask, width, height, a, b, radius, value) {
  const left = Math.max(0, Math.floor(Math.min(a[0], b[0]) - radius));
  const right = Math.min(width - 1, Math.ceil(Math.max(a[0], b[0]) + radius));
  const top = Math.max(0, Math.floor(Math.min(a[1], b[1]) - radius));
  const bottom = Math.min(height - 1, Math.ceil(Math.max(a[1], b[1]) + radius));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      if (squaredDistanceToSegment(x + 0.5, y + 0.5, a, b) <= radius * radius) mask[y * width + x] = value;
    }
  }
}

// Set the pixels whose centers lie inside a closed polygon [x0, y0, ...] to `value`, in place (even-odd rule).
export function fillPolygon(mask, width, height, polygon, value) {
  for (let y = 0; y < height; y++) {
    const crossings = rowCrossings(polygon, y + 0.5);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const first = Math.max(0, Math.ceil(crossings[i] - 0.5));
      const last = Math.min(width - 1, Math.floor(crossings[i + 1] - 0.5));
      for (let x = first; x <= last; x++) mask[y * width + x] = value;
    }
  }
}

// Return the sorted x where the polygon's edges cross a horizontal line.
function rowCrossings(polygon, y) {
  const n = polygon.length, crossings = [];
  for (let i = 0; i < n; i += 2) {
    const x0 = polygon[i], y0 = polygon[i + 1], x1 = polygon[(i + 2) % n], y1 = polygon[(i + 3) % n];
    if ((y0 <= y) !== (y1 <= y)) crossings.push(x0 + (y - y0) * (x1 - x0) / (y1 - y0));
  }
  return crossings.sort((a, b) => a - b);
}

// Return the run lengths of a mask in row-major order; the first run counts zeros and may be empty.
export function encodeRuns(mask) {
  const runs = [];
  let current = 0, length = 0;
  for (const v of mask) {
    if ((v ? 1 : 0) === current) length++;
    else {
      runs.push(length);
      current = 1 - current;
      length = 1;
    }
  }
  runs.push(length);
  return runs;
}

// Return the mask of run lengths, as bytes.
export function decodeRuns(runs) {
  const mask = new Uint8Array(runs.reduce((total, run) => total + run, 0));
  let start = 0;
  runs.forEach((run, i) => {
    mask.fill(i % 2, start, start + run);
    start += run;
  });
  return mask;
}

// Return the boundaries of the set pixels as closed polylines along pixel edges, with the set side on the right.
export function traceOutlines(mask, width, height) {
  const edges = boundaryEdges(mask, width, height), outlines = [];
  for (const start of edges.keys()) {
    while (edges.get(start).length) {
      const outline = [start % (width + 1), Math.floor(start / (width + 1))];
      for (let corner = start; edges.get(corner).length;) {
        const [x, y] = edges.get(corner).pop();
        outline.push(x, y);
        corner = y * (width + 1) + x;
      }
      outlines.push(outline);
    }
  }
  return outlines;
}

// Return a map from each pixel corner (y * (width + 1) + x) to the corners that boundary edges lead to from it.
function boundaryEdges(mask, width, height) {
  const isSet = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] === 1;
  const edges = new Map();
  const add = (x0, y0, x1, y1) => {
    const corner = y0 * (width + 1) + x0;
    if (edges.has(corner)) edges.get(corner).push([x1, y1]); else edges.set(corner, [[x1, y1]]);
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!isSet(x, y)) continue;
      if (!isSet(x, y - 1)) add(x, y, x + 1, y);
      if (!isSet(x + 1, y)) add(x + 1, y, x + 1, y + 1);
      if (!isSet(x, y + 1)) add(x + 1, y + 1, x, y + 1);
      if (!isSet(x - 1, y)) add(x, y + 1, x, y);
    }
  }
  return edges;
}
