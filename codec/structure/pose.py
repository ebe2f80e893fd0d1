"""The structure layer's other kind: people as OpenPose skeletons.

OpenPose's 18 COCO keypoints (Cao et al. 2019), which the openpose T2I-Adapter was trained on.
skeleton.py has their bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from codec.bitstream.range_coder import Decoder, Encoder
from codec.errors import Corrupt, InvalidLayer
from codec.structure import layer_kind, pose_payload, raster
from codec.structure.pose_payload import MAX_PERSONS, UNITS, Person

KEYPOINTS: Final = (
    "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow",
    "left wrist", "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
    "right eye", "left eye", "right ear", "left ear",
)  # fmt: skip

_LIMBS: Final = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12),
    (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
_COLORS: Final = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0),
    (0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255),
    (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pose:
    """The people in a picture, in any order.

    `persons`: up to 64 of 18 keypoints in the order of `KEYPOINTS`, each (x, y) of whole numbers in
    0..2047, which is 1/2048 of the picture's width and height (a quarter of a pixel at 512), or None
    where it is not seen. A person has at least one keypoint. Raises `InvalidLayer` for anything else.
    """

    persons: tuple[Person, ...]

    def __post_init__(self) -> None:
        if len(self.persons) > MAX_PERSONS:
            raise InvalidLayer(f"a pose holds at most {MAX_PERSONS} persons")
        for person in self.persons:
            seen = [joint for joint in person if joint is not None]
            inside = all(type(v) is int and 0 <= v < UNITS for joint in seen for v in joint)
            pairs = all(len(joint) == 2 for joint in seen)
            if len(person) != len(KEYPOINTS) or not seen or not (pairs and inside):
                raise InvalidLayer(
                    f"a person has {len(KEYPOINTS)} keypoints, one or more seen, of whole numbers in 0..{UNITS - 1}"
                )

    def to_bytes(self) -> bytes:
        """Return the payload."""
        coder = Encoder()
        layer_kind.write(coder, layer_kind.POSE)
        pose_payload.syntax(coder, self.persons)
        return coder.finish()

    @classmethod
    def from_bytes(cls, payload: bytes) -> Pose:
        """Return the pose of a payload. Raises `Corrupt` for bytes that `to_bytes` would not write."""
        kind, _ = layer_kind.read(payload)
        if kind != layer_kind.POSE:
            raise Corrupt("the structure layer holds a sketch, not a pose", ("structure",))
        coder = Decoder(payload, "structure")
        coder.choice(layer_kind.WEIGHTS)
        try:
            pose = cls(pose_payload.syntax(coder, None))
        except InvalidLayer as error:
            raise Corrupt(str(error), ("structure",)) from None
        if pose.to_bytes() != payload:
            raise Corrupt("non-canonical encoding of the structure layer", ("structure",))
        return pose

    def render(self, width: int, height: int) -> np.ndarray:
        """OpenPose's own drawing: colored limbs on black, (height, width, 3) uint8."""
        canvas = np.zeros((height, width, 3), np.float32)
        size = max(width, height) / 512
        for person in self.persons:
            points = [None if joint is None else _pixel(joint, width, height) for joint in person]
            for (a, b), color in zip(_LIMBS, _COLORS, strict=False):
                if points[a] is not None and points[b] is not None:
                    dimmed = (color[0] * 6 // 10, color[1] * 6 // 10, color[2] * 6 // 10)
                    _line(canvas, np.array([points[a], points[b]]), 8 * size, dimmed)
            for point, color in zip(points, _COLORS, strict=True):
                if point is not None:
                    _line(canvas, np.array([point]), 8 * size, color)
        return raster.to_uint8(canvas)


def _pixel(joint: tuple[int, int], width: int, height: int) -> tuple[float, float]:
    return (joint[0] + 0.5) * width / UNITS, (joint[1] + 0.5) * height / UNITS


def _line(canvas: np.ndarray, points: np.ndarray, thickness: float, color: tuple[int, int, int]) -> None:
    """Draw on the part of the canvas that the line meets: a crowd on a large picture has a thousand lines."""
    reach = thickness / 2 + 2
    left, top = np.maximum((points.min(0) - reach).astype(int), 0)
    right, bottom = np.minimum((points.max(0) + reach).astype(int) + 1, canvas.shape[1::-1])
    part = canvas[top:bottom, left:right]
    coverage = np.zeros(part.shape[:2], np.float32)
    raster.draw_polyline(coverage, points - [left, top], thickness)
    raster.blend(part, coverage, color)
