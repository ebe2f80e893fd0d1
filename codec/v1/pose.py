"""Version 1 of the payload of a pose: each keypoint's difference from the joint it hangs on."""

from __future__ import annotations

from codec.errors import Corrupt
from codec.rangecoder import Bit, Coder, Number

UNITS, MAX_PERSONS, KEYPOINTS = 2048, 64, 18

_PARENT = (1, 1, 1, 2, 3, 1, 5, 6, 1, 8, 9, 1, 11, 12, 0, 0, 14, 15)
_ORDER = (1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)  # parents first

Joint = tuple[int, int] | None
Person = tuple[Joint, ...]


def syntax(coder: Coder, given: tuple[Person, ...] | None) -> tuple[Person, ...]:
    """The payload after its kind; codes the persons `given`, or reads them where there are none."""
    persons: list[Person] = []
    more, seen = Bit(), [Bit(52000) for _ in range(KEYPOINTS)]
    sign, size = [Bit() for _ in range(2 * KEYPOINTS)], [Number(11) for _ in range(2 * KEYPOINTS)]
    while not coder.bit(more, int(given is not None and len(persons) == len(given))):
        if len(persons) == MAX_PERSONS:
            raise Corrupt("the pose has too many persons", ("structure",))
        wanted = given[len(persons)] if given else None
        person: list[Joint] = [None] * KEYPOINTS
        for k in _ORDER:
            joint = wanted[k] if wanted else None
            if coder.bit(seen[k], int(joint is not None)):
                origin = person[_PARENT[k]] or next(filter(None, person), (UNITS // 2, UNITS // 2))
                person[k] = (
                    _offset(coder, sign[2 * k], size[2 * k], origin[0], joint and joint[0]),
                    _offset(coder, sign[2 * k + 1], size[2 * k + 1], origin[1], joint and joint[1]),
                )
        persons.append(tuple(person))
    return tuple(persons)


def _offset(coder: Coder, sign: Bit, size: Number, origin: int, value: int | None) -> int:
    difference = 0 if value is None else value - origin
    distance = coder.number(size, abs(difference))
    if distance and not coder.bit(sign, int(difference > 0)):
        distance = -distance
    return origin + distance
