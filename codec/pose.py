"""The structure layer's other kind: people as OpenPose skeletons.

OpenPose's 18 COCO keypoints (Cao et al. 2019), which the openpose T2I-Adapter was trained on.
A keypoint is coded as its difference from the joint it hangs on, a person's first from the middle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from codec import raster
from codec.errors import Corrupt, InvalidLayer
from codec.rangecoder import Bit, Coder, Number

UNITS: Final = 2048  # positions along each side: a quarter of a pixel at 512
MAX_PERSONS: Final = 64
KEYPOINTS: Final = (
    "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow",
    "left wrist", "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
    "right eye", "left eye", "right ear", "left ear",
)  # fmt: skip

_PARENT: Final = (1, 1, 1, 2, 3, 1, 5, 6, 1, 8, 9, 1, 11, 12, 0, 0, 14, 15)
_ORDER: Final = (1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)  # parents first
_LIMBS: Final = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12),
    (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
_COLOURS: Final = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0),
    (0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255),
    (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85),
)  # fmt: skip

Joint = tuple[int, int] | None
Person = tuple[Joint, ...]


@dataclass(frozen=True, slots=True)
class Pose:
    """The people in a picture, in any order.

    `persons`: up to 64 of 18 keypoints in the order of `KEYPOINTS`, each (x, y) in 0..2047, which
    is 1/2048 of the picture's width and height, or None where it is not seen. A person
    has at least one keypoint. Raises `InvalidLayer` for anything else.
    """

    persons: tuple[Person, ...]

    def __post_init__(self) -> None:
        if len(self.persons) > MAX_PERSONS:
            raise InvalidLayer(f"a pose holds at most {MAX_PERSONS} persons")
        for person in self.persons:
            seen = [joint for joint in person if joint is not None]
            inside = all(0 <= x < UNITS and 0 <= y < UNITS for x, y in seen)
            if len(person) != len(KEYPOINTS) or not seen or not inside:
                raise InvalidLayer(f"a person has {len(KEYPOINTS)} keypoints in 0..{UNITS - 1}, one or more seen")

    def to_bytes(self, version: int = 2) -> bytes:
        """The payload in that version of the format."""
        from codec import structure

        return structure.to_bytes(self, version)

    @classmethod
    def from_bytes(cls, payload: bytes, version: int = 2) -> Pose:
        """The pose of a payload. Raises `Corrupt` for bytes that `to_bytes` would not write."""
        from codec import structure

        pose = structure.from_bytes(payload, version)
        if not isinstance(pose, cls):
            raise Corrupt("the structure layer holds a sketch, not a pose", ("structure",))
        return pose

    def render(self, width: int, height: int) -> np.ndarray:
        """OpenPose's own drawing: coloured limbs on black, (height, width, 3) uint8."""
        canvas = np.zeros((height, width, 3), np.float32)
        size = max(width, height) / 512
        for person in self.persons:
            points = [None if joint is None else _pixel(joint, width, height) for joint in person]
            for (a, b), colour in zip(_LIMBS, _COLOURS, strict=False):
                if points[a] is not None and points[b] is not None:
                    dimmed = (colour[0] * 6 // 10, colour[1] * 6 // 10, colour[2] * 6 // 10)
                    _line(canvas, np.array([points[a], points[b]]), 8 * size, dimmed)
            for point, colour in zip(points, _COLOURS, strict=True):
                if point is not None:
                    _line(canvas, np.array([point]), 8 * size, colour)
        return raster.to_uint8(canvas)


def syntax(coder: Coder, pose: Pose | None) -> Pose:
    """The payload after its kind; codes `pose`, or reads one where there is none."""
    persons: list[Person] = []
    more, seen = Bit(), [Bit(52000) for _ in KEYPOINTS]
    sign, size = [Bit() for _ in KEYPOINTS * 2], [Number(11) for _ in KEYPOINTS * 2]
    given = iter(pose.persons) if pose else _endless()
    while not coder.bit(more, int(pose is not None and len(persons) == len(pose.persons))):
        if len(persons) == MAX_PERSONS:
            raise Corrupt("the pose has too many persons", ("structure",))
        wanted = next(given)
        person: list[Joint] = [None] * len(KEYPOINTS)
        for k in _ORDER:
            joint = wanted[k] if wanted else None
            if coder.bit(seen[k], int(joint is not None)):
                origin = person[_PARENT[k]] or next(filter(None, person), (UNITS // 2, UNITS // 2))
                person[k] = (
                    _offset(coder, sign[2 * k], size[2 * k], origin[0], joint and joint[0]),
                    _offset(coder, sign[2 * k + 1], size[2 * k + 1], origin[1], joint and joint[1]),
                )
        persons.append(tuple(person))
    try:
        return Pose(tuple(persons))
    except InvalidLayer as error:
        raise Corrupt(str(error), ("structure",)) from None


def _offset(coder: Coder, sign: Bit, size: Number, origin: int, value: int | None) -> int:
    difference = 0 if value is None else value - origin
    distance = coder.number(size, abs(difference))
    if distance and not coder.bit(sign, int(difference > 0)):
        distance = -distance
    return origin + distance


def _endless() -> Iterator[None]:
    while True:
        yield None


def _pixel(joint: tuple[int, int], width: int, height: int) -> tuple[float, float]:
    return (joint[0] + 0.5) * width / UNITS, (joint[1] + 0.5) * height / UNITS


def _line(canvas: np.ndarray, points: np.ndarray, thickness: float, colour: tuple[int, int, int]) -> None:
    """Draw on the part of the canvas that the line meets: a crowd on a large picture has a thousand lines."""
    reach = thickness / 2 + 2
    left, top = np.maximum((points.min(0) - reach).astype(int), 0)
    right, bottom = np.minimum((points.max(0) + reach).astype(int) + 1, canvas.shape[1::-1])
    part = canvas[top:bottom, left:right]
    coverage = np.zeros(part.shape[:2], np.float32)
    raster.draw_polyline(coverage, points - [left, top], thickness)
    raster.blend(part, coverage, colour)
