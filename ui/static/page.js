document.documentElement.lang = 'en';
document.addEventListener('keydown', (e) => {
  if (!(e.ctrlKey || e.metaKey)) return;
  const id = { Enter: 'decode', s: 'save', o: 'open' }[e.key];
  const button = id && (document.querySelector(`button#${id}`) || document.querySelector(`#${id} button`));
  if (!button) return;
  e.preventDefault();
  button.click();
}, true);

// On a phone the button stays in sight (page.css), and what it makes is elsewhere.
document.addEventListener('click', (e) => {
  if (!e.target.closest('#decode') || !matchMedia('(max-width: 700px)').matches) return;
  document.querySelector('#compare').scrollIntoView({ block: 'start' });
});

// A file may be dropped anywhere: a .tril is opened, anything else goes to the image box, which says
// what it takes. Without this a browser leaves the page for the file.
const brings = (e) => Boolean(e.dataTransfer && e.dataTransfer.types.includes('Files'));
document.addEventListener('dragover', (e) => { if (brings(e)) e.preventDefault(); }, true);
document.addEventListener('drop', (e) => {
  if (!brings(e)) return;
  e.preventDefault();
  const file = e.dataTransfer.files[0];
  if (!file) return;
  const ours = /\.tril$/i.test(file.name);
  e.stopPropagation();
  e.target.dispatchEvent(new DragEvent('dragleave', { bubbles: true })); // no box waits for the file
  const input = document.querySelector(`${ours ? '#top-buttons' : '#picture'} input[type=file]`);
  if (!input) return;
  const one = new DataTransfer();
  one.items.add(file);
  input.files = one.files;
  input.dispatchEvent(new Event('change', { bubbles: true }));
}, true);
