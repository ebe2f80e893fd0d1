"""Seed search: of many decodes keep the seed whose picture is nearest to the source.

A generative decoder makes another picture of each seed. Trying some and storing the best one's
number buys likeness for two bytes of the file; seed 0, which a decoder takes where none is stored, is free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from codec.color import oklab
from codec.errors import CodecError, ImageError
from codec.images import io

if TYPE_CHECKING:
    from codec.decoders.base import Decoder, OnStep, Step
    from codec.layers import Layers

MAX_COUNT: Final = 256  # so that a seed is one byte, and its chunk two
COST: Final = 2  # bytes of the file
LONGEST: Final = 256  # pixels of the longer side at which pictures are compared
_WINDOW: Final = 7  # of the structural similarity, in pixels
_SCALES: Final = 3  # each half the one before
_SSIM: Final = (0.01**2, 0.03**2)
_EDGE: Final = 0.0026 / 9  # the constant of GMSD for a range of 0..1 and gradients of unit gain
_COLOR: Final = 4.0  # an Oklab distance of 0.25, red to orange, counts as much as unlike structure


class Distance(NamedTuple):
    """How unlike two pictures are: 0 for equal ones, each part about 0..1, `total` their mean."""

    perceptual: float
    color: float
    edges: float

    @property
    def total(self) -> float:
        """What a search minimizes."""
        return (self.perceptual + self.color + self.edges) / 3


def distance(a: np.ndarray, b: np.ndarray) -> Distance:
    """Compare two (H, W, 3) uint8 sRGB pictures of one size, at 256 pixels a side at most.

    perceptual: 1 - structural similarity of Oklab lightness over three scales (Wang, Simoncelli,
    Bovik 2003). color: mean Oklab distance of the pictures shrunk to 32 pixels a side, so that it
    forgives what moved a little. edges: 1 - similarity of gradient magnitudes (Xue et al. 2014).
    Raises ImageError if the sizes differ.
    """
    if a.shape != b.shape:
        raise ImageError(f"pictures of {a.shape[:2]} and {b.shape[:2]} pixels cannot be compared")
    one, two = (oklab.from_srgb(_shrunk(picture, LONGEST)) for picture in (a, b))
    return Distance(_perceptual(one[..., 0], two[..., 0]), _color(a, b), _edges(one[..., 0], two[..., 0]))


def best_of(
    pixels: np.ndarray,
    layers: Layers,
    decoder: Decoder,
    count: int,
    on_step: OnStep | None = None,
) -> Layers:
    """The layers with the seed of 0..count-1 whose decode is nearest to `pixels`, (H, W, 3) uint8 sRGB.

    `count`: 1..256. Of equals the lowest wins; seed 0 is left out of the file, as decoders begin
    with it. `on_step`: is told every step of every decode, numbered through.

    Raises CodecError for another count, ImageError for pixels of another size than the layers say,
    Cancelled if `on_step` returned False, and what the decoder raises.
    """
    if not 1 <= count <= MAX_COUNT:
        raise CodecError(f"the number of seeds to try is 1 to {MAX_COUNT}, not {count}")
    if pixels.shape != (layers.height, layers.width, 3):
        raise ImageError(f"the source has {pixels.shape[:2]} pixels, the layers {(layers.height, layers.width)}")
    best, least = 0, float("inf")
    for seed in range(count):
        picture = decoder.decode(layers, seed=seed, on_step=_numbered(on_step, seed, count))
        unlike = distance(pixels, picture).total
        if unlike < least:
            best, least = seed, unlike
    return replace(layers, seed=best or None)


def _numbered(on_step: OnStep | None, seed: int, count: int) -> Callable[[Step], bool | None] | None:
    """Pass on the steps of one decode as part of all."""
    if on_step is None:
        return None

    def pass_on(step: Step) -> bool | None:
        label = f"seed {seed + 1} of {count}: {step.label}"
        return on_step(replace(step, index=seed * step.total + step.index, total=count * step.total, label=label))

    return pass_on


def _perceptual(one: np.ndarray, two: np.ndarray) -> float:
    """1 - the mean over scales of structural similarity, uniform windows."""
    similar = []
    for _ in range(_SCALES):
        if min(one.shape) < _WINDOW:
            break
        similar.append(_ssim(one, two))
        one, two = _halved(one), _halved(two)
    return 1 - float(np.mean(similar)) if similar else float(np.abs(one - two).mean())


def _ssim(one: np.ndarray, two: np.ndarray) -> float:
    mean1, mean2 = _windowed(one), _windowed(two)
    variance1, variance2 = _windowed(one * one) - mean1**2, _windowed(two * two) - mean2**2
    both = _windowed(one * two) - mean1 * mean2
    light = (2 * mean1 * mean2 + _SSIM[0]) / (mean1**2 + mean2**2 + _SSIM[0])
    shape = (2 * both + _SSIM[1]) / (variance1 + variance2 + _SSIM[1])
    return float((light * shape).mean())


def _color(a: np.ndarray, b: np.ndarray) -> float:
    one, two = (oklab.from_srgb(_shrunk(picture, 32)) for picture in (a, b))
    return min(_COLOR * float(np.sqrt(((one - two) ** 2).sum(2)).mean()), 1.0)


def _edges(one: np.ndarray, two: np.ndarray) -> float:
    """Of maps at half the size, as GMSD has it: the finest detail is never the same."""
    one, two = _gradient(_halved(one)), _gradient(_halved(two))
    return 1 - float(((2 * one * two + _EDGE) / (one**2 + two**2 + _EDGE)).mean())


def _gradient(lightness: np.ndarray) -> np.ndarray:
    """The magnitude of central differences; the border repeats."""
    padded = np.pad(lightness, 1, mode="edge")
    down, across = padded[2:, 1:-1] - padded[:-2, 1:-1], padded[1:-1, 2:] - padded[1:-1, :-2]
    return np.hypot(down, across) / 2


def _windowed(values: np.ndarray) -> np.ndarray:
    """Means of all windows that lie inside."""
    for axis in (0, 1):
        sums = np.cumsum(np.insert(values, 0, 0, axis), axis)
        size = sums.shape[axis]
        values = (sums.take(range(_WINDOW, size), axis) - sums.take(range(size - _WINDOW), axis)) / _WINDOW
    return values


def _halved(values: np.ndarray) -> np.ndarray:
    """Means of 2 x 2; an odd last row or column is left out, a single one kept."""
    for axis in (0, 1):
        even = values.shape[axis] // 2 * 2
        if even:
            values = (values.take(range(0, even, 2), axis) + values.take(range(1, even, 2), axis)) / 2
    return values


def _shrunk(picture: np.ndarray, longest: int) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = min(longest / max(height, width), 1.0)
    return io.resize_area(picture, max(round(width * scale), 1), max(round(height * scale), 1))
