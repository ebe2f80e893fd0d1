// People as OpenPose's 18 keypoints: a person is a list of 18 joints, each [x, y] in image pixels or null if hidden.

import { boundingBox, roundCoordinate, squaredDistanceToSegment } from './polyline.mjs';

export const MAX_PEOPLE = 64;
export const JOINT_NAMES = [
  'nose', 'neck', 'right shoulder', 'right elbow', 'right wrist', 'left shoulder', 'left elbow', 'left wrist',
  'right hip', 'right knee', 'right ankle', 'left hip', 'left knee', 'left ankle',
  'right eye', 'left eye', 'right ear', 'left ear',
];
export const LIMBS = [
  [1, 2], [1, 5], [2, 3], [3, 4], [5, 6], [6, 7], [1, 8], [8, 9], [9, 10], [1, 11], [11, 12], [12, 13],
  [1, 0], [0, 14], [14, 16], [0, 15], [15, 17],
];
// A person who stands facing the viewer, of height 1, centered on x = 0.
const STANDING = [
  [0, 0.08], [0, 0.19], [-0.1, 0.19], [-0.14, 0.35], [-0.16, 0.5], [0.1, 0.19], [0.14, 0.35], [0.16, 0.5],
  [-0.06, 0.52], [-0.07, 0.74], [-0.08, 0.96], [0.06, 0.52], [0.07, 0.74], [0.08, 0.96],
  [-0.025, 0.06], [0.025, 0.06], [-0.055, 0.075], [0.055, 0.075],
];
const PLACES = [0.5, 0.25, 0.75, 0.375, 0.625]; // of the width: where the first five people stand

// Return a joint moved inside the picture.
export function clampJoint([x, y], { width, height }) {
  return [roundCoordinate(Math.max(0, Math.min(width, x))), roundCoordinate(Math.max(0, Math.min(height, y)))];
}

// Return {person, number} of the joint nearest to a point, or null if none is closer than `maxDistance`.
export function nearestJoint(people, [x, y], maxDistance) {
  let nearest = null, minimum = maxDistance * maxDistance;
  people.forEach((joints, person) => joints.forEach((joint, number) => {
    const distance = joint ? (joint[0] - x) ** 2 + (joint[1] - y) ** 2 : Infinity;
    if (distance < minimum) { nearest = { person, number }; minimum = distance; }
  }));
  return nearest;
}

// Return {person, number} of a limb's first joint where a limb is closer than `maxDistance` to a point, or null. People
// added last are in front.
export function limbAt(people, [x, y], maxDistance) {
  for (let person = people.length - 1; person >= 0; person--) {
    const joints = people[person];
    for (const [a, b] of LIMBS) {
      if (!joints[a] || !joints[b]) continue;
      const distance = squaredDistanceToSegment(x, y, joints[a], joints[b]);
      if (distance < maxDistance * maxDistance) return { person, number: a };
    }
  }
  return null;
}

// Return the person moved by [dx, dy], as far as the picture's edges allow.
export function translatePerson(joints, [dx, dy], size) {
  const [left, top, right, bottom] = boundingBox(joints.filter(Boolean));
  const limit = (shift, low, high, side) => Math.max(-low, Math.min(side - high, shift));
  const x = limit(dx, left, right, size.width), y = limit(dy, top, bottom, size.height);
  return joints.map((joint) => joint && clampJoint([joint[0] + x, joint[1] + y], size));
}

// Return the person scaled about the center of its bounding box.
export function scalePerson(joints, factor, size) {
  const [left, top, right, bottom] = boundingBox(joints.filter(Boolean));
  const x = (left + right) / 2, y = (top + bottom) / 2;
  return joints.map((joint) => joint && clampJoint([x + factor * (joint[0] - x), y + factor * (joint[1] - y)], size));
}

// Return a standing person for a picture; `index` is how many people it has, which decides where the person stands.
export function standingPerson(index, size) {
  const { width, height } = size, tall = 0.8 * Math.min(height, 2.5 * width);
  const left = PLACES[index % PLACES.length] * width, top = (height - tall) / 2;
  return STANDING.map(([x, y]) => clampJoint([left + x * tall, top + y * tall], size));
}

// Return the estimated place of a hidden joint: its place in the standing figure after that figure is moved and scaled
// to fit the visible joints.
export function estimateJoint(joints, number, size) {
  const visible = joints.flatMap((joint, i) => (joint ? [i] : []));
  const from = centroid(STANDING, visible), to = centroid(joints, visible);
  const scale = visible.length > 1 ? spread(joints, visible, to) / spread(STANDING, visible, from) : size.height / 2;
  const [x, y] = STANDING[number];
  return clampJoint([to[0] + scale * (x - from[0]), to[1] + scale * (y - from[1])], size);
}

function centroid(joints, numbers) {
  const sum = numbers.reduce(([x, y], i) => [x + joints[i][0], y + joints[i][1]], [0, 0]);
  return sum.map((v) => v / numbers.length);
}

function spread(joints, numbers, [x, y]) {
  return numbers.reduce((sum, i) => sum + Math.hypot(joints[i][0] - x, joints[i][1] - y), 0);
}

// Return how many joints of all people are visible.
export const visibleJoints = (people) => people.flat().filter(Boolean).length;
