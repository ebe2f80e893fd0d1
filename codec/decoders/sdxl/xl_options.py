"""The options of the decoder "sdxl", and what the presets make of them.

fast       SDXL-Lightning (Lin, Wang, Yang 2024): 4 steps of Euler without guidance
turbo      SDXL-Turbo (Sauer et al. 2023): 4 steps without guidance, at 512 x 512
quality    30 steps of Euler ancestral, as the cards of the adapters and of ControlNet-Union have it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from codec.bitstream.settings import Settings
from codec.decoders.diffusion.base_options import (
    DiffusionOptions,
    ResolvedOptions,
    check_choice,
    check_range,
    first_set,
    suits_undistilled,
)
from codec.decoders.diffusion.schedulers import closest_scheduler
from codec.errors import CodecError

CONTROLS: Final = ("t2i", "union")
MIN_SIZE: Final = 64
MAX_SIZE: Final = 1536
SIZE_STEP: Final = 64
START_STRENGTH: Final = 0.8  # of the noise on the painter's picture, where nothing else has the colors


@dataclass(frozen=True, slots=True)
class XLPreset:
    """The defaults of a preset.

    base: the name of the base model; lora: of a LoRA that is merged into it
    spacing: which training steps the scheduler visits, see diffusers' `timestep_spacing`
    distilled: whether the model needs these few steps and no guidance, so that a file's settings are not followed
    """

    steps: int
    guidance: float
    scheduler: str
    spacing: str
    size: int = 1024
    base: str = "sdxl"
    lora: str | None = None
    distilled: bool = False


PRESETS: Final = {
    "fast": XLPreset(4, 0.0, "euler", "trailing", lora="sdxl-lightning", distilled=True),
    "turbo": XLPreset(4, 0.0, "euler_a", "trailing", size=512, base="sdxl-turbo", distilled=True),
    "quality": XLPreset(30, 7.5, "euler_a", "leading"),
}


@dataclass(frozen=True, slots=True)
class XLOptions(DiffusionOptions):
    """Options of the decoder "sdxl": those of DiffusionOptions, and more.

    preset: "fast", "turbo" or "quality"
    control: "t2i" (T2I-Adapters), where the colors are the start of the decode, or "union" (ControlNet-Union), where
      they guide all of it
    strength: None: 0.8 with "t2i", and from noise with "union"
    checkpoint: the base model, a folder in the Hub's layout
    size: 64..1536, a multiple of 64; pictures are denoised at about this area, a square at size x size; None: the
      preset's

    Raises UnknownName for unknown names, CodecError for numbers out of range.
    """

    size: int | None = None

    def __post_init__(self) -> None:
        check_choice("preset", self.preset, tuple(PRESETS))
        check_choice("control", self.control, CONTROLS)
        DiffusionOptions.__post_init__(self)
        check_range("size", self.size, MIN_SIZE, MAX_SIZE, integer=True)
        if self.size is not None and self.size % SIZE_STEP:
            lower = self.size // SIZE_STEP * SIZE_STEP
            raise CodecError(f"the size must be a multiple of {SIZE_STEP}, such as {lower}, not {self.size}")

    @property
    def working_size(self) -> int:
        """The side of a square picture in pixels while it is denoised."""
        return PRESETS[self.preset].size if self.size is None else self.size


def resolve_xl_options(options: XLOptions, settings: Settings | None = None, *, has_colors: bool) -> ResolvedOptions:
    """Return the denoising settings that `options` give for a file with generation settings `settings`.

    The presets for distilled models ignore the file's settings. So does "quality" for a file with few steps or little
    guidance, which was made by a distilled model. has_colors: whether the painter has colors to start from.
    """
    preset = PRESETS[options.preset]
    is_followed = settings is not None and options.follow and not preset.distilled
    from_file = settings if settings is not None and is_followed else Settings()
    ignores_file = is_followed and not suits_undistilled(
        first_set(from_file.steps, preset.steps), first_set(from_file.guidance, preset.guidance)
    )
    if ignores_file:
        from_file = Settings()
    strength = options.strength
    if strength is None and options.control == "t2i":
        strength = START_STRENGTH
    return ResolvedOptions(
        first_set(options.steps, from_file.steps, preset.steps),
        first_set(options.guidance, from_file.guidance, preset.guidance),
        first_set(options.scheduler, closest_scheduler(from_file.sampler), preset.scheduler),
        ignores_file=ignores_file,
        strength=strength if has_colors and options.color_strength > 0 else None,
    )
