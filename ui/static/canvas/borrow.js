// Sketch or colors from another file: a .tril, a picture, a drawing, an SVG. The server reads it; its answer takes the
// place of what was sent, and what was drawn or painted while it worked stays on top.

function choose(kinds) {
  return new Promise((done) => {
    const input = $('.lc-file');
    input.accept = kinds; input.value = '';
    input.onchange = () => done(input.files[0]);
    input.click();
  });
}

const PICTURES = '.png,.jpg,.jpeg,.webp,.avif,image/*';

async function borrow(what) {
  if (busy || gesture || !doc) return;
  const file = await choose(what === 'sketch' ? `.tril,.svg,${PICTURES}` : `.tril,${PICTURES}`);
  if (!file || busy || !doc) return;
  const sent = doc;
  busy += 1; refresh(); say(`Reading ${file.name}…`);
  let answer = null;
  try {
    const { path } = await upload(file);
    answer = await ask('borrow', { ...sent, rev, borrow: { path, name: file.name, what, how: $('.lc-how').value, add: $('.lc-add').checked } });
  } catch { trouble('The file could not be sent: it is larger than 20 MB, or the server is gone. Choose a smaller one, or try again.'); }
  busy -= 1; refresh();
  await lifted();
  if (!answer || doc?.load !== sent.load) { refresh(); return; }
  const before = now();
  if (what === 'sketch') takeSketch(sent, answer); else takeColors(sent, answer);
  record(before, 'borrowed'); rebuild();
  say(answer.message);
}

// `full` is what the byte budget could bring back of the layers that are no more.
function takeSketch(sent, { base, cols, rows, strokes, pose }) {
  const old = new Set(sent.strokes), drawn = pose ? [] : doc.strokes.filter((s) => !old.has(s));
  doc = { ...doc, base, cols, rows, pose, full: null, strokes: [...drawn, ...strokes] };
  selected.clear(); joint = null;
}

function takeColors(sent, { base, grid: made }) {
  const same = doc.grid && sent.grid && made.cols === doc.grid.cols && made.rows === doc.grid.rows && doc.grid.colors.length === sent.grid.colors.length;
  const colors = same ? made.colors.map((hex, i) => (doc.grid.colors[i] === sent.grid.colors[i] ? hex : doc.grid.colors[i])) : made.colors;
  doc = { ...doc, base, full: null, grid: { ...made, colors } };
}
