"""The order of strokes, and which part of a chain becomes a stroke."""

from __future__ import annotations

import numpy as np

from codec.encoder.sketch.chain_fitting import Lattice
from codec.encoder.sketch.ranking import cover_chains, rank_chains

LATTICE = Lattice(64, 64, 320, 320)


def line(first: int, last: int, row: int) -> np.ndarray:
    return np.array([(x, row) for x in range(first, last)])


def edge(first: int, last: int, row: int) -> np.ndarray:
    """Return the weights of an edge under the line of cells."""
    weights = np.zeros((320, 320), np.float32)
    weights[row * 5 + 2, first * 5 : last * 5] = 1
    return weights


def test_longer_stroke_comes_first() -> None:
    ranked = rank_chains([line(10, 20, 8), line(5, 60, 30)], LATTICE, edge(10, 20, 8) + edge(5, 60, 30))
    assert [chain[0, 1] for chain in ranked] == [30, 8]


def test_only_the_better_of_two_strokes_along_one_edge_is_taken() -> None:
    crooked = line(5, 60, 30)
    crooked[20:30, 1] += 1
    for chains in ([crooked, line(5, 60, 30)], [line(5, 60, 30), crooked]):
        (chain,) = rank_chains(chains, LATTICE, edge(5, 60, 30))
        assert np.array_equal(chain, line(5, 60, 30))


def test_one_long_stroke_is_preferred_to_its_two_halves() -> None:
    halves = [line(5, 30, 30), line(31, 60, 30)]
    (chain,) = rank_chains([*halves, line(5, 60, 30)], LATTICE, edge(5, 60, 30))
    assert len(chain) == 55


def test_ends_that_cover_little_are_kept_if_the_budget_allows() -> None:
    rows = (5, 10, 15, 20)
    weights = edge(5, 40, 30) + 0.11 * edge(40, 60, 30)
    (short,) = rank_chains([line(5, 60, 30)], LATTICE, weights)
    assert len(short) < 42
    weights += sum(edge(10, 13, row) for row in rows)
    small = [line(10, 13, row) for row in rows]  # their gain per bit is as low as that of the long line's end
    ranked = rank_chains([line(5, 60, 30), *small], LATTICE, weights, budget_bits=80)
    assert [len(chain) for chain in ranked] == [55, 3, 3, 3, 3]


def test_coverage_counts_pixels_within_2_px_and_stray_links() -> None:
    (coverage,) = cover_chains([line(5, 60, 30)], LATTICE, edge(5, 40, 30))
    assert len(coverage.bits) == len(coverage.stray_cost) == 54
    assert set(coverage.pixels) <= set(np.flatnonzero(edge(5, 40, 30)))
    assert (coverage.stray_cost[:30] == 0).all() and (coverage.stray_cost[40:] > 0).all()
    assert (np.diff(coverage.links[np.argsort(coverage.pixels)]) >= 0).all()


def test_no_chains() -> None:
    assert rank_chains([], LATTICE, np.zeros((320, 320), np.float32)) == []
