"""How many bytes people take as a pose: `python -m tests.pose_bench [--each N]`

Made-up people (codec/training/synthetic_poses.py, another seed than the training's), and points at random. Each
pose is a payload of its own, read back and compared. Version 1's bytes stand beside.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from codec.structure.pose import UNITS, Pose
from codec.structure.pose_payload import Person
from codec.training import synthetic_poses

Draw = Callable[[np.random.Generator], tuple[Person, ...]]


def scattered(dice: np.random.Generator) -> Person:
    """Every joint anywhere."""
    return tuple((int(x), int(y)) for x, y in dice.integers(0, UNITS, (18, 2)))


def half(dice: np.random.Generator) -> Person:
    """Seen down to the hips or less: at least six joints are not seen."""
    while True:
        person = synthetic_poses.person(dice, "stands", dice.uniform(2500, 4500))
        if sum(joint is None for joint in person) >= 6:
            return person


def mirrored(person: Person) -> Person:
    """The same in a mirror: left is right."""
    order = (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)
    return tuple(None if (joint := person[k]) is None else (UNITS - 1 - joint[0], joint[1]) for k in order)


def upended(person: Person) -> Person:
    """On the side: the head to the left."""
    return tuple(None if joint is None else (joint[1], UNITS - 1 - joint[0]) for joint in person)


CASES: dict[str, Draw] = {
    "all joints, any pose and size": lambda dice: (synthetic_poses.whole(dice),),
    "one who stands, large": lambda dice: (synthetic_poses.whole(dice, "stands", dice.uniform(1400, 1800)),),
    "one who sits": lambda dice: (synthetic_poses.whole(dice, "sits", dice.uniform(900, 1800)),),
    "one who moves": lambda dice: (synthetic_poses.whole(dice, "moves", dice.uniform(900, 1800)),),
    "one who lies": lambda dice: (upended(synthetic_poses.whole(dice, "stands", dice.uniform(900, 1400))),),
    "one in a mirror": lambda dice: (mirrored(synthetic_poses.whole(dice)),),
    "a half figure": lambda dice: (half(dice),),
    "anyone, as they are seen": lambda dice: (synthetic_poses.person(dice),),
    "5 people": lambda dice: synthetic_poses.crowd(dice, 5, 900),
    "20 small people": lambda dice: synthetic_poses.crowd(dice, 20, 200),
    "64 tiny people": lambda dice: synthetic_poses.crowd(dice, 64, 60),
    "points at random": lambda dice: (scattered(dice),),
}


def bytes_a_person(draw: Draw, poses: int, seed: int = 2024) -> float:
    """Mean bytes for each person, over so many poses."""
    dice = np.random.default_rng(seed)
    size = people = 0
    for _ in range(poses):
        pose = Pose(draw(dice))
        payload = pose.to_bytes()
        assert Pose.from_bytes(payload) == pose
        size, people = size + len(payload), people + len(pose.persons)
    return size / people


def main() -> None:
    """Print a table, a row for each kind of people."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=200, metavar="N", help="poses of one person; fewer of crowds")
    each = parser.parse_args().each
    print("| people | bytes a person |\n|---|---|")
    for name, draw in CASES.items():
        people = len(draw(np.random.default_rng(0)))
        size = bytes_a_person(draw, max(each // people, 3))
        print(f"| {name} | {size:.1f} |", flush=True)


if __name__ == "__main__":
    main()
