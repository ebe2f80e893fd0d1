// The object mask: brush, rectangle, lasso, each adding or taking away; and what is done with it. It stays for as long
// as the person wants: a mask that was used or cleared can be had again.

const value = () => (takeAway !== Boolean(gesture?.other) ? 0 : 1);
const onMask = (path) => path.map((v) => v * maskW / doc.width);
const some = () => Boolean(doc);

function masking(name, more) {
  return { name, allowed: some, end: () => 'mask', ...more, begin(p, how) { gesture.other = how.alt; mask = mask.slice(); more.begin?.(p); return true; } };
}

TOOLS.mask = masking('Mask', {
  size: ['Size', 1, 24, 6], reach: () => radius(),
  begin(p) { TOOLS.mask.move(p, p); },
  move(p, last) { brushMask(mask, maskW, maskH, onMask(last), onMask(p), radius() * maskW / doc.width, value()); drawMask(); },
});

TOOLS.box = masking('Box', {
  move() { drawSketch(); },
  end() { const [l, t, r, b] = boxOf(gesture.start, gesture.last); fillMask(mask, maskW, maskH, onMask([l, t, r, t, r, b, l, b]), value()); return 'mask'; },
  draw(ctx, unit) { const [l, t, r, b] = boxOf(gesture.start, gesture.last); dashed(ctx, () => ctx.rect(l, t, r - l, b - t), unit); },
});

TOOLS.lasso = masking('Lasso', {
  begin(p) { gesture.path = [...p]; },
  move(p) { gesture.path.push(...p); drawSketch(); },
  end() { fillMask(mask, maskW, maskH, onMask(gesture.path), value()); return 'mask'; },
  draw(ctx, unit) { dashed(ctx, () => { for (let i = 0; i < gesture.path.length; i += 2) ctx.lineTo(gesture.path[i], gesture.path[i + 1]); ctx.closePath(); }, unit); },
});

function setMask(made, word) {
  if (gesture || !doc) return;
  const before = now();
  if (masked()) lastMask = mask;
  mask = made;
  record(before, 'mask'); drawMask();
  say(word);
}
const clearMask = () => setMask(new Uint8Array(mask.length), 'Mask cleared');
const invertMask = () => setMask(mask.map((v) => 1 - v), 'Mask inverted');
const sameMask = () => lastMask?.length === mask.length && setMask(lastMask, 'The last mask is back');

function setTakeAway(on) {
  takeAway = on;
  $('[data-do=take-away]').setAttribute('aria-pressed', String(on));
  say(on ? 'The mask tools take away' : 'The mask tools add');
}

// ---- as a PNG: white over what is to go, like the mask of the command line and of the API --------------------------------

function saveMask() {
  const flat = document.createElement('canvas'), ctx = flat.getContext('2d');
  flat.width = maskW; flat.height = maskH;
  const image = ctx.createImageData(maskW, maskH), words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < mask.length; i++) words[i] = mask[i] ? 0xffffffff : 0xff000000;
  ctx.putImageData(image, 0, 0);
  flat.toBlob((blob) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob); link.download = `${doc.name}-mask.png`;
    document.body.append(link); link.click(); link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000); // not at once: the download reads it
    say('Mask saved');
  }, 'image/png');
}

async function loadMask(file) {
  const { load } = doc;
  let picture;
  try { picture = await createImageBitmap(file); } catch { trouble('That file is no picture this browser can read: give the mask as a PNG, white over what is to go.'); return; }
  if (doc?.load !== load) return;
  const flat = document.createElement('canvas'), ctx = flat.getContext('2d', { willReadFrequently: true });
  flat.width = maskW; flat.height = maskH;
  ctx.fillStyle = '#000'; ctx.fillRect(0, 0, maskW, maskH);
  ctx.drawImage(picture, 0, 0, maskW, maskH);
  const { data } = ctx.getImageData(0, 0, maskW, maskH), made = new Uint8Array(maskW * maskH);
  for (let i = 0; i < made.length; i++) made[i] = data[4 * i] + data[4 * i + 1] + data[4 * i + 2] > 3 * 127 ? 1 : 0;
  if (!made.includes(1)) { trouble('That mask is black all over: paint white over what is to go.'); return; }
  setMask(made, `Mask opened from ${file.name}`);
}

// ---- erasing -------------------------------------------------------------------------------------------------------

const joints = (pose) => pose.flat().filter(Boolean).length;

// The server erases, with the same code as the command line. Its answer speaks of the strokes that were sent,
// so what was drawn or painted while it worked stays.
async function eraseMasked() {
  if (busy || !masked() || gesture) return;
  const sent = doc, before = now(), used = mask;
  busy += 1; refresh(); say('Erasing…');
  const answer = await ask('erase', { ...sent, rev, mask: { width: maskW, height: maskH, runs: runLengths(mask) } });
  busy -= 1; refresh();
  // the answer is about strokes that are gone if another picture was opened meanwhile
  if (doc?.load !== sent.load) { say('Nothing was erased.'); refresh(); return; }
  if (!answer) { refresh(); return; }
  await lifted();
  if (doc?.load !== sent.load) return;
  const old = new Set(sent.strokes), still = new Set(doc.strokes);
  const left = answer.strokes.map((s) => (typeof s === 'number' ? sent.strokes[s] : s)).filter((s) => !old.has(s) || still.has(s));
  const strokes = [...doc.strokes.filter((s) => !old.has(s)), ...left], gone = old.size - left.filter((s) => old.has(s)).length;
  const start = doc === sent ? before : now();
  doc = { ...doc, strokes };
  const posed = answer.pose && doc.pose === sent.pose; // joints moved meanwhile are the person's
  if (posed) doc = { ...doc, pose: answer.pose };
  if (doc.grid && doc.grid.colors.length === sent.grid?.colors.length) {
    const colors = doc.grid.colors.slice();
    for (const [i, hex] of answer.cells) if (colors[i] === sent.grid.colors[i]) colors[i] = hex;
    doc = { ...doc, grid: { ...doc.grid, colors } };
  }
  lastMask = used;
  if (mask === used) mask = new Uint8Array(mask.length); // else there is a new one
  record(start, 'erased'); prune(); draw(); refresh();
  const cells = counted(answer.cells.length, 'color cell');
  if (answer.pose) say(`Erased ${counted(posed ? joints(sent.pose) - joints(answer.pose) : 0, 'joint')} and ${cells}`);
  else say(`Erased from ${counted(gone, 'stroke')} and ${cells}`);
}
