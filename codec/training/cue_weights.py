"""Fit the coefficients of the `canny` edge detector (codec/encoder/sketch/edges.py) to the teacher's edge maps.

    python -m codec.training.cue_weights MAPS

Prints the coefficients, and the F-measure on held-out maps. The fit is a logistic regression of the cues on HED's
soft maps (teacher.py), by Newton's method on a sample of the pixels.
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

PIXELS = 1500  # sampled from each picture
PENALTY = 30.0  # on the squared coefficients, since the cues are strongly correlated
ITERATIONS = 12


def sample_pixels(maps: Maps) -> tuple[np.ndarray, np.ndarray]:
    """Return the cues and a constant 1, (n, cues + 1) float64, and the teacher's strength in 0..1, (n,)."""
    rng = np.random.default_rng(SEED)
    rows, strengths = [], []
    for _, (image, strength) in sorted(maps.pairs.items()):
        pixels = rng.integers(strength.size, size=PIXELS)
        rows.append(np.stack([cue.reshape(-1)[pixels] for cue in cues(image)] + [np.ones(PIXELS)], 1))
        strengths.append(strength.reshape(-1)[pixels] / 255)
    return np.concatenate(rows).astype(np.float64), np.concatenate(strengths)


def fit(inputs: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the coefficients of a logistic regression: (n, k), (n,) -> (k,). The last one is not penalized."""
    coefficients = np.zeros(inputs.shape[1])
    penalty = np.diag([PENALTY] * (len(coefficients) - 1) + [0.0])
    for _ in range(ITERATIONS):
        p = _logistic(inputs @ coefficients)
        gradient = inputs.T @ (p - target) + penalty @ coefficients
        hessian = (inputs * (p * (1 - p))[:, None]).T @ inputs + penalty
        coefficients -= np.linalg.solve(hessian, gradient)
    return coefficients


def _logistic(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))))


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit the coefficients and print them."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.training.cue_weights", description="Fit the coefficients of the canny edge detector."
    )
    parser.add_argument("maps", type=Path, metavar="MAPS", help="folder of the teacher's maps")
    options = parser.parse_args(arguments)
    coefficients = fit(*sample_pixels(Maps(options.maps, held_out=False)))
    print("bias", round(float(coefficients[-1]), 3), "coefficients", *(f"{value:.3f}" for value in coefficients[:-1]))
    scores = []
    for image, strength in Maps(options.maps, held_out=True).pairs.values():
        logits = sum(value * cue for value, cue in zip(coefficients, cues(image), strict=False)) + coefficients[-1]
        predicted = _logistic(logits).astype(np.float32)
        reference = thin(strength.astype(np.float32) / 255, 0.3, 0.15)
        scores.append(f_measure(thin(predicted, 0.3, 0.15), reference).f)
    print(f"F at 2 px: {np.mean(scores):.3f}")


if __name__ == "__main__":
    main()
