// Operations on the strokes of a drawing. A stroke is a polyline in image pixels; `lattice` is anything with the
// picture's width and height in pixels and the sketch lattice's cols and rows.

import { roundCoordinate, squaredDistanceToPolyline } from './polyline.mjs';

// Return the stroke nearest to a point, or null if none is closer than `maxDistance`.
export function nearestStroke(strokes, [x, y], maxDistance) {
  let nearest = null, minimum = maxDistance * maxDistance;
  for (const stroke of strokes) {
    const distance = squaredDistanceToPolyline(stroke, x, y);
    if (distance < minimum) { nearest = stroke; minimum = distance; }
  }
  return nearest;
}

// Return the shift rounded to whole lattice cells, so that a moved stroke keeps its chain code, and limited so that
// the bounding box stays inside the picture.
export function snapShift([dx, dy], [left, top, right, bottom], { width, height, cols, rows }) {
  const snap = (shift, low, high, side, cell) => {
    const min = Math.ceil(-low / cell + 0.001), max = Math.floor((side - high) / cell - 0.001);
    return Math.max(min, Math.min(max, Math.round(shift / cell))) * cell;
  };
  return [snap(dx, left, right, width, width / cols), snap(dy, top, bottom, height, height / rows)];
}

// Move the selected strokes by [dx, dy]. Return all strokes, and the moved ones among them.
export function translateStrokes(strokes, selected, shift) {
  const moved = new Map();
  for (const stroke of selected) moved.set(stroke, stroke.map((v, i) => roundCoordinate(v + shift[i % 2])));
  return { strokes: strokes.map((stroke) => moved.get(stroke) ?? stroke), moved: [...moved.values()] };
}

// Return the strokes with the selected ones first. Strokes are ordered by importance: trimming to a byte budget drops
// the last ones first.
export function bringToFront(strokes, selected) {
  return [...strokes.filter((stroke) => selected.has(stroke)), ...strokes.filter((stroke) => !selected.has(stroke))];
}

// Return the stroke that a click at (x, y) draws: from the center of its lattice cell to the next cell's. The
// format has no stroke inside a single cell.
export function dotStroke(x, y, { width, height, cols, rows }) {
  const cellWidth = width / cols, cellHeight = height / rows;
  const center = (v, side) => (Math.floor(Math.max(0, v) / side) + 0.5) * side;
  const cx = Math.min(center(x, cellWidth), width - cellWidth / 2);
  const cy = Math.min(center(y, cellHeight), height - cellHeight / 2);
  const neighbor = cx + cellWidth < width ? cx + cellWidth : cx - cellWidth;
  return [cx, cy, neighbor, cy];
}
