"""The payload of the structure layer: a sketch or a pose."""

from __future__ import annotations

from codec.structure import layer_kind
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch


def structure_from_bytes(payload: bytes) -> Sketch | Pose:
    """Return the sketch or pose of a payload. Raises `Corrupt` if it is not a valid payload."""
    kind, _ = layer_kind.read(payload)
    return Sketch.from_bytes(payload) if kind == layer_kind.SKETCH else Pose.from_bytes(payload)
