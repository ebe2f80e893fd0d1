"""The initial noise, against published values of other tools' generators."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec.decoders.sd15.noise import NOISE_SOURCES, cuda_noise, initial_noise


def test_a1111_noise_has_the_values_of_torch_on_cuda():
    """The values that AUTOMATIC1111's modules/rng_philox.py documents for seed 0."""
    expected = [-0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564, -0.62285122, -0.32838709]
    np.testing.assert_allclose(cuda_noise(0, (2, 4)).ravel(), expected, atol=1e-6)


def test_torch_noise_is_that_of_a_cpu_generator():
    expected = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(9999))[0].numpy()
    np.testing.assert_array_equal(initial_noise(9999, 64, 64, "torch"), expected)


@pytest.mark.parametrize("source", NOISE_SOURCES)
@pytest.mark.parametrize("seed", [0, -1, 2**32, 2**63 + 5, 2**64 - 1, 2**200])
def test_noise_is_standard_normal_and_depends_on_the_seed(source, seed):
    noise = initial_noise(seed, 512, 384, source)
    assert (noise.shape, noise.dtype) == ((4, 48, 64), np.float32)
    assert abs(noise.mean()) < 0.04 and abs(noise.std() - 1) < 0.03
    np.testing.assert_array_equal(noise, initial_noise(seed, 512, 384, source))
    assert not np.array_equal(noise, initial_noise(seed + 1, 512, 384, source))
