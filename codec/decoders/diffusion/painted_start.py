"""The painter's picture as the start of a decode (SDEdit, Meng et al. 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from codec.decoders.base import Strengths
from codec.decoders.diffusion.denoise import NotFiniteError
from codec.decoders.diffusion.device import Device
from codec.images import io

if TYPE_CHECKING:
    from codec.layers import Layers


def paint(layers: Layers, seed: int, width: int, height: int, strengths: Strengths) -> np.ndarray:
    """Return the painter's picture of the layers, (height, width, 3) uint8."""
    from codec.decoders.painter.painter import Painter

    return resize(Painter.full_quality().with_options(strengths).decode(layers, seed=seed), width, height)


@torch.inference_mode()
def encode(vae: Any, device: Device, pixels: np.ndarray) -> np.ndarray:
    """Return the latents of an (8h, 8w, 3) uint8 picture, (4, h, w) float32: the mean of the VAE's distribution.

    Raises NotFiniteError if the VAE overflows in the device's precision.
    """
    rgb = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, 2, 0)))[None].to(device.name, device.dtype)
    encoded = vae.encode(rgb / 127.5 - 1)
    latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
    if not latents.isfinite().all():
        raise NotFiniteError
    array: np.ndarray = (latents[0].float() * vae.config.scaling_factor).cpu().numpy()
    return array


def resize(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize (h, w, 3) uint8 to width x height: by area averages to shrink, by Lanczos resampling to enlarge."""
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = picture.shape[0] >= height and picture.shape[1] >= width
    return io.resize_area(picture, width, height) if shrinks else io.resize(picture, width, height)
