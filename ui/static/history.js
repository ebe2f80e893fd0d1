// The history: recent decodes, and edited work that was replaced by another image. Stored in the browser, newest first.
const HISTORY_KEY = 'trilayer.history', CLEARED_KEY = 'trilayer.history.cleared', MAX_ENTRIES = 30, THUMBNAIL_SIDE = 112, MAX_THUMBNAIL = 40000;


// The pictures of the entries are too large for the local storage. Where there is no IndexedDB, entries have none.
const database = () => new Promise((resolve, reject) => {
  const request = indexedDB.open('trilayer', 1);
  request.onupgradeneeded = () => request.result.createObjectStore('pictures');
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

async function usePictures(mode, use) {
  try {
    const db = await database(), transaction = db.transaction('pictures', mode);
    const request = use(transaction.objectStore('pictures'));
    await new Promise((resolve, reject) => { transaction.oncomplete = resolve; transaction.onabort = transaction.onerror = reject; });
    db.close();
    return request.result ?? null;
  } catch { return null; }
}

const storePicture = (id, picture) => usePictures('readwrite', (store) => store.put(picture, id));
const readPicture = (id) => usePictures('readonly', (store) => store.get(id));

// Removes the pictures of entries that are no longer in the history. A cleared history can be restored, so its pictures stay.
async function prunePictures(ids) {
  const stored = await usePictures('readonly', (store) => store.getAllKeys());
  const unused = (stored ?? []).filter((id) => !ids.includes(id));
  if (unused.length) await usePictures('readwrite', (store) => unused.map((id) => store.delete(id)).at(-1));
}

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

// Clears the history. It can be restored until the next entry is added.
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
  storeEntries([entry, ...readEntries().filter((other) => !other.id || other.id !== entry.id)].slice(0, MAX_ENTRIES));
  prunePictures(readEntries().map((other) => other.id));
}

async function openEntry({ id, t, state, name, seed, decoder }) {
  if (state) window.trilayer.open({ state });
  else window.trilayer.open({ t, name, seed, decoder, picture: id ? await readPicture(id) : null });
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
    button.addEventListener('click', () => openEntry(entry));
    const item = document.createElement('li');
    item.append(button);
    return item;
  }));
}

Object.assign(window.trilayer, {
  // Adds finished decodes with their pictures. An event of the page calls this, see events.py. Those of a series come
  // again with each further one.
  async addDecodes(records) {
    const added = new Set(records?.length > 1 ? readEntries().map(({ id }) => id) : []);
    for (const { picture, ...record } of (records ?? []).filter(({ id }) => !added.has(id))) {
      const image = new Image();
      image.src = picture;
      try { await image.decode(); } catch { continue; }
      const thumb = thumbnail(image.naturalWidth, image.naturalHeight, (ctx, w, h) => { ctx.imageSmoothingQuality = 'high'; ctx.drawImage(image, 0, 0, w, h); });
      await storePicture(record.id, picture);
      addEntry({ ...record, at: Date.now(), thumb });
    }
  },

  // Adds edited work that another image has replaced, in place of an entry with the same id. saves.js calls this.
  addEdited(state, id) {
    const [value] = state;
    try { addEntry({ id, state, name: String(value.name), what: 'edited', at: Date.now(), thumb: drawingThumbnail(value) }); } catch { /* not a value of the canvas */ }
  },
});

addEventListener('storage', (e) => { if (e.key === HISTORY_KEY) showEntries(); });
document.addEventListener('click', (e) => {
  const kept = e.target.closest?.('[data-entry]');
  const entry = kept && readEntries().find(({ id }) => id === kept.dataset.entry);
  if (entry) openEntry(entry);
  if (e.target.closest?.('.tl-forget')) clearHistory();
  if (e.target.closest?.('.tl-unforget')) undoClear();
});
new MutationObserver((_, observer) => { if (document.querySelector('#history .tl-history')) { observer.disconnect(); showEntries(); } })
  .observe(document.documentElement, { childList: true, subtree: true });
