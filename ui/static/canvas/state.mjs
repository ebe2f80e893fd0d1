// The state that the tools share.

// doc             the drawing, as `ui.services.canvas_state` describes it, or null. It is never changed in place: each
//                 edit makes a new one, so that undo can keep references.
// mask            the object mask, maskWidth x maskHeight bytes of 0 or 1; replaced by each edit, like doc
// previousMask    the mask that was last used or cleared
// revision        how many edits were made since the drawing was loaded
// joint           the selected joint, {person, number}, or null
// region          the mask of the selected object, whose colors move with its strokes, or null; sized like mask
// cutsLines       whether a move also takes the parts of unselected strokes that lie in the region
// cursor          the keyboard's cursor, an image point, or null while hidden
// openRequests    how many requests to the server may still change the drawing
// subtracting     whether the mask tools subtract
export const state = {
  doc: null,
  mask: null,
  maskWidth: 0,
  maskHeight: 0,
  previousMask: null,
  revision: 0,
  joint: null,
  region: null,
  cutsLines: false,
  cursor: null,
  openRequests: 0,
  subtracting: false,
};

export const selectedStrokes = new Set();
export const selectedCells = new Set();

export const hasDrawing = () => Boolean(state.doc);
export const hasGrid = () => Boolean(state.doc?.grid);
export const hasMask = () => state.mask !== null && state.mask.includes(1);

// Return whether strokes can be drawn: a picture has either a sketch or people.
export const canDrawStrokes = () => Boolean(state.doc) && !state.doc.pose?.length;

export const gridShape = () => (state.doc?.grid ? `${state.doc.grid.cols}x${state.doc.grid.rows}` : '');

// Return the longer side of a cell of the sketch's lattice, in image pixels.
export const latticeSpacing = () => Math.max(state.doc.width / state.doc.cols, state.doc.height / state.doc.rows);

export function setGridColors(colors) {
  state.doc = { ...state.doc, grid: { ...state.doc.grid, colors } };
}
