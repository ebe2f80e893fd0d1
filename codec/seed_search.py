"""Search for the random seed whose decoded picture is most similar to the source picture.

A generative decoder makes a different picture from each seed. Storing the best of several seeds takes two bytes in the
file, or none if it is 0, the decoders' default.
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

MAX_COUNT: Final = 256  # then a seed fits into one byte, and its chunk into two
SEED_BYTES: Final = 2  # of the file
COMPARED_SIDE: Final = 256  # pixels; larger pictures are shrunk to this side before they are compared
_COLOR_SIDE: Final = 32  # pixels; the side to which pictures are shrunk for the comparison of colors
_WINDOW: Final = 7  # pixels a side of the windows of SSIM
_SCALES: Final = 3  # of SSIM, each half the size of the previous one
_SSIM_C1, _SSIM_C2 = 0.01**2, 0.03**2  # for values of 0..1
_GMSD_C: Final = 0.0026 / 9  # GMSD's constant, for values in 0..1 and gradient filters of unit gain
_COLOR_WEIGHT: Final = 4.0  # makes an Oklab distance of 0.25 (red to orange) count as 1


class Distance(NamedTuple):
    """The difference between two pictures: 0 if equal, each part about 0..1."""

    perceptual: float
    color: float
    edges: float

    @property
    def total(self) -> float:
        """The mean of the parts, which the search minimizes."""
        return (self.perceptual + self.color + self.edges) / 3


def distance(a: np.ndarray, b: np.ndarray) -> Distance:
    """Compare two (H, W, 3) uint8 sRGB pictures of the same size, shrunk to at most 256 pixels a side.

    perceptual: 1 - mean structural similarity of Oklab lightness over three scales (Wang, Simoncelli, Bovik 2003).
    color: mean Oklab distance of the pictures shrunk to 32 pixels a side, which tolerates small shifts.
    edges: 1 - mean gradient magnitude similarity of Oklab lightness (Xue et al. 2014).

    Raises `ImageError` if the sizes differ.
    """
    if a.shape != b.shape:
        raise ImageError(f"pictures of {a.shape[:2]} and {b.shape[:2]} pixels cannot be compared")
    lightness_a, lightness_b = (oklab.from_srgb(_shrink(pixels, COMPARED_SIDE))[..., 0] for pixels in (a, b))
    return Distance(
        _perceptual_distance(lightness_a, lightness_b), _color_distance(a, b), _edge_distance(lightness_a, lightness_b)
    )


def best_of(pixels: np.ndarray, layers: Layers, decoder: Decoder, count: int, on_step: OnStep | None = None) -> Layers:
    """Return the layers with the seed in 0..count - 1 whose decoded picture is most similar to `pixels`.

    `pixels`: (H, W, 3) uint8 sRGB. `count`: 1..256. Of equally good seeds, the lowest is used; seed 0 is not stored,
    since it is the decoders' default.
    `on_step`: called for every step of every decode; steps are numbered through all decodes.

    Raises `CodecError` for another count, `ImageError` if the sizes of pixels and layers differ, `Cancelled` if
    `on_step` returned False, and the errors of the decoder.
    """
    if not 1 <= count <= MAX_COUNT:
        raise CodecError(f"the number of seeds to try must be 1 to {MAX_COUNT}, not {count}")
    if pixels.shape != (layers.height, layers.width, 3):
        raise ImageError(f"the source has {pixels.shape[:2]} pixels, the layers {(layers.height, layers.width)}")
    best_seed, min_distance = 0, float("inf")
    for seed in range(count):
        decoded = decoder.decode(layers, seed=seed, on_step=_renumbered(on_step, seed, count))
        total = distance(pixels, decoded).total
        if total < min_distance:
            best_seed, min_distance = seed, total
    return replace(layers, seed=best_seed or None)


def _renumbered(on_step: OnStep | None, seed: int, count: int) -> Callable[[Step], bool | None] | None:
    """Return a callback for one decode that numbers its steps through all decodes."""
    if on_step is None:
        return None

    def report(step: Step) -> bool | None:
        label = f"seed {seed + 1} of {count}: {step.label}"
        return on_step(replace(step, index=seed * step.total + step.index, total=count * step.total, label=label))

    return report


def _perceptual_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return 1 - mean SSIM over the scales that are large enough; the mean difference if none is."""
    similarities = []
    for _ in range(_SCALES):
        if min(a.shape) < _WINDOW:
            break
        similarities.append(_ssim(a, b))
        a, b = _halve(a), _halve(b)
    return 1 - float(np.mean(similarities)) if similarities else float(np.abs(a - b).mean())


def _ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean structural similarity with uniform windows."""
    mean_a, mean_b = _window_means(a), _window_means(b)
    variance_a, variance_b = _window_means(a * a) - mean_a**2, _window_means(b * b) - mean_b**2
    covariance = _window_means(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _SSIM_C1) / (mean_a**2 + mean_b**2 + _SSIM_C1)
    contrast_structure = (2 * covariance + _SSIM_C2) / (variance_a + variance_b + _SSIM_C2)
    return float((luminance * contrast_structure).mean())


def _color_distance(a: np.ndarray, b: np.ndarray) -> float:
    oklab_a, oklab_b = (oklab.from_srgb(_shrink(pixels, _COLOR_SIDE)) for pixels in (a, b))
    return min(_COLOR_WEIGHT * float(np.sqrt(((oklab_a - oklab_b) ** 2).sum(2)).mean()), 1.0)


def _edge_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return 1 - mean gradient magnitude similarity at half the size, as in GMSD, without the finest detail."""
    gradient_a, gradient_b = _gradient_magnitude(_halve(a)), _gradient_magnitude(_halve(b))
    similarity = (2 * gradient_a * gradient_b + _GMSD_C) / (gradient_a**2 + gradient_b**2 + _GMSD_C)
    return 1 - float(similarity.mean())


def _gradient_magnitude(lightness: np.ndarray) -> np.ndarray:
    """Return the magnitude of central differences, with the border replicated."""
    padded = np.pad(lightness, 1, mode="edge")
    dy, dx = padded[2:, 1:-1] - padded[:-2, 1:-1], padded[1:-1, 2:] - padded[1:-1, :-2]
    magnitude: np.ndarray = np.hypot(dy, dx) / 2
    return magnitude


def _window_means(values: np.ndarray) -> np.ndarray:
    """Return the means of all windows that lie inside (H, W) values."""
    for axis in (0, 1):
        sums = np.cumsum(np.insert(values, 0, 0, axis), axis)
        size = sums.shape[axis]
        values = (sums.take(range(_WINDOW, size), axis) - sums.take(range(size - _WINDOW), axis)) / _WINDOW
    return values


def _halve(values: np.ndarray) -> np.ndarray:
    """Return the means of 2 x 2 values without an odd last row or column; a single row or column is kept."""
    for axis in (0, 1):
        even = values.shape[axis] // 2 * 2
        if even:
            values = (values.take(range(0, even, 2), axis) + values.take(range(1, even, 2), axis)) / 2
    return values


def _shrink(pixels: np.ndarray, max_side: int) -> np.ndarray:
    """Return a picture with no side longer than `max_side` pixels."""
    height, width = pixels.shape[:2]
    scale = min(max_side / max(height, width), 1.0)
    return io.resize_area(pixels, max(round(width * scale), 1), max(round(height * scale), 1))
