"""Render a sketch as pen strokes, and the paper beneath it.

Lengths are fractions of the picture's diagonal, so that a picture looks the same at every working size.
Polylines are (N, 2) of x, y in units of the whole picture (0..1).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from codec.structure import chain_code
from codec.structure.sketch import Sketch

SUPERSAMPLING: Final = 3
LINE_WIDTH: Final = 1 / 330  # about 2.2 pixels at 512 x 512
TAPER: Final = 1 / 18  # length over which a stroke widens from its tip
_SUBPIXEL_BITS: Final = 4  # of the fixed-point coordinates passed to OpenCV


def smooth_polyline(line: np.ndarray) -> np.ndarray:
    """Remove the lattice's staircase from a line: (N, 2) -> (M, 2), with the same ends.

    Averages three neighbors, then cuts corners twice (Chaikin 1974).
    """
    line = chain_code.smooth(line)
    for _ in range(2):
        corners = np.stack([0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]], 1)
        line = np.concatenate([line[:1], corners.reshape(-1, 2), line[-1:]])
    return line


def smooth_strokes(sketch: Sketch, width: int, height: int) -> list[np.ndarray]:
    """Return the lines of the sketch of a picture of this size, smoothed, in units of the whole picture (0..1)."""
    size = np.array([width, height], np.float64)
    return [smooth_polyline(line / size) for line in sketch.polylines(width, height)]


@functools.lru_cache(maxsize=2)
def render_sketch(sketch: Sketch, width: int, height: int, rows: int, columns: int) -> np.ndarray:
    """Return the opacity of the lines of the sketch of a picture of this size, (rows, columns) float32, read-only.

    The result is cached, since many edits change only colors.
    """
    opacity = render_ink(smooth_strokes(sketch, width, height), rows, columns)
    opacity.setflags(write=False)
    return opacity


def render_ink(polylines: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Return the opacity of ink, (height, width) float32 in 0..1, of lines drawn as pen strokes.

    Strokes are thin and faint at their tips; the first ones are the strongest.
    """
    canvas = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING), np.uint8)
    for rank in reversed(range(len(polylines))):  # the most important strokes are drawn last, on top
        weight = 0.75 + 0.25 / (1 + rank / max(1, len(polylines) / 4))
        _draw_stroke(canvas, polylines[rank].astype(np.float64), weight)
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small.astype(np.float32) / 255)


def _draw_stroke(canvas: np.ndarray, line: np.ndarray, weight: float) -> None:
    """Draw a line of varying tone and width as a series of runs of constant tone and width."""
    height, width = canvas.shape
    diagonal = float(np.hypot(height, width))
    lengths = np.hypot(*((line[1:] - line[:-1]) * [width, height]).T)
    position = np.cumsum(lengths) - lengths / 2
    swell = np.minimum(position, lengths.sum() - position) / (TAPER * diagonal)
    swell = np.clip(swell, 0.0, 1.0)
    tones = np.round(255 * weight * (0.35 + 0.65 * swell)).astype(int)
    widths = np.maximum(1, np.round(LINE_WIDTH * diagonal * weight * (0.5 + 0.5 * swell))).astype(int)

    unit = 1 << _SUBPIXEL_BITS
    points = np.round(line * (np.array([width, height]) * unit) - unit / 2).astype(np.int32)
    changes = np.flatnonzero((tones[1:] != tones[:-1]) | (widths[1:] != widths[:-1])) + 1
    for start, end in itertools.pairwise([0, *changes.tolist(), len(tones)]):
        run = points[start : end + 1]
        cv2.polylines(canvas, [run], False, int(tones[start]), int(widths[start]), cv2.LINE_AA, _SUBPIXEL_BITS)


def render_paper(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """Return warm white paper with a faint grain, (height, width, 3) float32 in 0..1."""
    grain = random.standard_normal((height, width), np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.8) + cv2.GaussianBlur(grain, (0, 0), 3.0)
    tone = np.array([0.957, 0.945, 0.918], np.float32)
    return np.asarray(np.clip(tone + 0.006 * grain[..., None], 0.0, 1.0))
