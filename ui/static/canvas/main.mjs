// The layer canvas, an editor for the sketch, the color cells, people and an object mask. `ui.page.layer_canvas` joins
// this module and all that it imports into one script, which runs once for each mount of the component.

import './controls.mjs';
import './pointer.mjs';
import './tool_cells.mjs';
import './tool_pen.mjs';
import './tool_shape.mjs';
import { shiftColors } from './color_shift.mjs';
import { eraseObject } from './erase.mjs';
import { WHOLE_PICTURE } from './geometry/viewport.mjs';
import { resizeGrid } from './grid_size.mjs';
import { onHistoryChange, snapshot } from './history.mjs';
import { $, $$, colorInput, container, gradio, root, stage } from './host.mjs';
import { chooseFile, importLayer } from './import_layers.mjs';
import { useToolOnCell } from './keyboard.mjs';
import { componentValue, load, onServerValue } from './loading.mjs';
import { MASK_TYPES, loadMask, saveMask } from './mask_file.mjs';
import { applyMood, recolorRegion } from './moods.mjs';
import { copySelection, duplicateSelection, flipSelection, selectedObjectMask } from './objects.mjs';
import { pasteFromClipboard, selectAll, selectNothing } from './selection.mjs';
import { toggleShortcuts } from './shortcuts.mjs';
import { hasGrid, state } from './state.mjs';
import { clearMask, invertMask, restoreMask, setSubtracting } from './tool_mask.mjs';
import { addPerson, removePerson, selectJoint, selectNextPerson, toggleJoint } from './tool_pose.mjs';
import { sizes } from './tool_registry.mjs';
import { bringSelectionToFront, deleteSelection, toggleBend } from './tool_select.mjs';
import { setTool, tool } from './toolbar.mjs';
import { setPictures, showUnderlay } from './underlay.mjs';
import { ZOOM_STEP, setView, zoomBy } from './view.mjs';
import { redo, restore, undo } from './undo.mjs';
import { drawSketch } from './updates.mjs';

// The actions of the buttons, by their `data-do`.
const ACTIONS = {
  undo,
  redo,
  delete: () => (state.joint && tool === 'pose' ? toggleJoint() : deleteSelection()),
  front: bringSelectionToFront,
  duplicate: duplicateSelection,
  'flip-x': () => flipSelection(false),
  'flip-y': () => flipSelection(true),
  bend: toggleBend,
  copy: copySelection,
  paste: pasteFromClipboard,
  'erase-object': () => eraseObject(selectedObjectMask()),
  'recolor-object': () => recolorRegion(state.region),
  sketch: () => importLayer('sketch'),
  subtract: () => setSubtracting(!state.subtracting),
  erase: eraseObject,
  clear: clearMask,
  invert: invertMask,
  'last-mask': restoreMask,
  import: async () => {
    const file = await chooseFile(MASK_TYPES);
    if (file && state.doc) await loadMask(file);
  },
  export: saveMask,
  coarser: () => resizeGrid(-1),
  finer: () => resizeGrid(1),
  colors: () => importLayer('colors'),
  all: () => {
    setTool('area');
    selectAll();
  },
  none: selectNothing,
  'add-person': addPerson,
  'remove-person': removePerson,
  next: selectNextPerson,
  joint: toggleJoint,
  'zoom-in': () => zoomBy(ZOOM_STEP),
  'zoom-out': () => zoomBy(1 / ZOOM_STEP),
  fit: () => setView(WHOLE_PICTURE),
  shortcuts: toggleShortcuts,
};

container.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button || button.disabled || !(state.doc || button.dataset.do === 'shortcuts')) return;
  if (button.dataset.tool) setTool(button.dataset.tool);
  else if (button.dataset.do) ACTIONS[button.dataset.do]();
  else if (button.dataset.cell) useToolOnCell(Number(button.dataset.cell));
});

$('.lc-size').addEventListener('input', (event) => { sizes[tool] = Number(event.target.value); });
$('.lc-joint').addEventListener('change', (event) => selectJoint(Number(event.target.value)));
colorInput.addEventListener('change', () => { if (hasGrid() && tool !== 'fill') setTool('cell'); });

for (const input of $$('[data-shift]')) {
  input.addEventListener('input', () => shiftColors(false));
  input.addEventListener('change', () => shiftColors(true));
}

for (const checkbox of $$('[data-show]')) {
  checkbox.addEventListener('change', () => {
    root.classList.toggle(`no-${checkbox.dataset.show}`, !checkbox.checked);
    if (state.doc) drawSketch();
  });
}

$('.lc-mood').addEventListener('change', (event) => {
  const { value, selectedOptions: [option] } = event.target;
  event.target.selectedIndex = 0;
  if (value) applyMood(value, option.textContent);
});

root.canvas = { snapshot, restore, onchange: onHistoryChange, undo, redo, setPictures };
showUnderlay();
new ResizeObserver(() => { if (state.doc) drawSketch(); }).observe(stage);
gradio.watch('value', onServerValue);
setTool('pen');
load(componentValue());
