// The history: recent decodes, and edited work that was replaced by another image. Stored in the browser, newest first.
const HISTORY_KEY = 'trilayer.history', CLEARED_KEY = 'trilayer.history.cleared', MAX_ENTRIES = 30, THUMBNAIL_SIDE = 112, MAX_THUMBNAIL = 40000;

const isValid = (entry) => Boolean(entry) && typeof entry.name === 'string' && typeof entry.what === 'string'
  && (typeof entry.t === 'string' || Array.isArray(entry.state))
  && typeof entry.thumb === 'string' && entry.thumb.startsWith('data:image/') && entry.thumb.length <= MAX_THUMBNAIL;

function readEntries() {
  try {
    const entries = JSON.parse(localStorage.getItem(HISTORY_KEY));
    return Array.isArray(entries) ? entries.filter(isValid).slice(0, MAX_ENTRIES) : [];
  } catch { return []; }
}

// Drops the oldest entries if the storage is full.
function storeEntries(entries) {
  for (let n = entries.length; n >= 0; n = n > 0 ? Math.floor(n * 0.8) : -1) {
    try { localStorage.setItem(HISTORY_KEY, JSON.stringify(entries.slice(0, n))); break; } catch { /* try fewer */ }
  }
  showEntries();
}

const readCleared = () => { try { return localStorage.getItem(CLEARED_KEY); } catch { return null; } };

// Clears the history. It can be had back until the next entry is added.
function clearHistory() {
  if (!readEntries().length) return;
  try { localStorage.setItem(CLEARED_KEY, localStorage.getItem(HISTORY_KEY) ?? '[]'); } catch { return; }
  storeEntries([]);
}

function undoClear() {
  const cleared = readCleared();
  if (cleared === null) return;
  try { localStorage.removeItem(CLEARED_KEY); localStorage.setItem(HISTORY_KEY, cleared); } catch { /* not allowed */ }
  showEntries();
}

function addEntry(entry) {
  try { localStorage.removeItem(CLEARED_KEY); } catch { /* not allowed */ }
  const isSame = (other) => other.t && other.t === entry.t && other.seed === entry.seed && other.decoder === entry.decoder;
  storeEntries([entry, ...readEntries().filter((other) => !isSame(other))].slice(0, MAX_ENTRIES));
}

function thumbnail(width, height, draw) {
  const canvas = document.createElement('canvas'), scale = THUMBNAIL_SIDE / Math.max(width, height);
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  draw(canvas.getContext('2d'), canvas.width, canvas.height);
  return canvas.toDataURL('image/webp', 0.7);
}

// Draws the cells and strokes of a canvas's value.
const drawingThumbnail = (value) => thumbnail(value.width, value.height, (ctx, w, h) => {
  ctx.fillStyle = '#f4f1ea';
  ctx.fillRect(0, 0, w, h);
  const { rows, cols, colors } = value.grid ?? { rows: 1, cols: 1, colors: [] };
  colors.forEach((hex, i) => { ctx.fillStyle = hex; ctx.fillRect(i % cols * w / cols, Math.floor(i / cols) * h / rows, w / cols + 1, h / rows + 1); });
  ctx.strokeStyle = '#1c1917';
  ctx.beginPath();
  for (const s of value.strokes ?? []) for (let i = 0; i < s.length; i += 2) ctx[i ? 'lineTo' : 'moveTo'](s[i] * w / value.width, s[i + 1] * h / value.height);
  ctx.stroke();
});

function showEntries() {
  const section = document.querySelector('#history .tl-history');
  if (!section) return;
  const entries = readEntries();
  const canUndo = !entries.length && readCleared() !== null;
  section.hidden = !entries.length && !canUndo;
  section.querySelector('.tl-forget').hidden = !entries.length;
  section.querySelector('.tl-unforget').hidden = !canUndo;
  section.querySelector('.tl-past').replaceChildren(...entries.map((entry) => {
    const button = document.createElement('button'), picture = document.createElement('img'), text = document.createElement('span');
    const time = new Date(entry.at).toLocaleString([], { dateStyle: 'short', timeStyle: 'short' });
    button.type = 'button';
    button.title = `${entry.name}, ${entry.what}, ${time}`;
    picture.src = entry.thumb;
    picture.alt = `Restore ${entry.name},`;
    text.textContent = entry.what;
    button.append(picture, text);
    button.addEventListener('click', () => {
      const { t, state, name, seed, decoder } = entry;
      window.trilayer.open(state ? { state } : { t, name, seed, decoder });
    });
    const item = document.createElement('li');
    item.append(button);
    return item;
  }));
}

Object.assign(window.trilayer, {
  // Adds a finished decode, with a thumbnail of the file `result`. An event of the page calls this, see events.py.
  async addDecode(record, result) {
    if (!record || !result) return;
    const picture = new Image();
    picture.src = result.url;
    try { await picture.decode(); } catch { return; }
    const thumb = thumbnail(picture.naturalWidth, picture.naturalHeight, (ctx, w, h) => { ctx.imageSmoothingQuality = 'high'; ctx.drawImage(picture, 0, 0, w, h); });
    addEntry({ ...record, at: Date.now(), thumb });
  },

  // Adds edited work that another image has replaced. saves.js calls this.
  addEdited(state) {
    const [value] = state;
    try { addEntry({ state, name: String(value.name), what: 'edited', at: Date.now(), thumb: drawingThumbnail(value) }); } catch { /* not a value of the canvas */ }
  },
});

addEventListener('storage', (e) => { if (e.key === HISTORY_KEY) showEntries(); });
document.addEventListener('click', (e) => {
  if (e.target.closest?.('.tl-forget')) clearHistory();
  if (e.target.closest?.('.tl-unforget')) undoClear();
});
new MutationObserver((_, observer) => { if (document.querySelector('#history .tl-history')) { observer.disconnect(); showEntries(); } })
  .observe(document.documentElement, { childList: true, subtree: true });
