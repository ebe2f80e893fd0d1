// Stores the user's work in the browser and restores it, or opens the image in a link.
// The session storage keeps the work of each tab apart; the local storage keeps a copy in case the tab is closed.
const WORK_KEY = 'trilayer.kept', TAB_KEY = 'trilayer.tab', VERSION = 1, MAX_LINK = 100000;
const storages = () => [window.sessionStorage, window.localStorage];
const forEachStorage = (action) => {
  for (const n of [0, 1]) { try { action(storages()[n]); } catch { /* full or disabled: no copy is stored */ } }
};
const readWork = (n) => {
  try {
    const work = JSON.parse(storages()[n].getItem(WORK_KEY));
    return work && work.version === VERSION && Array.isArray(work.state) ? work : null;
  } catch { return null; }
};

// The name of this tab, which shows whether the copy in the local storage belongs to it.
function tabName() {
  try {
    if (!sessionStorage.getItem(TAB_KEY)) sessionStorage.setItem(TAB_KEY, crypto.randomUUID?.() ?? String(Math.random()));
    return sessionStorage.getItem(TAB_KEY);
  } catch { return ''; }
}

const forgetWork = () => forEachStorage((storage) => storage.removeItem(WORK_KEY));

// Returns a request for the image in the address (`?t=` or `#t=`), and removes it from the address, so that a reload opens
// the edited work instead.
function takeLink() {
  const url = new URL(location.href), fragment = new URLSearchParams(url.hash.slice(1));
  const t = url.searchParams.get('t') ?? fragment.get('t');
  if (t === null) return null;
  url.searchParams.delete('t');
  if (fragment.has('t')) url.hash = '';
  history.replaceState(null, '', url);
  return { t: t.slice(0, MAX_LINK) };
}

let initialWork = null, lastState = null, isEdited = false, pendingRequest;
const parse = ([canvas, ...fields]) => [canvas ? JSON.parse(canvas) : null, ...fields];
const fingerprint = ([canvas, ...fields]) => JSON.stringify([canvas && canvas.load, canvas && canvas.rev, ...fields]);

// These functions are called by events of the page, see events.py.
Object.assign(window.trilayer, {
  // Sets the values at the start; these are not stored.
  setInitialWork(...values) { initialWork = fingerprint(parse(values)); },

  storeWork(...values) {
    const state = parse(values);
    if (fingerprint(state) === initialWork) return;
    initialWork = null;
    const [canvas] = state;
    const isReplaced = Boolean(lastState && canvas && canvas.load !== lastState[0].load && !canvas.keep_history);
    if (isReplaced && isEdited) window.trilayer.addEdited(lastState);
    isEdited = Boolean(canvas && (canvas.rev > 0 || canvas.keep_history || (isEdited && !isReplaced)));
    lastState = canvas ? state : null;
    const text = JSON.stringify({ version: VERSION, at: Date.now(), tab: tabName(), state });
    forEachStorage((storage) => storage.setItem(WORK_KEY, text));
  },

  // Replaces the last input by a request that tells the server what to open; {} for nothing.
  takeRequest(...inputs) {
    const request = pendingRequest;
    pendingRequest = {};
    return [...inputs.slice(0, -1), request ?? takeLink() ?? readWork(0) ?? readWork(1) ?? {}];
  },

  // Asks the server to open something, see SaveHandlers.restore.
  open(request) {
    pendingRequest = request;
    document.querySelector('#restore').click();
  },

  // Copies the link to the clipboard, or else puts it into the address bar. Returns the status. A long link is put into the
  // fragment, which is not sent to servers, since these refuse long addresses.
  async copyLink(link) {
    if (!link) return link;
    const url = new URL(location.pathname, location.href);
    if (link.t.length > link.maxQuery) url.hash = `t=${link.t}`; else url.searchParams.set('t', link.t);
    try { await navigator.clipboard.writeText(url.href); return link.copied; } catch { history.replaceState(null, '', url); return link.shown; }
  },

  // The work goes into the history.
  startOver() {
    const state = lastState ?? readWork(0)?.state;
    if (state) window.trilayer.addEdited(state);
    forgetWork();
    location.assign(location.pathname);
  },
});

// A tab that is closed leaves its edited work in the history if another tab has replaced the copy in the local storage.
addEventListener('pagehide', () => {
  const other = readWork(1)?.tab;
  if (isEdited && lastState && other && other !== tabName()) window.trilayer.addEdited(lastState, `tab ${tabName()}`);
});

document.addEventListener('click', (e) => {
  const example = e.target.closest?.('[data-example]'), create = e.target.closest?.('.tl-new button');
  if (example) window.trilayer.open({ example: example.dataset.example });
  if (create) window.trilayer.open({ empty: create.parentElement.querySelector('select').value.split(',').map(Number) });
});
window.addEventListener('hashchange', () => { const request = takeLink(); if (request) window.trilayer.open(request); });
