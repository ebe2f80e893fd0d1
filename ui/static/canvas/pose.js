// People as OpenPose's 18 keypoints: joints are dragged, a limb drags the whole person. A picture has a sketch or a pose,
// so people who are added stand in for the strokes, which come back when the last one is removed.

const LIMBS = [[1, 2], [1, 5], [2, 3], [3, 4], [5, 6], [6, 7], [1, 8], [8, 9], [9, 10], [1, 11], [11, 12], [12, 13], [1, 0], [0, 14], [14, 16], [0, 15], [15, 17]];
const JOINTS = ['nose', 'neck', 'right shoulder', 'right elbow', 'right wrist', 'left shoulder', 'left elbow', 'left wrist', 'right hip',
  'right knee', 'right ankle', 'left hip', 'left knee', 'left ankle', 'right eye', 'left eye', 'right ear', 'left ear'];
// Someone who stands and faces us, 1 high, about x = 0.
const STANDING = [[0, 0.08], [0, 0.19], [-0.1, 0.19], [-0.14, 0.35], [-0.16, 0.5], [0.1, 0.19], [0.14, 0.35], [0.16, 0.5], [-0.06, 0.52],
  [-0.07, 0.74], [-0.08, 0.96], [0.06, 0.52], [0.07, 0.74], [0.08, 0.96], [-0.025, 0.06], [0.025, 0.06], [-0.055, 0.075], [0.055, 0.075]];
const MAX_PERSONS = 64;

let joint = null; // {person, number}: the one selected

const person = () => (doc?.pose?.length ? Math.min(joint?.person ?? 0, doc.pose.length - 1) : null);
const clamped = ([x, y]) => [round(Math.max(0, Math.min(doc.width, x))), round(Math.max(0, Math.min(doc.height, y)))];

function setPerson(i, points) { doc = { ...doc, pose: doc.pose.map((p, k) => (k === i ? points : p)) }; }
function setJoint(i, number, place) { setPerson(i, doc.pose[i].map((p, k) => (k === number ? place : p))); }

function jointAt(p, reach) {
  let best = null, least = reach * reach;
  (doc.pose ?? []).forEach((points, i) => points.forEach((q, number) => {
    const d = q ? (q[0] - p[0]) ** 2 + (q[1] - p[1]) ** 2 : Infinity;
    if (d < least) { best = { person: i, number }; least = d; }
  }));
  return best;
}

function limbAt(p, reach) {
  for (let i = (doc.pose ?? []).length - 1; i >= 0; i--) {
    const points = doc.pose[i];
    for (const [a, b] of LIMBS) if (points[a] && points[b] && distance2(...p, points[a], points[b]) < reach * reach) return { person: i, number: a };
  }
  return null;
}

TOOLS.pose = {
  name: 'Pose', allowed: () => Boolean(doc),
  begin(p, how) {
    const reach = px(how.touch ? 18 : 10), hit = jointAt(p, reach);
    joint = hit ?? limbAt(p, reach);
    showPose(); drawSketch();
    if (!joint) return false;
    gesture.whole = !hit; gesture.from = doc.pose[joint.person];
    say(`Person ${joint.person + 1}${hit ? `, ${JOINTS[joint.number]}` : ''}`);
    return true;
  },
  move(p) {
    const { from, start, whole } = gesture, d = [p[0] - start[0], p[1] - start[1]];
    if (whole) setPerson(joint.person, moved(from, d));
    else setJoint(joint.person, joint.number, clamped([from[joint.number][0] + d[0], from[joint.number][1] + d[1]]));
    drawSketch();
  },
  end: () => 'posed',
};

// A person moved as a whole, no further than the picture's edge.
function moved(points, [dx, dy]) {
  const [l, t, r, b] = bounds(points.filter(Boolean)), fit = (d, low, high, side) => Math.max(-low, Math.min(side - high, d));
  const x = fit(dx, l, r, doc.width), y = fit(dy, t, b, doc.height);
  return points.map((p) => p && clamped([p[0] + x, p[1] + y]));
}

function posed(word, said) { return (before) => { record(before, word); draw(); refresh(); say(said); }; }

function addPerson() {
  const before = now(), all = doc.pose ?? [], high = 0.8 * Math.min(doc.height, 2.5 * doc.width), replaced = !doc.pose && doc.strokes.length;
  const place = [0.5, 0.25, 0.75, 0.375, 0.625][all.length % 5] * doc.width;
  const points = STANDING.map(([x, y]) => clamped([place + x * high, (doc.height - high) / 2 + y * high]));
  doc = { ...doc, pose: [...all, points] };
  selected.clear();
  joint = { person: all.length, number: 1 };
  setTool('pose');
  posed('person', replaced ? 'The sketch makes way for people: Remove brings it back' : `Person ${all.length + 1} added`)(before);
}

function removePerson() {
  const i = person(), before = now();
  if (i === null || gesture) return;
  const pose = doc.pose.filter((_, k) => k !== i);
  doc = { ...doc, pose: pose.length ? pose : null };
  joint = null;
  posed('person', `Person ${i + 1} removed`)(before);
}

// A hidden joint comes back where it would be from those that are seen: the standing figure, laid over them.
function toggleJoint() {
  const i = person();
  if (i === null || gesture) return;
  const before = now(), number = joint?.number ?? 0, points = doc.pose[i], name = JOINTS[number];
  joint = { person: i, number };
  if (points[number]) {
    if (points.filter(Boolean).length === 1) { trouble('A person needs a joint to be seen: remove the person instead.'); return; }
    setJoint(i, number, null);
    posed('joint', `${name} hidden`)(before);
    return;
  }
  const seen = range(18).filter((k) => points[k]), middle = (list) => [0, 1].map((a) => seen.reduce((sum, k) => sum + list[k][a], 0) / seen.length);
  const spread = (list, [x, y]) => seen.reduce((sum, k) => sum + Math.hypot(list[k][0] - x, list[k][1] - y), 0);
  const from = middle(STANDING), to = middle(points), k = seen.length > 1 ? spread(points, to) / spread(STANDING, from) : doc.height / 2;
  setJoint(i, number, clamped([to[0] + k * (STANDING[number][0] - from[0]), to[1] + k * (STANDING[number][1] - from[1])]));
  posed('joint', `${name} shown`)(before);
}

// Larger or smaller about its middle.
function scalePerson(by) {
  const i = person();
  if (i === null || gesture) return;
  const before = now(), points = doc.pose[i], [l, t, r, b] = bounds(points.filter(Boolean)), x = (l + r) / 2, y = (t + b) / 2;
  setPerson(i, points.map((p) => p && clamped([x + by * (p[0] - x), y + by * (p[1] - y)])));
  posed('person', by > 1 ? 'Larger' : 'Smaller')(before);
}

function nudgeJoint(dx, dy) {
  const i = person(), before = now(), number = joint?.number ?? 0, p = doc.pose[i][number], unit = Math.max(doc.width, doc.height) / 128;
  if (!p) return;
  setJoint(i, number, clamped([p[0] + dx * unit, p[1] + dy * unit]));
  posed('posed', `${JOINTS[number]} at ${doc.pose[i][number].map(Math.round).join(', ')}`)(before);
}

function drawPerson(ctx, points, unit, chosen) {
  LIMBS.forEach(([a, b], i) => {
    if (!points[a] || !points[b]) return;
    ctx.beginPath(); ctx.moveTo(...points[a]); ctx.lineTo(...points[b]);
    for (const [style, width] of [[chosen ? '#fff' : 'rgb(255 255 255 / 60%)', 7], [`hsl(${i * 360 / LIMBS.length} 90% 40%)`, 4]]) { ctx.strokeStyle = style; ctx.lineWidth = width * unit; ctx.stroke(); }
  });
  points.forEach((p, number) => {
    if (!p) return;
    const on = chosen && joint.number === number;
    ctx.beginPath(); ctx.arc(p[0], p[1], (on ? 7 : 5) * unit, 0, 7);
    ctx.fillStyle = on ? ACCENT : DARK; ctx.fill();
    ctx.lineWidth = 1.5 * unit; ctx.strokeStyle = '#fff'; ctx.stroke();
  });
}

// The list of joints, of the person selected: for the hidden ones, and for those who do not see the picture.
function showPose() {
  const i = person(), list = $('.lc-joint');
  list.disabled = i === null;
  list.replaceChildren(...(i === null ? [] : JOINTS).map((name, k) => new Option(`${name}${doc.pose[i][k] ? '' : ' (hidden)'}`, k, false, k === (joint?.number ?? 0))));
  $('.lc-person').textContent = i === null ? 'Nobody yet' : `Person ${i + 1} of ${doc.pose.length}`;
  $('[data-do=joint]').textContent = i !== null && !doc.pose[i][joint?.number ?? 0] ? 'Show joint' : 'Hide joint';
}

function nextPerson() {
  if (person() === null) return;
  joint = { person: (person() + 1) % doc.pose.length, number: joint?.number ?? 0 };
  refresh(); drawSketch(); say(`Person ${joint.person + 1} of ${doc.pose.length}`);
}
