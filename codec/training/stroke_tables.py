"""Train the tables that predict a sketch's payload: stroke_tree.npy, stroke_leaves.npy and stroke_starts.npy.

    python -m codec.training.stroke_tables MAPS

MAPS is a folder of edge maps of freely licensed pictures, made by codec.training.contour_network; contours.md names the
pictures. From each, a sketch is made with a lattice and a budget chosen at random (seeded). A decision tree is grown
on all symbols of these sketches: each node gets the test (numbered in turn_model.py) that saves most bits, as long as
it saves more than storing the node costs. The frequencies of a leaf are shrunk towards its parent's.

The tables are part of the format; their hashes are in tables.py and FORMAT.md.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from codec.bitstream.range_coder import BitModel, Encoder
from codec.structure import turn_model
from codec.structure.chain_code import STEPS
from codec.structure.sketch import Sketch
from codec.structure.sketch_payload import START_MODEL_COUNT, SketchContext, code_stroke
from codec.structure.turn_model import DRAWN, OUTSIDE, SYMBOL_COUNT, TurnHistory

SEED = 4
MIN_GAIN = 14.0  # bits that a split must save
MIN_SAMPLES = 12  # on each side of a split
SHRINKAGE = 3.0  # number of samples that the parent's frequencies count as
TOTAL = 4096  # sum of a leaf's frequencies
FOLDER = Path(__file__).parents[1] / "structure"


class CountingBit(BitModel):
    """A bit model that counts bits instead of adapting to them."""

    __slots__ = ("ones", "total")

    def __init__(self) -> None:
        super().__init__()
        self.ones = self.total = 0

    def update(self, bit: int) -> None:
        self.ones += bit
        self.total += 1


class RecordingContext(SketchContext):
    """A context that records the results of all the tree's tests for each symbol."""

    def __init__(self, cols: int, rows: int, models: list[BitModel]) -> None:
        super().__init__(cols, rows, models)
        self.samples: list[np.ndarray] = []

    def frequencies(self, index: int, heading: int, history: TurnHistory, points: int) -> Sequence[int]:
        """Record the test results, and return equal frequencies."""
        tests = np.zeros(turn_model.TEST_COUNT, bool)
        cells = np.frombuffer(self.cells, np.uint8)
        nearby = cells[index + np.array(self.neighborhoods[2 * heading + history.mirrored])]
        for back, turn in enumerate(history.turns):
            tests[8 * back + turn] = True
        tests[turn_model.DIAGONAL_TEST] = heading & 1
        tests[turn_model.HEADING_TESTS + heading] = True
        tests[turn_model.DRAWN_TESTS : turn_model.COVERED_TEST] = nearby == DRAWN
        tests[turn_model.COVERED_TEST] = cells[index] == DRAWN
        tests[turn_model.OUTSIDE_TESTS : turn_model.AHEAD_TESTS] = nearby == OUTSIDE
        step = STEPS[heading][1] * self.pitch + STEPS[heading][0]
        tests[turn_model.AHEAD_TESTS : turn_model.FEATURE_TESTS] = [
            (cells[index + step * np.arange(5, end)] == DRAWN).any() for end in turn_model.AHEAD_ENDS
        ]
        feature, threshold = np.array(turn_model.COMPARISONS).T
        tests[turn_model.FEATURE_TESTS :] = np.array(self.features(history, points))[feature] >= threshold
        self.samples.append(tests)
        return (1,) * SYMBOL_COUNT


class RecordingEncoder(Encoder):
    """An encoder that records the symbols coded with the frequencies of a `RecordingContext`."""

    def __init__(self) -> None:
        super().__init__()
        self.symbols: list[int] = []

    def choice(self, weights: Sequence[int], index: int = 0) -> int:
        if len(weights) == SYMBOL_COUNT and set(weights) == {1}:
            self.symbols.append(index)
        return super().choice(weights, index)


def observe(sketches: Sequence[Sketch]) -> tuple[np.ndarray, np.ndarray, list[BitModel]]:
    """Return all samples of some sketches, and the counted bits of their starts.

    The samples are test results, (N, TEST_COUNT) bool, and symbols, (N,) uint8.
    """
    models: list[BitModel] = [CountingBit() for _ in range(START_MODEL_COUNT)]
    tests, symbols = [], []
    for sketch in sketches:
        encoder, context = RecordingEncoder(), RecordingContext(sketch.cols, sketch.rows, models)
        for stroke in sketch.strokes:
            code_stroke(encoder, context, stroke)
        if context.samples:
            tests.append(np.stack(context.samples))
            symbols.append(np.array(encoder.symbols, np.uint8))
    return np.concatenate(tests), np.concatenate(symbols), models


def make_sketches(folder: Path) -> Iterator[Sketch]:
    """Yield a sketch of each edge map, within a random byte budget and on a random lattice."""
    from codec.encoder.sketch.fit_sketch import estimated_prefix, rank_strokes
    from codec.encoder.sketch.thinning import thin
    from codec.encoder.sketch.trace import trace_curve_sets

    rng = np.random.default_rng(SEED)
    for path in sorted(folder.glob("*.npz")):
        budget = round(150 * 10 ** rng.random())
        try:
            with np.load(path) as file:
                strength = file["map"].astype(np.float32) / 255
        except (OSError, ValueError, EOFError, KeyError):
            continue
        reference = thin(strength)
        refinement = float(rng.choice((0.85, 1.0, 1.18)))
        height, width = strength.shape
        ranked = rank_strokes(
            reference.astype(np.float32), trace_curve_sets(reference), height, width, budget, refinement
        )
        yield estimated_prefix(ranked, budget)


class _Pending(NamedTuple):
    """A node that is still to be split, or made a leaf."""

    samples: np.ndarray  # indices
    expected: np.ndarray  # frequencies of the symbols at the parent, (SYMBOL_COUNT,)
    parent: int  # -1: this is the root
    branch: int  # of the parent: 1 if its test is true, 2 if false


def grow(tests: np.ndarray, symbols: np.ndarray, max_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a decision tree: its nodes, (N, 3) int16, and its leaves' frequencies, (M, SYMBOL_COUNT) uint16.

    `tests`, `symbols`: the samples of `observe`. A node is a test, the node if it is true and the node if it is
    false; a negative node n is the leaf -1 - n.
    """
    by_test = np.ascontiguousarray(tests.T)  # (TEST_COUNT, N)
    nodes: list[list[int]] = []
    leaves: list[np.ndarray] = []
    overall = np.bincount(symbols, minlength=SYMBOL_COUNT) / len(symbols)
    queue = deque([_Pending(np.arange(len(symbols)), overall, -1, 0)])
    while queue:
        samples, expected, parent, branch = queue.popleft()
        counts = np.bincount(symbols[samples], minlength=SYMBOL_COUNT)
        shrunk = (counts + SHRINKAGE * expected) / (len(samples) + SHRINKAGE)
        splittable = len(samples) >= 2 * MIN_SAMPLES
        test, gain = _best_split(by_test, symbols, samples, counts) if splittable else (-1, 0.0)
        if gain > MIN_GAIN and len(nodes) < max_nodes:
            node = len(nodes)
            nodes.append([test, 0, 0])
            result = by_test[test, samples]
            queue.append(_Pending(samples[result], shrunk, node, 1))
            queue.append(_Pending(samples[~result], shrunk, node, 2))
        else:
            node = -1 - len(leaves)
            leaves.append(_leaf_frequencies(shrunk))
        if parent >= 0:
            nodes[parent][branch] = node
    return np.array(nodes, np.int16), np.array(leaves, np.uint16)


def _best_split(by_test: np.ndarray, symbols: np.ndarray, samples: np.ndarray, counts: np.ndarray) -> tuple[int, float]:
    """Return the test that saves most bits on these samples, and how many it saves.

    `counts`: of each symbol among the samples.
    """
    one_hot = np.zeros((SYMBOL_COUNT, len(samples)), np.float32)
    one_hot[symbols[samples], np.arange(len(samples))] = 1
    true_counts = by_test[:, samples].astype(np.float32) @ one_hot.T  # (TEST_COUNT, SYMBOL_COUNT)
    false_counts = counts - true_counts
    saved = _bits(counts[None].astype(float)) - _bits(true_counts) - _bits(false_counts)
    saved[(true_counts.sum(1) < MIN_SAMPLES) | (false_counts.sum(1) < MIN_SAMPLES)] = -1
    best = int(saved.argmax())
    return best, float(saved[best])


def _bits(counts: np.ndarray) -> np.ndarray:
    """Return the total bits of symbols with these counts at their entropy, (..., SYMBOL_COUNT) -> (...)."""
    total = counts.sum(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits: np.ndarray = -np.where(counts > 0, counts * np.log2(counts / total), 0).sum(-1)
    return bits


def _leaf_frequencies(probabilities: np.ndarray) -> np.ndarray:
    """Round probabilities to frequencies of at least 1 that sum to `TOTAL`."""
    out: np.ndarray = np.maximum(np.rint(probabilities * TOTAL).astype(int), 1)
    out[out.argmax()] += TOTAL - out.sum()
    return out


def start_priors(models: Sequence[BitModel]) -> np.ndarray:
    """Return the initial p and count of the models of starts, (START_MODEL_COUNT, 2) uint16."""
    rows = []
    for model in models:
        assert isinstance(model, CountingBit)
        p = 65536 * (2 * model.ones + 1) // (2 * model.total + 2)
        rows.append((min(max(p, 512), 65024), min(model.total // 8, 24)))
    return np.array(rows, np.uint16)


def main() -> None:
    """Train and save the tables."""
    parser = argparse.ArgumentParser(description="Train the tables that predict a sketch's payload.")
    parser.add_argument("maps", type=Path, help="folder of edge maps")
    parser.add_argument("--nodes", type=int, default=4000, help="maximum size of the tree")
    options = parser.parse_args()
    sketches = list(make_sketches(options.maps))
    tests, symbols, models = observe(sketches)
    tree, leaves = grow(tests, symbols, options.nodes)
    np.save(FOLDER / "stroke_tree.npy", tree)
    np.save(FOLDER / "stroke_leaves.npy", leaves)
    np.save(FOLDER / "stroke_starts.npy", start_priors(models))
    print(f"{len(sketches)} sketches, {len(symbols)} symbols, {len(tree)} nodes, {len(leaves)} leaves")


if __name__ == "__main__":
    main()
