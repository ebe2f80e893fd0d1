"""The decoder "sdxl": Stable Diffusion XL, guided by the three layers.

Sketch and pose guide by T2I-Adapters or by ControlNet-Union. T2I-Adapters for colors do not exist: the decode starts
from the painter's picture, or the colors guide ControlNet-Union as the low resolution of the picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor

from codec.decoders.base import Strengths, require_layers
from codec.decoders.diffusion import conditions, network_files
from codec.decoders.diffusion.base_options import DEFAULT_NEGATIVE
from codec.decoders.diffusion.decode_job import Job
from codec.decoders.diffusion.decoder import DiffusionDecoder, to_tensor
from codec.decoders.diffusion.denoise import Conditioning, Control, combine_adapters, preview_latents
from codec.decoders.diffusion.device import Device
from codec.decoders.diffusion.duration import PassSeconds, estimate_minutes
from codec.decoders.diffusion.memory_plan import GB, MemoryNeeds
from codec.decoders.diffusion.model_cache import MODEL_CACHE
from codec.decoders.diffusion.schedulers import Prediction, make_scheduler
from codec.decoders.sdxl import xl_networks, xl_text
from codec.decoders.sdxl.buckets import nearest_bucket
from codec.decoders.sdxl.xl_models import locate_xl_models
from codec.decoders.sdxl.xl_options import PRESETS, XLOptions, XLPreset, resolve_xl_options
from codec.structure.pose import Pose

if TYPE_CHECKING:
    from codec.layers import Layers

MEMORY_NEEDS: Final = MemoryNeeds(
    unet=5.14 * GB, controlnet=2.51 * GB, others=1.97 * GB, unet_peak=0.4 * GB, vae_peak=2.4 * GB
)
# Stable Diffusion 1.5's times (sd15/timing.py), scaled by the numbers of multiplications
_SECONDS: Final = PassSeconds(1024, unet=32.0, controlnet=11.0, adapter=4.0, vae=56.0, text=8.0)

# the modes of ControlNet-Union ProMax, by its documentation
OPENPOSE_MODE: Final = 0
SKETCH_MODE: Final = 2  # HED, PiDiNet, scribbles
TILE_MODE: Final = 6

# linear map from latents to RGB in -1..1, as ComfyUI has it for previews
_LATENT_TO_RGB: Final = np.array(
    [[0.3920, 0.4054, 0.4549], [-0.2634, -0.0196, 0.0653], [0.0568, 0.1687, -0.0755], [-0.3112, -0.2359, -0.2076]],
    np.float32,
)


class StableDiffusionXL(DiffusionDecoder):
    """The decoder "sdxl"."""

    name = "sdxl"
    memory_needs = MEMORY_NEEDS
    options: XLOptions

    def __init__(self, options: XLOptions | None = None) -> None:
        self.options = options or XLOptions(follow=True)

    def with_options(self, options: XLOptions) -> StableDiffusionXL:
        """Return the decoder with these options."""
        return StableDiffusionXL(options)

    @property
    def _preset(self) -> XLPreset:
        return PRESETS[self.options.preset]

    def _make_job(self, layers: Layers, seed: int | None) -> Job:
        require_layers(layers)
        settings = resolve_xl_options(self.options, layers.settings, has_colors=layers.texture is not None)
        network_files.require_libraries()
        paths = locate_xl_models(self.options, layers)
        width, height = nearest_bucket(layers.width, layers.height, self.options.working_size)
        device, plan = self._select_device(paths.base, paths.lora, width, height)
        chosen_seed = next(value for value in (seed, layers.seed, 0) if value is not None)
        noise = self.options.noise or "trilayer"
        return Job(layers, settings, paths, Prediction(), device, plan, chosen_seed, noise, width, height)

    @property
    def _start_strengths(self) -> Strengths:
        return Strengths(colors=self.options.color_strength)

    def _cpu_minutes(self, layers: Layers | None) -> float:
        options = self.options
        has_colors = layers is None or layers.texture is not None
        has_structure = options.structure_strength > 0 and (layers is None or layers.structure is not None)
        uses_union = options.control == "union" and (has_structure or (has_colors and options.color_strength > 0))
        return estimate_minutes(
            _SECONDS,
            resolve_xl_options(options, layers.settings if layers else None, has_colors=has_colors),
            options.working_size,
            adapters=int(has_structure and options.control == "t2i"),
            controlled=options.adapter_until if uses_union else 0,
            threads=torch.get_num_threads(),
        )

    def _make_scheduler(self, job: Job) -> Any:
        return make_scheduler(job.settings.scheduler, job.prediction, self._preset.spacing)

    def _preview(self, latents: np.ndarray) -> np.ndarray:
        return preview_latents(latents, _LATENT_TO_RGB)

    def _encode_prompts(self, job: Job) -> tuple[Tensor, dict[str, Tensor]]:
        base, device, options = job.paths.base, job.device, self.options
        tokenizers = MODEL_CACHE.get_or_load("tokenizer", base, lambda: xl_networks.load_xl_tokenizers(base))
        encoders = MODEL_CACHE.get_or_load(
            "text encoder", (base, device), lambda: xl_networks.load_xl_text_encoders(base, device)
        )
        prompt = job.layers.semantic
        text = prompt.text if prompt else ""
        default = DEFAULT_NEGATIVE if options.negative is None else options.negative
        negative = (prompt.negative if prompt else "") or default
        texts = [negative, text] if job.settings.is_guided else [text]
        with device.use(*encoders):
            tokens, pooled = xl_text.encode_prompts(
                tokenizers, encoders, texts, options.weights or "a1111", options.clip_skip,
                zeros_for_empty=xl_networks.forces_zeros(base),
            )  # fmt: skip
        return tokens, {"text_embeds": pooled, "time_ids": xl_text.time_ids(job.width, job.height, len(texts))}

    def _load_unet(self, job: Job) -> Any:
        base, lora, device = job.paths.base, job.paths.lora, job.device
        return MODEL_CACHE.get_or_load(
            "unet", (base, lora, device), lambda: xl_networks.load_xl_unet(base, lora, device)
        )

    def _read_vae(self, source: Path, device: Device) -> Any:
        return xl_networks.load_xl_vae(source, device)

    def _condition(self, job: Job) -> Conditioning:
        if self.options.control == "union":
            return self._condition_union(job)
        path, device = job.paths.structure, job.device
        if path is None:
            return Conditioning()
        adapter = self._load_adapter("structure", path, device)
        with device.use(adapter):
            features = combine_adapters([(adapter, self._render_structure(job), self.options.structure_strength)])
        return Conditioning(features, end=self.options.adapter_until)

    def _condition_union(self, job: Job) -> Conditioning:
        """Return the conditioning by one ControlNet-Union for the structure, the colors or both."""
        path, device, options = job.paths.structure or job.paths.colors, job.device, self.options
        if path is None:
            return Conditioning()
        modes, pictures, weights = [], [], []
        if job.paths.structure is not None:
            modes.append(OPENPOSE_MODE if isinstance(job.layers.structure, Pose) else SKETCH_MODE)
            pictures.append(self._render_structure(job).expand(-1, 3, -1, -1))
            weights.append(float(options.structure_strength))
        if job.paths.colors is not None and job.layers.texture is not None:
            colors = conditions.render_low_resolution(job.layers.texture, job.width, job.height)
            modes.append(TILE_MODE)
            pictures.append(to_tensor(colors))
            weights.append(float(options.color_strength))
        network = MODEL_CACHE.get_or_load("structure", (path, device), lambda: xl_networks.load_union(path, device))
        return Conditioning(controls=[Control(network, pictures, weights, modes)], end=options.adapter_until)
