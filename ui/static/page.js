// Keyboard shortcuts, the phone layout and dropped files.
document.documentElement.lang = 'en';
document.addEventListener('keydown', (e) => {
  if (!(e.ctrlKey || e.metaKey)) return;
  const id = { Enter: 'decode', s: 'save', o: 'open' }[e.key];
  const button = id && (document.querySelector(`button#${id}`) || document.querySelector(`#${id} button`));
  if (!button) return;
  e.preventDefault();
  button.click();
}, true);

// On a phone the Decode button stays in view (page.css), but the picture may not be.
document.addEventListener('click', (e) => {
  if (!e.target.closest('#decode') || !matchMedia('(max-width: 700px)').matches) return;
  document.querySelector('#compare').scrollIntoView({ block: 'start' });
});

// A click on the picture chooses another one, as a click on the empty box does.
document.addEventListener('click', (e) => {
  if (e.target.closest('#picture img')) document.querySelector('#open').click();
});

// Gradio's checkboxes have no tooltips.
const TOOLTIPS = [
  ['.tl-eye label', 'Use this layer for decoding. It stays in the file either way.'],
  ['.tl-lock label', 'Keep this layer as it is when the byte budget changes.'],
];
document.addEventListener('pointerover', (e) => {
  for (const [selector, title] of TOOLTIPS) {
    const label = e.target.closest?.(selector);
    if (label) label.title = title;
  }
});

// Files may be dropped anywhere. Files with layers are opened; any other file goes to the image box, which reports
// unsupported types. Without this, the browser would leave the page and show the file.
function openFile(file) {
  const hasLayers = /\.(tril|zip)$/i.test(file.name);
  const input = document.querySelector(`${hasLayers ? '#top-buttons' : '#picture'} input[type=file]`);
  if (!input) return;
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
  input.dispatchEvent(new Event('change', { bubbles: true }));
}

const hasFiles = (e) => Boolean(e.dataTransfer && e.dataTransfer.types.includes('Files'));
document.addEventListener('dragover', (e) => { if (hasFiles(e)) e.preventDefault(); }, true);
document.addEventListener('drop', (e) => {
  if (!hasFiles(e)) return;
  e.preventDefault();
  const file = e.dataTransfer.files[0];
  if (!file) return;
  e.stopPropagation();
  e.target.dispatchEvent(new DragEvent('dragleave', { bubbles: true })); // ends the highlight of the box below
  openFile(file);
}, true);
document.addEventListener('paste', (e) => {
  const file = e.clipboardData?.files[0];
  if (!file) return;
  e.preventDefault();
  e.stopPropagation();
  openFile(file);
}, true);
