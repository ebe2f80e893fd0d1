"""Fit the coefficients of the `canny` detector (`codec/encoder/sketch/edges.py`) to the teacher's maps.

    python -m codec.training.cue_weights MAPS          prints them, and F on the maps kept apart

A logistic regression of the cues on HED's soft maps (teacher.py), by Newton's method on some pixels of each.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from codec.encoder.sketch.cues import cues
from codec.encoder.sketch.f_measure import f_measure
from codec.encoder.sketch.thinning import thin
from codec.training.contour_network import SEED, Maps

PIXELS = 1500  # of each picture
PENALTY = 30.0  # on the squared coefficients: cues are alike, and their weights would run apart


def samples(maps: Maps) -> tuple[np.ndarray, np.ndarray]:
    """(n, cues + 1) float64, the last a constant, and (n,) the teacher's strength in 0..1."""
    dice = np.random.default_rng(SEED)
    rows, wanted = [], []
    for _, (image, strength) in sorted(maps.pairs.items()):
        at = dice.integers(strength.size, size=PIXELS)
        rows.append(np.stack([cue.reshape(-1)[at] for cue in cues(image)] + [np.ones(PIXELS)], 1))
        wanted.append(strength.reshape(-1)[at] / 255)
    return np.concatenate(rows).astype(np.float64), np.concatenate(wanted)


def fit(x: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The coefficients, the constant last."""
    w = np.zeros(x.shape[1])
    penalty = np.diag([PENALTY] * (len(w) - 1) + [0.0])
    for _ in range(12):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        slope = x.T @ (p - wanted) + penalty @ w
        w -= np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + penalty, slope)
    return w


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description="Fit the canny detector.")
    parser.add_argument("maps", type=Path)
    options = parser.parse_args(arguments)
    w = fit(*samples(Maps(options.maps, apart=False)))
    print("bias", round(float(w[-1]), 3), "coefficients", *(f"{value:.3f}" for value in w[:-1]))
    scores = []
    for image, strength in Maps(options.maps, apart=True).pairs.values():
        total = sum(value * cue for value, cue in zip(w, cues(image), strict=False)) + w[-1]
        found = (1 / (1 + np.exp(-np.clip(total, -30, 30)))).astype(np.float32)
        reference = thin(strength.astype(np.float32) / 255, 0.3, 0.15)
        scores.append(f_measure(thin(found), reference).f)
    print(f"F at 2 px: {np.mean(scores):.3f}")


if __name__ == "__main__":
    main()
