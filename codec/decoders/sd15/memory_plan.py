"""How a decode is fitted into the free memory of a GPU: by moving networks, and by decoding the picture in tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_GB: Final = 10**9

# in half precision; the peaks are for a batch of two prompts and scale with the area of the picture
_UNET_BYTES: Final = 1.72 * _GB
_OTHER_BYTES: Final = 0.75 * _GB  # text encoder, VAE, two adapters
_CONTROLNET_BYTES: Final = 0.73 * _GB
_UNET_PEAK: Final = 0.9 * _GB  # at 512 x 512
_VAE_PEAK: Final = 2.4 * _GB
_RESERVE: Final = 0.3 * _GB  # of the driver and of fragmentation


@dataclass(frozen=True)
class MemoryPlan:
    """offloads: networks are on the GPU only while they are used; tiles: the VAE decodes the picture in tiles."""

    offloads: bool = False
    tiles: bool = False

    def describe(self) -> str:
        """Return the plan as a phrase to append; "" if nothing is done."""
        parts = ["networks moved to the GPU in turn"] if self.offloads else []
        parts += ["picture decoded in tiles"] if self.tiles else []
        return f" ({' and '.join(parts)} to save memory)" if parts else ""


def make_plan(free_bytes: int | None, width: int, height: int, controlnet: bool, bytes_per_number: int) -> MemoryPlan:
    """Return the plan for a picture of width x height pixels; None: as if there were enough memory."""
    if free_bytes is None:
        return MemoryPlan()
    free = (free_bytes - _RESERVE) * 2 / bytes_per_number  # as if in half precision
    area = width * height / 512**2
    loop_bytes = _UNET_BYTES + _UNET_PEAK * area + (_CONTROLNET_BYTES if controlnet else 0)
    offloads = loop_bytes + _OTHER_BYTES > free
    resident = 0.2 * _GB if offloads else _UNET_BYTES + _OTHER_BYTES + (_CONTROLNET_BYTES if controlnet else 0)
    return MemoryPlan(offloads, tiles=resident + _VAE_PEAK * area > free)
