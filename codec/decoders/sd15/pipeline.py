"""The decoder of the paper: Stable Diffusion 1.5, guided by the three layers.

    prompt -----> CLIP ---------------------------+
    sketch/pose -> T2I-Adapter or ControlNet -----+--> denoise --> VAE or TAESD --> picture
    colors -----> T2I-Adapter --------------------+       ^
    seed -------> noise ----------------------------------+

Chen, Mao, Cheng, "Stable Diffusion is a Natural Cross-Modal Decoder for Layered AI-generated Image
Compression" (DCC 2025). After an edit, the changed region of an earlier decode can be decoded again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from codec.decoders.base import OnStep, StepReporter, require_layers
from codec.decoders.sd15 import conditions, duration, masks, networks, painted_start, prompt_weights, text_encoder
from codec.decoders.sd15.decode_job import DecodedImage, Inpainting, Job
from codec.decoders.sd15.denoise import (
    Conditioning,
    InpaintConstraint,
    NotFiniteError,
    combine_adapters,
    denoise,
)
from codec.decoders.sd15.device import Device
from codec.decoders.sd15.memory_plan import MemoryPlan, make_plan
from codec.decoders.sd15.model_cache import MODEL_CACHE
from codec.decoders.sd15.model_paths import locate_models, locate_recipe_models
from codec.decoders.sd15.noise import initial_noise
from codec.decoders.sd15.options import PRESETS, Options, Preset, ResolvedOptions, resolve_options
from codec.decoders.sd15.painted_start import resize
from codec.decoders.sd15.progress import step_reports
from codec.decoders.sd15.regenerate.plan import RecipePlan, generate
from codec.decoders.sd15.regenerate.plan import encode_prompts as encode_recipe_prompts
from codec.decoders.sd15.regenerate.plan import make_plan as make_recipe_plan
from codec.decoders.sd15.schedulers import make_scheduler
from codec.errors import CodecError
from codec.models import free_memory, oom
from codec.models.torchvision_compat import ensure_torchvision
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch

if TYPE_CHECKING:
    from codec.layers import Layers


class StableDiffusion:
    """The decoder "sd15". Cheap to construct; networks are loaded by the first decode and shared by all."""

    name = "sd15"

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options(follow=True)

    def with_options(self, options: Options) -> StableDiffusion:
        """Return the decoder with these options."""
        return StableDiffusion(options)

    def decode(self, layers: Layers, *, seed: int | None = None, on_step: OnStep | None = None) -> np.ndarray:
        """Return the (height, width, 3) uint8 sRGB picture; see Decoder.decode.

        Raises ModelMissing within seconds, and what Decoder.decode raises.
        """
        return self.decode_full(layers, seed=seed, on_step=on_step).pixels

    def decode_full(self, layers: Layers, *, seed: int | None = None, on_step: OnStep | None = None) -> DecodedImage:
        """Decode like `decode`; return also what `redecode` needs."""
        plan = make_recipe_plan(layers, seed) if self.options.follow else None
        job = self._make_job(layers, seed) if plan is None else self._make_recipe_job(layers, plan)
        return self._run(job, on_step)

    def redecode(
        self,
        layers: Layers,
        previous: DecodedImage,
        mask: np.ndarray,
        *,
        seed: int | None = None,
        on_step: OnStep | None = None,
    ) -> DecodedImage:
        """Decode edited layers where `mask`, (height, width) bool, is true; see masks.changed_region.

        Outside the mask, latents and pixels stay bit for bit; inside, the new picture fades in from the mask's
        border. If scheduler and steps are those of `previous`, its trajectory is replayed outside the mask;
        otherwise its latents are noised to each step's level. An empty mask returns `previous`.

        Raises CodecError if `previous` or the mask has another size, and what `decode` raises.
        """
        mask = np.asarray(mask, bool)
        if mask.shape != (layers.height, layers.width) or previous.pixels.shape[:2] != mask.shape:
            raise CodecError("the mask, the previous picture and the layers must have one size: decode all of it")
        if not mask.any():
            return previous
        job = self._make_job(layers, seed)
        if previous.latents.shape != (4, job.height // 8, job.width // 8):
            raise CodecError("the previous picture was decoded at another size: decode all of it")
        latent_mask = torch.from_numpy(masks.to_latent_mask(mask, job.width, job.height))[None, None]
        is_same_schedule = previous.schedule == (job.settings.scheduler, job.settings.steps, job.settings.skipped)
        trajectory = previous.trajectory if is_same_schedule else ()
        constraint = InpaintConstraint(latent_mask, previous.latents, trajectory)
        return self._run(job, on_step, Inpainting(mask, previous, constraint))

    def expected_minutes(self, layers: Layers | None = None) -> float | None:
        """Return how many minutes a decode will take on the CPU; None on a GPU, where it takes seconds."""
        if Device.select(self.options.device).name != "cpu":
            return None
        return duration.expected_minutes(self.options, layers, torch.get_num_threads())

    def release(self) -> None:
        """Free the networks; the next decode loads them again."""
        MODEL_CACHE.clear()

    # --- one decode ---------------------------------------------------------------------------------

    def _make_job(self, layers: Layers, seed: int | None) -> Job:
        """Check the input and locate the models. Raises InvalidLayer and ModelMissing."""
        require_layers(layers)
        settings = resolve_options(self.options, layers.settings)
        if layers.texture is None:
            settings = replace(settings, strength=None)  # the painter has no colors to start from
        networks.require_libraries()
        paths = locate_models(self.options, layers)
        device = Device.select(self.options.device)
        device = _PRECISIONS.get((paths.base, paths.lora, device), device)
        width, height = conditions.working_size(layers.width, layers.height, self.options.size)
        plan = self._plan_memory(device, width, height)
        device = replace(device, offloads=plan.offloads)
        chosen_seed = next(value for value in (seed, layers.seed, self._preset.seed) if value is not None)
        prediction = networks.read_prediction(paths.base)
        return Job(layers, settings, paths, prediction, device, plan, chosen_seed, width, height)

    def _make_recipe_job(self, layers: Layers, recipe: RecipePlan) -> Job:
        """Return the job that makes a picture again from its recipe alone, without strokes and colors."""
        networks.require_libraries()
        paths = locate_recipe_models(self.options, layers)
        device = Device.select(self.options.device)
        device = _PRECISIONS.get((paths.base, paths.lora, device), device)
        plan = self._plan_memory(device, recipe.width, recipe.height)
        settings = ResolvedOptions(recipe.count_steps(), recipe.guidance, "recipe", lcm=False)
        return Job(
            layers, settings, paths, networks.read_prediction(paths.base), replace(device, offloads=plan.offloads),
            plan, recipe.seed, recipe.width, recipe.height, recipe,
        )  # fmt: skip

    @property
    def _preset(self) -> Preset:
        return PRESETS[self.options.preset]

    def _plan_memory(self, device: Device, width: int, height: int) -> MemoryPlan:
        """Return how the decode fits into the GPU's free memory, of which our own networks count as free."""
        if device.name == "cpu":
            return MemoryPlan()
        free = free_memory.free_bytes(device.name)
        own = MODEL_CACHE.bytes_on(device.name)
        uses_controlnet = self.options.control == "controlnet"
        return make_plan(free and free + own, width, height, uses_controlnet, device.dtype.itemsize)

    def _run(self, job: Job, on_step: OnStep | None, inpainting: Inpainting | None = None) -> DecodedImage:
        """Decode; if a network overflows in half precision, start again with a wider range of numbers."""
        reporter = StepReporter(job.settings.evaluations + 3, on_step)
        reporter.step(self._forecast(job))  # before the libraries are imported, which takes seconds
        ensure_torchvision()
        constraint = inpainting.constraint if inpainting else None
        for device in job.device.precisions():
            reporter.index = 1
            attempt = replace(job, device=device)
            try:
                trajectory, picture = self._decode_once(attempt, constraint, reporter)
            except NotFiniteError:
                continue
            if device != job.device:
                selected = replace(job.device, offloads=False)
                _PRECISIONS[job.paths.base, job.paths.lora, selected] = replace(device, offloads=False)
            break
        else:
            raise CodecError(
                f"{job.paths.base.name} gives no picture (its numbers overflow in every precision): its weights are "
                "damaged or of an unknown kind; fetch them again, or choose another checkpoint"
            )
        pixels = resize(picture, job.layers.width, job.layers.height)
        if inpainting:
            pixels = masks.composite(inpainting.previous.pixels, pixels, inpainting.mask)
        reporter.step("done", pixels)
        return DecodedImage(
            pixels,
            trajectory[-1],
            tuple(trajectory),
            (job.settings.scheduler, job.settings.steps, job.settings.skipped),
        )

    def _decode_once(
        self, job: Job, constraint: InpaintConstraint | None, reporter: StepReporter
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Return the trajectory, and the (8h, 8w, 3) uint8 picture. Raises NotFiniteError."""
        with _memory_guard(job.device):
            if job.recipe is not None:
                trajectory = self._regenerate(job, job.recipe, reporter)
                return trajectory, self._decode_latents(job, trajectory[-1])
            prompts = self._encode_prompts(job)
            unet = self._load_unet(job)
            conditioning = self._condition(job)
            reporter.step("models loaded")
            trajectory = self._denoise(job, unet, prompts, conditioning, constraint, reporter)
            return trajectory, self._decode_latents(job, trajectory[-1])

    def _regenerate(self, job: Job, recipe: RecipePlan, reporter: StepReporter) -> list[np.ndarray]:
        """Return the noise and the final latents of a recipe. Raises NotFiniteError."""
        tokenizer, encoder = self._load_text_networks(job)
        prompt = job.layers.semantic or Prompt()
        with job.device.use(encoder):
            texts = [prompt.text, prompt.negative] if recipe.is_guided else [prompt.text]
            prompts = encode_recipe_prompts(recipe, tokenizer, encoder, texts)
        unet = self._load_unet(job)
        reporter.step("models loaded")
        with job.device.use(unet):
            return generate(recipe, unet, prompts, job.prediction, step_reports(reporter))

    def _forecast(self, job: Job) -> str:
        """Return the number of steps and the expected duration, as text."""
        steps = job.settings.steps
        note = (
            "; the file's settings are for another model, so the preset's are used" if job.settings.ignores_file else ""
        )
        if job.device.name != "cpu":
            return f"{steps} steps on {job.device.name}{job.plan.describe()}{note}"
        minutes = duration.expected_minutes(self._timed_options(job), job.layers, torch.get_num_threads())
        about = f"{minutes:.0f} min" if minutes >= 1.5 else f"{max(minutes * 60, 1):.0f} s"
        return f"{steps} steps on the CPU, about {about}{note}"

    def _timed_options(self, job: Job) -> Options:
        """Return options that take as long as the job."""
        if job.recipe is None:
            return self.options
        side = min(max(round((job.width * job.height) ** 0.5 / 8) * 8, 64), 1024)
        return replace(
            self.options, steps=max(job.settings.steps, 1), guidance=job.settings.guidance, scheduler="euler",
            structure_strength=0, color_strength=0, size=side,
        )  # fmt: skip

    def _encode_prompts(self, job: Job) -> Tensor:
        """Return (2, tokens, features), the negative prompt first; the prompt alone without guidance."""
        tokenizer, encoder = self._load_text_networks(job)
        prompt = job.layers.semantic
        text = prompt.text if prompt else ""
        default = self._preset.negative if self.options.negative is None else self.options.negative
        negative = (prompt.negative if prompt else "") or default
        with job.device.use(encoder):
            texts = [negative, text] if job.settings.is_guided else [text]
            weights = self.options.weights or self._preset.weights
            if self.options.clip_skip > 1 or (weights != "none" and any(map(prompt_weights.has_weights, texts))):
                return prompt_weights.encode_padded(tokenizer, encoder, texts, weights, self.options.clip_skip)
            truncates = self._preset.truncates and bool(job.paths.structure or job.paths.colors)
            return text_encoder.encode(tokenizer, encoder, texts, truncates)

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

    def _condition(self, job: Job) -> Conditioning:
        """Return the conditioning by the structure and the colors."""
        options, device = self.options, job.device
        adapters: list[tuple[Any, Tensor, float]] = []
        controlnets: list[tuple[Any, Tensor, float]] = []
        structure_path, colors_path = job.paths.structure, job.paths.colors
        if structure_path is not None:
            uses_controlnet = options.control == "controlnet"
            load = networks.load_controlnet if uses_controlnet else networks.load_adapter
            network = MODEL_CACHE.get_or_load(
                "structure", (structure_path, device), lambda: load(structure_path, device)
            )
            picture = _to_tensor(self._render_structure(job))
            if uses_controlnet:
                controlnets.append((network, picture.expand(-1, 3, -1, -1), options.structure_strength))
            else:
                adapters.append((network, picture, options.structure_strength))
        if colors_path is not None and job.layers.texture is not None:
            network = MODEL_CACHE.get_or_load(
                "colors", (colors_path, device), lambda: networks.load_adapter(colors_path, device)
            )
            is_cubic = self._preset.cubic_colors if options.cubic_colors is None else options.cubic_colors
            colors = conditions.render_colors(job.layers.texture, job.width, job.height, is_cubic)
            adapters.append((network, _to_tensor(colors), options.color_strength))
        with device.use(*(network for network, _, _ in adapters)):
            return Conditioning(combine_adapters(adapters), controlnets, options.adapter_until)

    def _render_structure(self, job: Job) -> np.ndarray:
        layer = job.layers.structure
        if isinstance(layer, Sketch):
            return conditions.render_sketch(layer, job.width, job.height, self.options.line_thickness)
        assert isinstance(layer, Pose)
        return conditions.render_pose(layer, job.width, job.height)

    def _denoise(
        self,
        job: Job,
        unet: Any,
        prompts: Tensor,
        conditioning: Conditioning,
        constraint: InpaintConstraint | None,
        reporter: StepReporter,
    ) -> list[np.ndarray]:
        """Return the trajectory: the initial latents and those after each step, (4, h, w) float32."""
        scheduler = make_scheduler(job.settings.scheduler, job.prediction)
        scheduler.set_timesteps(job.settings.steps, device=job.device.name)
        noise_source = self.options.noise or self._preset.noise
        start = self._encode_painted(job)
        with job.device.use(unet, *(network for network, _, _ in conditioning.controlnets)):
            return denoise(
                unet,
                scheduler,
                prompts,
                initial_noise(job.seed, job.width, job.height, noise_source),
                guidance=job.settings.guidance,
                conditioning=conditioning,
                constraint=constraint,
                start=start,
                skipped=0 if start is None else job.settings.skipped,
                generator=torch.Generator().manual_seed(job.seed % 2**63),
                on_denoised=step_reports(reporter),
            )

    def _encode_painted(self, job: Job) -> np.ndarray | None:
        """Return the latents of the painter's picture if the decode starts from it. Raises NotFiniteError."""
        if job.settings.strength is None:
            return None
        pixels = painted_start.paint(job.layers, job.seed, job.width, job.height)
        for device, vae in self._vaes(job):
            with contextlib.suppress(NotFiniteError), device.use(vae):
                return painted_start.encode(vae, device, pixels)
        raise NotFiniteError

    def _decode_latents(self, job: Job, latents: np.ndarray) -> np.ndarray:
        """Return the (8h, 8w, 3) uint8 picture of (4, h, w) latents. Raises NotFiniteError."""
        for device, vae in self._vaes(job):
            x = torch.from_numpy(latents)[None].to(device.name, device.dtype) / vae.config.scaling_factor
            with torch.inference_mode(), device.use(vae):
                rgb = vae.decode(x, return_dict=False)[0][0].float().cpu()
            if rgb.isfinite().all():
                pixels = np.moveaxis((rgb / 2 + 0.5).clamp(0, 1).numpy(), 0, 2)
                return np.asarray(np.rint(pixels * 255), np.uint8)
        raise NotFiniteError

    def _vaes(self, job: Job) -> Iterator[tuple[Device, Any]]:
        """Yield the VAE with its device: in the decode's precision, then, if that is lower, in full precision.

        The VAE of Stable Diffusion 1 may overflow in half precision where its UNet does not.
        """
        for device in dict.fromkeys((job.device, replace(job.device, dtype=torch.float32))):
            yield device, self._load_vae(job, device)

    def _load_vae(self, job: Job, device: Device) -> Any:
        taesd, source = job.paths.taesd, job.paths.vae or job.paths.base
        if taesd is not None:
            vae = MODEL_CACHE.get_or_load("vae", (taesd, device), lambda: networks.load_taesd(taesd, device))
        else:
            vae = MODEL_CACHE.get_or_load("vae", (source, device), lambda: networks.load_vae(source, device))
        if job.plan.tiles:
            vae.enable_tiling()
        else:
            vae.disable_tiling()
        return vae


# the precision that a model turned out to need on a device
_PRECISIONS: dict[tuple[Path, Path | None, Device], Device] = {}


def _memory_guard(device: Device) -> AbstractContextManager[None]:
    """Map out-of-memory errors to OutOfMemory, and free the networks when one occurs."""
    try_cpu = "" if device.name == "cpu" else " the device cpu, which is slower,"
    message = (
        f"the memory of {device.name} is too small for this: close what else uses it, or try a smaller size, "
        f"the preset fast,{try_cpu} or the decoder painter, which needs little"
    )
    return oom.raise_out_of_memory(message, MODEL_CACHE.clear)


def _to_tensor(picture: np.ndarray) -> Tensor:
    """Return an (H, W, C) picture as a (1, C, H, W) tensor."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, 2, 0)))[None]
