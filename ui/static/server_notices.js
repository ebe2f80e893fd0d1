// Messages for when the server is unreachable or Gradio itself refuses a request. They replace the content of the status
// box until its next update; page.css hides Gradio's own notices. When the server is back, Gradio reloads the page, which
// restores the stored work.
const UNREACHABLE = 'The server does not answer. Your work is stored in this browser and opens again when the server is back: this page keeps trying.';
const QUEUE_FULL = 'The server is busy with many pictures. Your work is safe; try again in a minute.';
const statusBox = document.querySelector('#status');
const notice = document.createElement('div');
let isUnreachable = false, isRefused = false, isLeaving = false;

notice.id = 'lost';
notice.hidden = true;
statusBox.append(notice);

function show(text) {
  const line = document.createElement('p');
  line.textContent = text;
  notice.innerHTML = '<div class="tl-status tl-bad" role="alert"></div>';
  notice.firstChild.append(line);
  notice.hidden = false;
  statusBox.classList.add('tl-said');
}

function showUnreachable() {
  if (!isUnreachable) show(UNREACHABLE);
  isUnreachable = true;
}

new MutationObserver((changes) => {
  if (isUnreachable || changes.every(({ target }) => target === statusBox || notice.contains(target))) return;
  isRefused = false;
  notice.hidden = true;
  statusBox.classList.remove('tl-said');
}).observe(statusBox, { subtree: true, childList: true, characterData: true });

// Rewords Gradio's messages about upload limits; other messages stay unchanged.
const rephrase = (text) => text
  .replace(/^File\(s\) exceed the maximum allowed size of ([\d.]+?)(?:\.0)? Mb: (.*)$/,
    'Too large: $2. The limit is $1 MB; choose a smaller file.')
  .replace(/^Invalid file types?: .* Only image\/\* allowed\.$/, 'Choose a PNG, JPEG, WebP or AVIF.')
  .replace(/^Invalid file types?: .* Only \.tril, ?\.zip, ?image allowed\.$/, 'Choose a picture (PNG, JPEG, WebP, AVIF), a .tril file, or a .zip of layers.');

// Gradio groups messages that follow each other closely in one notice.
const shownMessages = new WeakSet();
new MutationObserver(() => {
  for (const message of document.querySelectorAll('[data-testid=toast-text]')) {
    if (shownMessages.has(message)) continue;
    shownMessages.add(message);
    if (!isUnreachable && !isRefused) show(rephrase(message.textContent.trim()));
  }
}).observe(document.body, { subtree: true, childList: true });

const originalFetch = window.fetch;
const isOwn = (request) => new URL(request instanceof Request ? request.url : request, location.href).origin === location.origin;
addEventListener('beforeunload', () => { isLeaving = true; }); // requests that fail from now on do not mean that the server is unreachable

// Shows why the server refused a request, which Gradio would not show. The error page of a proxy whose server is down has
// no such message.
async function showRefusal(response) {
  const { error, detail } = await response.json().catch(() => ({}));
  const text = /^Queue is full/.test(detail) ? QUEUE_FULL : error;
  if (typeof text !== 'string' || !text) { if (response.status > 500) showUnreachable(); return; }
  isUnreachable = false;
  isRefused = true;
  show(`${text[0].toUpperCase()}${text.slice(1)}`);
}

window.fetch = async (request, ...options) => {
  try {
    const response = await originalFetch(request, ...options);
    if (isOwn(request)) {
      if ([413, 429, 502, 503, 504].includes(response.status)) await showRefusal(response.clone()); else isUnreachable = false;
    }
    return response;
  } catch (error) {
    if (error instanceof TypeError && isOwn(request) && !isLeaving) showUnreachable();
    throw error;
  }
};
