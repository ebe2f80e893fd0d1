// Regions of objects, as masks: what closed outlines enclose, and connected pixels of similar color. Strokes are in
// image pixels, `scale` mask pixels to one of them.

import { paintSegment } from './bitmap.mjs';

// How far an outline may be open, on each side of a gap, as a fraction of the longer side.
const GAPS = [0, 0.006, 0.015, 0.03, 0.045];
const MIN_REGION = 0.0008; // of the picture
const MAX_REGION = 0.75; // of the picture

// Return the connected pixels around `start` for which isFree(pixel) holds, as a mask; null if they reach the border.
function flood(width, height, start, isFree) {
  const found = new Uint8Array(width * height), pending = [start];
  found[start] = 1;
  while (pending.length) {
    const pixel = pending.pop(), x = pixel % width, y = Math.floor(pixel / width);
    const neighbors = [];
    if (x > 0) neighbors.push(pixel - 1);
    if (x < width - 1) neighbors.push(pixel + 1);
    if (y > 0) neighbors.push(pixel - width);
    if (y < height - 1) neighbors.push(pixel + width);
    for (const next of neighbors) {
      if (found[next] || !isFree(next)) continue;
      found[next] = 1;
      pending.push(next);
    }
  }
  return found;
}

export const maskArea = (mask) => mask.reduce((sum, v) => sum + v, 0);

function touchesBorder(mask, width, height) {
  for (let x = 0; x < width; x++) if (mask[x] || mask[(height - 1) * width + x]) return true;
  for (let y = 0; y < height; y++) if (mask[y * width] || mask[y * width + width - 1]) return true;
  return false;
}

// Return the mask of everything within `radius` pixels of the strokes.
export function paintStrokes(strokes, width, height, scale, radius) {
  const mask = new Uint8Array(width * height);
  for (const stroke of strokes) {
    for (let i = 2; i < stroke.length; i += 2) {
      const a = [stroke[i - 2] * scale, stroke[i - 1] * scale], b = [stroke[i] * scale, stroke[i + 1] * scale];
      paintSegment(mask, width, height, a, b, Math.max(0.75, radius), 1);
    }
  }
  return mask;
}

// Return the mask grown by `radius` pixels, a square at a time.
export function dilate(mask, width, height, radius) {
  const r = Math.round(radius);
  if (r < 1) return mask;
  const across = new Uint8Array(mask.length), grown = new Uint8Array(mask.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (mask[y * width + x]) across.fill(1, y * width + Math.max(0, x - r), y * width + Math.min(width, x + r + 1));
    }
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!across[y * width + x]) continue;
      for (let row = Math.max(0, y - r); row <= Math.min(height - 1, y + r); row++) grown[row * width + x] = 1;
    }
  }
  return grown;
}

const isObject = (mask) => {
  const share = maskArea(mask) / mask.length;
  return share >= MIN_REGION && share <= MAX_REGION;
};

// Return the region around a point that strokes enclose, closing gaps as little as needed; null if there is none.
export function enclosedRegion(strokes, [x, y], width, height, scale) {
  const col = Math.floor(x * scale), row = Math.floor(y * scale), start = row * width + col;
  if (col < 0 || row < 0 || col >= width || row >= height) return null;
  for (const gap of GAPS) {
    const radius = gap * Math.max(width, height), walls = paintStrokes(strokes, width, height, scale, radius);
    if (walls[start]) continue;
    const inside = flood(width, height, start, (pixel) => !walls[pixel]);
    if (touchesBorder(inside, width, height)) continue;
    const region = dilate(inside, width, height, radius + 1);
    if (isObject(region)) return region;
  }
  return null;
}

// Return the region that strokes enclose together; null if there is none.
export function interior(strokes, width, height, scale) {
  for (const gap of GAPS) {
    const radius = gap * Math.max(width, height), walls = paintStrokes(strokes, width, height, scale, radius);
    const margin = new Uint8Array((width + 2) * (height + 2));
    for (let y = 0; y < height; y++) margin.set(walls.subarray(y * width, (y + 1) * width), (y + 1) * (width + 2) + 1);
    const outside = flood(width + 2, height + 2, 0, (pixel) => !margin[pixel]);
    const inside = walls.map((_, i) => {
      const pixel = (Math.floor(i / width) + 1) * (width + 2) + (i % width) + 1;
      return outside[pixel] || margin[pixel] ? 0 : 1;
    });
    const region = dilate(inside, width, height, radius + 1);
    if (isObject(region) && maskArea(inside) > 0.5 * maskArea(walls)) return region;
  }
  return null;
}

// Return the connected pixels of similar color around a pixel of an RGBA picture, as a mask; null if they are too few
// or nearly all. Lines, a mask, part objects that touch.
export function similarRegion(rgba, width, height, start, tolerance, lines) {
  const [r, g, b] = rgba.subarray(4 * start, 4 * start + 3), isOnLine = lines[start] === 1;
  const region = flood(width, height, start, (pixel) => (isOnLine || !lines[pixel]) && (
    Math.hypot(rgba[4 * pixel] - r, rgba[4 * pixel + 1] - g, rgba[4 * pixel + 2] - b) <= tolerance
  ));
  return isObject(region) ? region : null;
}

// Return the strokes of which at least `share` of the points lie under the mask.
export function strokesUnder(strokes, mask, width, height, scale, share) {
  return strokes.filter((stroke) => {
    let count = 0;
    for (let i = 0; i < stroke.length; i += 2) {
      const x = Math.floor(stroke[i] * scale), y = Math.floor(stroke[i + 1] * scale);
      if (x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x]) count++;
    }
    return count >= share * stroke.length / 2;
  });
}

// Return the strokes that a mask cuts, as stroke -> {inside, outside}, lists of pieces. Pieces of fewer than
// `minPoints` points belong to the piece before them.
export function cutStrokes(strokes, mask, width, height, scale, minPoints) {
  const isUnder = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] === 1;
  const cut = new Map();
  for (const stroke of strokes) {
    const pieces = [];
    for (let i = 0; i < stroke.length; i += 2) {
      const under = isUnder(Math.floor(stroke[i] * scale), Math.floor(stroke[i + 1] * scale));
      if (pieces.at(-1)?.under !== under) pieces.push({ under, points: [] });
      pieces.at(-1).points.push(stroke[i], stroke[i + 1]);
    }
    const joined = joinShort(pieces, 2 * minPoints);
    const select = (under) => joined.filter((piece) => piece.under === under).map((piece) => piece.points);
    if (joined.length > 1) cut.set(stroke, { inside: select(true), outside: select(false) });
  }
  return cut;
}

function joinShort(pieces, minLength) {
  const joined = [];
  for (const { under, points } of pieces) {
    const last = joined.at(-1);
    if (last && (points.length < minLength || last.under === under)) last.points.push(...points);
    else if (last && last.points.length < minLength) {
      last.under = under;
      last.points.push(...points);
    } else joined.push({ under, points: [...points] });
  }
  return joined;
}

// Return the box of a mask's set pixels, in mask pixels; null for an empty mask.
export function maskBox(mask, width) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  mask.forEach((v, i) => {
    if (!v) return;
    const x = i % width, y = Math.floor(i / width);
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x + 1);
    box[3] = Math.max(box[3], y + 1);
  });
  return box[0] < Infinity ? box : null;
}
