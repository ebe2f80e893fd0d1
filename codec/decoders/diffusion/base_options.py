"""The options that all decoders with latent diffusion have, and the settings of one decode that come of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codec.decoders.diffusion.noise import NOISE_SOURCES
from codec.decoders.diffusion.schedulers import SCHEDULERS, skipped_evaluations, unet_evaluations
from codec.errors import CodecError, UnknownName

DEFAULT_NEGATIVE: Final = (
    "blurry, low quality, low resolution, jpeg artifacts, deformed, bad anatomy, watermark, signature"
)
DEVICES: Final = ("cuda", "mps", "cpu")
WEIGHTS: Final = ("a1111", "comfyui", "none")
MAX_STEPS: Final = 255
MAX_CLIP_SKIP: Final = 12  # layers of the text encoder
MAX_GUIDANCE: Final = 63.75
MIN_FOLLOWED_STEPS: Final = 12  # of a file that may be of a distilled model
MIN_FOLLOWED_GUIDANCE: Final = 3.0


@dataclass(frozen=True, slots=True)
class DiffusionOptions:
    """Options that all decoders with latent diffusion have.

    preset: the name of a preset of the decoder
    steps: 1..255, guidance: 0..63.75 (at most 1: none), scheduler: one of SCHEDULERS; None: the preset's
    follow: where these three are None, take them from the file's settings if they suit the model
    structure_strength, color_strength: 0..2, weight of the sketch or pose, and of the colors; 0: off
    adapter_until: 0..1, fraction of the steps that the layers guide; the prompt alone guides the rest
    control: "t2i" (T2I-Adapters) or the decoder's kind of ControlNet, for the structure layer
    line_thickness: of a sketch's lines, in pixels at 512 x 512
    strength: 0.5..0.9: start from the painter's picture with this much noise (SDEdit, Meng et al. 2022), if the file
      has colors; None: the decoder's default
    clip_skip: 1..12, the layer of the text encoder whose output is used, counted from the decoder's usual one
    weights: how prompts are read, "a1111" or "comfyui", whose weights such as (word:1.2) differ, or "none", as they are
    negative: the negative prompt of files that have none
    noise: the random generator of the initial noise, one of NOISE_SOURCES
      for weights, negative and noise, None: the preset's
    models: a folder with one folder for each model, by name
    checkpoint: the base model in place of the preset's
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
    line_thickness: float = 3.0
    strength: float | None = None
    clip_skip: int = 1
    weights: str | None = None
    negative: str | None = None
    noise: str | None = None
    models: Path | None = None
    checkpoint: Path | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        check_choice("scheduler", self.scheduler, (None, *SCHEDULERS))
        check_choice("noise", self.noise, (None, *NOISE_SOURCES))
        check_choice("kind of prompt weights", self.weights, (None, *WEIGHTS))
        check_choice("device", self.device, (None, *DEVICES))
        check_range("strength", self.strength, 0.5, 0.9)
        check_range("clip skip", self.clip_skip, 1, MAX_CLIP_SKIP, integer=True)
        check_range("steps", self.steps, 1, MAX_STEPS, integer=True)
        check_range("guidance", self.guidance, 0, MAX_GUIDANCE)
        check_range("structure strength", self.structure_strength, 0, 2)
        check_range("color strength", self.color_strength, 0, 2)
        check_range("fraction of the steps with layers", self.adapter_until, 0, 1)
        check_range("line thickness", self.line_thickness, 0.5, 16)


@dataclass(frozen=True, slots=True)
class ResolvedOptions:
    """The denoising settings of one decode, with the preset and the file's settings applied.

    ignores_file: whether the file's settings were not followed because they suit another model
    lcm: whether LCM-LoRA is used, and TAESD in place of the VAE
    strength: see DiffusionOptions
    """

    steps: int
    guidance: float
    scheduler: str
    lcm: bool = False
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


def suits_undistilled(steps: int, guidance: float) -> bool:
    """Return whether a file's steps and guidance suit a model that is not distilled."""
    return steps >= MIN_FOLLOWED_STEPS and guidance >= MIN_FOLLOWED_GUIDANCE


def first_set(*values: Any) -> Any:
    """Return the first value that is not None."""
    return next(value for value in values if value is not None)


def check_choice(what: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        known = ", ".join(choice for choice in choices if choice)
        raise UnknownName(f"there is no {what} {value!r}: choose one of {known}")


def check_range(what: str, value: float | None, low: float, high: float, integer: bool = False) -> None:
    if value is None:
        return
    if not isinstance(value, int | float) or not math.isfinite(value) or not low <= value <= high:
        raise CodecError(f"{what}: {low} to {high}, not {value!r}")
    if integer and value != int(value):
        raise CodecError(f"{what}: a whole number, not {value!r}")
