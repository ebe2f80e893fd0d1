// Which button does what, and the first load. Runs last.

const DO = {
  undo, redo, delete: () => (joint && tool === 'pose' ? toggleJoint() : deleteSelected()), front: bringFirst,
  erase: eraseMasked, clear: clearMask, invert: invertMask, again: sameMask, 'take-away': () => setTakeAway(!takeAway),
  export: saveMask, import: async () => { const file = await choose(PICTURES); if (file && doc) await loadMask(file); },
  finer: () => regrid(1), coarser: () => regrid(-1), all: () => { setTool('area'); selectAll(); }, none: selectNone,
  sketch: () => borrow('sketch'), colors: () => borrow('colors'),
  person: addPerson, unperson: removePerson, joint: toggleJoint, next: nextPerson,
  sheet: showSheet,
  'zoom-in': () => zoom(ZOOM_STEP), 'zoom-out': () => zoom(1 / ZOOM_STEP), fit: () => show({ k: 1, x: 0, y: 0 }),
};

element.addEventListener('click', (e) => {
  const b = e.target.closest('button');
  if (!b || b.disabled || !(doc || b.dataset.do === 'sheet')) return;
  if (b.dataset.tool) setTool(b.dataset.tool);
  else if (b.dataset.do) DO[b.dataset.do]();
  else if (b.dataset.cell) useCell(Number(b.dataset.cell));
});

$('.lc-size').addEventListener('input', (e) => { sizes[tool] = Number(e.target.value); });
$('.lc-joint').addEventListener('change', (e) => { joint = { person: person(), number: Number(e.target.value) }; refresh(); drawSketch(); });
color.addEventListener('change', () => { if (hasGrid() && tool !== 'fill') setTool('cell'); });
for (const input of $$('[data-shift]')) {
  input.addEventListener('input', () => shiftColors(false));
  input.addEventListener('change', () => shiftColors(true));
}
for (const box of $$('[data-show]')) box.addEventListener('change', () => { root.classList.toggle(`no-${box.dataset.show}`, !box.checked); if (doc) drawSketch(); });

root.canvas = { snapshot: now, restore, onchange: (f) => listeners.push(f), undo, redo };
new ResizeObserver(() => { if (doc) drawSketch(); }).observe(stage);
watch('value', arrive);
setTool('pen');
load(given());
