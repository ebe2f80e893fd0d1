"""Real-ESRGAN: faithful enlargement, in strips without seams, without state."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from codec.decoders.painter import real_esrgan
from codec.decoders.painter.real_esrgan import SCALE, Upscaler


@pytest.fixture(scope="module", params=["srvgg", "rrdb"])
def network(request):
    return getattr(Upscaler, request.param)()


def result_of(network, picture):
    *_, result = network.run(picture)
    return result


def scene(height, width):
    """Return a smooth gradient with a dark disc, (height, width, 3) float32 in 0..1."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = np.dstack([x / width, y / height, 0.5 + 0 * x])
    disc = np.hypot(x - width / 2, y - height / 2) < min(height, width) / 4
    picture[disc] *= 0.3
    return picture


def test_result_is_the_enlarged_picture(network):
    picture = scene(40, 30)
    result = result_of(network, picture)
    assert result.shape == (160, 120, 3)
    shrunk = cv2.resize(result, (30, 40), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk - picture).mean() < 0.03


def test_edges_are_sharper_than_by_interpolation(network):
    picture = scene(40, 30)
    result = result_of(network, picture)
    interpolated = cv2.resize(picture, (120, 160), interpolation=cv2.INTER_CUBIC)
    steepness = [np.percentile(np.abs(np.diff(image, axis=1)), 99.5) for image in (result, interpolated)]
    assert steepness[0] > 1.1 * steepness[1]


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1)])
def test_smallest_sizes(network, size):
    result = result_of(network, np.full((*size, 3), 0.5, np.float32))
    assert result.shape == (size[0] * SCALE, size[1] * SCALE, 3)
    assert np.isfinite(result).all()


def test_strips_leave_no_seams(network, monkeypatch):
    picture = scene(50, 20)
    monkeypatch.setattr(real_esrgan, "STRIP_ROWS", 50)
    whole = result_of(network, picture)
    monkeypatch.setattr(real_esrgan, "STRIP_ROWS", 7)
    assert np.abs(result_of(network, picture) - whole).max() < 1e-4
    # without the halo there are seams, so the test can fail
    monkeypatch.setattr(real_esrgan, "HALO", 0)
    if isinstance(network.network, real_esrgan.Rrdb):
        assert np.abs(result_of(network, picture) - whole).max() > 1e-3


def test_step_count_is_known_in_advance(network):
    for rows in (1, 32, 33, 70):
        *steps, _ = network.run(scene(rows, 5))
        assert len(steps) == network.step_count(rows)
        assert all(step is None for step in steps)


def test_no_gradients_are_recorded(network):
    assert not any(parameter.requires_grad for parameter in network.network.parameters())
    x = torch.zeros(1, 3, 4, 4)
    assert all(features.grad_fn is None for features in network.network.features(x))
