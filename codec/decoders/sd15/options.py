"""The options of the Stable Diffusion decoder, and what the presets make of them.

paper      the settings of Chen, Mao, Cheng (DCC 2025): 50 steps of PNDM, guidance 7.5
balanced   20 steps of DPM-Solver++ (Lu et al. 2022): nearly the same pictures in less than half the time
fast       LCM-LoRA (Luo et al. 2023), 4 steps without guidance, TAESD as the VAE
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codec.bitstream.settings import Settings
from codec.decoders.sd15.schedulers import SCHEDULERS, closest_scheduler, unet_evaluations
from codec.errors import CodecError, UnknownName

# the negative prompt of files that have none; equivalent to the paper's in meaning, not in words
DEFAULT_NEGATIVE: Final = (
    "blurry, low quality, low resolution, jpeg artifacts, deformed, bad anatomy, watermark, signature"
)

CONTROLS: Final = ("t2i", "controlnet")
SKETCH_CONTROLNETS: Final = ("scribble", "lineart")
DEVICES: Final = ("cuda", "mps", "cpu")
MAX_STEPS: Final = 255
MAX_GUIDANCE: Final = 63.75


@dataclass(frozen=True, slots=True)
class Preset:
    """Default steps, guidance and scheduler; `lcm`: whether LCM-LoRA and TAESD are used."""

    steps: int
    guidance: float
    scheduler: str
    lcm: bool = False


PRESETS: Final = {
    "paper": Preset(50, 7.5, "pndm"),
    "balanced": Preset(20, 7.5, "dpmpp_2m_karras"),
    "fast": Preset(4, 1.0, "lcm", lcm=True),
}


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the decoder "sd15".

    preset: "paper", "balanced" or "fast"
    steps: 1..255, guidance: 0..63.75 (at most 1: none), scheduler: one of SCHEDULERS; None: the preset's
    follow: where these three are None, take them from the file's settings if it has them
    structure_strength, color_strength: 0..2, weight of the sketch or pose, and of the colors; 0: off
    adapter_until: 0..1, fraction of the steps that the layers guide; the prompt alone guides the rest
    control: "t2i" (T2I-Adapters) or "controlnet", for the structure layer
    sketch_controlnet: "scribble" or "lineart", the ControlNet for sketches
    line_thickness: of a sketch's lines, in pixels at 512 x 512
    cubic_colors: downscale the colors by cubic interpolation, as the paper does, instead of by area
    negative: the negative prompt of files that have none
    size: 64..1024, a multiple of 8; pictures are denoised at about this area, a square at size x size
    models: a folder with one folder for each model, by name
    checkpoint: the base model, a folder in the Hub's layout or one .safetensors file
    device: "cuda", "mps" or "cpu"; None: the best available

    Raises UnknownName for unknown names, CodecError for numbers out of range.
    """

    preset: str = "balanced"
    steps: int | None = None
    guidance: float | None = None
    scheduler: str | None = None
    follow: bool = False
    structure_strength: float = 1.0
    color_strength: float = 1.0
    adapter_until: float = 1.0
    control: str = "t2i"
    sketch_controlnet: str = "scribble"
    line_thickness: float = 3.0
    cubic_colors: bool = False
    negative: str = DEFAULT_NEGATIVE
    size: int = 512
    models: Path | None = None
    checkpoint: Path | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        _check_choice("preset", self.preset, tuple(PRESETS))
        _check_choice("scheduler", self.scheduler, (None, *SCHEDULERS))
        _check_choice("control", self.control, CONTROLS)
        _check_choice("ControlNet for sketches", self.sketch_controlnet, SKETCH_CONTROLNETS)
        _check_choice("device", self.device, (None, *DEVICES))
        _check_range("steps", self.steps, 1, MAX_STEPS, integer=True)
        _check_range("guidance", self.guidance, 0, MAX_GUIDANCE)
        _check_range("structure strength", self.structure_strength, 0, 2)
        _check_range("color strength", self.color_strength, 0, 2)
        _check_range("fraction of the steps with layers", self.adapter_until, 0, 1)
        _check_range("line thickness", self.line_thickness, 0.5, 16)
        _check_range("size", self.size, 64, 1024, integer=True)
        if self.size % 8:
            raise CodecError(f"the size must be a multiple of 8, such as {self.size // 8 * 8}, not {self.size}")


@dataclass(frozen=True, slots=True)
class ResolvedOptions:
    """The denoising settings of one decode, with the preset and the file's settings applied."""

    steps: int
    guidance: float
    scheduler: str
    lcm: bool

    @property
    def is_guided(self) -> bool:
        """Whether classifier-free guidance is on, which evaluates the UNet for two prompts in each step."""
        return self.guidance > 1

    @property
    def evaluations(self) -> int:
        """How often the scheduler evaluates the UNet."""
        return unet_evaluations(self.scheduler, self.steps)


def resolve_options(options: Options, settings: Settings | None = None) -> ResolvedOptions:
    """Return the denoising settings that `options` give for a file with generation settings `settings`.

    LCM-LoRA needs few steps, hardly any guidance and its own scheduler, so the preset "fast" ignores the
    file's settings.
    """
    preset = PRESETS[options.preset]
    from_file = settings if settings is not None and options.follow and not preset.lcm else Settings()
    return ResolvedOptions(
        _first_set(options.steps, from_file.steps, preset.steps),
        _first_set(options.guidance, from_file.guidance, preset.guidance),
        _first_set(options.scheduler, closest_scheduler(from_file.sampler), preset.scheduler),
        preset.lcm,
    )


def _first_set(*values: Any) -> Any:
    """Return the first value that is not None."""
    return next(value for value in values if value is not None)


def _check_choice(what: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        known = ", ".join(choice for choice in choices if choice)
        raise UnknownName(f"there is no {what} {value!r}; there are: {known}")


def _check_range(what: str, value: float | None, low: float, high: float, integer: bool = False) -> None:
    if value is None:
        return
    if not isinstance(value, int | float) or not math.isfinite(value) or not low <= value <= high:
        raise CodecError(f"{what}: {low} to {high}, not {value!r}")
    if integer and value != int(value):
        raise CodecError(f"{what}: a whole number, not {value!r}")
