"""The structure layer as a pose: people as OpenPose skeletons.

A skeleton has OpenPose's 18 COCO keypoints (Cao et al. 2019), on which the openpose T2I-Adapter was trained.
pose_payload.py encodes poses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from codec.bitstream.range_coder import Decoder, Encoder
from codec.errors import Corrupt, InvalidLayer
from codec.structure import layer_kind, pose_payload, raster
from codec.structure.pose_payload import MAX_PERSONS, UNITS, Joint, Person

__all__ = ["KEYPOINTS", "MAX_PERSONS", "UNITS", "Joint", "Person", "Pose"]

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

    `persons`: at most 64, each with 18 keypoints in the order of `KEYPOINTS`. A keypoint is (x, y), integers in
    0..2047 in units of 1/2048 of the picture's width and height, or None if it is not visible. A person has at
    least one visible keypoint. Raises `InvalidLayer` for other values.
    """

    persons: tuple[Person, ...]

    def __post_init__(self) -> None:
        if len(self.persons) > MAX_PERSONS:
            raise InvalidLayer(f"a pose holds at most {MAX_PERSONS} persons")
        if not all(map(_is_valid, self.persons)):
            raise InvalidLayer(
                f"a person must have {len(KEYPOINTS)} keypoints, at least one of them visible, with integer "
                f"coordinates in 0..{UNITS - 1}"
            )

    def to_bytes(self) -> bytes:
        """Return the payload."""
        coder = Encoder()
        layer_kind.write(coder, layer_kind.POSE)
        pose_payload.code_persons(coder, self.persons)
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
            pose = cls(pose_payload.code_persons(coder))
        except InvalidLayer as error:
            raise Corrupt(str(error), ("structure",)) from None
        if pose.to_bytes() != payload:
            raise Corrupt("non-canonical encoding of the structure layer", ("structure",))
        return pose

    def render(self, width: int, height: int) -> np.ndarray:
        """Draw colored limbs and joints on black as OpenPose does: (height, width, 3) uint8."""
        canvas = np.zeros((height, width, 3), np.float32)
        thickness = 8 * max(width, height) / 512
        for person in self.persons:
            points = [None if joint is None else _to_pixels(joint, width, height) for joint in person]
            for (a, b), color in zip(_LIMBS, _COLORS, strict=False):
                if points[a] is not None and points[b] is not None:
                    dimmed = (color[0] * 6 // 10, color[1] * 6 // 10, color[2] * 6 // 10)
                    _draw_line(canvas, np.array([points[a], points[b]]), thickness, dimmed)
            for point, color in zip(points, _COLORS, strict=True):
                if point is not None:
                    _draw_line(canvas, np.array([point]), thickness, color)
        return raster.to_uint8(canvas)


def _is_valid(person: Person) -> bool:
    visible = [joint for joint in person if joint is not None]
    pairs = all(len(joint) == 2 for joint in visible)
    in_range = all(type(value) is int and 0 <= value < UNITS for joint in visible for value in joint)
    return len(person) == len(KEYPOINTS) and bool(visible) and pairs and in_range


def _to_pixels(joint: tuple[int, int], width: int, height: int) -> tuple[float, float]:
    return (joint[0] + 0.5) * width / UNITS, (joint[1] + 0.5) * height / UNITS


def _draw_line(canvas: np.ndarray, points: np.ndarray, thickness: float, color: tuple[int, int, int]) -> None:
    """Draw a line, or a dot for one point. Only the pixels around it are processed, since a crowd has many lines."""
    margin = thickness / 2 + 2
    left, top = np.maximum((points.min(0) - margin).astype(int), 0)
    right, bottom = np.minimum((points.max(0) + margin).astype(int) + 1, canvas.shape[1::-1])
    patch = canvas[top:bottom, left:right]
    coverage = np.zeros(patch.shape[:2], np.float32)
    raster.draw_polyline(coverage, points - [left, top], thickness)
    raster.blend(patch, coverage, color)
