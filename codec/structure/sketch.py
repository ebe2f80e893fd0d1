"""The structure layer as a line sketch; see pose.py for its other kind.

A stroke is a chain of 8-connected cells of a lattice over the picture. In this form, the few important curves of an
edge map take far fewer bytes than a bitmap. Strokes are ordered by importance, so that a sketch is fitted to a byte
budget by dropping its last strokes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from codec.bitstream.range_coder import Encoder
from codec.errors import Corrupt, InvalidLayer
from codec.structure import layer_kind, raster, sketch_payload
from codec.structure.chain_code import Stroke, is_chain, smooth, snap
from codec.structure.sketch_payload import MAX_CELLS, MAX_POINTS, MAX_STROKES, MIN_CELLS, SketchFields


@dataclass(frozen=True, slots=True)
class Sketch:
    """Strokes on a lattice of `cols` x `rows` cells, 8..1024 on each side, most important first.

    A stroke is a tuple of at least two cells (x, y) of the lattice. Each cell is one of the 8 neighbors of the one
    before it, and no step reverses the previous one. There are at most 4,096 strokes with 32,768 points
    in all. Raises `InvalidLayer` for other values.
    """

    cols: int
    rows: int
    strokes: tuple[Stroke, ...]
    payload: bytes = field(default=b"", init=False, repr=False, compare=False)  # cache; empty: not yet encoded

    def __post_init__(self) -> None:
        if not all(MIN_CELLS <= side <= MAX_CELLS for side in (self.cols, self.rows)):
            raise InvalidLayer(f"the lattice of a sketch must have {MIN_CELLS} to {MAX_CELLS} cells on each side")
        if len(self.strokes) > MAX_STROKES or sum(map(len, self.strokes)) > MAX_POINTS:
            raise InvalidLayer(f"a sketch holds at most {MAX_STROKES} strokes and {MAX_POINTS} points")
        if not all(self._is_valid(stroke) for stroke in self.strokes):
            raise InvalidLayer("a stroke must be a chain of neighboring cells inside the lattice")

    def _is_valid(self, stroke: Stroke) -> bool:
        integers = all(type(x) is int and type(y) is int for x, y in stroke)
        inside = integers and all(0 <= x < self.cols and 0 <= y < self.rows for x, y in stroke)
        return inside and len(stroke) >= 2 and is_chain(stroke)

    @classmethod
    def from_polylines(
        cls,
        polylines: Iterable[np.ndarray],
        width: int,
        height: int,
        cols: int = 128,
        rows: int | None = None,
    ) -> Sketch:
        """Return the sketch of these curves, in their order.

        `polylines`: (N, 2) arrays of x, y in pixels; points outside the picture are moved to its edge. A curve that
        turns back on itself becomes two strokes; a curve within a single cell becomes none. The result of `points()`
        gives the same strokes again. `width`, `height`: of the picture in pixels. `rows`: None for roughly square
        cells. Raises `InvalidLayer` for more points than a sketch holds, and for values that are not finite.
        """
        if width < 1 or height < 1:
            raise InvalidLayer("the width and height of the picture must be at least 1")
        rows = rows or min(max(round(cols * height / width), MIN_CELLS), MAX_CELLS)
        scale = np.array([cols / width, rows / height])
        strokes: list[Stroke] = []
        steps = points = 0.0
        for polyline in polylines:
            positions = np.asarray(polyline, np.float64).reshape(-1, 2) * scale
            if not np.isfinite(positions).all():
                raise InvalidLayer("the points of a stroke must be finite numbers")
            positions = np.clip(positions, 0, [cols - 0.001, rows - 0.001])
            steps += np.abs(np.diff(positions, axis=0)).max(axis=1, initial=0).sum()
            points += len(positions)
            if steps > 2 * MAX_POINTS or points > 16 * MAX_POINTS:  # checked before the expensive part
                raise InvalidLayer(f"a sketch holds at most {MAX_POINTS} points: draw less, or erase some strokes")
            strokes += snap(positions)
        return cls(cols, rows, tuple(strokes))

    def points(self, width: int, height: int) -> list[np.ndarray]:
        """Return each stroke's cell centers, (N, 2) float32 of x, y in pixels of a picture of this size."""
        cell = np.array([width / self.cols, height / self.rows])
        return [((np.array(stroke) + 0.5) * cell).astype(np.float32) for stroke in self.strokes]

    def polylines(self, width: int, height: int) -> list[np.ndarray]:
        """Return each stroke as a smooth curve: `points` averaged by [1 2 1] / 4."""
        return [smooth(points) for points in self.points(width, height)]

    def render(self, width: int, height: int, thickness: float | None = None) -> np.ndarray:
        """Draw white lines on black the input that sketch adapters expect: (height, width, 3) uint8.

        `thickness`: in pixels; None for 3 pixels at a long side of 512, scaled with it.
        """
        coverage = np.zeros((height, width), np.float32)
        for polyline in self.polylines(width, height):
            raster.draw_polyline(coverage, polyline, thickness or max(width, height) * 3 / 512)
        return np.repeat(np.rint(coverage * 255).astype(np.uint8)[..., None], 3, axis=2)

    def cut(self, max_bytes: int) -> Sketch:
        """Return the sketch of the first strokes whose payload has at most `max_bytes`, possibly none.

        The payload of the result is a prefix of this sketch's payload.
        """
        payload = self.to_bytes()
        if len(payload) <= max_bytes:
            return self
        try:
            return Sketch.from_bytes(payload[:max_bytes])
        except Corrupt:
            return Sketch(self.cols, self.rows, ())

    def to_bytes(self) -> bytes:
        """Return the payload."""
        if not self.payload:
            coder = Encoder()
            layer_kind.write(coder, layer_kind.SKETCH)
            payload = sketch_payload.encode(coder, SketchFields(self.cols, self.rows, self.strokes))
            object.__setattr__(self, "payload", payload)
        return self.payload

    @classmethod
    def from_bytes(cls, payload: bytes) -> Sketch:
        """Return the sketch of a payload. Raises `Corrupt` if it is invalid.

        Any prefix that contains the lattice (about 3 bytes) is a valid payload, and `to_bytes` returns it unchanged.
        """
        kind, decoder = layer_kind.read(payload)
        if kind != layer_kind.SKETCH:
            raise Corrupt("the structure layer holds a pose, not a sketch", ("structure",))
        sketch = cls(*sketch_payload.decode(decoder))
        object.__setattr__(sketch, "payload", payload)
        return sketch
