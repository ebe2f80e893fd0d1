"""Measure the bytes of a pose per person: `python -m tests.pose_bench [--each N]`.

The persons are synthetic (codec/training/synthetic_poses.py, with another seed than the training) or have random
joints. Each pose is encoded as a separate payload, decoded again and compared.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from codec.structure.pose import UNITS, Pose
from codec.structure.pose_payload import Person
from codec.training import synthetic_poses

Draw = Callable[[np.random.Generator], tuple[Person, ...]]


def scattered(rng: np.random.Generator) -> Person:
    """Return a person whose joints are at random positions."""
    return tuple((int(x), int(y)) for x, y in rng.integers(0, UNITS, (18, 2)))


def half_figure(rng: np.random.Generator) -> Person:
    """Return a person visible about down to the hips: at least six joints are not visible."""
    while True:
        person = synthetic_poses.person(rng, "stands", rng.uniform(2500, 4500))
        if sum(joint is None for joint in person) >= 6:
            return person


def mirrored(person: Person) -> Person:
    """Return the person mirrored, with left and right joints swapped."""
    order = (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)
    return tuple(None if (joint := person[k]) is None else (UNITS - 1 - joint[0], joint[1]) for k in order)


def lying(person: Person) -> Person:
    """Return the person rotated, with the head to the left."""
    return tuple(None if joint is None else (joint[1], UNITS - 1 - joint[0]) for joint in person)


CASES: dict[str, Draw] = {
    "all joints, any pose and size": lambda rng: (synthetic_poses.full_person(rng),),
    "standing, large": lambda rng: (synthetic_poses.full_person(rng, "stands", rng.uniform(1400, 1800)),),
    "sitting": lambda rng: (synthetic_poses.full_person(rng, "sits", rng.uniform(900, 1800)),),
    "moving": lambda rng: (synthetic_poses.full_person(rng, "moves", rng.uniform(900, 1800)),),
    "lying": lambda rng: (lying(synthetic_poses.full_person(rng, "stands", rng.uniform(900, 1400))),),
    "mirrored": lambda rng: (mirrored(synthetic_poses.full_person(rng)),),
    "half figure": lambda rng: (half_figure(rng),),
    "any, joints hidden as in pictures": lambda rng: (synthetic_poses.person(rng),),
    "5 people": lambda rng: synthetic_poses.crowd(rng, 5, 900),
    "20 small people": lambda rng: synthetic_poses.crowd(rng, 20, 200),
    "64 tiny people": lambda rng: synthetic_poses.crowd(rng, 64, 60),
    "random joints": lambda rng: (scattered(rng),),
}


def bytes_per_person(draw: Draw, poses: int, seed: int = 2024) -> float:
    """Return the mean bytes per person of some random poses."""
    rng = np.random.default_rng(seed)
    size = persons = 0
    for _ in range(poses):
        pose = Pose(draw(rng))
        payload = pose.to_bytes()
        assert Pose.from_bytes(payload) == pose
        size, persons = size + len(payload), persons + len(pose.persons)
    return size / persons


def main() -> None:
    """Print a Markdown table with a row for each kind of persons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=200, metavar="N", help="persons of each kind")
    count = parser.parse_args().each
    print("| persons | bytes per person |\n|---|---|")
    for name, draw in CASES.items():
        persons = len(draw(np.random.default_rng(0)))
        print(f"| {name} | {bytes_per_person(draw, max(count // persons, 3)):.1f} |", flush=True)


if __name__ == "__main__":
    main()
