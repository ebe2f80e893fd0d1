// Pen and eraser. The format's lines have no width, so a thick pen draws what an edge detector would see of it: its outline.

const drawable = () => Boolean(doc) && !doc.pose?.length;
// How much a pen lags behind the hand, which takes the tremor out of it: 0..1 of the way is left out at each event.
const lag = () => Number($('.lc-smooth').value) / 11;
const thickness = () => sizeOf('pen') * Math.max(doc.width, doc.height) / 400; // radius in image pixels
const inside = (path) => path.map((v, i) => Math.max(0, Math.min(i % 2 ? doc.height : doc.width, v)));

TOOLS.pen = {
  name: 'Pen', allowed: drawable, size: ['Thickness', 0, 24, 0],
  reach: () => (sizeOf('pen') ? thickness() : 0),
  begin(p) { gesture.path = [round(p[0]), round(p[1])]; gesture.pen = p; },
  move(p) {
    const k = 1 - lag(), pen = gesture.pen = [gesture.pen[0] + k * (p[0] - gesture.pen[0]), gesture.pen[1] + k * (p[1] - gesture.pen[1])];
    gesture.path.push(round(pen[0]), round(pen[1]));
    drawSketch();
  },
  end({ path, last }) {
    const [l, t, r, b] = bounds([path]), dense = Math.max(r - l, b - t) < 1.2 * cellSize() ? dot(l, t) : resample(inside([...path, ...last]), cellSize() / 2);
    const line = smoothed(dense, Math.round(12 * lag())).map(round);
    // What a person draws outranks what was found: it stands first, where a byte budget cuts last.
    doc = { ...doc, pose: null, strokes: [...(sizeOf('pen') ? outlineOf(line, thickness()) : [line]), ...doc.strokes] };
    return 'stroke';
  },
  draw(ctx, unit) {
    if (sizeOf('pen')) {
      ctx.beginPath(); trace(ctx, gesture.path);
      ctx.lineWidth = 2 * thickness(); ctx.strokeStyle = 'rgb(15 118 110 / 45%)'; ctx.stroke();
    }
    lines(ctx, [gesture.path.slice()], [[LIGHT, 3.4], [DARK, 1.6]], unit);
  },
};

// What stays inside a cell is no stroke: a click draws from one cell's center to the next.
function dot(x, y) {
  const w = doc.width / doc.cols, h = doc.height / doc.rows, middle = (v, side) => (Math.floor(Math.max(0, v) / side) + 0.5) * side;
  const cx = Math.min(middle(x, w), doc.width - w / 2), cy = Math.min(middle(y, h), doc.height - h / 2);
  return [cx, cy, cx + (cx + w < doc.width ? w : -w), cy];
}

// The outline of a line drawn with a round brush, as closed strokes.
function outlineOf(line, r) {
  const k = maskW / doc.width, ink = new Uint8Array(maskW * maskH);
  for (let i = 2; i < line.length; i += 2) {
    brushMask(ink, maskW, maskH, [line[i - 2] * k, line[i - 1] * k], [line[i] * k, line[i + 1] * k], Math.max(1, r * k), 1);
  }
  const rims = outlines(ink, maskW, maskH).filter((rim) => rim.length > 16);
  return rims.map((rim) => resample(smoothed(rim, 6).map((v) => v / k), cellSize() / 2));
}

TOOLS.eraser = {
  name: 'Eraser', allowed: drawable, size: ['Size', 1, 24, 6], reach: () => radius(),
  begin(p) { this.move(p, p); },
  move(p, last) {
    const strokes = rubOut(doc.strokes, last, p, radius());
    if (strokes === doc.strokes) return;
    doc = { ...doc, strokes };
    prune(); drawSketch();
  },
  end: () => 'rubbed out',
};
