"""Made-up people, as a pose has them: what its bytes are predicted from, and measured on.

There is no free set of people's joints to learn from, so bodies are made up: the proportions are
measured ones (Drillis and Contini 1966, in shares of the height), the angles of their joints are drawn
from what people can do and mostly do, guessed by hand: half stand, some sit, some move. Each is turned, seen
from about the front or any side, and cropped and hidden as in pictures. Real people will cost somewhat more.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from codec.structure.pose_payload import UNITS, Person

SIDES: Final = (-1, 1)  # right, left; +x is the body's left, y points down, +z to its front (and the camera)
ARM, FOREARM, THIGH, SHANK = 0.186, 0.146, 0.245, 0.246
LEGS: Final = [9, 10, 12, 13]
FACE: Final = {
    0: (0, -0.052, 0.06), 14: (-0.018, -0.072, 0.05), 15: (0.018, -0.072, 0.05),
    16: (-0.043, -0.064, 0.0), 17: (0.043, -0.064, 0.0),
}  # fmt: skip


def person(dice: np.random.Generator, mood: str = "", height: float = 0) -> Person:
    """One made-up person of whom four joints or more are seen.

    `mood`: "stands", "sits", "moves" or any; `height`: in 2,048ths of the picture's, or any.
    """
    while True:
        joints = _body(dice, mood or str(dice.choice(["stands", "sits", "moves"], p=[0.55, 0.2, 0.25])))
        flat, turned = _seen_from(dice, joints, height or _height(dice))
        seen = _visible(dice, flat, turned)
        found = tuple((int(x), int(y)) if saw else None for (x, y), saw in zip(flat, seen, strict=True))
        if sum(joint is not None for joint in found) >= 4:
            return found


def whole(dice: np.random.Generator, mood: str = "", height: float = 0) -> Person:
    """One of whom every joint is seen."""
    while True:
        found = person(dice, mood, height)
        if all(found):
            return found


def crowd(dice: np.random.Generator, count: int, height: float) -> tuple[Person, ...]:
    """People of about that height."""
    return tuple(whole(dice, "", height * dice.uniform(0.7, 1.3)) for _ in range(count))


def _turn(x: float, y: float, z: float) -> np.ndarray:
    """A rotation by these angles in degrees: about x, then y, then z."""
    a, b, c = np.radians([x, y, z])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def _body(dice: np.random.Generator, mood: str) -> np.ndarray:
    """(18, 3): joints of a body of height 1, its hips around 0."""
    free = 25.0 if mood == "moves" else 8.0
    trunk = _turn(dice.normal(-4, free), dice.normal(0, free), dice.normal(0, free * 0.8))
    out = np.zeros((18, 3))
    out[1] = trunk @ [0, -0.288, 0]
    head = trunk @ _turn(dice.normal(-3, 12), dice.normal(0, 25), dice.normal(0, 8))
    middle = out[1] + trunk @ [0, -0.05, 0.01]
    for joint, offset in FACE.items():
        out[joint] = middle + head @ np.array(offset)
    build = dice.normal(1, 0.06)
    alike = dice.random() < 0.5
    arm, leg = _arm(dice), _leg(dice, mood)
    for side in SIDES:
        shoulder, hip = (2, 8) if side < 0 else (5, 11)
        if side > 0:
            arm = arm + dice.normal(0, 8, 4) if alike else _arm(dice)
            leg = leg + dice.normal(0, 6, 3) if alike and mood != "moves" else _leg(dice, mood)
        out[shoulder] = out[1] + trunk @ [side * 0.125 * build, 0.006, 0]
        out[hip] = [side * 0.055 * build, 0, 0]
        upper = trunk @ _turn(arm[0], 0, 0) @ _turn(0, 0, -side * arm[1])
        out[shoulder + 1] = out[shoulder] + upper @ [0, ARM, 0]
        lower = upper @ _turn(0, side * arm[3], 0) @ _turn(arm[2], 0, 0)
        out[shoulder + 2] = out[shoulder + 1] + lower @ [0, FOREARM, 0]
        upper = _turn(leg[0], 0, 0) @ _turn(0, 0, -side * leg[1])
        out[hip + 1] = out[hip] + upper @ [0, THIGH, 0]
        out[hip + 2] = out[hip + 1] + upper @ _turn(-leg[2], 0, 0) @ [0, SHANK, 0]
    return out


def _arm(dice: np.random.Generator) -> np.ndarray:
    """Degrees: forwards, sideways, the elbow's bend, the upper arm's own turn (inwards)."""
    kind = dice.random()
    if kind < 0.45:  # hangs
        return np.array([dice.normal(2, 12), abs(dice.normal(12, 8)), abs(dice.normal(15, 15)), dice.normal(20, 30)])
    if kind < 0.7:  # bent to the front
        return np.array([dice.normal(20, 20), abs(dice.normal(15, 12)), dice.uniform(40, 130), dice.normal(-30, 30)])
    return np.array([dice.uniform(-40, 150), dice.uniform(0, 110), dice.uniform(0, 140), dice.normal(0, 60)])


def _leg(dice: np.random.Generator, mood: str) -> np.ndarray:
    """Degrees: forwards, sideways, the knee's bend."""
    if mood == "stands":
        return np.array([dice.normal(2, 10), abs(dice.normal(4, 5)), abs(dice.normal(4, 8))])
    if mood == "sits":
        return np.array([dice.normal(82, 14), dice.normal(12, 14), dice.normal(85, 25)])
    return np.array([dice.uniform(-35, 110), abs(dice.normal(12, 15)), dice.uniform(0, 120)])


def _height(dice: np.random.Generator) -> float:
    """Of the whole body: mostly large, some far away, some close up."""
    kind = dice.random()
    if kind < 0.45:
        return dice.uniform(500, 1900)
    return float(np.exp(dice.uniform(np.log(60), np.log(900)))) if kind < 0.75 else dice.uniform(1500, 4500)


def _seen_from(dice: np.random.Generator, joints: np.ndarray, height: float) -> tuple[np.ndarray, np.ndarray]:
    """(18, 2) in 2,048ths of the picture's sides, and (18, 3) as the camera has them."""
    turn = dice.normal(0, 25) if dice.random() < 0.6 else dice.uniform(-180, 180)
    roll = dice.normal(0, 4) if dice.random() < 0.93 else dice.uniform(-180, 180)
    turned = joints @ (_turn(0, 0, roll) @ _turn(dice.normal(0, 9), 0, 0) @ _turn(0, turn, 0)).T
    flat = turned[:, :2] * (1 + 0.15 * turned[:, 2:])  # a camera at about six heights
    aspect = dice.choice([1.0, 1.5, 0.6667], p=[0.5, 0.35, 0.15])
    flat = flat * height * [aspect**0.5, aspect**-0.5]
    flat += dice.normal(0, 0.004 * height, (18, 2))  # no detector is exact
    nose = [dice.uniform(0, UNITS), dice.uniform(0, UNITS)]
    if height > 300:
        nose = [dice.uniform(300, 1750), dice.uniform(120, 700)]
    return np.rint(flat - flat[0] + nose), turned


def _visible(dice: np.random.Generator, flat: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """(18,) bool: inside the picture, not behind the head or something else, not lost by chance."""
    seen = ((flat >= 0) & (flat < UNITS)).all(1) & (dice.random(18) > 0.02)
    if turned[0, 2] < turned[[16, 17], 2].mean():  # from behind
        seen[[0, 14, 15]] &= dice.random(3) < 0.15
    for ear, other in ((16, 17), (17, 16)):
        if turned[ear, 2] < turned[other, 2] - 0.06:
            seen[ear] &= dice.random() < 0.2
    if dice.random() < 0.1:
        seen[LEGS] = False
    return np.asarray(seen)
