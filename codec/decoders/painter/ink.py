"""The lines of a sketch as pen strokes, and paper to draw them on.

All lengths are in shares of the picture's diagonal, so that a picture looks the same at
every working size. Polylines are (N, 2) of x, y in units of the whole picture (0..1).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import cv2
import numpy as np

from codec.structure import chain_code

SUPERSAMPLE = 3
LINE_WIDTH = 1 / 330  # of the diagonal: about 2.2 pixels at 512 x 512
TAPER = 1 / 18  # length over which a stroke swells from its tip


def smooth(line: np.ndarray) -> np.ndarray:
    """Take the steps of the lattice out of a line: (N, 2) -> (M, 2), with the same ends.

    Averages three neighbors, then cuts the corners twice (Chaikin 1974).
    """
    line = chain_code.smooth(line)
    for _ in range(2):
        cuts = np.stack([0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]], 1)
        line = np.concatenate([line[:1], cuts.reshape(-1, 2), line[-1:]])
    return line


def ink(polylines: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Draw lines like pen strokes: thin and faint at the tips, the first ones the strongest.

    Returns (height, width) float32, 0 without ink to 1.
    """
    tall, wide = height * SUPERSAMPLE, width * SUPERSAMPLE
    diagonal = float(np.hypot(tall, wide))
    sheet = np.zeros((tall, wide), np.uint8)
    fraction = 4  # bits of a pixel that cv2 is given
    unit = np.array([wide, tall]) * (1 << fraction)
    for rank in reversed(range(len(polylines))):  # the important ones on top
        line = polylines[rank].astype(np.float64)
        steps = np.hypot(*((line[1:] - line[:-1]) * [wide, tall]).T)
        middle = np.cumsum(steps) - steps / 2
        swell = np.minimum(middle, steps.sum() - middle) / (TAPER * diagonal)
        swell = np.clip(swell, 0.0, 1.0)
        weight = 0.75 + 0.25 / (1 + rank / max(1, len(polylines) / 4))
        points = np.round(line * unit - (1 << fraction) / 2).astype(np.int32)
        tones = np.round(255 * weight * (0.35 + 0.65 * swell)).astype(int)
        widths = np.maximum(1, np.round(LINE_WIDTH * diagonal * weight * (0.5 + 0.5 * swell))).astype(int)
        changes = np.flatnonzero((tones[1:] != tones[:-1]) | (widths[1:] != widths[:-1])) + 1
        runs = [0, *changes.tolist(), len(tones)]
        for start, end in itertools.pairwise(runs):
            part = points[start : end + 1]
            cv2.polylines(sheet, [part], False, int(tones[start]), int(widths[start]), cv2.LINE_AA, fraction)
    small = cv2.resize(sheet, (width, height), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def paper(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """A sheet of warm white paper with a faint grain, (height, width, 3) float32 in 0..1."""
    grain = random.standard_normal((height, width), np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.8) + cv2.GaussianBlur(grain, (0, 0), 3.0)
    tone = np.array([0.957, 0.945, 0.918], np.float32)
    return np.clip(tone + 0.006 * grain[..., None], 0.0, 1.0)
