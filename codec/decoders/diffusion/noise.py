"""The noise that a decode starts from, by the random generator that makes it.

trilayer   NumPy's Philox (Salmon et al. 2011): the same on every machine
torch      torch's Mersenne Twister on the CPU: diffusers' pipelines with a CPU generator, ComfyUI, the paper's code
a1111      Philox as torch has it on CUDA devices: AUTOMATIC1111's web UI with its default settings, and Forge
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

import numpy as np

NOISE_SOURCES: Final = ("trilayer", "torch", "a1111")

_PHILOX_MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_PHILOX_KEY_STEPS: Final = (np.uint32(0x9E3779B9), np.uint32(0xBB67AE85))
_PHILOX_ROUNDS: Final = 10
_PER_INTEGER: Final = np.float32(2.3283064e-10)  # 2^-32
_ANGLE_PER_INTEGER: Final = np.float32(2.3283064e-10 * 6.2831855)


def initial_noise(seed: int, width: int, height: int, source: str = "trilayer") -> np.ndarray:
    """Return (4, height / 8, width / 8) float32 standard normal noise, the same on every machine and device.

    seed: any integer, of which torch and a1111 use 64 bits; width, height: in pixels; source: of NOISE_SOURCES
    """
    shape = (4, height // 8, width // 8)
    if source == "torch":
        import torch  # here, so that options.py stays light

        generator = torch.Generator("cpu").manual_seed(seed % 2**63)
        noise: np.ndarray = torch.randn((1, *shape), generator=generator)[0].numpy()
        return noise
    if source == "a1111":
        return cuda_noise(seed, shape)
    random = np.random.Generator(np.random.Philox(key=seed % 2**128))
    return random.standard_normal(shape, dtype=np.float32)


def noise_stream(seed: int, width: int, height: int, source: str) -> Iterator[np.ndarray]:
    """Yield the arrays that one generator gives, one after the other, each of the shape of `initial_noise`.

    source: torch or a1111, a CPU's or CUDA's generator
    """
    shape = (4, height // 8, width // 8)
    if source == "a1111":
        for offset in itertools.count():
            yield cuda_noise(seed, shape, offset)
    import torch

    generator = torch.Generator("cpu").manual_seed(seed % 2**63)
    while True:
        yield torch.randn((1, *shape), generator=generator)[0].numpy()


def cuda_noise(seed: int, shape: tuple[int, ...], offset: int = 0) -> np.ndarray:
    """Return what torch.randn gives on a CUDA device after `offset` earlier calls, float32 of that shape.

    Philox 4x32-10: the counter is (offset, 0, index, 0), the key the seed. Two of the four words give a number, by
    the transform of Box and Muller (1958).
    """
    count = int(np.prod(shape))
    counter = np.zeros((4, count), np.uint32)
    counter[0], counter[2] = offset, np.arange(count, dtype=np.uint32)
    seed %= 2**64
    words = philox4x32(counter, np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32))
    radius = np.sqrt(-2 * np.log(words[0] * _PER_INTEGER + _PER_INTEGER / 2))
    angle = words[1] * _ANGLE_PER_INTEGER + _ANGLE_PER_INTEGER / 2
    return np.asarray((radius * np.sin(angle)).reshape(shape), np.float32)


def philox4x32(counter: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Return the numbers of Philox 4x32-10 (Salmon et al. 2011), (4, n) uint32.

    counter: (4, n) uint32; key: (2,) uint32
    """
    for index in range(_PHILOX_ROUNDS):
        if index:
            key = key + np.array(_PHILOX_KEY_STEPS, np.uint32)
        products = [
            counter[word].astype(np.uint64) * factor for word, factor in zip((0, 2), _PHILOX_MULTIPLIERS, strict=True)
        ]
        (low0, high0), (low1, high1) = [
            ((product & np.uint64(0xFFFFFFFF)).astype(np.uint32), (product >> np.uint64(32)).astype(np.uint32))
            for product in products
        ]
        counter = np.stack([high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0])
    return counter
