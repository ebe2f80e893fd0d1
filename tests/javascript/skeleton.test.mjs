import assert from 'node:assert/strict';
import { test } from 'node:test';

import { boundingBox } from '../../ui/static/canvas/geometry/polyline.mjs';
import {
  JOINT_NAMES, LIMBS, clampJoint, estimateJoint, limbAt, nearestJoint, scalePerson, standingPerson, translatePerson,
  visibleJoints,
} from '../../ui/static/canvas/geometry/skeleton.mjs';

const SIZE = { width: 400, height: 300 };
const NECK = 1, RIGHT_WRIST = 4, RIGHT_HIP = 8, RIGHT_KNEE = 9;
const close = (a, b, tolerance = 0.01) => Math.hypot(a[0] - b[0], a[1] - b[1]) <= tolerance;

test('a person has OpenPose\'s 18 joints, connected by limbs', () => {
  assert.equal(JOINT_NAMES.length, 18);
  assert.equal(standingPerson(0, SIZE).length, 18);
  assert.deepEqual([...new Set(LIMBS.flat())].sort((a, b) => a - b), [...Array(18).keys()]);
});

test('a new person stands in the picture, beside the others', () => {
  const people = [0, 1, 2, 3, 4].map((i) => standingPerson(i, SIZE));
  for (const joints of people) {
    const [left, top, right, bottom] = boundingBox(joints);
    assert.ok(left >= 0 && top >= 0 && right <= 400 && bottom <= 300);
    assert.ok(bottom - top > 150);
  }
  assert.equal(new Set(people.map((joints) => joints[NECK][0])).size, 5);
  assert.deepEqual(standingPerson(5, SIZE), people[0]);
});

test('joints are clamped to the picture', () => {
  assert.deepEqual(clampJoint([-3, 1000], SIZE), [0, 300]);
  assert.deepEqual(clampJoint([1.23456, 2], SIZE), [1.235, 2]);
});

test('the nearest joint is found within the distance; hidden joints are not', () => {
  const people = [standingPerson(0, SIZE), standingPerson(1, SIZE)], [x, y] = people[1][RIGHT_WRIST];
  assert.deepEqual(nearestJoint(people, [x + 1, y], 5), { person: 1, number: RIGHT_WRIST });
  assert.equal(nearestJoint(people, [x + 20, y], 5), null);
  people[1][RIGHT_WRIST] = null;
  assert.equal(nearestJoint(people, [x, y], 1), null);
});

test('a limb is found between its joints, on the person in front', () => {
  const joints = standingPerson(0, SIZE), hip = joints[RIGHT_HIP], knee = joints[RIGHT_KNEE];
  const thigh = [(hip[0] + knee[0]) / 2, (hip[1] + knee[1]) / 2];
  assert.deepEqual(limbAt([joints, joints], thigh, 3), { person: 1, number: RIGHT_HIP });
  assert.equal(limbAt([joints], [390, 10], 3), null);
  joints[RIGHT_KNEE] = null;
  assert.equal(limbAt([joints], thigh, 1), null);
});

test('a person moves as a whole, as far as the edges allow', () => {
  const joints = standingPerson(0, SIZE), moved = translatePerson(joints, [10, 5], SIZE);
  joints.forEach((joint, i) => assert.ok(close(moved[i], [joint[0] + 10, joint[1] + 5])));
  const [left, top] = boundingBox(translatePerson(joints, [-9999, -9999], SIZE));
  assert.ok(close([left, top], [0, 0]));
});

test('scaling keeps the center and the hidden joints', () => {
  const joints = standingPerson(0, SIZE), center = (p) => {
    const [left, top, right, bottom] = boundingBox(p.filter(Boolean));
    return [(left + right) / 2, (top + bottom) / 2];
  };
  joints[RIGHT_WRIST] = null;
  const small = scalePerson(joints, 0.5, SIZE);
  assert.equal(small[RIGHT_WRIST], null);
  assert.ok(close(center(small), center(joints)));
});

test('a hidden joint of a standing person is estimated where it was', () => {
  const joints = standingPerson(0, SIZE), wrist = joints[RIGHT_WRIST];
  joints[RIGHT_WRIST] = null;
  assert.ok(close(estimateJoint(joints, RIGHT_WRIST, SIZE), wrist, 0.1));
});

test('the estimate follows where and how large the visible joints are', () => {
  const moved = scalePerson(translatePerson(standingPerson(0, SIZE), [40, 0], SIZE), 0.5, SIZE);
  const knee = moved[RIGHT_KNEE];
  moved[RIGHT_KNEE] = null;
  assert.ok(close(estimateJoint(moved, RIGHT_KNEE, SIZE), knee, 0.1));
  const neckOnly = Array(18).fill(null);
  neckOnly[NECK] = [200, 100];
  const [x, y] = estimateJoint(neckOnly, RIGHT_KNEE, SIZE);
  assert.ok(x < 200 && y > 100);
});

test('visible joints of all people are counted', () => {
  const joints = standingPerson(0, SIZE);
  joints[0] = joints[1] = null;
  assert.equal(visibleJoints([joints, standingPerson(1, SIZE)]), 16 + 18);
});
