"""Train what the sketch's bytes are predicted by: codec/structure/stroke_tree.npy, stroke_leaves.npy, stroke_starts.npy.

    python -m codec.training.stroke_tables MAPS

MAPS holds edge maps of free pictures, as codec.training.contour_network makes them (its recipe names the
pictures). Each is drawn as a sketch would be, on a lattice and to a length by chance (seeded), and a
decision tree is grown on every link of these: at each node the test (links.py numbers them) that saves
most bits, as long as it saves more than it costs to store. A leaf's frequencies lean to its parent's.

The tables are part of the format: their hashes stand in tables.py and FORMAT.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from codec.bitstream.range_coder import BitModel, Encoder
from codec.structure import sketch_payload, turn_model
from codec.structure.chain_code import STEPS
from codec.structure.sketch import Sketch

SEED = 4
LEAST_GAIN = 14.0  # bits that a split must save
LEAST_SEEN = 12  # links on either side of it
SHRINK = 3.0  # how many links the parent's frequencies count for
TOTAL = 4096  # of a leaf's frequencies
FOLDER = Path(__file__).parents[1] / "structure"


class Counter(BitModel):
    """A bit that counts instead of adapting."""

    __slots__ = ("ones", "seen")

    def __init__(self) -> None:
        super().__init__()
        self.ones = self.seen = 0

    def update(self, bit: int) -> None:
        self.ones += bit
        self.seen += 1


class Recorder(sketch_payload.State):
    """Notes what the tree could see of each link."""

    def __init__(self, cols: int, rows: int, models: list[BitModel]) -> None:
        self.__dict__.update(sketch_payload.State.untrained(cols, rows).__dict__)
        self.models = models
        self.seen: list[np.ndarray] = []

    def odds(self, at: int, heading: int, trail: turn_model.TurnHistory, points: int) -> Sequence[int]:
        tests = np.zeros(turn_model.TESTS, bool)
        cells = np.frombuffer(self.cells, np.uint8)
        around = cells[at + np.array(self.looks[2 * heading + trail.mirrored])]
        for back, turn in enumerate(trail.history):
            tests[8 * back + turn] = True
        tests[turn_model.DIAGONAL] = heading & 1
        tests[turn_model.HEADING + heading] = True
        tests[turn_model.AROUND : turn_model.HERE] = around == turn_model.DRAWN
        tests[turn_model.HERE] = cells[at] == turn_model.DRAWN
        tests[turn_model.BEYOND : turn_model.FAR] = around == turn_model.OUTSIDE
        step = STEPS[heading][1] * self.pitch + STEPS[heading][0]
        tests[turn_model.FAR : turn_model.FACTS] = [
            (cells[at + step * np.arange(5, end)] == turn_model.DRAWN).any() for end in turn_model.FAR_ENDS
        ]
        facts = np.array(self.facts(trail, points))
        fact, least = np.array(turn_model.COMPARED).T
        tests[turn_model.FACTS :] = facts[fact] >= least
        self.seen.append(tests)
        return (1,) * turn_model.SYMBOLS


class Notes(Encoder):
    """An encoder that notes each link's symbol."""

    def __init__(self) -> None:
        super().__init__()
        self.symbols: list[int] = []

    def choice(self, weights: Sequence[int], index: int = 0) -> int:
        if len(weights) == turn_model.SYMBOLS and set(weights) == {1}:
            self.symbols.append(index)
        return super().choice(weights, index)


def observe(sketches: Sequence[Sketch]) -> tuple[np.ndarray, np.ndarray, list[BitModel]]:
    """What was known at each link (N, TESTS) bool, its symbol (N,) uint8, and the starts' bits, counted."""
    models: list[BitModel] = [Counter() for _ in range(sketch_payload.STARTS)]
    tests, symbols = [], []
    for sketch in sketches:
        notes, state = Notes(), Recorder(sketch.cols, sketch.rows, models)
        for stroke in sketch.strokes:
            sketch_payload._stroke(notes, state, stroke)
        if state.seen:
            tests.append(np.stack(state.seen))
            symbols.append(np.array(notes.symbols, np.uint8))
    return np.concatenate(tests), np.concatenate(symbols), models


def drawings(folder: Path) -> Iterator[Sketch]:
    """Sketches as files hold them: long and short, fine and coarse."""
    from codec.encoder.sketch.fit_sketch import HIGH, LOW, SHORTEST, candidates, leading
    from codec.encoder.sketch.thinning import thin
    from codec.encoder.sketch.trace import ways

    dice = np.random.default_rng(SEED)
    for path in sorted(folder.glob("*.npz")):
        budget = round(150 * 10 ** dice.random())
        try:
            with np.load(path) as file:
                strength = file["map"].astype(np.float32) / 255
        except (OSError, ValueError, EOFError, KeyError):
            continue
        reference = thin(strength, HIGH, LOW, SHORTEST)
        finer = float(dice.choice((0.85, 1.0, 1.18)))
        height, width = strength.shape
        yield leading(candidates(reference, ways(reference), height, width, budget, finer), budget)


def grow(tests: np.ndarray, symbols: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """A decision tree: (nodes, 3) int16 of test, node if so, node if not; (leaves, 8) uint16 frequencies."""
    count = len(symbols)
    packed = np.ascontiguousarray(tests.T)  # (TESTS, N)
    nodes: list[list[int]] = []
    leaves: list[np.ndarray] = []
    overall = np.bincount(symbols, minlength=turn_model.SYMBOLS) / count
    todo = [(np.arange(count), overall, -1, 0)]  # links, what their parent expects, parent, which child
    while todo:
        which, expected, parent, side = todo.pop(0)
        seen = np.bincount(symbols[which], minlength=turn_model.SYMBOLS)
        here = (seen + SHRINK * expected) / (len(which) + SHRINK)
        best, gain = _best(packed, symbols, which, seen) if len(which) >= 2 * LEAST_SEEN else (-1, 0.0)
        if gain > LEAST_GAIN and len(nodes) < most:
            nodes.append([best, 0, 0])
            number = len(nodes) - 1
            hit = packed[best, which]
            todo += [(which[hit], here, number, 1), (which[~hit], here, number, 2)]
        else:
            number = -1 - len(leaves)
            leaves.append(_frequencies(here))
        if parent >= 0:
            nodes[parent][side] = number
    return np.array(nodes, np.int16), np.array(leaves, np.uint16)


def _best(packed: np.ndarray, symbols: np.ndarray, which: np.ndarray, seen: np.ndarray) -> tuple[int, float]:
    """The test that saves most bits on these links, and how many."""
    hot = np.zeros((turn_model.SYMBOLS, len(which)), np.float32)
    hot[symbols[which], np.arange(len(which))] = 1
    inside = packed[:, which].astype(np.float32) @ hot.T  # (TESTS, SYMBOLS)
    outside = seen - inside
    saved = _bits(seen[None].astype(float)) - _bits(inside) - _bits(outside)
    saved[(inside.sum(1) < LEAST_SEEN) | (outside.sum(1) < LEAST_SEEN)] = -1
    best = int(saved.argmax())
    return best, float(saved[best])


def _bits(seen: np.ndarray) -> np.ndarray:
    """What symbols seen so often take, (..., SYMBOLS) -> (...)."""
    total = seen.sum(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.where(seen > 0, seen * np.log2(seen / total), 0).sum(-1)


def _frequencies(expected: np.ndarray) -> np.ndarray:
    out = np.maximum(np.rint(expected * TOTAL).astype(int), 1)
    out[out.argmax()] += TOTAL - out.sum()
    return out


def starts(models: Sequence[BitModel]) -> np.ndarray:
    """(STARTS, 2) uint16: probability and confidence."""
    rows = []
    for bit in models:
        assert isinstance(bit, Counter)
        p = 65536 * (2 * bit.ones + 1) // (2 * bit.seen + 2)
        rows.append((min(max(p, 512), 65024), min(bit.seen // 8, 24)))
    return np.array(rows, np.uint16)


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description="Train the tables of the sketch's bytes.")
    parser.add_argument("maps", type=Path)
    parser.add_argument("--nodes", type=int, default=4000)
    options = parser.parse_args()
    sketches = list(drawings(options.maps))
    tests, symbols, models = observe(sketches)
    tree, leaves = grow(tests, symbols, options.nodes)
    np.save(FOLDER / "stroke_tree.npy", tree)
    np.save(FOLDER / "stroke_leaves.npy", leaves)
    np.save(FOLDER / "stroke_starts.npy", starts(models))
    print(f"{len(sketches)} sketches, {len(symbols)} links, {len(tree)} nodes, {len(leaves)} leaves")


if __name__ == "__main__":
    main()
