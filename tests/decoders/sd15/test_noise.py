"""The initial noise, against published values of other tools' generators."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec.decoders.diffusion.noise import NOISE_SOURCES, cuda_noise, initial_noise, noise_stream, philox4x32


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_has_the_values_of_random123(counter, key, expected):
    """Its file kat_vectors, for philox4x32 with 10 rounds."""
    words = [np.array([int(word, 16) for word in text.split()], np.uint32) for text in (counter, key, expected)]
    np.testing.assert_array_equal(philox4x32(words[0][:, None], words[1])[:, 0], words[2])


def test_noise_stream_continues_the_generator_of_the_initial_noise():
    """CUDA's generator counts its calls; a CPU's goes on."""
    generator = torch.Generator().manual_seed(7)
    expected = [torch.randn((1, 4, 8, 8), generator=generator)[0].numpy() for _ in range(3)]
    stream = noise_stream(7, 64, 64, "torch")
    np.testing.assert_array_equal([next(stream) for _ in range(3)], expected)
    stream = noise_stream(7, 64, 64, "a1111")
    for offset in range(3):
        np.testing.assert_array_equal(next(stream), cuda_noise(7, (4, 8, 8), offset))
    np.testing.assert_array_equal(next(noise_stream(7, 64, 64, "a1111")), initial_noise(7, 64, 64, "a1111"))


def test_a1111_noise_has_the_values_of_torch_on_cuda():
    """The values that AUTOMATIC1111's modules/rng_philox.py documents for seed 0."""
    expected = [
        *(-0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564, -0.62285122, -0.32838709),
        *(-1.07454231, -0.36314407, -1.67105067, 2.26550497),
    ]
    np.testing.assert_allclose(cuda_noise(0, (3, 4)).ravel(), expected, atol=1e-6)


def test_torch_noise_has_the_documented_values():
    """torch.randn on a CPU for seed 0 in tiny shapes, as printed all over torch's documentation and tutorials."""
    values = torch.randn(4, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(values, [1.5410, -0.2934, -2.1788, 0.5684], atol=1e-4)


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
