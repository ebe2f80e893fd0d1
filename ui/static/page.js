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

// Files may be dropped anywhere. A .tril file is opened; any other file goes to the image box, which reports unsupported
// types. Without this, the browser would leave the page and show the file.
function openFile(file) {
  const isTril = /\.tril$/i.test(file.name);
  const input = document.querySelector(`${isTril ? '#top-buttons' : '#picture'} input[type=file]`);
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
