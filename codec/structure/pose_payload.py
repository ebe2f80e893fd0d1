"""The payload of a pose: each person's joints, as likely as a small network says from those before.

RNADE (Uria, Murray and Larochelle 2013): one hidden layer sums up what is known of a person (its size,
which joints are seen, where the earlier ones are); from it follows a mixture of logistic distributions
for each further coordinate. Its weights are whole numbers, trained once on made-up bodies
(training/poses.py), and so is all arithmetic: the same on every machine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import isqrt
from typing import Final, NamedTuple

import numpy as np

from codec.bitstream import tables
from codec.bitstream.range_coder import TOTAL, BitModel, Coder
from codec.errors import Corrupt

UNITS: Final = 2048  # positions along each side
MAX_PERSONS: Final = 64
JOINTS: Final = 18
ORDER: Final = (1, 2, 5, 8, 11, 0, 14, 15, 16, 17, 3, 4, 6, 7, 9, 10, 12, 13)  # as coded: parents first
PARENT: Final = (1, 1, 1, 2, 3, 1, 5, 6, 1, 8, 9, 8, 11, 12, 0, 0, 14, 15)  # by joint; the neck's is itself
SIZES: Final = tuple((4 + s % 4) * 2 << s // 4 for s in range(32))  # of a person: 8..1792

# rows of the table: what an input adds to the hidden values, and what these say of an output
HIDDEN: Final = 64  # and one more that is always 1
PARTS: Final = 3  # of a mixture: a mean, a width and a weight each
IS_SEEN: Final = 2  # inputs, after "one" and the size: which joints are seen, by place in ORDER
PLACES: Final = IS_SEEN + JOINTS  # where the first of them is, then each of ORDER but the neck: x, y
SEEN: Final = PLACES + 2 * JOINTS  # outputs: is a joint seen?
MIXTURES: Final = SEEN + JOINTS  # of the coordinates in PLACES

ONE: Final = 256  # of inputs and hidden values; of weights 2,048
LIMIT: Final = 8 * ONE  # of a hidden value
_MASS: Final = 1 << 19  # of a mixture; each place has 1 besides
_OCTAVE: Final = 1 << 16  # of exponents

Point = tuple[int, int]
Joint = Point | None
Person = tuple[Joint, ...]


def syntax(coder: Coder, given: tuple[Person, ...] | None) -> tuple[Person, ...]:
    """The payload after its kind; codes the persons `given`, or reads them where there are none.

    Raises `Corrupt` for more than 64 persons, for one without a joint, and for one of another size than was coded.
    """
    persons: list[Person] = []
    end, size = BitModel(1024), 28
    while not coder.bit(end, int(given is not None and len(persons) == len(given))):
        if len(persons) == MAX_PERSONS:
            raise Corrupt("the pose has too many persons", ("structure",))
        wanted = given[len(persons)] if given else None
        likely = [1 + 64 // (4 + (other - size) ** 2) for other in range(len(SIZES))]
        size = coder.choice(likely, size_class(wanted) if wanted else 0)
        persons.append(_person(coder, size, wanted))
        if size_class(persons[-1]) != size:
            raise Corrupt("the pose is not in its one form: a person has another size than it says", ("structure",))
        if len(persons) == 1:
            end = BitModel()
    return tuple(persons)


def size_class(person: Person) -> int:
    """The number of a person's size: the last of `SIZES` that the longer extent of its joints reaches."""
    there = [joint for joint in person if joint]
    extent = max(max(axis) - min(axis) for axis in zip(*there, strict=True))
    return max(sum(size <= extent for size in SIZES) - 1, 0)


class Scale(NamedTuple):
    """How offsets are measured."""

    unit: int  # in places
    fine: int  # an offset of 2^-fine units is 1 to the network
    logarithm: int  # of the unit, to base 2, in 64ths


FRAME: Final = Scale(UNITS, 1, 11 * 64)


def scale(size: int, joint: int) -> Scale:
    """Of a joint's offset from its parent. Eyes and ears are near theirs."""
    return Scale(SIZES[size], 3 if joint >= 14 else 1, 3 * 64 + 16 * size)


def _person(coder: Coder, size: int, given: Person | None) -> Person:
    network = _Network(size)
    shown = [given is not None and given[joint] is not None for joint in ORDER]
    seen = [network.seen(coder, number, value) for number, value in enumerate(shown)]
    if not any(seen):
        raise Corrupt("the pose has a person without a keypoint", ("structure",))
    root = seen.index(1)
    wanted = [joint or (0, 0) for joint in given or [None] * JOINTS]
    places = [network.place(coder, 0, (UNITS // 2, UNITS // 2), FRAME, wanted[ORDER[root]])] * JOINTS
    for number, joint in enumerate(ORDER):
        places[joint] = places[PARENT[joint]]
        if seen[number] and number > root:
            places[joint] = network.place(coder, number, places[joint], scale(size, joint), wanted[joint])
    return tuple(places[joint] if seen[ORDER.index(joint)] else None for joint in range(JOINTS))


class _Network:
    """What is known of a person so far, summed up, and how likely what comes next is."""

    def __init__(self, size: int) -> None:
        self._table = _table()
        self._sums = ONE * self._table[0] + 32 * (size - 16) * self._table[1]

    def seen(self, coder: Coder, number: int, value: bool) -> int:
        """Code whether a joint, by its place in ORDER, is seen: 0 or 1."""
        chance = _logistic(self._outputs(SEEN + number, 1)[0] >> 3, TOTAL)
        bit = coder.bit(BitModel(min(max(chance, 64), TOTAL - 64)), int(value))
        self._sums = self._sums + ONE * bit * self._table[IS_SEEN + number]
        return bit

    def place(self, coder: Coder, number: int, origin: Point, by: Scale, value: Point) -> Point:
        """Code where a joint is; number 0 is the first that is seen, whichever that is."""
        x = self._coordinate(coder, 2 * number, origin[0], by, value[0])
        return x, self._coordinate(coder, 2 * number + 1, origin[1], by, value[1])

    def _coordinate(self, coder: Coder, number: int, origin: int, by: Scale, value: int) -> int:
        below = mixture(self._outputs(MIXTURES + 3 * PARTS * number, 3 * PARTS), origin, by)
        found = coder.symbol(below, UNITS, value)
        offset = (found - origin << 8 + by.fine) // by.unit
        self._sums = self._sums + min(max(offset, -4 * ONE), 4 * ONE) * self._table[PLACES + number]
        return found

    def _outputs(self, row: int, count: int) -> list[int]:
        hidden = np.clip(self._sums >> 11, 0, LIMIT)
        return [int(value) for value in self._table[row : row + count] @ hidden]


def mixture(values: list[int], origin: int, by: Scale) -> Callable[[int], int]:
    """The weights of the places below one, as `Coder.search` takes them.

    `values`: means of offsets from the origin, widths and weights, as the network puts them out.
    """
    means = [16 * origin + ((value >> 8) * by.unit >> 7 + by.fine) for value in values[:PARTS]]
    slopes = [(value >> 13) + 64 * (3 + by.fine) - by.logarithm for value in values[PARTS : 2 * PARTS]]
    slopes = [_power(min(max(slope, -1024), 230) << 10) for slope in slopes]
    most = max(values[2 * PARTS :])
    shares = [_power(max(value - most >> 3, -16 * _OCTAVE)) for value in values[2 * PARTS :]]
    masses = [share * _MASS // sum(shares) for share in shares]
    parts = list(zip(means, slopes, masses, strict=True))

    def inside(place: int) -> int:
        return sum(_logistic((16 * place - 8 - mean) * slope >> 4, mass) for mean, slope, mass in parts)

    start = inside(0)
    return lambda place: place + inside(place) - start


def _logistic(exponent: int, mass: int) -> int:
    """mass / (1 + 2^-x), x in 65,536ths: rises with x."""
    rest = mass * _OCTAVE // (_OCTAVE + _power(min(abs(exponent), 20 * _OCTAVE)))
    return mass - rest if exponent >= 0 else rest


def _power(exponent: int) -> int:
    """About 65,536 * 2^x, x in 65,536ths: rises with x."""
    octave, place = exponent >> 16, exponent >> 10 & 63
    value = _POWERS[place] + ((_POWERS[place + 1] - _POWERS[place]) * (exponent & 1023) >> 10)
    return value << octave if octave >= 0 else value >> -octave


def _root(value: int) -> int:
    """The whole part of the 64th root."""
    for _ in range(6):
        value = isqrt(value)
    return value


_POWERS: Final = [_root(1 << 16 * 64 + part) for part in range(65)]  # 65,536 * 2^(part / 64), rounded down


@functools.cache
def _table() -> np.ndarray:
    return tables.load_array("structure/pose_joints.npy").astype(np.int64)
