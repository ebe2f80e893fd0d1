"""The texture layer: a coarse map of colors.

A grid of 2 to 64 cells a side in Oklab, one discrete cosine transform over the whole grid (Ahmed,
Natarajan, Rao 1974), one quantizer step. Coefficients go from low frequency to high, the three
channels together (coefficients.py), each as likely as a small network says (spectrum.py); so any first part of a
payload is the same map, blurred. A cell that a person painted is a spot: its own color, stored beside the
transform, so that one stroke of the brush neither vanishes in the quantizer nor stirs the
other cells. Decoding is integer arithmetic throughout. What levels a map gets at a step,
quantize.py decides, and within a budget refine.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from codec.bitstream.range_coder import Encoder, PrefixDecoder, PrefixEnd
from codec.color import ciede2000, oklab
from codec.errors import BudgetTooSmall, Corrupt, InvalidLayer
from codec.texture import colormap_payload, rate_control, rdoq
from codec.texture.colormap_payload import (
    BRIGHTEST,
    MAX_CELLS,
    MAX_LEVEL,
    MIN_CELLS,
    RATIOS,
    STEPS,
    Coefficients,
    Spot,
    brightest,
)
from codec.texture.dct import BASIS, basis

_KINDS: Final = (1, 15)  # reserved (so that no bytes at all is no layer), this one
_FEW, _MANY, _MOST = 100, 400, 1024  # cells: the fewer, the faster a try, so the more of them
# ratios, and how much coarser than the first look says: what is best differs from map to map
_TRIED: Final = ((2, 1), (1, 1))
_TRIED_OF_FEW: Final = ((2, 2), (2, 0), (1, 4), (0, 4))
_TRIED_OF_MANY: Final = ((2, 1),)
_END: Final = 0.3  # bits, about, that a payload's end wastes


@dataclass(frozen=True, slots=True)
class Colormap:
    """A grid of colors, as the quantized coefficients that a file holds.

    `rows`, `cols`: 2..64. `step`: index 0..63 into `STEPS`, eight to an octave, 0 the finest.
    `levels`: 3 * rows * cols integers in -32767..32767, the channels L, a, b one after the other, each
    row by row from the lowest vertical frequency. `spots`: cells with a color of their own, by rising
    index (row by row), each (index, (r, g, b)) with sRGB in 0..63. `ratio`: index 0..3 into `RATIOS`, how much
    larger L's step is. Raises `InvalidLayer` for anything else.
    """

    rows: int
    cols: int
    step: int
    levels: tuple[int, ...]
    spots: tuple[Spot, ...] = ()
    ratio: int = 0
    payload: bytes = field(default=b"", init=False, repr=False, compare=False)  # once it is known

    def __post_init__(self) -> None:
        _check_grid(self.rows, self.cols)
        if not 0 <= self.step < len(STEPS) or len(self.levels) != 3 * self.rows * self.cols:
            raise InvalidLayer("a colormap needs a step of 0..63 and three levels for each cell")
        if not 0 <= self.ratio < len(RATIOS):
            raise InvalidLayer(f"a colormap's ratio is one of 0..{len(RATIOS) - 1}")
        if not all(-MAX_LEVEL <= level <= MAX_LEVEL for level in self.levels):
            raise InvalidLayer(f"a colormap's levels are within {MAX_LEVEL}")
        if not 0 <= self.levels[0] < brightest(self.rows, self.cols, self.step, self.ratio):
            raise InvalidLayer("a colormap is neither darker than black nor brighter than white")
        places = [-1, *(place for place, _ in self.spots), self.rows * self.cols]
        if any(a >= b for a, b in zip(places, places[1:], strict=False)):
            raise InvalidLayer("a colormap's spots are cells of it, by rising index")
        if not all(0 <= value <= BRIGHTEST for _, color in self.spots for value in color):
            raise InvalidLayer(f"a spot's color is three numbers of 0..{BRIGHTEST}")

    @classmethod
    def from_cells(cls, cells: np.ndarray, step: int = 24, ratio: int = rdoq.RATIO) -> Colormap:
        """Quantize (rows, cols, 3) uint8 sRGB cells, 2..64 a side, with the step of that index."""
        search = _search(cells)
        if not 0 <= step < len(STEPS):
            raise InvalidLayer(f"a colormap's step is one of 0..{len(STEPS) - 1}")
        return cls(search.rows, search.cols, step, search.levels(step, ratio).levels, (), ratio)

    @classmethod
    def fit(cls, cells: np.ndarray, max_bytes: int) -> Colormap:
        """Quantize cells as finely as a payload of `max_bytes` allows.

        Raises `BudgetTooSmall` if not even their mean color fits.
        """
        search = _search(cells)
        rows, cols = search.rows, search.cols
        if rows * cols > _MOST:
            return cls._stepped(search, max_bytes)
        usual = search.step_for(8 * max_bytes)
        best: tuple[float, Colormap] | None = None
        tried = _TRIED_OF_FEW if rows * cols <= _FEW else _TRIED if rows * cols <= _MANY else _TRIED_OF_MANY
        for ratio, coarser in tried:
            step = min(usual + coarser, len(STEPS) - 1)
            room = 8 * max_bytes - _END - colormap_payload.head_bits(rows, cols, step, ratio)
            levels = rate_control.RateController(search, step, ratio).within(room).levels
            try:
                made = cls(rows, cols, step, levels, (), ratio).cut(max_bytes)
            except BudgetTooSmall:  # the coarsest mean takes the fewest bytes
                made = cls.from_cells(cells, len(STEPS) - 1, len(RATIOS) - 1).cut(max_bytes)
            unlike = _unlike(cells, made.cells)
            if best is None or unlike < best[0]:
                best = unlike, made
        assert best is not None
        return best[1]

    @classmethod
    def _stepped(cls, search: rdoq.RDOQuantizer, max_bytes: int) -> Colormap:
        """As `fit`, faster: by the step alone."""

        def made(step: int, trade: float = rdoq.TRADE) -> tuple[float, Colormap]:
            found = search.levels(step, rdoq.RATIO, trade=trade)
            return found.difference, cls(search.rows, search.cols, step, found.levels, (), rdoq.RATIO)

        step = search.step_for(8 * max_bytes)
        best = made(step)
        step = rdoq.coarser(step, len(best[1].to_bytes()), max_bytes)
        if step != best[1].step:
            best = made(step)
        while len(best[1].to_bytes()) > max_bytes and step < len(STEPS) - 1:
            step += 1
            best = made(step)
        for trade in (1.0, 1.5):  # where a finer step takes too much, bits may be worth more
            tried = made(max(step - 1, 0), trade * rdoq.TRADE)
            if len(tried[1].to_bytes()) <= max_bytes:
                best = min(best, tried, key=lambda one: one[0])
                break
        return best[1].cut(max_bytes)

    @property
    def cells(self) -> np.ndarray:
        """The colors: (rows, cols, 3) uint8 sRGB."""
        shape = (3, self.rows, self.cols)
        values = np.array(self.levels, np.int64).reshape(shape) * _steps(self.step, self.ratio) // 4
        half = BASIS * BASIS // 2
        lab = (basis(self.rows).T @ values @ basis(self.cols) + half) // (BASIS * BASIS)
        colors = oklab.to_srgb(np.moveaxis(lab, 0, 2))
        for place, color in self.spots:
            colors[divmod(place, self.cols)] = _widen(color)
        return colors

    def repaint(self, cells: np.ndarray) -> Colormap:
        """With other cells, (rows, cols, 3) uint8: those that differ become spots, the rest stays.

        Where most of the map changes, or its grid does, it is transformed anew at the same step.
        """
        cells = np.asarray(cells)
        old = self.cells
        if cells.shape != old.shape or cells.dtype != old.dtype:
            return Colormap.from_cells(cells, self.step, self.ratio)
        changed = np.flatnonzero((cells != old).any(2))
        if not len(changed):
            return self
        if len(changed) > len(old.reshape(-1, 3)) // 4:
            return Colormap.from_cells(cells, self.step, self.ratio)
        spots = dict(self.spots)
        for place in changed.tolist():
            spots[place] = _narrow(cells.reshape(-1, 3)[place])
        return replace(self, spots=tuple(sorted(spots.items())))

    def refill(self, cells: np.ndarray) -> Colormap:
        """With other cells, transformed anew at the same step: for smooth changes of many cells."""
        return self if np.array_equal(cells, self.cells) else Colormap.from_cells(cells, self.step, self.ratio)

    def render(self, width: int, height: int) -> np.ndarray:
        """The cells as blocks, nearest neighbor: (height, width, 3) uint8 sRGB."""
        rows = np.arange(height) * self.rows // height
        cols = np.arange(width) * self.cols // width
        return self.cells[rows[:, None], cols[None, :]]

    def cut(self, max_bytes: int) -> Colormap:
        """The map that the first `max_bytes` of the payload hold: the same, blurred, its last spots maybe missing.

        Nothing is coded again. Raises `BudgetTooSmall` where they do not even hold the mean color.
        """
        payload = self.to_bytes()
        if len(payload) <= max_bytes:
            return self
        try:
            return Colormap.from_bytes(payload[:max_bytes])
        except Corrupt:
            raise BudgetTooSmall(f"{max_bytes} bytes are too few for any colors: allow more") from None

    def to_bytes(self) -> bytes:
        """Return the payload."""
        if not self.payload:
            coder = Encoder()
            coder.choice(_KINDS, 1)
            object.__setattr__(self, "payload", colormap_payload.encode(coder, Coefficients(*self._fields())))
        return self.payload

    @classmethod
    def from_bytes(cls, payload: bytes) -> Colormap:
        """The colormap of a payload. Raises `Corrupt` for bytes that hold none.

        Any first part of a payload is one of its own (but for the few bytes of grid, step and mean
        color), and comes back byte for byte.
        """
        try:
            return _parse(payload)
        except InvalidLayer as error:
            raise Corrupt(str(error), ("texture",)) from None
        except PrefixEnd:
            raise Corrupt("the texture layer is cut off before it begins", ("texture",)) from None

    def _fields(self) -> tuple[int, int, int, tuple[int, ...], tuple[Spot, ...], int]:
        return self.rows, self.cols, self.step, self.levels, self.spots, self.ratio


def _parse(payload: bytes) -> Colormap:
    reader = PrefixDecoder(payload)
    if not reader.choice(_KINDS):
        raise Corrupt("the texture layer has a kind this reader does not know", ("texture",))
    colormap = Colormap(*colormap_payload.decode(reader))
    object.__setattr__(colormap, "payload", payload)
    return colormap


def _search(cells: np.ndarray) -> rdoq.RDOQuantizer:
    cells = np.asarray(cells)
    if cells.ndim != 3 or cells.shape[2] != 3 or cells.dtype != np.uint8:
        raise InvalidLayer("a colormap's cells are (rows, cols, 3) uint8")
    _check_grid(*cells.shape[:2])
    return rdoq.RDOQuantizer(cells)


def _unlike(cells: np.ndarray, others: np.ndarray) -> float:
    """The mean CIEDE2000 difference of two grids of sRGB cells."""
    one, other = (ciede2000.cielab(oklab.from_srgb(colors)) for colors in (cells, others))
    return float(ciede2000.difference(one, other).mean())


def _check_grid(rows: int, cols: int) -> None:
    if not all(MIN_CELLS <= side <= MAX_CELLS for side in (rows, cols)):
        raise InvalidLayer(f"a colormap has {MIN_CELLS} to {MAX_CELLS} cells a side")


def _narrow(color: np.ndarray) -> tuple[int, int, int]:
    """The spot's color that looks nearest."""
    about = (color.astype(int) * BRIGHTEST + 127) // 255
    near = np.clip(about + np.moveaxis(np.mgrid[-1:2, -1:2, -1:2], 0, -1).reshape(-1, 3), 0, BRIGHTEST)
    seen = np.array([_widen((r, g, b)) for r, g, b in near.tolist()], np.uint8)
    wanted = ciede2000.cielab(oklab.from_srgb(color))
    apart = ciede2000.difference(ciede2000.cielab(oklab.from_srgb(seen)), np.broadcast_to(wanted, seen.shape))
    r, g, b = near[int(apart.argmin())].tolist()
    return r, g, b


def _widen(color: tuple[int, int, int]) -> list[int]:
    return [(value * 255 + BRIGHTEST // 2) // BRIGHTEST for value in color]


def _steps(step: int, ratio: int) -> np.ndarray:
    """Four times the quantizer steps of L, a and b, to multiply (3, rows, cols) levels by.

    Oklab's a and b span a fraction of what L does for the same difference to the eye (CIEDE2000),
    so they take a half to a quarter of its step.
    """
    return np.array([RATIOS[ratio], 4, 4], np.int64)[:, None, None] * STEPS[step]
