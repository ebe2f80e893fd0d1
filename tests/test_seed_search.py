"""The distance between pictures, and the search for the seed whose decode is nearest to the source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec.decoders.base import StepReporter
from codec.errors import Cancelled, CodecError, ImageError
from codec.images.io import resize, resize_area
from codec.layers import Layers
from codec.seed_search import best_of, distance
from tests import samples


def noisy(picture, amount, seed=0):
    noise = np.random.default_rng(seed).normal(0, amount, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def blurred(picture, factor):
    height, width = picture.shape[:2]
    return resize(resize_area(picture, width // factor, height // factor), width, height)


# the distance


def test_distance_of_a_picture_to_itself_is_zero(photo):
    assert np.abs(distance(photo, photo)).max() < 1e-9


def test_distance_is_symmetric(photo):
    other = noisy(photo, 20)
    np.testing.assert_allclose(distance(photo, other), distance(other, photo), atol=1e-12)


@pytest.mark.parametrize(
    "degrade",
    [
        lambda picture, amount: noisy(picture, 8 * amount),
        lambda picture, amount: blurred(picture, 2**amount),
        lambda picture, amount: np.roll(picture, 3 * amount, 1),
        lambda picture, amount: (picture * [1, 1 - 0.2 * amount, 1]).astype(np.uint8),
        lambda picture, amount: np.clip(picture + 20.0 * amount, 0, 255).astype(np.uint8),
        lambda picture, amount: np.concatenate([picture[:, ::-1][:, : 60 * amount], picture[:, 60 * amount :]], 1),
    ],
    ids=["noise", "blur", "shift", "tint", "brightness", "content"],
)
def test_distance_grows_with_degradation(photo, degrade):
    totals = [distance(photo, degrade(photo, amount)).total for amount in (1, 2, 3, 4)]
    assert all(a < b for a, b in zip([0.0, *totals], totals, strict=False)), totals


def test_each_part_responds_to_its_kind_of_degradation(photo):
    rotated = photo[::-1, ::-1]
    tinted = np.clip(photo * [1.0, 0.6, 1.0], 0, 255).astype(np.uint8)
    soft = blurred(photo, 8)
    assert distance(photo, tinted).color > 3 * distance(photo, soft).color
    assert distance(photo, soft).edges > 2 * distance(photo, tinted).edges
    assert distance(photo, soft).perceptual > 2 * distance(photo, tinted).perceptual
    parts = distance(photo, rotated)
    assert all(0.1 < part <= 1.2 for part in parts)  # none dominates


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (5, 5), (300, 2), (8, 200), (700, 400)])
def test_pictures_of_any_size_can_be_compared(size):
    rng = np.random.default_rng(0)
    one, two = (rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(2))
    assert distance(one, one).total < 1e-9
    assert 0 < distance(one, two).total < 2
    with pytest.raises(ImageError, match="cannot be compared"):
        distance(one, np.zeros((9, 9, 3), np.uint8))


def test_ssim_agrees_with_scikit_image(photo):
    from skimage.metrics import structural_similarity

    from codec.color import oklab
    from codec.seed_search import _ssim, _window_means

    one, two = (oklab.from_srgb(picture)[..., 0] for picture in (photo, noisy(photo, 20)))
    _, whole = structural_similarity(one, two, data_range=1.0, win_size=7, use_sample_covariance=False, full=True)
    assert _ssim(one, two) == pytest.approx(whole[3:-3, 3:-3].mean(), abs=1e-6)
    assert _window_means(one).shape == (250, 250)


# the search


class BestSeedDecoder:
    """A decoder whose picture is nearer to the source the nearer the seed is to `best`."""

    name = "best seed"

    def __init__(self, source, best):
        self.source, self.best, self.seeds = source, best, []

    def decode(self, layers, *, seed=None, on_step=None):
        self.seeds.append(seed)
        progress = StepReporter(2, on_step)
        progress.step("first")
        progress.step("second", self.source)
        return noisy(self.source, 5 * abs(seed - self.best))


@pytest.fixture
def file(photo):
    return replace(samples.example(), width=256, height=256, seed=None)


@pytest.mark.parametrize(("best", "count", "wanted"), [(3, 8, 3), (0, 4, None), (7, 4, 3), (2, 1, None)])
def test_best_seed_is_stored(photo, file, best, count, wanted):
    decoder = BestSeedDecoder(photo, best)
    found = best_of(photo, file, decoder, count)
    assert found == replace(file, seed=wanted)
    assert decoder.seeds == list(range(count))
    assert Layers.from_bytes(found.to_bytes()) == found


def test_seed_0_costs_nothing_and_other_seeds_two_bytes(photo, file):
    free = best_of(photo, file, BestSeedDecoder(photo, 0), 3)
    assert len(free.to_bytes()) == len(file.to_bytes())
    assert len(best_of(photo, file, BestSeedDecoder(photo, 2), 3).to_bytes()) - len(file.to_bytes()) == 2
    assert len(replace(file, seed=255).to_bytes()) - len(file.to_bytes()) == 2


def test_existing_seed_is_replaced(photo, file):
    assert best_of(photo, replace(file, seed=99), BestSeedDecoder(photo, 1), 3).seed == 1
    assert best_of(photo, replace(file, seed=99), BestSeedDecoder(photo, 0), 3).seed is None


def test_steps_are_numbered_over_all_decodes(photo, file):
    steps = []
    best_of(photo, file, BestSeedDecoder(photo, 1), 3, steps.append)
    assert [step.index for step in steps] == [1, 2, 3, 4, 5, 6]
    assert {step.total for step in steps} == {6}
    assert [step.label for step in steps][:3] == ["seed 1 of 3: first", "seed 1 of 3: second", "seed 2 of 3: first"]
    np.testing.assert_array_equal(steps[1].preview, photo)


def test_search_can_be_cancelled(photo, file):
    decoder = BestSeedDecoder(photo, 1)
    with pytest.raises(Cancelled):
        best_of(photo, file, decoder, 5, lambda step: step.index < 3)
    assert decoder.seeds == [0, 1]


def test_invalid_arguments_are_rejected(photo, file):
    for count in (0, -1, 257):
        with pytest.raises(CodecError, match="1 to 256"):
            best_of(photo, file, BestSeedDecoder(photo, 1), count)
    with pytest.raises(ImageError, match="pixels"):
        best_of(photo[1:], file, BestSeedDecoder(photo, 1), 2)
