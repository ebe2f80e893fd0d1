"""The decoder of the paper: Stable Diffusion 1.5, guided by the three layers.

Chen, Mao, Cheng, "Stable Diffusion is a Natural Cross-Modal Decoder for Layered AI-generated Image
Compression" (DCC 2025).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor

from codec.decoders.base import OnStep, StepReporter, require_layers
from codec.decoders.diffusion import conditions, network_files, prompt_weights, text_encoder
from codec.decoders.diffusion.base_options import ResolvedOptions
from codec.decoders.diffusion.decode_job import DecodedImage, Job
from codec.decoders.diffusion.decoder import DiffusionDecoder, to_tensor
from codec.decoders.diffusion.denoise import Conditioning, Control, InpaintConstraint, combine_adapters, preview_latents
from codec.decoders.diffusion.device import Device
from codec.decoders.diffusion.memory_plan import GB, MemoryNeeds
from codec.decoders.diffusion.model_cache import MODEL_CACHE
from codec.decoders.diffusion.progress import step_reports
from codec.decoders.diffusion.schedulers import make_scheduler
from codec.decoders.sd15 import networks, timing
from codec.decoders.sd15.model_paths import locate_models, locate_recipe_models
from codec.decoders.sd15.options import PRESETS, Options, Preset, resolve_options
from codec.decoders.sd15.regenerate.plan import RecipePlan, generate
from codec.decoders.sd15.regenerate.plan import encode_prompts as encode_recipe_prompts
from codec.decoders.sd15.regenerate.plan import make_plan as make_recipe_plan
from codec.semantic.prompt import Prompt

if TYPE_CHECKING:
    from codec.layers import Layers

MEMORY_NEEDS: Final = MemoryNeeds(
    unet=1.72 * GB, controlnet=0.73 * GB, others=0.75 * GB, unet_peak=0.9 * GB, vae_peak=2.4 * GB
)


@dataclass(frozen=True, eq=False)
class RecipeJob(Job):
    """The inputs of a decode that makes a picture again from its recipe alone."""

    recipe: RecipePlan


class StableDiffusion(DiffusionDecoder):
    """The decoder "sd15"."""

    name = "sd15"
    memory_needs = MEMORY_NEEDS
    options: Options

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options(follow=True)

    def with_options(self, options: Options) -> StableDiffusion:
        """Return the decoder with these options."""
        return StableDiffusion(options)

    def decode_full(self, layers: Layers, *, seed: int | None = None, on_step: OnStep | None = None) -> DecodedImage:
        """Decode like `decode`; return also what `redecode` needs. A file's recipe is followed if `options.follow`."""
        plan = make_recipe_plan(layers, seed) if self.options.follow else None
        job = self._make_job(layers, seed) if plan is None else self._make_recipe_job(layers, plan)
        return self._run(job, on_step)

    @property
    def _preset(self) -> Preset:
        return PRESETS[self.options.preset]

    def _make_job(self, layers: Layers, seed: int | None) -> Job:
        require_layers(layers)
        settings = resolve_options(self.options, layers.settings)
        if layers.texture is None:
            settings = replace(settings, strength=None)  # the painter has no colors to start from
        network_files.require_libraries()
        paths = locate_models(self.options, layers)
        width, height = conditions.working_size(layers.width, layers.height, self.options.size)
        device, plan = self._select_device(paths.base, paths.lora, width, height)
        chosen_seed = next(value for value in (seed, layers.seed, self._preset.seed) if value is not None)
        noise = self.options.noise or self._preset.noise
        prediction = networks.read_prediction(paths.base)
        return Job(layers, settings, paths, prediction, device, plan, chosen_seed, noise, width, height)

    def _make_recipe_job(self, layers: Layers, recipe: RecipePlan) -> RecipeJob:
        """Return the job that makes a picture again from its recipe alone, without strokes and colors."""
        network_files.require_libraries()
        paths = locate_recipe_models(self.options, layers)
        device, plan = self._select_device(paths.base, paths.lora, recipe.width, recipe.height)
        settings = ResolvedOptions(recipe.count_steps(), recipe.guidance, "recipe")
        return RecipeJob(
            layers, settings, paths, networks.read_prediction(paths.base), device, plan, recipe.seed, recipe.noise,
            recipe.width, recipe.height, recipe,
        )  # fmt: skip

    def _make_latents(self, job: Job, constraint: InpaintConstraint | None, reporter: StepReporter) -> list[np.ndarray]:
        if isinstance(job, RecipeJob):
            return self._regenerate(job, job.recipe, reporter)
        return super()._make_latents(job, constraint, reporter)

    def _regenerate(self, job: Job, recipe: RecipePlan, reporter: StepReporter) -> list[np.ndarray]:
        """Return the noise and the latents after each step of a recipe. Raises NotFiniteError."""
        tokenizer, encoder = self._load_text_networks(job)
        prompt = job.layers.semantic or Prompt()
        with job.device.use(encoder):
            texts = [prompt.text, prompt.negative] if recipe.is_guided else [prompt.text]
            prompts = encode_recipe_prompts(recipe, tokenizer, encoder, texts)
        unet = self._load_unet(job)
        reporter.step("models loaded")
        with job.device.use(unet):
            return generate(recipe, unet, prompts, job.prediction, step_reports(reporter, self._preview))

    def _cpu_minutes(self, layers: Layers | None) -> float:
        return timing.expected_minutes(self.options, layers, torch.get_num_threads())

    def _job_minutes(self, job: Job) -> float:
        return timing.expected_minutes(self._timed_options(job), job.layers, torch.get_num_threads())

    def _timed_options(self, job: Job) -> Options:
        """Return options that take as long as the job."""
        if not isinstance(job, RecipeJob):
            return self.options
        side = min(max(round((job.width * job.height) ** 0.5 / 8) * 8, 64), 1024)
        return replace(
            self.options, steps=max(job.settings.steps, 1), guidance=job.settings.guidance, scheduler="euler",
            structure_strength=0, color_strength=0, size=side,
        )  # fmt: skip

    def _make_scheduler(self, job: Job) -> Any:
        return make_scheduler(job.settings.scheduler, job.prediction)

    def _preview(self, latents: np.ndarray) -> np.ndarray:
        return preview_latents(latents)

    def _encode_prompts(self, job: Job) -> tuple[Tensor, dict[str, Tensor]]:
        tokenizer, encoder = self._load_text_networks(job)
        prompt = job.layers.semantic
        text = prompt.text if prompt else ""
        default = self._preset.negative if self.options.negative is None else self.options.negative
        negative = (prompt.negative if prompt else "") or default
        with job.device.use(encoder):
            texts = [negative, text] if job.settings.is_guided else [text]
            weights = self.options.weights or self._preset.weights
            if self.options.clip_skip > 1 or (weights != "none" and any(map(prompt_weights.has_weights, texts))):
                skip = self.options.clip_skip
                return prompt_weights.encode_padded(tokenizer, encoder, texts, weights, skip), {}
            truncates = self._preset.truncates and bool(job.paths.structure or job.paths.colors)
            return text_encoder.encode(tokenizer, encoder, texts, truncates), {}

    def _load_text_networks(self, job: Job) -> tuple[Any, Any]:
        """Return the tokenizer and the text encoder."""
        base, device = job.paths.base, job.device
        tokenizer = MODEL_CACHE.get_or_load("tokenizer", base, lambda: networks.load_tokenizer(base))
        encoder = MODEL_CACHE.get_or_load(
            "text encoder", (base, device), lambda: networks.load_text_encoder(base, device)
        )
        return tokenizer, encoder

    def _load_unet(self, job: Job) -> Any:
        base, lora, device = job.paths.base, job.paths.lora, job.device
        return MODEL_CACHE.get_or_load("unet", (base, lora, device), lambda: networks.load_unet(base, lora, device))

    def _read_vae(self, source: Path, device: Device) -> Any:
        return networks.load_vae(source, device)

    def _condition(self, job: Job) -> Conditioning:
        options, device = self.options, job.device
        adapters: list[tuple[Any, Tensor, float]] = []
        controls: list[Control] = []
        structure_path, colors_path = job.paths.structure, job.paths.colors
        if structure_path is not None:
            picture = self._render_structure(job)
            if options.control == "controlnet":
                network = MODEL_CACHE.get_or_load(
                    "structure", (structure_path, device), lambda: network_files.load_controlnet(structure_path, device)
                )
                controls.append(Control(network, [picture.expand(-1, 3, -1, -1)], [options.structure_strength]))
            else:
                network = self._load_adapter("structure", structure_path, device)
                adapters.append((network, picture, options.structure_strength))
        if colors_path is not None and job.layers.texture is not None:
            network = self._load_adapter("colors", colors_path, device)
            is_cubic = self._preset.cubic_colors if options.cubic_colors is None else options.cubic_colors
            colors = conditions.render_colors(job.layers.texture, job.width, job.height, is_cubic)
            adapters.append((network, to_tensor(colors), options.color_strength))
        with device.use(*(network for network, _, _ in adapters)):
            return Conditioning(combine_adapters(adapters), controls, options.adapter_until)
