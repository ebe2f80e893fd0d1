"""How a decode is fitted into the free memory of a GPU: by moving networks, and by decoding the picture in tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GB: Final = 10**9

_RESERVE: Final = 0.3 * GB  # of the driver and of fragmentation


@dataclass(frozen=True)
class MemoryNeeds:
    """Bytes in half precision: of the networks' weights, and of a batch of two prompts at 512 x 512 pixels.

    others: text encoders, VAE and adapters; unet_peak, vae_peak: while they run, which scales with the area
    """

    unet: float
    controlnet: float
    others: float
    unet_peak: float
    vae_peak: float


@dataclass(frozen=True)
class MemoryPlan:
    """What is done to save memory.

    offloads: networks are on the GPU only while they are used; tiles: the VAE decodes the picture in tiles
    streams: UNet and ControlNet are moved to the GPU layer by layer, which is slow
    """

    offloads: bool = False
    tiles: bool = False
    streams: bool = False

    def describe(self) -> str:
        """Return the plan as a phrase to append; "" if nothing is done."""
        how = "layer by layer, which is slow," if self.streams else "in turn"
        parts = [f"networks moved to the GPU {how}"] if self.offloads else []
        parts += ["picture decoded in tiles"] if self.tiles else []
        return f" ({' and '.join(parts)} to save memory)" if parts else ""


def make_plan(
    needs: MemoryNeeds, free_bytes: int | None, width: int, height: int, bytes_per_number: int, *, controlnet: bool
) -> MemoryPlan:
    """Return the plan for a picture of width x height pixels; `free_bytes` None: as if there were enough memory."""
    if free_bytes is None:
        return MemoryPlan()
    free = (free_bytes - _RESERVE) * 2 / bytes_per_number  # as if in half precision
    area = width * height / 512**2
    weights = needs.unet + (needs.controlnet if controlnet else 0)
    offloads = weights + needs.unet_peak * area + needs.others > free
    resident = 0.2 * GB if offloads else weights + needs.others
    streams = offloads and weights + needs.unet_peak * area > free
    return MemoryPlan(offloads, streams=streams, tiles=resident + needs.vae_peak * area > free)
