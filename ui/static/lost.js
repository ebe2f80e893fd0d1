// What the server cannot say, because it is not there or it was Gradio that refused: in the status box, as
// everything else, in place of Gradio's notices in a corner (hidden by page.css). The server's next word replaces it.
// When the server is back Gradio loads the page anew, and the work that is kept is open again.
const GONE = 'The server does not answer. Your work is kept in this browser, and is open again when the server is back: this page looks for it.';
const FULL = 'Many pictures are being worked on here just now. Your work is kept; try again in a minute.';
const box = document.querySelector('#status');
const said = document.createElement('div');
let gone = false, refused = false, leaving = false;

said.id = 'lost';
said.hidden = true;
box.append(said);

function say(text) {
  const line = document.createElement('p');
  line.textContent = text;
  said.innerHTML = '<div class="tl-status tl-bad" role="alert"></div>';
  said.firstChild.append(line);
  said.hidden = false;
  box.classList.add('tl-said');
}

function lost() {
  if (!gone) say(GONE);
  gone = true;
}

new MutationObserver((changes) => {
  if (gone || changes.every(({ target }) => target === box || said.contains(target))) return;
  refused = false;
  said.hidden = true;
  box.classList.remove('tl-said');
}).observe(box, { subtree: true, childList: true, characterData: true });

// Gradio's words, but where they are about our limits.
const large = (text) => text.replace(/^File\(s\) exceed the maximum allowed size of ([\d.]+?)(?:\.0)? Mb: (.*)$/,
  'Too large: $2. A file may have $1 MB here; choose a smaller one.');

new MutationObserver(() => {
  for (const notice of document.querySelectorAll('.toast-body:not([data-said])')) {
    notice.dataset.said = '';
    if (!gone && !refused) say(large((notice.querySelector('[data-testid=toast-text]') ?? notice).textContent.trim()));
  }
}).observe(document.body, { subtree: true, childList: true });

const real = window.fetch;
const ours = (what) => new URL(what instanceof Request ? what.url : what, location.href).origin === location.origin;
addEventListener('beforeunload', () => { leaving = true; }); // then requests end as if there were no server

// A request that is too large, or one too many: the server says which, Gradio would not. What a proxy says for a
// server that is gone is not in our words.
async function turnedDown(answer) {
  const { error, detail } = await answer.json().catch(() => ({}));
  const full = /^Queue is full/.test(detail), text = full ? FULL : error;
  if (typeof text !== 'string' || !text) { if (answer.status > 500) lost(); return; }
  gone = false;
  refused = true;
  say(`${text[0].toUpperCase()}${text.slice(1)}`);
}

window.fetch = async (what, ...more) => {
  try {
    const answer = await real(what, ...more);
    if (ours(what)) {
      if ([413, 429, 502, 503, 504].includes(answer.status)) await turnedDown(answer.clone()); else gone = false;
    }
    return answer;
  } catch (error) {
    if (error instanceof TypeError && ours(what) && !leaving) lost();
    throw error;
  }
};
