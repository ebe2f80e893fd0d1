// A finer or coarser color grid, which the server resamples.

import { nextGridSize } from './geometry/cells.mjs';
import { gesture, gestureEnd } from './gestures.mjs';
import { record, snapshot } from './history.mjs';
import { announce, request } from './messages.mjs';
import { selectedCells, state } from './state.mjs';
import { rebuild, updateControls } from './updates.mjs';

// Change the grid to the next finer (direction > 0) or coarser size.
export async function resizeGrid(direction) {
  const cells = nextGridSize(state.doc.grid, direction), sent = state.doc;
  if (!cells || state.openRequests || gesture) return;
  state.openRequests += 1;
  updateControls();
  const answer = await request('regrid', { ...sent, rev: state.revision, cells });
  state.openRequests -= 1;
  updateControls();
  await gestureEnd();
  if (!answer || state.doc?.load !== sent.load) {
    updateControls();
    return;
  }
  if (state.doc.grid !== sent.grid) {
    updateControls();
    announce('The colors have changed since: press again.');
    return;
  }
  const before = snapshot(), { grid } = answer;
  selectedCells.clear();
  state.doc = { ...state.doc, grid };
  record(before, 'grid');
  rebuild();
  announce(`${grid.cols} × ${grid.rows} color cells`);
}
