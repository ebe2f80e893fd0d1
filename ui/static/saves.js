// What this browser keeps of the work under way, and what it brings back: that, or the image in a link.
// In the tab's own storage, so that two tabs do not mix, and in the browser's for when the tab is gone.
const KEPT = 'trilayer.kept', VERSION = 1, LONGEST_LINK = 100000;
const stores = () => [window.sessionStorage, window.localStorage];
const each = (what) => {
  for (const n of [0, 1]) { try { what(stores()[n]); } catch { /* full, or not allowed here: then there is no copy */ } }
};
const look = (n) => {
  try {
    const found = JSON.parse(stores()[n].getItem(KEPT));
    return found && found.version === VERSION && Array.isArray(found.state) ? found : null;
  } catch { return null; }
};

const forget = () => each((store) => store.removeItem(KEPT));

// The image in the address, `?t=` or `#t=`. It is taken out of it: a reload brings what was made of it since.
function linked() {
  const url = new URL(location.href), inside = new URLSearchParams(url.hash.slice(1));
  const t = url.searchParams.get('t') ?? inside.get('t');
  if (t === null) return null;
  url.searchParams.delete('t');
  if (inside.has('t')) url.hash = '';
  history.replaceState(null, '', url);
  return { t: t.slice(0, LONGEST_LINK) };
}

let began = null, last = null, edited = false, pending;
const parsed = ([text, ...fields]) => [text ? JSON.parse(text) : null, ...fields];
const mark = ([value, ...fields]) => JSON.stringify([value && value.load, value && value.rev, ...fields]);

Object.assign(window.trilayer, {
  // What the page starts with; that is no work to keep.
  began(...now) { began = mark(parsed(now)); },

  keep(...inputs) {
    const now = parsed(inputs);
    if (mark(now) === began) return;
    began = null;
    const [value] = now;
    const another = Boolean(last && value && value.load !== last[0].load && !value.keep_history);
    if (another && edited) window.trilayer.replaced(last);
    edited = Boolean(value && (value.rev > 0 || value.keep_history || (edited && !another)));
    last = value ? now : null;
    const text = JSON.stringify({ version: VERSION, at: Date.now(), state: now });
    each((store) => store.setItem(KEPT, text));
  },

  // What the server is asked to open: {} for nothing.
  incoming(_, ...others) {
    const given = pending;
    pending = {};
    return [given ?? linked() ?? look(0) ?? look(1) ?? {}, ...others];
  },

  bring(what) {
    pending = what;
    document.querySelector('#bring').click();
  },

  // The link goes to the clipboard, or else into the address bar. Long ones stay off the wire: servers refuse them.
  async copyLink(link) {
    if (!link) return link;
    const url = new URL(location.pathname, location.href);
    if (link.t.length > link.most) url.hash = `t=${link.t}`; else url.searchParams.set('t', link.t);
    try { await navigator.clipboard.writeText(url.href); return link.copied; } catch { history.replaceState(null, '', url); return link.shown; }
  },

  startOver() {
    forget();
    location.assign(location.pathname);
  },

  forget,
});

document.addEventListener('click', (e) => {
  const example = e.target.closest?.('[data-example]'), fresh = e.target.closest?.('.tl-new button');
  if (example) window.trilayer.bring({ example: example.dataset.example });
  if (fresh) window.trilayer.bring({ empty: fresh.parentElement.querySelector('select').value.split(',').map(Number) });
});
window.addEventListener('hashchange', () => { const found = linked(); if (found) window.trilayer.bring(found); });
