// The list of keyboard shortcuts: those of the buttons, and those without a button.

import { $, $$, TEXT_FIELDS, root } from './host.mjs';

const OTHER_SHORTCUTS = [
  ['Ctrl+Enter', 'Decode'],
  ['Ctrl+S', 'Save .tril'],
  ['Ctrl+O', 'Open .tril'],
  ['?', 'Show or hide this list'],
  ['Tab', 'From the tools to the picture, then to its color cells'],
  ['Arrows', 'On the picture: move a cursor; with Shift, farther'],
  ['Enter, Space', 'Start or stop drawing at the cursor'],
  ['Ctrl+Arrows', 'Move the selected strokes or joint'],
  ['Alt+Arrows', 'Left and right turn the selection, up and down scale it'],
  ['[ and ]', 'Smaller or larger brush; with Pose, person'],
  ['Escape', 'Cancel stroke; deselect'],
  ['Shift+Click', 'Add to a selection of strokes or cells'],
  ['Alt', 'Mask tools subtract once; Cell and Fill pick a color'],
  ['Ctrl+Wheel, pinch', 'Zoom; a plain wheel zooms after a click on the picture'],
  ['Middle button', 'Pan the zoomed picture'],
];
const dialog = $('.lc-shortcuts');

export function toggleShortcuts() {
  if (dialog.open) {
    dialog.close();
    return;
  }
  const rows = [...OTHER_SHORTCUTS, ...$$('button[aria-keyshortcuts]').map(buttonShortcut)];
  const unique = new Map(rows.map((row) => [row.join('\n'), row]));
  dialog.querySelector('tbody').replaceChildren(...[...unique.values()].map(tableRow));
  dialog.showModal();
}

// Return [keys, description] of a button, whose title ends with its keys in parentheses.
function buttonShortcut(button) {
  const keys = button.getAttribute('aria-keyshortcuts').replace('Control', 'Ctrl');
  return [keys, button.title.replace(/ \([^()]*\)$/, '')];
}

function tableRow([keys, description]) {
  const row = document.createElement('tr'), header = document.createElement('th');
  const text = document.createElement('td'), kbd = document.createElement('kbd');
  header.scope = 'row';
  kbd.textContent = keys;
  text.textContent = description;
  header.append(kbd);
  row.append(header, text);
  return row;
}

dialog.addEventListener('click', (event) => {
  if (event.target === dialog || event.target.closest('button')) dialog.close();
});

document.addEventListener('keydown', (event) => {
  if (event.key !== '?' || event.ctrlKey || event.metaKey || event.altKey || !root.isConnected) return;
  if (event.target.closest?.(TEXT_FIELDS)) return;
  event.preventDefault();
  toggleShortcuts();
});
