// The canvas's controls after a change: which buttons are enabled, and the state that `data-` attributes show.

import { buildCellGrid } from './draw.mjs';
import { maskSize } from './geometry/bitmap.mjs';
import { nextGridSize } from './geometry/cells.mjs';
import { MAX_PEOPLE } from './geometry/skeleton.mjs';
import { MAX_ZOOM } from './geometry/viewport.mjs';
import { undoStack } from './history.mjs';
import { $, $$, layers, root, stage } from './host.mjs';
import { updateSwatches } from './moods.mjs';
import { canPaste, hasSelection } from './objects.mjs';
import { pruneCellSelection } from './tool_area.mjs';
import { selectedPerson, updatePoseControls } from './tool_pose.mjs';
import { TOOLS } from './tool_registry.mjs';
import { chosenTool, keepChosenTool, setTool } from './toolbar.mjs';
import { canDrawStrokes, gridShape, hasMask, selectedCells, selectedStrokes, state } from './state.mjs';
import { view } from './view.mjs';
import { drawAll, onUpdate } from './updates.mjs';

const MAX_MASK_SIDE = 512;

// Rebuild everything that depends on the sizes of the picture and its grids.
function rebuildAll() {
  root.classList.toggle('empty', !state.doc);
  if (state.doc) {
    resizeMask();
    stage.style.aspectRatio = `${state.doc.width} / ${state.doc.height}`;
    stage.style.maxWidth = `calc(var(--lc-max-height, 72vh) * ${state.doc.width / state.doc.height})`;
    keepChosenTool(() => setTool(usableTool()));
  }
  buildCellGrid();
  dropMissing();
  drawAll();
  updateButtons();
}

function resizeMask() {
  const [width, height] = maskSize(state.doc.width, state.doc.height, MAX_MASK_SIDE), canvas = layers.mask;
  Object.assign(state, { maskWidth: width, maskHeight: height });
  if (!state.mask || state.mask.length !== width * height) state.mask = new Uint8Array(width * height);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
}

// Return the tool that the user chose, or another one if it cannot be used on this picture.
function usableTool() {
  if (TOOLS[chosenTool].isAvailable()) return chosenTool;
  return state.doc.pose?.length ? 'pose' : 'mask';
}

// Remove from the selections what no longer exists in the drawing.
function dropMissing() {
  const existing = new Set(state.doc?.strokes), hadStrokes = selectedStrokes.size > 0;
  for (const stroke of selectedStrokes) if (!existing.has(stroke)) selectedStrokes.delete(stroke);
  if (!selectedStrokes.size && hadStrokes) state.region = null;
  if (state.region?.length !== state.mask?.length) state.region = null;
  pruneCellSelection();
  if (state.joint && !state.doc?.pose?.[state.joint.person]) state.joint = null;
}

function updateButtons() {
  const { doc } = state, enabled = enabledActions(), { activeElement } = document;
  for (const button of $$('button[data-do]')) {
    const action = button.dataset.do;
    button.disabled = action !== 'shortcuts' && (!doc || (action in enabled && !enabled[action]));
  }
  for (const button of $$('button[data-tool]')) button.disabled = !doc || !TOOLS[button.dataset.tool].isAvailable();
  for (const input of $$('[data-shift]')) input.disabled = !doc?.grid;
  // keep keyboard shortcuts working when the focused button becomes disabled
  if (activeElement?.disabled && root.contains(activeElement)) stage.focus({ preventScroll: true });
  publishState();
  updateSwatches();
  $('.lc-mood').disabled = !doc?.grid || Boolean(state.openRequests);
  $('.lc-zoom').textContent = `${Math.round(100 * view.scale)} %`;
  $('.lc-shape').textContent = doc?.grid ? `${doc.grid.cols} × ${doc.grid.rows} cells` : 'no colors yet';
  updatePoseControls();
}

// Return which actions are possible; actions that are not listed need only a drawing.
function enabledActions() {
  const { doc, joint, openRequests, previousMask } = state, masked = Boolean(doc) && hasMask();
  const idle = doc && !openRequests, hasPerson = doc && selectedPerson() !== null, people = doc?.pose?.length ?? 0;
  return {
    undo: undoStack.undoSteps,
    redo: undoStack.redoSteps,
    delete: selectedStrokes.size || joint,
    front: selectedStrokes.size,
    ...objectActions(),
    sketch: idle,
    erase: masked && idle,
    clear: masked,
    export: masked,
    'last-mask': previousMask && !masked,
    finer: idle && nextGridSize(doc.grid, 1),
    coarser: idle && doc.grid && nextGridSize(doc.grid, -1),
    colors: idle,
    'add-person': doc && people < MAX_PEOPLE,
    'remove-person': hasPerson,
    joint: hasPerson,
    next: people > 1,
    'zoom-in': view.scale < MAX_ZOOM,
    'zoom-out': view.scale > 1,
    fit: view.scale > 1,
  };
}

function objectActions() {
  const selected = hasSelection() && !state.openRequests;
  return {
    duplicate: selected,
    'flip-x': selected,
    'flip-y': selected,
    bend: selected,
    copy: hasSelection(),
    paste: state.doc && canPaste() && canDrawStrokes() && !state.openRequests,
    'recolor-object': state.region && state.doc.grid && !state.openRequests,
    'erase-object': state.region && !state.openRequests,
  };
}

function publishState() {
  const { doc, revision, openRequests } = state;
  Object.assign(root.dataset, {
    rev: revision,
    strokes: doc ? doc.strokes.length : 0,
    masked: Boolean(doc) && hasMask(),
    selected: selectedStrokes.size,
    region: Boolean(state.region),
    people: doc?.pose?.length ?? 0,
    grid: gridShape(),
    area: selectedCells.size,
    zoom: Math.round(100 * view.scale),
    busy: Boolean(openRequests),
  });
}

onUpdate('rebuild', rebuildAll);
onUpdate('selections', dropMissing);
onUpdate('controls', updateButtons);
