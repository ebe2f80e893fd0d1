// Placements: maps of an object's points to their new place, as `codec.editing.objects.Placement`: first a bend, which
// moves points by up to `shift`, most at `center`, less farther away, not at all beyond `radius`; then an affine map
// [a, b, c, d, e, f]: (x, y) -> (a x + b y + c, d x + e y + f). Coordinates are image pixels.

import { clampPath, resample, roundCoordinate } from './polyline.mjs';

const MAX_BEND = 0.6; // of the radius: beyond, the bend would fold
const BEND_STEPS = 12;
const MIN_SCALE = 0.05;
const MAX_SCALE = 20;

const NO_BEND = { center: [0, 0], shift: [0, 0], radius: 0 };

export const affine = (matrix) => ({ matrix, ...NO_BEND });
export const translation = ([dx, dy]) => affine([1, 0, dx, 0, 1, dy]);

// Return the placement that multiplies distances from a fixed point by [sx, sy].
export function scaling([x, y], [sx, sy]) {
  const limit = (s) => (Math.sign(s) || 1) * Math.max(MIN_SCALE, Math.min(MAX_SCALE, Math.abs(s)));
  const kx = limit(sx), ky = limit(sy);
  return affine([kx, 0, x - kx * x, 0, ky, y - ky * y]);
}

// Return the placement that rotates about a point by an angle in radians.
export function rotation([x, y], angle) {
  const c = Math.cos(angle), s = Math.sin(angle);
  return affine([c, -s, x - c * x + s * y, s, c, y - s * x - c * y]);
}

// Return the bend that drags the point `from` towards `to`.
export function bend(from, to, radius) {
  const dx = to[0] - from[0], dy = to[1] - from[1], length = Math.hypot(dx, dy);
  const factor = length > MAX_BEND * radius ? MAX_BEND * radius / length : 1;
  return { matrix: [1, 0, 0, 0, 1, 0], center: from, shift: [factor * dx, factor * dy], radius };
}

function bendWeight({ center, radius }, [x, y]) {
  if (!radius) return 0;
  return Math.max(0, 1 - ((x - center[0]) ** 2 + (y - center[1]) ** 2) / radius ** 2) ** 2;
}

// Map a point of the object to its new place.
export function place(placement, point) {
  const { matrix: [a, b, c, d, e, f], shift } = placement, weight = bendWeight(placement, point);
  const x = point[0] + weight * shift[0], y = point[1] + weight * shift[1];
  return [a * x + b * y + c, d * x + e * y + f];
}

// Map a point of the new place back to the object.
export function placeBack(placement, [u, v]) {
  const { matrix: [a, b, c, d, e, f], shift, radius } = placement, determinant = a * e - b * d;
  const x = (e * (u - c) - b * (v - f)) / determinant, y = (a * (v - f) - d * (u - c)) / determinant;
  if (!radius) return [x, y];
  let found = [x, y];
  for (let step = 0; step < BEND_STEPS; step++) {
    const weight = bendWeight(placement, found);
    found = [(found[0] + x - weight * shift[0]) / 2, (found[1] + y - weight * shift[1]) / 2];
  }
  return found;
}

// Return a polyline with every point placed.
export function placePolyline(placement, polyline) {
  const placed = [];
  for (let i = 0; i < polyline.length; i += 2) placed.push(...place(placement, [polyline[i], polyline[i + 1]]));
  return placed;
}

// Return a stroke that is placed, with points at most `spacing` apart, inside a picture.
export function placeStroke(placement, stroke, spacing, { width, height }) {
  return resample(clampPath(placePolyline(placement, stroke), width, height), spacing).map(roundCoordinate);
}

// Return a mask of width x height pixels placed; `scale` mask pixels to an image pixel.
export function placeMask(placement, mask, width, height, scale) {
  const placed = new Uint8Array(mask.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = placeBack(placement, [(x + 0.5) / scale, (y + 0.5) / scale]);
      const col = Math.floor(u * scale), row = Math.floor(v * scale);
      if (col >= 0 && row >= 0 && col < width && row < height) placed[y * width + x] = mask[row * width + col];
    }
  }
  return placed;
}

// ---- handles of a selection's box ----

// Return the handles of a box: eight to scale, by their place {x, y} of -1..1, and one above to rotate, {turn: true}.
export function boxHandles([left, top, right, bottom], turnDistance) {
  const x = (left + right) / 2, y = (top + bottom) / 2, w = (right - left) / 2, h = (bottom - top) / 2, handles = [];
  for (const v of [-1, 0, 1]) {
    for (const u of [-1, 0, 1]) if (u || v) handles.push({ at: [x + u * w, y + v * h], u, v });
  }
  handles.push({ at: [x, top > turnDistance ? top - turnDistance : bottom + turnDistance], turn: true });
  return handles;
}

// Return the placement for dragging a handle from its place to a point. `isFree`: corners need not keep the
// proportions.
export function handlePlacement({ at, u, v, turn }, [left, top, right, bottom], point, isFree) {
  const x = (left + right) / 2, y = (top + bottom) / 2;
  if (turn) {
    return rotation([x, y], Math.atan2(point[1] - y, point[0] - x) - Math.atan2(at[1] - y, at[0] - x));
  }
  const fixed = [x - u * (right - left) / 2, y - v * (bottom - top) / 2];
  const ratio = (i) => (at[i] === fixed[i] ? 1 : (point[i] - fixed[i]) / (at[i] - fixed[i]));
  if (!u) return scaling(fixed, [1, ratio(1)]);
  if (!v) return scaling(fixed, [ratio(0), 1]);
  if (isFree) return scaling(fixed, [ratio(0), ratio(1)]);
  const dx = at[0] - fixed[0], dy = at[1] - fixed[1], squared = dx * dx + dy * dy;
  const factor = squared ? ((point[0] - fixed[0]) * dx + (point[1] - fixed[1]) * dy) / squared : 1;
  return scaling(fixed, [factor, factor]);
}
