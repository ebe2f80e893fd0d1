// The sheet of shortcuts, by ? or its button: what the buttons say of themselves, and what no button does.

const OTHERS = [
  ['Ctrl+Enter', 'Decode'], ['Ctrl+S', 'Save .tril'], ['Ctrl+O', 'Open .tril'], ['?', 'This sheet'],
  ['Tab', 'From the tools to the picture, then to its color cells'], ['Arrows', 'On the picture: move a cursor; with Shift, further'],
  ['Enter, Space', 'Put the tool down at the cursor, and lift it again'], ['Ctrl+Arrows', 'Move the selected strokes or joint'],
  ['[ and ]', 'Smaller or larger brush; with Pose, person'], ['Escape', 'Give up the stroke; select nothing'],
  ['Shift+Click', 'Add to a selection of strokes or cells'], ['Alt', 'Mask tools take away for once; Cell and Fill pick a color'],
  ['Ctrl+Wheel, pinch', 'Zoom; a plain wheel does once the picture was clicked'], ['Middle button', 'Move the picture while zoomed in'],
];
const sheet = $('.lc-sheet');

function row([keys, what]) {
  const line = document.createElement('tr'), cell = document.createElement('th'), text = document.createElement('td'), key = document.createElement('kbd');
  cell.scope = 'row'; key.textContent = keys; text.textContent = what;
  cell.append(key); line.append(cell, text);
  return line;
}

function showSheet() {
  if (sheet.open) { sheet.close(); return; }
  const own = $$('button[aria-keyshortcuts]').map((b) => [b.getAttribute('aria-keyshortcuts').replace('Control', 'Ctrl'), b.title.replace(/ \([^()]*\)$/, '')]);
  const seen = new Set();
  sheet.querySelector('tbody').replaceChildren(...[...OTHERS, ...own].filter(([k, what]) => !seen.has(k + what) && seen.add(k + what)).map(row));
  sheet.showModal();
}

sheet.addEventListener('click', (e) => { if (e.target === sheet || e.target.closest('button')) sheet.close(); });
document.addEventListener('keydown', (e) => {
  if (e.key !== '?' || e.ctrlKey || e.metaKey || e.altKey || !root.isConnected) return;
  if (e.target.closest?.('textarea, select, [contenteditable], input:not([type=range]):not([type=checkbox]):not([type=radio])')) return;
  e.preventDefault();
  showSheet();
});
