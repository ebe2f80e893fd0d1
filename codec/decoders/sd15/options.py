"""The options of the Stable Diffusion decoder, and what the presets make of them.

fast       LCM-LoRA (Luo et al. 2023), 4 steps without guidance, TAESD as the VAE
quality    20 steps of DPM-Solver++ (Lu et al. 2022), for every day
paper      what the code of Chen, Mao, Cheng (DCC 2025) does, see docs/stable-diffusion.md: Stable Diffusion 1.4, 50
           steps of PNDM, its negative prompt, torch's noise of seed 9999, colors by cubic interpolation
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codec.bitstream import checkpoints
from codec.bitstream.settings import Settings
from codec.decoders.sd15.noise import NOISE_SOURCES
from codec.decoders.sd15.schedulers import SCHEDULERS, closest_scheduler, skipped_evaluations, unet_evaluations
from codec.errors import CodecError, UnknownName

DEFAULT_NEGATIVE: Final = (
    "blurry, low quality, low resolution, jpeg artifacts, deformed, bad anatomy, watermark, signature"
)
PAPER_NEGATIVE: Final = (
    "extra digit, fewer digits, cropped, worst quality, low quality, blurry, pixelated, low resolution, overexposed, "
    "underexposed, too dark, too bright, too blurry, too pixelated, too low resolution, too low quality, "
    "too high quality, too high resolution, too sharp, too clear, too focused, too contrasty, too saturated"
)

CONTROLS: Final = ("t2i", "controlnet")
SKETCH_CONTROLNETS: Final = ("scribble", "lineart")
DEVICES: Final = ("cuda", "mps", "cpu")
WEIGHTS: Final = ("a1111", "comfyui", "none")
MAX_STEPS: Final = 255
MAX_CLIP_SKIP: Final = 12  # layers of the text encoder
MAX_GUIDANCE: Final = 63.75
MIN_FOLLOWED_STEPS: Final = 12  # of a file that may be of a distilled model
MIN_FOLLOWED_GUIDANCE: Final = 3.0


@dataclass(frozen=True, slots=True)
class Preset:
    """The defaults of a preset.

    lcm: whether LCM-LoRA and TAESD are used
    sd14: whether sketches are decoded by Stable Diffusion 1.4 and its adapter
    negative, seed: of files that have none; noise: one of NOISE_SOURCES
    cubic_colors: how the colors are downscaled, see Options
    truncates: whether prompts are cut at 75 tokens where adapters are used
    weights: one of WEIGHTS
    """

    steps: int
    guidance: float
    scheduler: str
    lcm: bool = False
    sd14: bool = False
    negative: str = DEFAULT_NEGATIVE
    seed: int = 0
    noise: str = "trilayer"
    cubic_colors: bool = False
    truncates: bool = False
    weights: str = "a1111"


PRESETS: Final = {
    "fast": Preset(4, 1.0, "lcm", lcm=True),
    "quality": Preset(20, 7.5, "dpmpp_2m_karras"),
    "paper": Preset(
        50,
        7.5,
        "pndm",
        sd14=True,
        negative=PAPER_NEGATIVE,
        seed=9999,
        noise="torch",
        cubic_colors=True,
        truncates=True,
        weights="none",
    ),
}


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the decoder "sd15".

    preset: "fast", "quality" or "paper"
    steps: 1..255, guidance: 0..63.75 (at most 1: none), scheduler: one of SCHEDULERS; None: the preset's
    follow: where these three are None, take them from the file's settings if they suit Stable Diffusion 1
    structure_strength, color_strength: 0..2, weight of the sketch or pose, and of the colors; 0: off
    adapter_until: 0..1, fraction of the steps that the layers guide; the prompt alone guides the rest
    control: "t2i" (T2I-Adapters) or "controlnet", for the structure layer
    sketch_controlnet: "scribble" or "lineart", the ControlNet for sketches
    line_thickness: of a sketch's lines, in pixels at 512 x 512
    cubic_colors: downscale the colors by cubic interpolation, as the paper does, instead of by area
    strength: 0.5..0.9: start from the painter's picture with this much noise (SDEdit, Meng et al. 2022), if the file
      has colors; None: from noise. Not with the preset "paper"
    clip_skip: 1..12, the layer of the text encoder whose output is used, counted from the end
    weights: how prompts are read, "a1111" or "comfyui", whose weights such as (word:1.2) differ, or "none", as they are
    negative: the negative prompt of files that have none
    noise: the random generator of the initial noise, one of NOISE_SOURCES
      for cubic_colors, weights, negative and noise, None: the preset's
    size: 64..1024, a multiple of 8; pictures are denoised at about this area, a square at size x size
    models: a folder with one folder for each model, by name
    checkpoint: the base model, a folder in the Hub's layout or one .safetensors file
    device: "cuda", "mps" or "cpu"; None: the best available

    Raises UnknownName for unknown names, CodecError for numbers out of range.
    """

    preset: str = "quality"
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
    cubic_colors: bool | None = None
    strength: float | None = None
    clip_skip: int = 1
    weights: str | None = None
    negative: str | None = None
    noise: str | None = None
    size: int = 512
    models: Path | None = None
    checkpoint: Path | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        _check_choice("preset", self.preset, tuple(PRESETS))
        _check_choice("scheduler", self.scheduler, (None, *SCHEDULERS))
        _check_choice("control", self.control, CONTROLS)
        _check_choice("ControlNet for sketches", self.sketch_controlnet, SKETCH_CONTROLNETS)
        _check_choice("noise", self.noise, (None, *NOISE_SOURCES))
        _check_choice("kind of prompt weights", self.weights, (None, *WEIGHTS))
        _check_range("strength", self.strength, 0.5, 0.9)
        _check_range("clip skip", self.clip_skip, 1, MAX_CLIP_SKIP, integer=True)
        if self.strength is not None and self.preset == "paper":
            raise CodecError("the preset paper starts from noise, as the paper does: leave --strength out")
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
    """The denoising settings of one decode, with the preset and the file's settings applied.

    ignores_file: whether the file's settings were not followed because they suit another model
    strength: see Options
    """

    steps: int
    guidance: float
    scheduler: str
    lcm: bool
    ignores_file: bool = False
    strength: float | None = None

    @property
    def is_guided(self) -> bool:
        """Whether classifier-free guidance is on, which evaluates the UNet for two prompts in each step."""
        return self.guidance > 1

    @property
    def evaluations(self) -> int:
        """How often the scheduler evaluates the UNet."""
        return unet_evaluations(self.scheduler, self.steps) - self.skipped

    @property
    def skipped(self) -> int:
        """How many evaluations are left out at the beginning, as the decode starts from a picture."""
        return skipped_evaluations(self.scheduler, self.steps, self.strength)


def resolve_options(options: Options, settings: Settings | None = None) -> ResolvedOptions:
    """Return the denoising settings that `options` give for a file with generation settings `settings`.

    LCM-LoRA needs few steps, hardly any guidance and its own scheduler, so the preset "fast" ignores the
    file's settings. So do all presets for a file of another model with few steps or little guidance, which was
    made by a distilled model such as SDXL-Lightning or Flux.
    """
    preset = PRESETS[options.preset]
    from_file = settings if settings is not None and options.follow and not preset.lcm else Settings()
    ignores_file = not _suits_sd1(from_file, preset)
    if ignores_file:
        from_file = Settings()
    return ResolvedOptions(
        _first_set(options.steps, from_file.steps, preset.steps),
        _first_set(options.guidance, from_file.guidance, preset.guidance),
        _first_set(options.scheduler, closest_scheduler(from_file.sampler), preset.scheduler),
        preset.lcm,
        ignores_file,
        options.strength,
    )


def _suits_sd1(settings: Settings, preset: Preset) -> bool:
    """Return whether steps and guidance of a file suit Stable Diffusion 1: by its model, or by their values."""
    if settings.model is not None and checkpoints.is_sd1(settings.model):
        return True
    steps, guidance = _first_set(settings.steps, preset.steps), _first_set(settings.guidance, preset.guidance)
    return bool(steps >= MIN_FOLLOWED_STEPS and guidance >= MIN_FOLLOWED_GUIDANCE)


def _first_set(*values: Any) -> Any:
    """Return the first value that is not None."""
    return next(value for value in values if value is not None)


def _check_choice(what: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        known = ", ".join(choice for choice in choices if choice)
        raise UnknownName(f"there is no {what} {value!r}: choose one of {known}")


def _check_range(what: str, value: float | None, low: float, high: float, integer: bool = False) -> None:
    if value is None:
        return
    if not isinstance(value, int | float) or not math.isfinite(value) or not low <= value <= high:
        raise CodecError(f"{what}: {low} to {high}, not {value!r}")
    if integer and value != int(value):
        raise CodecError(f"{what}: a whole number, not {value!r}")
