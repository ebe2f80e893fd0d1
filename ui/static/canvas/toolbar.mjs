// The choice of a tool, and its options.

import { hideBrush } from './brush_ring.mjs';
import { $, $$, root } from './host.mjs';
import { announce } from './messages.mjs';
import { selectedStrokes, state } from './state.mjs';
import { TOOLS, sizes } from './tool_registry.mjs';
import { drawSketch, updateControls } from './updates.mjs';

export let tool = 'pen';
export let chosenTool = 'pen'; // by the person; comes back with the next picture on which it can be used

export function setTool(name) {
  const previous = tool;
  tool = root.dataset.tool = chosenTool = name;
  for (const button of $$('button[data-tool]')) {
    button.setAttribute('aria-pressed', String(button.dataset.tool === name));
    if (button.dataset.tool === name) scrollToTool(button);
  }
  for (const options of $$('[data-for]')) options.hidden = !options.dataset.for.split(' ').includes(name);
  showSizeSlider(name);
  $('.lc-tool-name').textContent = TOOLS[name].name;
  if (previous === name || !state.doc) return;
  if (!['select', 'object'].includes(name) && (selectedStrokes.size || state.region)) {
    selectedStrokes.clear();
    state.region = null;
    updateControls();
  }
  if (!state.openRequests) announce('');
  hideBrush();
  drawSketch();
}

// Scroll the bar, which is wider than a phone, to a tool. The page itself must not scroll.
function scrollToTool(button) {
  const bar = $('.lc-toolbar'), margin = $('.lc-undo').parentElement.offsetWidth + 8;
  const { left, right } = button.getBoundingClientRect(), box = bar.getBoundingClientRect();
  if (left < box.left + margin) bar.scrollLeft += left - box.left - margin;
  else if (right > box.right) bar.scrollLeft += right - box.right + margin;
}

// Call a function that may set another tool for now.
export function keepChosenTool(change) {
  const chosen = chosenTool;
  change();
  chosenTool = chosen;
}

function showSizeSlider(name) {
  const [label, min, max, initial] = TOOLS[name].size ?? [], input = $('.lc-size');
  $('.lc-size-label').hidden = !label;
  if (!label) return;
  sizes[name] ??= initial;
  Object.assign(input, { min, max, value: sizes[name] });
  $('.lc-size-label span').textContent = label;
  input.setAttribute('aria-label', `${label} of ${TOOLS[name].name}`);
}
