// The last decodes, and edited work that something else replaced: in the browser's storage, newest first.
const PAST = 'trilayer.history', MOST = 30, SIDE = 112, MAX_THUMB = 40000;

const sound = (entry) => Boolean(entry) && typeof entry.name === 'string' && typeof entry.what === 'string'
  && (typeof entry.t === 'string' || Array.isArray(entry.state))
  && typeof entry.thumb === 'string' && entry.thumb.startsWith('data:image/') && entry.thumb.length <= MAX_THUMB;

function past() {
  try {
    const found = JSON.parse(localStorage.getItem(PAST));
    return Array.isArray(found) ? found.filter(sound).slice(0, MOST) : [];
  } catch { return []; }
}

// Where the storage is full, the oldest give way.
function store(entries) {
  for (let n = entries.length; n >= 0; n = n > 0 ? Math.floor(n * 0.8) : -1) {
    try { localStorage.setItem(PAST, JSON.stringify(entries.slice(0, n))); break; } catch { /* fewer, then */ }
  }
  show();
}

function add(entry) {
  const same = (other) => other.t && other.t === entry.t && other.seed === entry.seed && other.decoder === entry.decoder;
  store([entry, ...past().filter((other) => !same(other))].slice(0, MOST));
}

function thumbnail(width, height, draw) {
  const canvas = document.createElement('canvas'), scale = SIDE / Math.max(width, height);
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  draw(canvas.getContext('2d'), canvas.width, canvas.height);
  return canvas.toDataURL('image/webp', 0.7);
}

// Cells and strokes as the canvas has them.
const drawing = (value) => thumbnail(value.width, value.height, (ctx, w, h) => {
  ctx.fillStyle = '#f4f1ea';
  ctx.fillRect(0, 0, w, h);
  const { rows, cols, colors } = value.grid ?? { rows: 1, cols: 1, colors: [] };
  colors.forEach((hex, i) => { ctx.fillStyle = hex; ctx.fillRect(i % cols * w / cols, Math.floor(i / cols) * h / rows, w / cols + 1, h / rows + 1); });
  ctx.strokeStyle = '#1c1917';
  ctx.beginPath();
  for (const s of value.strokes ?? []) for (let i = 0; i < s.length; i += 2) ctx[i ? 'lineTo' : 'moveTo'](s[i] * w / value.width, s[i + 1] * h / value.height);
  ctx.stroke();
});

function show() {
  const section = document.querySelector('#history .tl-history');
  if (!section) return;
  const entries = past();
  section.hidden = !entries.length;
  section.querySelector('.tl-past').replaceChildren(...entries.map((entry) => {
    const button = document.createElement('button'), picture = document.createElement('img'), text = document.createElement('span');
    const when = new Date(entry.at).toLocaleString([], { dateStyle: 'short', timeStyle: 'short' });
    button.type = 'button';
    button.title = `${entry.name}, ${entry.what}, ${when}`;
    picture.src = entry.thumb;
    picture.alt = `Bring back ${entry.name},`;
    text.textContent = entry.what;
    button.append(picture, text);
    button.addEventListener('click', () => {
      const { t, state, name, seed, decoder } = entry;
      window.trilayer.bring(state ? { state } : { t, name, seed, decoder });
    });
    const item = document.createElement('li');
    item.append(button);
    return item;
  }));
}

Object.assign(window.trilayer, {
  // A finished decode, with its picture's file.
  async decoded(made, result) {
    if (!made || !result) return;
    const picture = new Image();
    picture.src = result.url;
    try { await picture.decode(); } catch { return; }
    const thumb = thumbnail(picture.naturalWidth, picture.naturalHeight, (ctx, w, h) => { ctx.imageSmoothingQuality = 'high'; ctx.drawImage(picture, 0, 0, w, h); });
    add({ ...made, at: Date.now(), thumb });
  },

  // Edited work that another picture took the place of.
  replaced(state) {
    const [value] = state;
    try { add({ state, name: String(value.name), what: 'edited', at: Date.now(), thumb: drawing(value) }); } catch { /* not drawable, so not ours */ }
  },
});

addEventListener('storage', (e) => { if (e.key === PAST) show(); });
document.addEventListener('click', (e) => { if (e.target.closest?.('.tl-forget')) store([]); });
new MutationObserver((_, watch) => { if (document.querySelector('#history .tl-history')) { watch.disconnect(); show(); } })
  .observe(document.documentElement, { childList: true, subtree: true });
