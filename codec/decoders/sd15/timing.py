"""Expected duration of a decode with Stable Diffusion 1 on a CPU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from codec.decoders.diffusion.duration import PassSeconds, estimate_minutes
from codec.decoders.sd15.options import Options, resolve_options

if TYPE_CHECKING:
    from codec.layers import Layers

# with torch 2.13 on an AMD EPYC; full-size networks with random weights (tests/speed.py)
_SECONDS: Final = PassSeconds(512, unet=4.3, controlnet=1.8, adapter=1.0, vae=14.0, text=1.0)
_TAESD_SECONDS: Final = 2.0


def expected_minutes(options: Options, layers: Layers | None = None, threads: int | None = None) -> float:
    """Return the minutes that a decode is expected to take on a CPU.

    `layers`: the file; None: a square picture with a sketch and colors. `threads`: see `estimate_minutes`.
    """
    resolved = resolve_options(options, layers.settings if layers else None)
    has_structure = options.structure_strength > 0 and (layers is None or layers.structure is not None)
    has_colors = options.color_strength > 0 and (layers is None or layers.texture is not None)
    uses_controlnet = has_structure and options.control == "controlnet"
    seconds = replace(_SECONDS, vae=_TAESD_SECONDS) if resolved.lcm else _SECONDS
    return estimate_minutes(
        seconds,
        resolved,
        options.size,
        adapters=has_colors + (has_structure and not uses_controlnet),
        controlled=options.adapter_until if uses_controlnet else 0,
        threads=threads,
    )
