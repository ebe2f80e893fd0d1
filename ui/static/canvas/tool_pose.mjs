// People: dragging a joint moves the joint, dragging a limb moves the person. A picture has either a sketch or people:
// adding a person replaces the strokes, and removing the last person restores them.

import {
  JOINT_NAMES, LIMBS, clampJoint, estimateJoint, limbAt, nearestJoint, scalePerson, standingPerson, translatePerson,
} from './geometry/skeleton.mjs';
import { gesture } from './gestures.mjs';
import { record, snapshot } from './history.mjs';
import { $ } from './host.mjs';
import { announce, showError } from './messages.mjs';
import { hasDrawing, selectedStrokes, state } from './state.mjs';
import { TOOLS } from './tool_registry.mjs';
import { setTool } from './toolbar.mjs';
import { screenToImage } from './view.mjs';
import { ACCENT, INK, strokePath } from './ink.mjs';
import { drawAll, drawSketch, updateControls } from './updates.mjs';

const JOINT_RADIUS = 10; // screen pixels
const TOUCH_JOINT_RADIUS = 18; // screen pixels
const NUDGES = 128; // steps of the arrow keys across the picture

// Return the index of the selected person, the first one by default, or null without people.
export function selectedPerson() {
  const people = state.doc?.pose;
  return people?.length ? Math.min(state.joint?.person ?? 0, people.length - 1) : null;
}

const selectedJoint = () => state.joint?.number ?? 0;

function setPerson(person, joints) {
  state.doc = { ...state.doc, pose: state.doc.pose.map((other, i) => (i === person ? joints : other)) };
}

function setJoint(person, number, joint) {
  setPerson(person, state.doc.pose[person].map((other, i) => (i === number ? joint : other)));
}

TOOLS.pose = {
  name: 'Pose',
  isAvailable: hasDrawing,
  begin(p, { touch }) {
    const people = state.doc.pose ?? [], radius = screenToImage(touch ? TOUCH_JOINT_RADIUS : JOINT_RADIUS);
    const hit = nearestJoint(people, p, radius);
    state.joint = hit ?? limbAt(people, p, radius);
    updatePoseControls();
    drawSketch();
    if (!state.joint) return false;
    gesture.movesPerson = !hit;
    gesture.joints = people[state.joint.person];
    announce(`Person ${state.joint.person + 1}${hit ? `, ${JOINT_NAMES[hit.number]}` : ''}`);
    return true;
  },
  move(p) {
    const { joints, start, movesPerson } = gesture, { person, number } = state.joint;
    const dx = p[0] - start[0], dy = p[1] - start[1];
    if (movesPerson) setPerson(person, translatePerson(joints, [dx, dy], state.doc));
    else setJoint(person, number, clampJoint([joints[number][0] + dx, joints[number][1] + dy], state.doc));
    drawSketch();
  },
  end: () => 'posed',
};

function finishEdit(before, word, message) {
  record(before, word);
  drawAll();
  updateControls();
  announce(message);
}

export function addPerson() {
  const before = snapshot(), people = state.doc.pose ?? [], number = people.length + 1;
  const message = !state.doc.pose && state.doc.strokes.length
    ? 'People replace the sketch: Remove brings it back'
    : `Person ${number} added`;
  state.doc = { ...state.doc, pose: [...people, standingPerson(people.length, state.doc)] };
  selectedStrokes.clear();
  state.joint = { person: people.length, number: 1 };
  setTool('pose');
  finishEdit(before, 'person', message);
}

export function removePerson() {
  const person = selectedPerson(), before = snapshot();
  if (person === null || gesture) return;
  const people = state.doc.pose.filter((_, i) => i !== person);
  state.doc = { ...state.doc, pose: people.length ? people : null };
  state.joint = null;
  finishEdit(before, 'person', `Person ${person + 1} removed`);
}

// Hide the selected joint, or show a hidden joint at the position estimated from the visible ones.
export function toggleJoint() {
  const person = selectedPerson();
  if (person === null || gesture) return;
  const before = snapshot(), number = selectedJoint(), joints = state.doc.pose[person], name = JOINT_NAMES[number];
  state.joint = { person, number };
  if (!joints[number]) {
    setJoint(person, number, estimateJoint(joints, number, state.doc));
    finishEdit(before, 'joint', `${name} shown`);
  } else if (joints.filter(Boolean).length === 1) {
    showError('A person needs at least one visible joint: remove the person instead.');
  } else {
    setJoint(person, number, null);
    finishEdit(before, 'joint', `${name} hidden`);
  }
}

export function resizePerson(factor) {
  const person = selectedPerson();
  if (person === null || gesture) return;
  const before = snapshot();
  setPerson(person, scalePerson(state.doc.pose[person], factor, state.doc));
  finishEdit(before, 'person', factor > 1 ? 'Larger' : 'Smaller');
}

export function nudgeJoint(dx, dy) {
  const before = snapshot(), person = selectedPerson(), number = selectedJoint();
  const joint = state.doc.pose[person][number];
  if (!joint) return;
  const step = Math.max(state.doc.width, state.doc.height) / NUDGES;
  setJoint(person, number, clampJoint([joint[0] + dx * step, joint[1] + dy * step], state.doc));
  const place = state.doc.pose[person][number].map(Math.round).join(', ');
  finishEdit(before, 'posed', `${JOINT_NAMES[number]} at ${place}`);
}

export function selectJoint(number) {
  state.joint = { person: selectedPerson(), number };
  updateControls();
  drawSketch();
}

export function selectNextPerson() {
  const person = selectedPerson();
  if (person === null) return;
  const next = (person + 1) % state.doc.pose.length;
  state.joint = { person: next, number: selectedJoint() };
  updateControls();
  drawSketch();
  announce(`Person ${next + 1} of ${state.doc.pose.length}`);
}

export function drawPeople(ctx, people, selected, unit) {
  people.forEach((joints, person) => {
    drawPerson(ctx, joints, unit, selected?.person === person ? selected.number : null);
  });
}

// Draw a person; `selected` is the number of the selected joint, null for another person.
function drawPerson(ctx, joints, unit, selected) {
  const halo = selected === null ? 'rgb(255 255 255 / 60%)' : '#fff';
  LIMBS.forEach(([a, b], i) => {
    if (!joints[a] || !joints[b]) return;
    ctx.beginPath();
    ctx.moveTo(...joints[a]);
    ctx.lineTo(...joints[b]);
    strokePath(ctx, [[halo, 7], [`hsl(${i * 360 / LIMBS.length} 90% 40%)`, 4]], unit);
  });
  joints.forEach((joint, number) => {
    if (!joint) return;
    ctx.beginPath();
    ctx.arc(joint[0], joint[1], (number === selected ? 7 : 5) * unit, 0, 2 * Math.PI);
    ctx.fillStyle = number === selected ? ACCENT : INK;
    ctx.fill();
    strokePath(ctx, [['#fff', 1.5]], unit);
  });
}

// Update the list of joints of the selected person, in which hidden joints can also be selected.
export function updatePoseControls() {
  const person = selectedPerson(), joints = person === null ? [] : state.doc.pose[person], list = $('.lc-joint');
  const option = (joint, number) => {
    const label = `${JOINT_NAMES[number]}${joint ? '' : ' (hidden)'}`;
    return new Option(label, number, false, number === selectedJoint());
  };
  list.disabled = person === null;
  list.replaceChildren(...joints.map(option));
  $('.lc-person').textContent = person === null ? 'No people yet' : `Person ${person + 1} of ${state.doc.pose.length}`;
  $('[data-do=joint]').textContent = person !== null && !joints[selectedJoint()] ? 'Show joint' : 'Hide joint';
}
