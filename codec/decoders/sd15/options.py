"""The options of the Stable Diffusion decoder, and what the presets make of them.

fast       LCM-LoRA (Luo et al. 2023), 4 steps without guidance, TAESD as the VAE
quality    20 steps of DPM-Solver++ (Lu et al. 2022), for every day
paper      what the code of Chen, Mao, Cheng (DCC 2025) does, see docs/stable-diffusion.md: Stable Diffusion 1.4, 50
           steps of PNDM, its negative prompt, torch's noise of seed 9999, colors by cubic interpolation
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from codec.bitstream import checkpoints
from codec.bitstream.settings import Settings
from codec.decoders.diffusion.base_options import (
    DEFAULT_NEGATIVE,
    DiffusionOptions,
    ResolvedOptions,
    check_choice,
    check_range,
    first_set,
    suits_undistilled,
)
from codec.decoders.diffusion.schedulers import closest_scheduler
from codec.errors import CodecError

PAPER_NEGATIVE: Final = (
    "extra digit, fewer digits, cropped, worst quality, low quality, blurry, pixelated, low resolution, overexposed, "
    "underexposed, too dark, too bright, too blurry, too pixelated, too low resolution, too low quality, "
    "too high quality, too high resolution, too sharp, too clear, too focused, too contrasty, too saturated"
)

CONTROLS: Final = ("t2i", "controlnet")
SKETCH_CONTROLNETS: Final = ("scribble", "lineart")


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
class Options(DiffusionOptions):
    """Options of the decoder "sd15": those of DiffusionOptions, and more.

    preset: "fast", "quality" or "paper", which does not allow `strength`
    control: "t2i" (T2I-Adapters) or "controlnet", for the structure layer
    strength: None: from noise
    checkpoint: the base model, a folder in the Hub's layout or one .safetensors file
    sketch_controlnet: "scribble" or "lineart", the ControlNet for sketches
    cubic_colors: downscale the colors by cubic interpolation, as the paper does, instead of by area; None: the preset's
    size: 64..1024, a multiple of 8; pictures are denoised at about this area, a square at size x size

    Raises UnknownName for unknown names, CodecError for numbers out of range.
    """

    sketch_controlnet: str = "scribble"
    cubic_colors: bool | None = None
    size: int = 512

    def __post_init__(self) -> None:
        check_choice("preset", self.preset, tuple(PRESETS))
        check_choice("control", self.control, CONTROLS)
        check_choice("ControlNet for sketches", self.sketch_controlnet, SKETCH_CONTROLNETS)
        DiffusionOptions.__post_init__(self)
        if self.strength is not None and self.preset == "paper":
            raise CodecError("the preset paper starts from noise, as the paper does: leave --strength out")
        check_range("size", self.size, 64, 1024, integer=True)
        if self.size % 8:
            raise CodecError(f"the size must be a multiple of 8, such as {self.size // 8 * 8}, not {self.size}")


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
        first_set(options.steps, from_file.steps, preset.steps),
        first_set(options.guidance, from_file.guidance, preset.guidance),
        first_set(options.scheduler, closest_scheduler(from_file.sampler), preset.scheduler),
        preset.lcm,
        ignores_file,
        options.strength,
    )


def _suits_sd1(settings: Settings, preset: Preset) -> bool:
    """Return whether steps and guidance of a file suit Stable Diffusion 1: by its model, or by their values."""
    if settings.model is not None and checkpoints.is_sd1(settings.model):
        return True
    steps, guidance = first_set(settings.steps, preset.steps), first_set(settings.guidance, preset.guidance)
    return suits_undistilled(steps, guidance)
