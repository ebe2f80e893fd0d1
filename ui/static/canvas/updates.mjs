// Requests to draw or update. Any module may send one; `draw.mjs` and `controls.mjs` register the handlers.

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
export const pruneSelections = updateOf('selections'); // drop selected items that the drawing no longer has

export function drawAll() {
  drawCells();
  drawSketch();
  drawMask();
}
