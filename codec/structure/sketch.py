"""The structure layer: a line sketch as strokes (or a pose, see pose.py).

A stroke is a chain of 8-connected cells of a lattice laid over the picture; an edge map's few
important curves take far fewer bytes so than its bitmap would. Strokes stand in order of importance:
any first part of them is a sketch, so a byte budget is met by cutting the list.

chain.py has the geometry of strokes, strokes.py their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from codec.bitstream.range_coder import Encoder
from codec.errors import Corrupt, InvalidLayer
from codec.structure import layer_kind, raster, sketch_payload
from codec.structure.chain_code import Stroke, is_chain, smooth, snap
from codec.structure.sketch_payload import MAX_CELLS, MAX_POINTS, MAX_STROKES, MIN_CELLS


@dataclass(frozen=True, slots=True)
class Sketch:
    """Strokes on a lattice of `cols` x `rows` cells (8..1024 a side), most important first.

    A stroke has two or more points (x, y), cells of the lattice; each is one of the 8 neighbors of
    the one before, and no step turns back by 180 degrees. At most 4,096 strokes and
    32,768 points. Raises `InvalidLayer` for anything else.
    """

    cols: int
    rows: int
    strokes: tuple[Stroke, ...]
    payload: bytes = field(default=b"", init=False, repr=False, compare=False)  # once it is known

    def __post_init__(self) -> None:
        if not all(MIN_CELLS <= side <= MAX_CELLS for side in (self.cols, self.rows)):
            raise InvalidLayer(f"a sketch's lattice has {MIN_CELLS} to {MAX_CELLS} cells a side")
        if len(self.strokes) > MAX_STROKES or sum(map(len, self.strokes)) > MAX_POINTS:
            raise InvalidLayer(f"a sketch holds at most {MAX_STROKES} strokes and {MAX_POINTS} points")
        for stroke in self.strokes:
            if not self._fits(stroke):
                raise InvalidLayer("a stroke is a chain of neighboring cells inside the lattice")

    def _fits(self, stroke: Stroke) -> bool:
        whole = all(type(x) is int and type(y) is int for x, y in stroke)
        inside = whole and all(0 <= x < self.cols and 0 <= y < self.rows for x, y in stroke)
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
        """Snap curves to the lattice, in their order.

        `polylines`: each (N, 2) of x, y in pixels; what leaves the picture is moved to its edge. A
        curve that turns back on itself becomes two strokes, one that stays inside a cell none.
        Chains given as `points()` come back as they were. `rows` None: cells about square. Raises
        `InvalidLayer` for more points than a sketch holds, and what is not a finite number.
        """
        if width < 1 or height < 1:
            raise InvalidLayer("a picture has a width and a height of 1 or more")
        rows = rows or min(max(round(cols * height / width), MIN_CELLS), MAX_CELLS)
        scale = np.array([cols / width, rows / height])
        chains: list[Stroke] = []
        steps = points = 0.0
        for polyline in polylines:
            positions = np.asarray(polyline, np.float64).reshape(-1, 2) * scale
            if not np.isfinite(positions).all():
                raise InvalidLayer("a stroke's points must be finite numbers")
            positions = np.clip(positions, 0, [cols - 0.001, rows - 0.001])
            steps += np.abs(np.diff(positions, axis=0)).max(axis=1, initial=0).sum()
            points += len(positions)
            if steps > 2 * MAX_POINTS or points > 16 * MAX_POINTS:  # before any work is done for them
                raise InvalidLayer(f"a sketch holds at most {MAX_POINTS} points: draw less, or erase some strokes")
            chains += snap(positions)
        return cls(cols, rows, tuple(chains))

    def points(self, width: int, height: int) -> list[np.ndarray]:
        """The strokes' cell centers: a (N, 2) float32 of x, y in pixels each."""
        cell = np.array([width / self.cols, height / self.rows])
        return [((np.array(stroke) + 0.5) * cell).astype(np.float32) for stroke in self.strokes]

    def polylines(self, width: int, height: int) -> list[np.ndarray]:
        """The strokes as smooth curves: `points()` averaged [1 2 1]/4, ends kept."""
        return [smooth(points) for points in self.points(width, height)]

    def render(self, width: int, height: int, thickness: float | None = None) -> np.ndarray:
        """White lines on black, (height, width, 3) uint8, as a sketch adapter expects them.

        `thickness`: in pixels; None: 3 at a long side of 512, and in proportion.
        """
        coverage = np.zeros((height, width), np.float32)
        for polyline in self.polylines(width, height):
            raster.draw_polyline(coverage, polyline, thickness or max(width, height) * 3 / 512)
        return np.repeat(np.rint(coverage * 255).astype(np.uint8)[..., None], 3, axis=2)

    def cut(self, max_bytes: int) -> Sketch:
        """The longest first part of the strokes whose payload has at most `max_bytes`, or none.

        Nothing is coded again: the payload is cut and read.
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
            lattice = (self.cols, self.rows, self.strokes)
            object.__setattr__(self, "payload", sketch_payload.encode(coder, lattice))
        return self.payload

    @classmethod
    def from_bytes(cls, payload: bytes) -> Sketch:
        """The sketch of a payload. Raises `Corrupt` for bytes that hold none.

        Any first part of a payload is one of its own (but for the 3 bytes that give the lattice), and
        comes back byte for byte.
        """
        kind, reader = layer_kind.read(payload)
        if kind != layer_kind.SKETCH:
            raise Corrupt("the structure layer holds a pose, not a sketch", ("structure",))
        sketch = cls(*sketch_payload.decode(reader))
        object.__setattr__(sketch, "payload", payload)
        return sketch
