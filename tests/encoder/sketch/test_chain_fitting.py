"""Fitting chains of cells to curves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from codec.encoder.sketch.chain_fitting import Lattice, fit_chains
from codec.structure.chain_code import Stroke, is_chain, smooth
from codec.structure.sketch import Sketch

LATTICE = Lattice(114, 76, 512, 342)


def distances(curve: np.ndarray, chain: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Return the distance of each point of the curve to the chain's polyline."""
    corners = lattice.centers(chain)
    share = np.linspace(0, 1, 20)[:, None]
    dense = np.concatenate([a + share * (b - a) for a, b in zip(corners, corners[1:], strict=False)])
    return np.hypot(*(curve[:, None] - dense[None]).transpose(2, 0, 1)).min(1)


def arc(center: tuple[float, float], radius: float, start: float, sweep: float) -> np.ndarray:
    angle = start + np.linspace(0, sweep, max(int(radius * sweep), 4))
    return np.stack([center[0] + radius * np.cos(angle), center[1] + radius * np.sin(angle)], 1).astype(np.float32)


@settings(max_examples=15)
@given(st.floats(150, 350), st.floats(120, 220), st.floats(15, 100), st.floats(0, 6.28), st.floats(0.6, 6.2))
def test_chain_of_an_arc_is_valid_and_close_to_it(
    x: float, y: float, radius: float, start: float, sweep: float
) -> None:
    assume(radius * sweep > 30)  # a shorter arc spans few cells, and its ends may be a whole cell off
    curve = arc((x, y), radius, start, sweep)
    (chain,) = fit_chains([curve], LATTICE)
    assert len(chain) >= 2
    assert is_chain([tuple(cell) for cell in chain.tolist()])
    assert (chain >= 0).all()
    assert (chain < [114, 76]).all()
    gaps = distances(curve, chain, LATTICE)
    assert np.sqrt((gaps**2).mean()) < 2.2


def test_drawn_chain_is_within_the_tolerance() -> None:
    lattice = Lattice(85, 85, 512, 512)  # cells of 6 px: corners are up to 3 px off before smoothing
    family = [arc((250, 250), radius, 0.3 * radius, 3.0) for radius in (40, 70, 100, 150, 220)]
    for curve, chain in zip(family, fit_chains(family, lattice, miss_bits=2.0), strict=True):
        drawn = smooth(lattice.centers(chain))
        share = np.linspace(0, 1, 20)[:, None]
        dense = np.concatenate([a + share * (b - a) for a, b in zip(drawn, drawn[1:], strict=False)])
        gaps = np.hypot(*(curve[:, None] - dense[None]).transpose(2, 0, 1)).min(1)
        assert (gaps <= 2).mean() > 0.97


def test_curves_are_fitted_independently() -> None:
    family = [arc((200, 150), r, 0.3, 2.5) for r in (20, 50, 120)]
    chains = fit_chains(family, LATTICE)
    for curve, chain in zip(family, chains, strict=True):
        assert np.array_equal(fit_chains([curve], LATTICE)[0], chain)


def test_each_curve_may_have_its_own_cost_of_misses() -> None:
    family = [arc((200, 150), r, 0.3, 2.5) for r in (20, 50, 120)]
    separate = [fit_chains([curve], LATTICE, cost)[0] for curve, cost in zip(family, (0.1, 0.4, 2.0), strict=True)]
    together = fit_chains(family, LATTICE, np.array([0.1, 0.4, 2.0]))
    assert all(np.array_equal(a, b) for a, b in zip(separate, together, strict=True))


def test_straight_line_has_about_the_fewest_links() -> None:
    t = np.linspace(0, 1, 300)[:, None]
    (chain,) = fit_chains([(np.array([30, 60]) + t * np.array([280, 100])).astype(np.float32)], LATTICE)
    assert len(chain) <= 280 / LATTICE.pitch[0] + 3


def test_higher_cost_of_misses_gives_a_closer_and_larger_chain() -> None:
    rng = np.random.default_rng(3)
    y = 150 + 6 * np.sin(np.arange(420) / 9) + rng.normal(0, 0.3, 420)
    wave = np.stack([np.arange(40, 460), y], 1).astype(np.float32)
    loose, close = (fit_chains([wave], LATTICE, miss_bits=d)[0] for d in (0.03, 2.0))
    assert distances(wave, close, LATTICE).mean() < distances(wave, loose, LATTICE).mean()
    sizes = [len(Sketch(LATTICE.cols, LATTICE.rows, (_stroke(chain),)).to_bytes()) for chain in (loose, close)]
    assert sizes[0] < sizes[1]


def _stroke(chain: np.ndarray) -> Stroke:
    return tuple((int(x), int(y)) for x, y in chain)


def test_dot_has_no_chain_or_a_short_one() -> None:
    (chain,) = fit_chains([np.full((8, 2), 100, np.float32)], LATTICE)
    assert len(chain) <= 2


@pytest.mark.parametrize("lattice", [Lattice(8, 1024, 1, 512), Lattice(128, 8, 512, 3)])
def test_chains_stay_inside_the_lattice_of_a_narrow_picture(lattice: Lattice) -> None:
    line = np.stack([np.linspace(0, lattice.width - 1, 400), np.linspace(0, lattice.height - 1, 400)], 1)
    (chain,) = fit_chains([line.astype(np.float32)], lattice)
    assert (chain >= 0).all()
    assert (chain < [lattice.cols, lattice.rows]).all()


def test_no_curves() -> None:
    assert fit_chains([], LATTICE) == []
