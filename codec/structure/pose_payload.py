"""The payload of a pose: each person's joints, entropy-coded with probabilities from a small network.

The network is an RNADE (Uria, Murray and Larochelle 2013). Its hidden layer accumulates what is known about a person:
the size class, which joints are visible, and the positions of the joints coded so far. From the hidden layer, the
network computes the probability that a joint is visible, and a mixture of logistic distributions for each coordinate.
The weights were trained on synthetic bodies (codec/training/pose_tables.py). Weights and arithmetic are in integers, so
that the bytes are the same on every machine.
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

UNITS: Final = 2048  # coordinates are in 1/2048 of the picture's sides
MAX_PERSONS: Final = 64
JOINT_COUNT: Final = 18
CODING_ORDER: Final = (1, 2, 5, 8, 11, 0, 14, 15, 16, 17, 3, 4, 6, 7, 9, 10, 12, 13)  # joints, parents first
PARENTS: Final = (1, 1, 1, 2, 3, 1, 5, 6, 1, 8, 9, 8, 11, 12, 0, 0, 14, 15)  # of each joint; the neck is the root
FIRST_FACE_JOINT: Final = 14  # eyes and ears, which are close to their parents
SIZE_CLASSES: Final = tuple((4 + s % 4) * 2 << s // 4 for s in range(32))  # smallest extent of each: 8..1792 units

# Rows of the weight table: a row of weights to the hidden units for each input, and a row of weights from them for each
# output. Input 0 is the constant 1, and input 1 the size class. Each constant is the first row of a group.
HIDDEN_UNITS: Final = 64  # besides the last one, which is the constant 1
MIXTURE_PARTS: Final = 3  # each with a mean, a width and a weight
VISIBILITY_INPUTS: Final = 2  # whether each joint is visible, in coding order
POSITION_INPUTS: Final = VISIBILITY_INPUTS + JOINT_COUNT  # x, y of the first visible joint, then of CODING_ORDER[1:]
VISIBILITY_OUTPUTS: Final = POSITION_INPUTS + 2 * JOINT_COUNT  # the logit of each joint's visibility
MIXTURE_OUTPUTS: Final = VISIBILITY_OUTPUTS + JOINT_COUNT  # the mixtures of the coordinates in POSITION_INPUTS

ONE: Final = 256  # represents 1.0 in inputs and hidden units; in weights, 2,048 does
MAX_HIDDEN: Final = 8 * ONE
_MIXTURE_TOTAL: Final = 1 << 19  # sum of the frequencies that a mixture gives to all positions; each gets 1 more
_EXPONENT_ONE: Final = 1 << 16  # represents 1.0 in exponents to base 2
_FIRST_SIZE_CLASS: Final = 28  # the expected size class of the first person
_P_NO_PERSON: Final = 1024  # of 65,536

Point = tuple[int, int]
Joint = Point | None  # None: not visible
Person = tuple[Joint, ...]


def code_persons(coder: Coder, persons: tuple[Person, ...] | None = None) -> tuple[Person, ...]:
    """Code the payload after its kind: encode `persons`, or decode them if they are None.

    Raises `Corrupt` for decoded persons that are more than 64, have no visible joint, or have another size
    class than was coded.
    """
    coded: list[Person] = []
    end, size_class = BitModel(_P_NO_PERSON), _FIRST_SIZE_CLASS
    while not coder.bit(end, int(persons is not None and len(coded) == len(persons))):
        if len(coded) == MAX_PERSONS:
            raise Corrupt("the pose has too many persons", ("structure",))
        person = persons[len(coded)] if persons else None
        size_class = coder.choice(_size_class_weights(size_class), size_class_of(person) if person else 0)
        coded.append(code_person(coder, size_class, person))
        if size_class_of(coded[-1]) != size_class:
            raise Corrupt("non-canonical pose: the size class of a person does not match the joints", ("structure",))
        if len(coded) == 1:
            end = BitModel()
    return tuple(coded)


def _size_class_weights(previous: int) -> list[int]:
    """Return the frequencies of the size classes: those near the one of the previous person are likely."""
    return [1 + 64 // (4 + (size_class - previous) ** 2) for size_class in range(len(SIZE_CLASSES))]


def size_class_of(person: Person) -> int:
    """Return the largest size class whose extent the longer side of the joints' bounding box reaches."""
    visible = [joint for joint in person if joint]
    extent: int = max(max(axis) - min(axis) for axis in zip(*visible, strict=True))
    return max(sum(size <= extent for size in SIZE_CLASSES) - 1, 0)


class OffsetScale(NamedTuple):
    """The scale of a joint's offset from its origin."""

    unit: int  # in coordinates
    fine_bits: int  # the network's input is 1.0 for an offset of 2^-fine_bits units
    log2_unit: int  # in 64ths


FRAME_SCALE: Final = OffsetScale(UNITS, 1, 11 * 64)  # of the first joint, relative to the center of the picture


def joint_scale(size_class: int, joint: int) -> OffsetScale:
    """Return the scale of a joint's offset from its parent."""
    return OffsetScale(SIZE_CLASSES[size_class], 3 if joint >= FIRST_FACE_JOINT else 1, 3 * 64 + 16 * size_class)


def code_person(coder: Coder, size_class: int, person: Person | None = None) -> Person:
    """Code the joints of a person: encode `person`, or decode one if it is None.

    Raises `Corrupt` for a person without a visible joint.
    """
    network = _Network(size_class)
    visible = [
        network.code_visibility(coder, number, person is not None and person[joint] is not None)
        for number, joint in enumerate(CODING_ORDER)
    ]
    if not any(visible):
        raise Corrupt("the pose has a person without a visible keypoint", ("structure",))
    first = visible.index(True)
    targets = [joint or (0, 0) for joint in person or [None] * JOINT_COUNT]
    center = (UNITS // 2, UNITS // 2)
    root = network.code_position(coder, 0, center, FRAME_SCALE, targets[CODING_ORDER[first]])
    positions = [root] * JOINT_COUNT  # invisible joints get the position of their parent
    for number, joint in enumerate(CODING_ORDER):
        positions[joint] = origin = positions[PARENTS[joint]]
        if visible[number] and number > first:
            scale = joint_scale(size_class, joint)
            positions[joint] = network.code_position(coder, number, origin, scale, targets[joint])
    return tuple(positions[joint] if visible[CODING_ORDER.index(joint)] else None for joint in range(JOINT_COUNT))


class _Network:
    """The network's state for one person: the sums of its hidden units, to which each coded value adds."""

    def __init__(self, size_class: int) -> None:
        self._table = _table()
        self._sums = ONE * self._table[0] + 32 * (size_class - 16) * self._table[1]

    def code_visibility(self, coder: Coder, number: int, value: bool) -> bool:
        """Code whether the joint at a place in the coding order is visible."""
        p = _logistic(self._outputs(VISIBILITY_OUTPUTS + number, 1)[0] >> 3, TOTAL)
        visible = coder.bernoulli(min(max(p, 64), TOTAL - 64), int(value))
        self._sums = self._sums + ONE * visible * self._table[VISIBILITY_INPUTS + number]
        return bool(visible)

    def code_position(self, coder: Coder, number: int, origin: Point, scale: OffsetScale, value: Point) -> Point:
        """Code the position of a joint; number 0 is the first visible one, others are places in the coding order."""
        x = self._code_coordinate(coder, 2 * number, origin[0], scale, value[0])
        return x, self._code_coordinate(coder, 2 * number + 1, origin[1], scale, value[1])

    def _code_coordinate(self, coder: Coder, number: int, origin: int, scale: OffsetScale, value: int) -> int:
        outputs = self._outputs(MIXTURE_OUTPUTS + 3 * MIXTURE_PARTS * number, 3 * MIXTURE_PARTS)
        coordinate = coder.symbol(mixture_cumulative(outputs, origin, scale), UNITS, value)
        offset = (coordinate - origin << 8 + scale.fine_bits) // scale.unit
        self._sums = self._sums + min(max(offset, -4 * ONE), 4 * ONE) * self._table[POSITION_INPUTS + number]
        return coordinate

    def _outputs(self, row: int, count: int) -> list[int]:
        hidden = np.clip(self._sums >> 11, 0, MAX_HIDDEN)
        return [int(value) for value in self._table[row : row + count] @ hidden]


def mixture_cumulative(outputs: list[int], origin: int, scale: OffsetScale) -> Callable[[int], int]:
    """Return the cumulative frequencies of a coordinate in 0..2047, as `Coder.symbol` takes them.

    `outputs`: of the network, the means of the mixture's parts, then their widths, then their weights.
    """
    means = [16 * origin + ((mean >> 8) * scale.unit >> 7 + scale.fine_bits) for mean in outputs[:MIXTURE_PARTS]]
    widths = outputs[MIXTURE_PARTS : 2 * MIXTURE_PARTS]
    exponents = [(width >> 13) + 64 * (3 + scale.fine_bits) - scale.log2_unit for width in widths]
    slopes = [_power(min(max(exponent, -1024), 230) << 10) for exponent in exponents]
    weights = outputs[2 * MIXTURE_PARTS :]
    powers = [_power(max(weight - max(weights) >> 3, -16 * _EXPONENT_ONE)) for weight in weights]
    totals = [power * _MIXTURE_TOTAL // sum(powers) for power in powers]
    parts = list(zip(means, slopes, totals, strict=True))

    def distribution(value: int) -> int:
        return sum(_logistic((16 * value - 8 - mean) * slope >> 4, total) for mean, slope, total in parts)

    start = distribution(0)
    return lambda value: value + distribution(value) - start


def _logistic(exponent: int, total: int) -> int:
    """Return total / (1 + 2^-x) for x in 65,536ths; monotonic in x."""
    tail = total * _EXPONENT_ONE // (_EXPONENT_ONE + _power(min(abs(exponent), 20 * _EXPONENT_ONE)))
    return total - tail if exponent >= 0 else tail


def _power(exponent: int) -> int:
    """Return about 65,536 * 2^x for x in 65,536ths, by linear interpolation; monotonic in x."""
    octave, index = exponent >> 16, exponent >> 10 & 63
    value = _POWERS[index] + ((_POWERS[index + 1] - _POWERS[index]) * (exponent & 1023) >> 10)
    return value << octave if octave >= 0 else value >> -octave


def _root64(value: int) -> int:
    """Return the 64th root, rounded down."""
    for _ in range(6):
        value = isqrt(value)
    return value


_POWERS: Final = [_root64(1 << 16 * 64 + index) for index in range(65)]  # 65,536 * 2^(index / 64), rounded down


@functools.cache
def _table() -> np.ndarray:
    return tables.load_array("structure/pose_joints.npy").astype(np.int64)
