// Shapes as polylines [x0, y0, ...] in image pixels.

const ELLIPSE_POINTS = 64;

const toSquare = ([x, y], [dx, dy]) => {
  const side = Math.max(Math.abs(dx), Math.abs(dy));
  return [x + side * (Math.sign(dx) || 1), y + side * (Math.sign(dy) || 1)];
};

// Return the shape 'line', 'rectangle' or 'ellipse' from corner a to corner b. `isRegular`: a square, a circle, or a
// line at a multiple of 45 degrees.
export function shapePath(shape, a, b, isRegular) {
  const d = [b[0] - a[0], b[1] - a[1]];
  if (shape === 'line') return [...a, ...(isRegular ? toDiagonal(a, d) : b)];
  const [x, y] = isRegular ? toSquare(a, d) : b;
  if (shape === 'rectangle') return [...a, x, a[1], x, y, a[0], y, ...a];
  const path = [], rx = (x - a[0]) / 2, ry = (y - a[1]) / 2;
  for (let i = 0; i <= ELLIPSE_POINTS; i++) {
    const angle = 2 * Math.PI * i / ELLIPSE_POINTS;
    path.push(a[0] + rx + rx * Math.cos(angle), a[1] + ry + ry * Math.sin(angle));
  }
  return path;
}

function toDiagonal([x, y], [dx, dy]) {
  const angle = Math.round(Math.atan2(dy, dx) / (Math.PI / 4)) * Math.PI / 4, length = Math.hypot(dx, dy);
  return [x + length * Math.cos(angle), y + length * Math.sin(angle)];
}
