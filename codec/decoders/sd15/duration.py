"""Estimated duration of a decode on a CPU, from measured forward passes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from codec.decoders.sd15.options import Options, resolve_options

if TYPE_CHECKING:
    from codec.layers import Layers

# Seconds of a forward pass at 512 x 512 in float32, with torch 2.13 and 2 threads of an AMD EPYC; full-size
# networks with random weights (tests/speed.py)
_SECONDS: Final = {"unet": 4.3, "controlnet": 1.8, "adapter": 1.0, "vae": 14.0, "taesd": 2.0, "text": 1.0}
_MEASURED_THREADS: Final = 2
_MAX_USEFUL_THREADS: Final = 16


def expected_minutes(options: Options, layers: Layers | None = None, threads: int | None = None) -> float:
    """Return the minutes that a decode is expected to take on a CPU.

    `layers`: the file; None: a square picture with a sketch and colors. `threads`: that torch uses; None:
    the number of cores. More than 16 threads are assumed not to help.
    """
    resolved = resolve_options(options, layers.settings if layers else None)
    has_structure = options.structure_strength > 0 and (layers is None or layers.structure is not None)
    has_colors = options.color_strength > 0 and (layers is None or layers.texture is not None)
    uses_controlnet = options.control == "controlnet"
    unet_passes = resolved.evaluations * (2 if resolved.is_guided else 1)

    seconds = _SECONDS["text"] + unet_passes * _SECONDS["unet"] + _SECONDS["taesd" if resolved.lcm else "vae"]
    seconds += _SECONDS["adapter"] * (has_colors + (has_structure and not uses_controlnet))
    if has_structure and uses_controlnet:
        seconds += unet_passes * options.adapter_until * _SECONDS["controlnet"]
    speedup = min(threads or os.cpu_count() or 1, _MAX_USEFUL_THREADS) / _MEASURED_THREADS
    return seconds * (options.size / 512) ** 2 / speedup / 60
