"""Synthetic people as poses, for training the pose payload's network and for measuring payloads.

There is no freely licensed data set of people's joints, so bodies are generated. Their proportions were measured on
people (Drillis and Contini 1966, as fractions of the height). Their joint angles are drawn from distributions set by
hand: about half of the bodies stand, some sit, some move. Each is seen roughly from the front or from any side, and
joints are cropped and hidden as in pictures. Poses of real people take somewhat more bytes.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from codec.structure.pose_payload import UNITS, Person

SIDES: Final = (-1, 1)  # right, left. +x is the body's left, +y is down, +z is its front, towards the camera
UPPER_ARM, FOREARM, THIGH, SHANK = 0.186, 0.146, 0.245, 0.246  # lengths; the body's height is 1
LEG_JOINTS: Final = [9, 10, 12, 13]
FACE_OFFSETS: Final = {  # of joints from the middle of the head
    0: (0, -0.052, 0.06), 14: (-0.018, -0.072, 0.05), 15: (0.018, -0.072, 0.05),
    16: (-0.043, -0.064, 0.0), 17: (0.043, -0.064, 0.0),
}  # fmt: skip


def person(rng: np.random.Generator, activity: str = "", height: float = 0) -> Person:
    """Return a random person with at least four visible joints.

    `activity`: "stands", "sits", "moves", or "" for any. `height`: of the body in units of 1/2048 of the picture's
    height, or 0 for any.
    """
    while True:
        joints = _body(rng, activity or str(rng.choice(["stands", "sits", "moves"], p=[0.55, 0.2, 0.25])))
        projected, rotated = _project(rng, joints, height or _height(rng))
        visible = _visible(rng, projected, rotated)
        out = tuple((int(x), int(y)) if shown else None for (x, y), shown in zip(projected, visible, strict=True))
        if sum(joint is not None for joint in out) >= 4:
            return out


def full_person(rng: np.random.Generator, activity: str = "", height: float = 0) -> Person:
    """Return a random person whose joints are all visible; parameters as `person`."""
    while True:
        out = person(rng, activity, height)
        if all(out):
            return out


def crowd(rng: np.random.Generator, count: int, height: float) -> tuple[Person, ...]:
    """Return `count` persons of about the same height, all joints visible."""
    return tuple(full_person(rng, "", height * rng.uniform(0.7, 1.3)) for _ in range(count))


def _rotation(x: float, y: float, z: float) -> np.ndarray:
    """Return the matrix, (3, 3), that rotates by these angles in degrees: about x, then y, then z."""
    a, b, c = np.radians([x, y, z])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def _body(rng: np.random.Generator, activity: str) -> np.ndarray:
    """Return the joints of a body of height 1, (18, 3), with the middle of the hips at 0."""
    spread = 25.0 if activity == "moves" else 8.0  # degrees
    trunk = _rotation(rng.normal(-4, spread), rng.normal(0, spread), rng.normal(0, spread * 0.8))
    out = np.zeros((18, 3))
    out[1] = trunk @ [0, -0.288, 0]
    head = trunk @ _rotation(rng.normal(-3, 12), rng.normal(0, 25), rng.normal(0, 8))
    head_center = out[1] + trunk @ [0, -0.05, 0.01]
    for joint, offset in FACE_OFFSETS.items():
        out[joint] = head_center + head @ np.array(offset)
    build = rng.normal(1, 0.06)
    symmetric = rng.random() < 0.5
    arm, leg = _arm(rng), _leg(rng, activity)
    for side in SIDES:
        shoulder, hip = (2, 8) if side < 0 else (5, 11)
        if side > 0:
            arm = arm + rng.normal(0, 8, 4) if symmetric else _arm(rng)
            leg = leg + rng.normal(0, 6, 3) if symmetric and activity != "moves" else _leg(rng, activity)
        out[shoulder] = out[1] + trunk @ [side * 0.125 * build, 0.006, 0]
        out[hip] = [side * 0.055 * build, 0, 0]
        upper = trunk @ _rotation(arm[0], 0, 0) @ _rotation(0, 0, -side * arm[1])
        out[shoulder + 1] = out[shoulder] + upper @ [0, UPPER_ARM, 0]
        lower = upper @ _rotation(0, side * arm[3], 0) @ _rotation(arm[2], 0, 0)
        out[shoulder + 2] = out[shoulder + 1] + lower @ [0, FOREARM, 0]
        upper = _rotation(leg[0], 0, 0) @ _rotation(0, 0, -side * leg[1])
        out[hip + 1] = out[hip] + upper @ [0, THIGH, 0]
        out[hip + 2] = out[hip + 1] + upper @ _rotation(-leg[2], 0, 0) @ [0, SHANK, 0]
    return out


def _arm(rng: np.random.Generator) -> np.ndarray:
    """Return angles in degrees: forward, sideways, the elbow's bend, the upper arm's inward rotation."""
    kind = rng.random()
    if kind < 0.45:  # hangs
        return np.array([rng.normal(2, 12), abs(rng.normal(12, 8)), abs(rng.normal(15, 15)), rng.normal(20, 30)])
    if kind < 0.7:  # bent forward
        return np.array([rng.normal(20, 20), abs(rng.normal(15, 12)), rng.uniform(40, 130), rng.normal(-30, 30)])
    return np.array([rng.uniform(-40, 150), rng.uniform(0, 110), rng.uniform(0, 140), rng.normal(0, 60)])


def _leg(rng: np.random.Generator, activity: str) -> np.ndarray:
    """Return angles in degrees: forward, sideways, the knee's bend."""
    if activity == "stands":
        return np.array([rng.normal(2, 10), abs(rng.normal(4, 5)), abs(rng.normal(4, 8))])
    if activity == "sits":
        return np.array([rng.normal(82, 14), rng.normal(12, 14), rng.normal(85, 25)])
    return np.array([rng.uniform(-35, 110), abs(rng.normal(12, 15)), rng.uniform(0, 120)])


def _height(rng: np.random.Generator) -> float:
    """Return a height for `person`: mostly large, some far away, some close up."""
    kind = rng.random()
    if kind < 0.45:
        return rng.uniform(500, 1900)
    return float(np.exp(rng.uniform(np.log(60), np.log(900)))) if kind < 0.75 else rng.uniform(1500, 4500)


def _project(rng: np.random.Generator, joints: np.ndarray, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the joints as a random camera sees them.

    First in the picture, (18, 2) in units of 1/2048 of its sides, then rotated into the camera's axes, (18, 3).
    """
    turn = rng.normal(0, 25) if rng.random() < 0.6 else rng.uniform(-180, 180)
    roll = rng.normal(0, 4) if rng.random() < 0.93 else rng.uniform(-180, 180)
    rotated = joints @ (_rotation(0, 0, roll) @ _rotation(rng.normal(0, 9), 0, 0) @ _rotation(0, turn, 0)).T
    projected = rotated[:, :2] * (1 + 0.15 * rotated[:, 2:])  # the camera is about six heights away
    aspect = rng.choice([1.0, 1.5, 0.6667], p=[0.5, 0.35, 0.15])
    projected = projected * height * [aspect**0.5, aspect**-0.5]
    projected += rng.normal(0, 0.004 * height, (18, 2))  # the noise of a detector
    nose = [rng.uniform(0, UNITS), rng.uniform(0, UNITS)]
    if height > 300:
        nose = [rng.uniform(300, 1750), rng.uniform(120, 700)]
    return np.rint(projected - projected[0] + nose), rotated


def _visible(rng: np.random.Generator, projected: np.ndarray, rotated: np.ndarray) -> np.ndarray:
    """Return which joints are inside the picture and neither hidden nor missed by a detector, (18,) bool."""
    visible = ((projected >= 0) & (projected < UNITS)).all(1) & (rng.random(18) > 0.02)
    if rotated[0, 2] < rotated[[16, 17], 2].mean():  # from behind
        visible[[0, 14, 15]] &= rng.random(3) < 0.15
    for ear, other_ear in ((16, 17), (17, 16)):
        if rotated[ear, 2] < rotated[other_ear, 2] - 0.06:  # behind the head
            visible[ear] &= rng.random() < 0.2
    if rng.random() < 0.1:
        visible[LEG_JOINTS] = False
    return np.asarray(visible)
