"""Which strokes come first, and which part of them."""

from __future__ import annotations

import numpy as np

from codec.encoder.sketch.chain_fitting import Lattice
from codec.encoder.sketch.ranking import rank_chains

LATTICE = Lattice(64, 64, 320, 320)


def line(first: int, last: int, row: int) -> np.ndarray:
    return np.array([(x, row) for x in range(first, last)])


def edge(first: int, last: int, row: int) -> np.ndarray:
    """What the line of cells covers, as weights."""
    out = np.zeros((320, 320), np.float32)
    out[row * 5 + 2, first * 5 : last * 5] = 1
    return out


def test_the_longer_stroke_comes_first() -> None:
    found = rank_chains([line(10, 20, 8), line(5, 60, 30)], LATTICE, edge(10, 20, 8) + edge(5, 60, 30))
    assert [chain[0, 1] for chain in found] == [30, 8]


def test_of_two_strokes_along_one_edge_only_the_better_is_taken() -> None:
    crooked = line(5, 60, 30)
    crooked[20:30, 1] += 1
    for chains in ([crooked, line(5, 60, 30)], [line(5, 60, 30), crooked]):
        (found,) = rank_chains(chains, LATTICE, edge(5, 60, 30))
        assert np.array_equal(found, line(5, 60, 30))


def test_two_pieces_in_one_go_are_taken_for_less_than_two_starts() -> None:
    pieces = [line(5, 30, 30), line(31, 60, 30)]
    (found,) = rank_chains([*pieces, line(5, 60, 30)], LATTICE, edge(5, 60, 30))
    assert len(found) == 55


def test_ends_that_cover_little_are_kept_where_bits_are_plenty() -> None:
    rows = (5, 10, 15, 20)
    weights = edge(5, 40, 30) + 0.11 * edge(40, 60, 30)
    (short,) = rank_chains([line(5, 60, 30)], LATTICE, weights)
    assert len(short) < 42
    weights += sum(edge(10, 13, row) for row in rows)
    few = [line(10, 13, row) for row in rows]  # gain little for their bits: as dear as any bit here
    long = rank_chains([line(5, 60, 30), *few], LATTICE, weights, budget_bits=80)
    assert [len(chain) for chain in long] == [55, 3, 3, 3, 3]


def test_no_chains() -> None:
    assert rank_chains([], LATTICE, np.zeros((320, 320), np.float32)) == []
