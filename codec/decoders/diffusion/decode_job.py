"""One decode: its inputs, and its result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codec.decoders.diffusion.base_options import ResolvedOptions
from codec.decoders.diffusion.denoise import InpaintConstraint
from codec.decoders.diffusion.device import Device
from codec.decoders.diffusion.memory_plan import MemoryPlan
from codec.decoders.diffusion.model_search import ModelPaths
from codec.decoders.diffusion.schedulers import Prediction
from codec.layers import Layers


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """A decoded picture, and what decoding a part of it again needs; 3 MB for 50 steps.

    pixels: (H, W, 3) uint8 sRGB at the file's size
    latents: (4, h, w) float32
    trajectory: the initial latents and those after every step; may be empty
    schedule: the scheduler, its number of steps, and how many evaluations were left out at the beginning
    """

    pixels: np.ndarray
    latents: np.ndarray
    trajectory: tuple[np.ndarray, ...] = ()
    schedule: tuple[str, int, int] | None = None


@dataclass(frozen=True, eq=False)
class Job:
    """The inputs of one decode, complete before anything is loaded.

    noise: one of NOISE_SOURCES; width, height: working size in pixels
    """

    layers: Layers
    settings: ResolvedOptions
    paths: ModelPaths
    prediction: Prediction
    device: Device
    plan: MemoryPlan
    seed: int
    noise: str
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Inpainting:
    """The region to decode again, (H, W) bool, the result around it, and the constraint on its latents."""

    mask: np.ndarray
    previous: DecodedImage
    constraint: InpaintConstraint
