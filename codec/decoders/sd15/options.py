"""What a person can set about a Stable Diffusion decode, and what each preset makes of it.

paper      the settings of Chen, Mao, Cheng (DCC 2025): 50 steps of PNDM, guidance 7.5
balanced   20 steps of DPM-Solver++ (Lu et al. 2022): nearly the same pictures in under half the time
fast       LCM-LoRA (Luo et al. 2023), 4 steps without guidance, TAESD as the VAE
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from codec.bitstream.settings import SCHEDULES, Settings
from codec.errors import CodecError, UnknownName

if TYPE_CHECKING:
    from codec.layers import Layers

# what the paper's negative prompt is for, in our words; a file's own takes its place
NEGATIVE: Final = "blurry, low quality, low resolution, jpeg artifacts, deformed, bad anatomy, watermark, signature"

SCHEDULERS: Final = (
    "pndm", "ddim", "euler", "euler_a", "heun", "dpmpp_2m", "dpmpp_2m_karras", "unipc", "lcm",
)  # fmt: skip
CONTROLS: Final = ("t2i", "controlnet")
LINES: Final = ("scribble", "lineart")
MAX_STEPS: Final = 255


@dataclass(frozen=True, slots=True)
class Preset:
    """The defaults of one preset: steps, guidance, scheduler; `lcm`: with LCM-LoRA and TAESD."""

    steps: int
    guidance: float
    scheduler: str
    lcm: bool = False


PRESETS: Final = {
    "paper": Preset(50, 7.5, "pndm"),
    "balanced": Preset(20, 7.5, "dpmpp_2m_karras"),
    "fast": Preset(4, 1.0, "lcm", lcm=True),
}

# One forward pass at 512 x 512 in fp32 on 2 threads of an AMD EPYC, in seconds, with torch 2.13; full-size
# networks with random weights (tests/speed.py)
_SECONDS: Final = {"unet": 4.3, "controlnet": 1.8, "adapter": 1.0, "vae": 14.0, "taesd": 2.0, "text": 1.0}
_MEASURED_THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the decoder `sd15`.

    preset: "paper", "balanced" or "fast"; `steps` (1..255), `guidance` (0..63.75, at most 1 is none) and
    `scheduler` (one of SCHEDULERS) override what it says where they are not None. follow: take these
    three from the file where it has them and they are not set here.
    structure_strength, color_strength: 0..2, how much the sketch or pose and the colors weigh, 0 is off.
    adapter_until: 0..1, the share of the steps in which layers guide; the rest is left to the prompt.
    control: "t2i" (T2I-Adapters) or "controlnet" for the structure; `lines`: the ControlNet for sketches.
    thickness: of a sketch's lines in pixels at a side of 512. cubic: shrink the colors as the
    paper does instead of by area. negative: the negative prompt of files that have none.
    size: 64..1024, a multiple of 8: a square is denoised at that many pixels a side, others at that area.
    models: a folder with the models in folders by name. checkpoint: of the base model, a folder in hub
    layout or one .safetensors file. device: "cuda", "mps" or "cpu"; None: the best there is.

    Raises UnknownName for names, CodecError for numbers out of range.
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
    lines: str = "scribble"
    thickness: float = 3.0
    cubic: bool = False
    negative: str = NEGATIVE
    size: int = 512
    models: Path | None = None
    checkpoint: Path | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        _one_of("preset", self.preset, tuple(PRESETS))
        _one_of("scheduler", self.scheduler, (None, *SCHEDULERS))
        _one_of("control", self.control, CONTROLS)
        _one_of("ControlNet for lines", self.lines, LINES)
        _one_of("device", self.device, (None, "cuda", "mps", "cpu"))
        _within("steps", self.steps, 1, MAX_STEPS, whole=True)
        _within("guidance", self.guidance, 0, 63.75)
        _within("structure strength", self.structure_strength, 0, 2)
        _within("color strength", self.color_strength, 0, 2)
        _within("share of steps with layers", self.adapter_until, 0, 1)
        _within("thickness", self.thickness, 0.5, 16)
        _within("size", self.size, 64, 1024, whole=True)
        if self.size % 8:
            raise CodecError(f"the size is a multiple of 8, such as {self.size // 8 * 8}, not {self.size}")


@dataclass(frozen=True, slots=True)
class Plan:
    """Options with nothing left open: what one decode does."""

    steps: int
    guidance: float
    scheduler: str
    lcm: bool

    @property
    def guided(self) -> bool:
        """Whether every step also asks for the negative prompt, which doubles its time."""
        return self.guidance > 1

    @property
    def calls(self) -> int:
        """How often the scheduler asks the UNet: Heun's method twice a step but for the last, PNDM once more."""
        extra = {"heun": self.steps - 1, "pndm": min(self.steps - 1, 1)}
        return self.steps + extra.get(self.scheduler, 0)


def plan(options: Options, settings: Settings | None = None) -> Plan:
    """What `options` mean for a file that was generated with `settings`.

    LCM-LoRA works with few steps, hardly any guidance and its own scheduler, so `fast` follows no file.
    """
    preset = PRESETS[options.preset]
    known = settings if settings is not None and options.follow and not preset.lcm else Settings()
    return Plan(
        _first(options.steps, known.steps, preset.steps),
        _first(options.guidance, known.guidance, preset.guidance),
        _first(options.scheduler, nearest(known.sampler), preset.scheduler),
        preset.lcm,
    )


def nearest(sampler: str | None) -> str | None:
    """The scheduler for a file's sampler: its own, or without its schedule of noise; None if there is none."""
    if sampler in SCHEDULERS:
        return sampler
    method = (sampler or "").removesuffix(next((f"_{end}" for end in SCHEDULES if (sampler or "").endswith(end)), ""))
    return method if method in SCHEDULERS else None


def expected_minutes(options: Options, layers: Layers | None = None, threads: int | None = None) -> float:
    """Minutes that a decode will take on a CPU, from forward passes timed on 2 threads.

    `layers`: the file; None: a square with a sketch and colors. `threads`: that torch will use; None:
    the number of cores. More than 16 are not expected to help.
    """
    decided = plan(options, layers.settings if layers else None)
    structure = options.structure_strength > 0 and (layers is None or layers.structure is not None)
    colors = options.color_strength > 0 and (layers is None or layers.texture is not None)
    passes = decided.calls * (2 if decided.guided else 1)
    seconds = _SECONDS["text"] + passes * _SECONDS["unet"] + _SECONDS["taesd" if decided.lcm else "vae"]
    seconds += _SECONDS["adapter"] * (colors + (structure and options.control == "t2i"))
    if structure and options.control == "controlnet":
        seconds += passes * options.adapter_until * _SECONDS["controlnet"]
    speed = min(threads or os.cpu_count() or 1, 16) / _MEASURED_THREADS
    return seconds * (options.size / 512) ** 2 / speed / 60


def scheduler(name: str) -> Any:
    """A fresh diffusers scheduler with the noise that Stable Diffusion 1.5 was trained on.

    Equal to the class's `from_config` of the hub's scheduler_config.json.
    """
    import diffusers

    more: dict[str, dict[str, Any]] = {
        "pndm": {"skip_prk_steps": True, "set_alpha_to_one": False},
        "ddim": {"clip_sample": False, "set_alpha_to_one": False},
        "dpmpp_2m_karras": {"use_karras_sigmas": True},
        "lcm": {"clip_sample": False, "set_alpha_to_one": False},
    }
    classes = {
        "pndm": "PNDMScheduler", "ddim": "DDIMScheduler", "euler": "EulerDiscreteScheduler",
        "euler_a": "EulerAncestralDiscreteScheduler", "heun": "HeunDiscreteScheduler",
        "dpmpp_2m": "DPMSolverMultistepScheduler", "dpmpp_2m_karras": "DPMSolverMultistepScheduler",
        "unipc": "UniPCMultistepScheduler", "lcm": "LCMScheduler",
    }  # fmt: skip
    noise = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
    return getattr(diffusers, classes[name])(**noise, steps_offset=1, **more.get(name, {}))


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


def _one_of(what: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        known = ", ".join(choice for choice in choices if choice)
        raise UnknownName(f"there is no {what} {value!r}; there are: {known}")


def _within(what: str, value: float | None, low: float, high: float, whole: bool = False) -> None:
    if value is None:
        return
    if not isinstance(value, int | float) or not math.isfinite(value) or not low <= value <= high:
        raise CodecError(f"{what}: {low} to {high}, not {value!r}")
    if whole and value != int(value):
        raise CodecError(f"{what}: a whole number, not {value!r}")
