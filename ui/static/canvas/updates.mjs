// Requests to draw or to update, by modules that do not know who carries them out. `draw.mjs` and `controls.mjs` do.

const handlers = new Map();

// Call `handler` at each request of this name: 'cells', 'sketch', 'mask', 'controls', 'rebuild' or 'selections'.
export function onUpdate(name, handler) {
  handlers.set(name, handler);
}

const updateOf = (name) => () => handlers.get(name)?.();

export const drawCells = updateOf('cells'); // the cells whose color changed
export const drawSketch = updateOf('sketch'); // at the next frame, as the mask
export const drawMask = updateOf('mask');
export const updateControls = updateOf('controls'); // which buttons are enabled
export const rebuild = updateOf('rebuild'); // all that depends on the sizes of the picture and its grids
export const pruneSelections = updateOf('selections'); // of what the drawing no longer has

export function drawAll() {
  drawCells();
  drawSketch();
  drawMask();
}
