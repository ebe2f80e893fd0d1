// Zoom and pan. A view is {scale, x, y}: the picture is shown `scale` times as large as the stage, with its top left
// corner at (x, y). Places on the stage are [u, v] in fractions of its sides, places in the picture are image pixels.

export const MAX_ZOOM = 16;
export const WHOLE_PICTURE = Object.freeze({ scale: 1, x: 0, y: 0 });

const clampScale = (scale) => Math.max(1, Math.min(MAX_ZOOM, scale));

// Return the nearest view in which the picture covers the stage.
export function clampView({ scale, x, y }) {
  const k = clampScale(scale), clamp = (v) => Math.max(1 - k, Math.min(0, v));
  return { scale: k, x: clamp(x), y: clamp(y) };
}

// Return the view zoomed by `factor` with the place [u, v] fixed.
export function zoomView(view, factor, [u, v]) {
  const scale = clampScale(view.scale * factor), ratio = scale / view.scale;
  return clampView({ scale, x: u - (u - view.x) * ratio, y: v - (v - view.y) * ratio });
}

// Return the view moved by fractions of the stage.
export const panView = (view, du, dv) => clampView({ ...view, x: view.x + du, y: view.y + dv });

export const stageToImage = (view, [u, v], { width, height }) => [
  (u - view.x) / view.scale * width, (v - view.y) / view.scale * height,
];

export const imageToStage = (view, [x, y], { width, height }) => [
  view.x + view.scale * x / width, view.y + view.scale * y / height,
];

// Return {factor, from, to} of a two-finger gesture: how much the fingers moved apart, and their center before and
// after. Each pair is [[u, v], [u, v]].
export function pinchGesture([a, b], [c, d]) {
  const center = (p, q) => [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
  const distance = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]);
  return { factor: distance(c, d) / Math.max(0.01, distance(a, b)), from: center(a, b), to: center(c, d) };
}
