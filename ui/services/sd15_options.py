"""Stable Diffusion for the page: its options, the expected time, and the last decode of each tab.

Nothing here depends on Gradio. torch is imported when the first estimate or decode needs it. No option is a path: the
location of the weights is part of the server's configuration.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from codec import Layers
from codec.bitstream.settings import Settings
from codec.decoders import get
from codec.decoders.diffusion.base_options import MAX_CLIP_SKIP, MAX_STEPS, WEIGHTS, DiffusionOptions
from codec.decoders.diffusion.noise import NOISE_SOURCES
from codec.decoders.diffusion.schedulers import closest_scheduler
from codec.decoders.sd15 import model_paths
from codec.decoders.sd15.options import CONTROLS, PRESETS, Options, resolve_options
from codec.decoders.sdxl.xl_models import xl_model_names
from codec.decoders.sdxl.xl_options import PRESETS as XL_PRESETS
from codec.decoders.sdxl.xl_options import XLOptions, resolve_xl_options
from codec.errors import ModelMissing
from codec.models import locate
from ui.services.actions import DecodeResult
from ui.services.validation import choice, integer, real

if TYPE_CHECKING:
    from codec.decoders.base import OnStep
    from codec.decoders.diffusion.decode_job import DecodedImage

NAME: Final = "sd15"
XL_NAME: Final = "sdxl"
NAMES: Final = (NAME, XL_NAME)
_PRESETS: Final = {NAME: tuple(PRESETS), XL_NAME: tuple(XL_PRESETS)}
SIDE = 512  # px at which a square is denoised
DEFAULT_PRESET: Final = Options().preset
STEPS_RANGE: Final = (1, MAX_STEPS)
GUIDANCE_RANGE: Final = (0, 63.75)
STRENGTH_RANGE: Final = (0, 2)
SHARE_RANGE: Final = (0, 1)
FROM_NOISE: Final = 1  # the strength that starts from noise; less starts from the painter's picture
PAINTED_STRENGTHS: Final = (0.5, 0.9)
CLIP_SKIP_RANGE: Final = (1, MAX_CLIP_SKIP)
OF_PRESET: Final = "preset"  # the choice that leaves an option to the preset
RECIPE_NOTE: Final = (
    "The file has the recipe of its picture: Stable Diffusion 1.5 makes it again with the same checkpoint."
)
_PRESET_LABELS: Final = {"quality": "Good"}
_NOISE_LABELS: Final = {"trilayer": "Trilayer", "torch": "Diffusers and ComfyUI", "a1111": "AUTOMATIC1111"}
_WEIGHTS_LABELS: Final = {"a1111": "As AUTOMATIC1111", "comfyui": "As ComfyUI", "none": "As plain text"}
_MODEL_TITLES: Final = {  # of models with names that users may not understand
    "sd15": "Stable Diffusion 1.5",
    "sd14": "Stable Diffusion 1.4",
    "sketch-adapter-sd14": "its sketch adapter",
    "sdxl": "Stable Diffusion XL",
    "sdxl-turbo": "SDXL-Turbo",
    "sdxl-lightning": "SDXL-Lightning",
    "sdxl-vae": "the image decoder",
    "sdxl-sketch-adapter": "the sketch adapter",
    "sdxl-openpose-adapter": "the pose adapter",
    "sdxl-controlnet-union": "ControlNet-Union",
}
MAX_CACHED_TABS: Final = 8
MAX_CACHED_BYTES: Final = 128 << 20
MAX_TRAJECTORY_BYTES: Final = 16 << 20  # of one decode
MAX_COUNTED_TABS: Final = 1000


def presets(decoder: str) -> tuple[str, ...]:
    """Return the presets of one of `NAMES`."""
    return _PRESETS[decoder]


def preset_choices(decoder: str = NAME) -> list[tuple[str, str]]:
    """Return the label and the name of each preset of one of `NAMES`."""
    return [(_PRESET_LABELS.get(name, name.capitalize()), name) for name in presets(decoder)]


def noise_choices() -> list[tuple[str, str]]:
    """Return the label and the name of each source of noise."""
    return _with_preset(NOISE_SOURCES, _NOISE_LABELS)


def weights_choices() -> list[tuple[str, str]]:
    """Return the label and the name of each way to read weights in prompts."""
    return _with_preset(WEIGHTS, _WEIGHTS_LABELS)


def _with_preset(names: tuple[str, ...], labels: dict[str, str]) -> list[tuple[str, str]]:
    return [("As the preset", OF_PRESET), *((labels.get(name, name), name) for name in names)]


def can_start_painted(preset: Any) -> bool:
    """Return whether a preset can start from the painter's picture; the paper's code starts from noise."""
    return bool(preset != "paper")


def is_distilled(preset: Any, decoder: str) -> bool:
    """Return whether a preset of one of `NAMES` needs its own steps and guidance, so that a file's are not used."""
    if decoder == XL_NAME:
        return preset in presets(XL_NAME) and XL_PRESETS[preset].distilled
    return preset in presets(NAME) and PRESETS[preset].lcm


def parse_options(
    *,
    preset: Any,
    follow: Any,
    steps: Any,
    guidance: Any,
    structure: Any,
    colors: Any,
    until: Any,
    control: Any,
    start: Any = FROM_NOISE,
    noise: Any = OF_PRESET,
    clip_skip: Any = 1,
    weights: Any = OF_PRESET,
    decoder: str = NAME,
) -> DiffusionOptions:
    """Return the options of one of `NAMES` from the values of the fields.

    An empty field takes the preset's value, or with `follow` the file's. `start`: the strength of the noise on the
    painter's picture, `FROM_NOISE` for none of that picture; presets that cannot start from it ignore this.
    Raises `InvalidLayer` and `UnknownName` for values that the fields cannot have.
    """
    common: dict[str, Any] = {
        "preset": choice(preset, "preset", presets(decoder)),
        "steps": None if steps is None else integer(steps, "number of steps", *STEPS_RANGE),
        "guidance": None if guidance is None else real(guidance, "guidance", *GUIDANCE_RANGE),
        "follow": follow is True,
        "structure_strength": real(structure, "strength of the sketch or pose", *STRENGTH_RANGE),
        "color_strength": real(colors, "strength of the colors", *STRENGTH_RANGE),
        "adapter_until": real(until, "share of the steps", *SHARE_RANGE),
        "strength": _painted_strength(start, preset),
        "noise": _choice_or_preset(noise, "noise", NOISE_SOURCES),
        "clip_skip": integer(clip_skip, "clip skip", *CLIP_SKIP_RANGE),
        "weights": _choice_or_preset(weights, "kind of prompt weights", WEIGHTS),
    }
    control = choice(control, "control", CONTROLS)
    if decoder == XL_NAME:
        return XLOptions(control="t2i" if control == "t2i" else "union", **common)
    return Options(control=control, size=SIDE, **common)


def _painted_strength(value: Any, preset: Any) -> float | None:
    strength = real(value, "strength of the noise on the painter's picture", PAINTED_STRENGTHS[0], FROM_NOISE)
    return min(strength, PAINTED_STRENGTHS[1]) if strength < FROM_NOISE and can_start_painted(preset) else None


def _choice_or_preset(value: Any, name: str, names: tuple[str, ...]) -> str | None:
    chosen = choice(value, name, (OF_PRESET, *names))
    return None if chosen == OF_PRESET else chosen


def default_steps_and_guidance(
    preset: Any, follow: Any, settings: Settings | None, decoder: str = NAME
) -> tuple[int, float]:
    """Return steps and guidance of a preset, or with `follow` those in the file's settings, if any."""
    preset = choice(preset, "preset", presets(decoder))
    if decoder == XL_NAME:
        defaults = resolve_xl_options(XLOptions(preset=preset, follow=follow is True), settings, has_colors=True)
    else:
        defaults = resolve_options(Options(preset=preset, follow=follow is True), settings)
    return defaults.steps, defaults.guidance


def describe_settings(settings: Settings | None) -> str:
    """Return the settings of a file that can be followed, as text; "" if there are none."""
    if settings is None:
        return ""
    parts = [] if settings.steps is None else [f"{settings.steps} step{'s' if settings.steps > 1 else ''}"]
    if settings.guidance is not None:
        parts.append(f"guidance {settings.guidance:g}")
    if scheduler := closest_scheduler(settings.sampler):
        parts.append(scheduler.replace("_", " "))
    return ", ".join(parts)


def follows_recipe(options: DiffusionOptions, layers: Layers) -> bool:
    """Return whether a decode makes the picture again from the file's recipe, which decides on all other options.

    Only Stable Diffusion 1.5 does that.
    """
    is_sd15 = isinstance(options, Options)
    return is_sd15 and options.follow and layers.recipe is not None and layers.semantic is not None


def estimate(options: DiffusionOptions, layers: Layers) -> str:
    """Return a sentence that says how long a decode takes on this machine. Loads no weights."""
    minutes = _decoder(options).expected_minutes(layers)
    if minutes is None:
        return "A decode takes seconds on this machine's graphics card."
    seconds = max(round(minutes * 60), 1)
    duration = f"{minutes:.0f} minutes" if minutes >= 1.5 else f"{seconds} seconds" if seconds > 1 else "a second"
    return f"A decode takes about {duration} on this machine's processor."


def missing_weights(options: DiffusionOptions, layers: Layers) -> str:
    """Return one line that names the missing models for these layers, and the remedy; "" if none are missing."""
    if isinstance(options, Options) and follows_recipe(options, layers):
        return _missing_checkpoint(options, layers)
    names = dict.fromkeys(_model_names(options, layers))
    missing = [name for name in names if locate.status(name, options.models).state == "missing"]
    if not missing:
        return ""
    size = locate.format_size(sum(locate.get_model(name).total_bytes for name in missing))
    *first, last = [_MODEL_TITLES.get(name, f"the {name.replace('-', ' ')}") for name in missing]
    titles = f"{', '.join(first)} and {last} are" if first else f"{last} is"
    command = f"python -m codec models fetch {' '.join(missing)}"
    return f"{titles} missing ({size}); run {command}, then choose Stable Diffusion again"


def _missing_checkpoint(options: Options, layers: Layers) -> str:
    """Return one line about the checkpoint of the file's recipe, "" if it is there; without paths of the server."""
    try:
        model_paths.locate_recipe_models(options, layers)
    except ModelMissing:
        model = layers.settings.model if layers.settings else None
        named = f", {model}," if model and not model.startswith("sha256:") else ""
        return (
            f"the checkpoint of the recipe{named} is not on this machine; put its .safetensors file into the folder "
            "TRILAYER_MODELS, or decode from the layers: untick the recipe"
        )
    return ""


def release_networks() -> None:
    """Free the networks' memory, if they were loaded."""
    if "codec.decoders.diffusion.decoder" in sys.modules:
        _decoder().release()  # both decoders share them


def _model_names(options: DiffusionOptions, layers: Layers) -> tuple[str, ...]:
    """Return the names of the models that a decode needs."""
    if isinstance(options, XLOptions):
        return tuple(xl_model_names(options, layers).values())
    assert isinstance(options, Options)
    return tuple(model_paths.model_names(options, layers).values())


def _decoder_name(options: DiffusionOptions | None) -> str:
    return XL_NAME if isinstance(options, XLOptions) else NAME


def _decoder(options: DiffusionOptions | None = None) -> Any:
    """Return the decoder; `codec.decoders.get` declares only what all decoders have."""
    return get(_decoder_name(options), options)


@dataclass(frozen=True, eq=False)
class CachedDecode:
    """A decode, the layers that were decoded, and the name of the decoder."""

    layers: Layers
    decoded: DecodedImage
    decoder: str = NAME

    @property
    def nbytes(self) -> int:
        """The size in memory."""
        arrays = (self.decoded.pixels, self.decoded.latents, *self.decoded.trajectory)
        return sum(array.nbytes for array in arrays)


class DecodeCache:
    """The last decode of each recently used tab, at most `MAX_CACHED_TABS` and `MAX_CACHED_BYTES`. Thread-safe."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, CachedDecode] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, tab: str | None, entry: CachedDecode) -> None:
        """Store a tab's last decode. Without a large trajectory, which is dropped, edited areas blend less smoothly."""
        if tab is None:
            return
        if sum(array.nbytes for array in entry.decoded.trajectory) > MAX_TRAJECTORY_BYTES:
            entry = replace(entry, decoded=replace(entry.decoded, trajectory=()))
        with self._lock:
            self._entries[tab] = entry
            self._entries.move_to_end(tab)
            while len(self._entries) > MAX_CACHED_TABS or self._total_bytes() > MAX_CACHED_BYTES:
                self._entries.popitem(last=False)

    def get(self, tab: str | None) -> CachedDecode | None:
        """Return the tab's last decode, None if it is not stored."""
        with self._lock:
            return None if tab is None else self._entries.get(tab)

    def discard(self, tab: str | None) -> None:
        """Remove the tab's last decode."""
        with self._lock:
            if tab is not None:
                self._entries.pop(tab, None)

    def _total_bytes(self) -> int:
        return sum(entry.nbytes for entry in self._entries.values())


class ActiveTabs:
    """The tabs in which Stable Diffusion is chosen. The networks are released with the last one. Thread-safe."""

    def __init__(self) -> None:
        self._tabs: set[str | None] = set()
        self._lock = threading.Lock()

    def add(self, tab: str | None) -> None:
        """Count a tab, up to `MAX_COUNTED_TABS`."""
        with self._lock:
            if len(self._tabs) < MAX_COUNTED_TABS:
                self._tabs.add(tab)

    def remove(self, tab: str | None) -> None:
        """Remove a tab that was closed or now has another decoder."""
        with self._lock:
            self._tabs.discard(tab)
        self.release_if_unused()

    def release_if_unused(self) -> None:
        """Release the networks if no tab has the decoder chosen."""
        if not self._tabs:
            release_networks()


def decode_task(
    layers: Layers, seed: int, options: DiffusionOptions, edited_only: bool, cached: CachedDecode | None
) -> Callable[[OnStep], DecodeResult]:
    """Return the work of a `ui.services.jobs.Job` that decodes with Stable Diffusion.

    `edited_only`: decode only the area in which the layers differ from `cached`, if that is possible. Raises
    `ModelMissing` at once if weights are missing.
    """
    if message := missing_weights(options, layers):
        raise ModelMissing(message)
    name = _decoder_name(options)
    if cached is not None and cached.decoder != name:
        cached = None  # latents of the two decoders do not mix

    def work(on_step: OnStep) -> DecodeResult:
        from codec.decoders.diffusion.masks import changed_region

        decoder = _decoder(options)
        if edited_only and cached is not None and cached.decoded.pixels.shape[:2] == (layers.height, layers.width):
            mask = changed_region(cached.layers, layers)
            if not mask.any():
                return DecodeResult(cached.decoded.pixels, None, cached)
            if not mask.all():
                part = decoder.redecode(layers, cached.decoded, mask, seed=seed, on_step=on_step)
                scope = f"the edited area, {_percent(mask)} of the picture,"
                return DecodeResult(part.pixels, scope, CachedDecode(layers, part, name))
        decoded = decoder.decode_full(layers, seed=seed, on_step=on_step)
        scope = ""
        if edited_only:
            reason = "all of it changed" if cached else "there was no earlier decode"
            scope = f"the whole picture, as {reason},"
        return DecodeResult(decoded.pixels, scope, CachedDecode(layers, decoded, name))

    return work


def _percent(mask: np.ndarray) -> str:
    return f"{max(round(100 * float(mask.mean())), 1)} %"
