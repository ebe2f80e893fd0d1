"""The decode that all decoders with latent diffusion share: from layers to a picture.

    prompt -----> text encoders --------------------+
    sketch/pose -> T2I-Adapter or ControlNet --------+--> denoise --> VAE --> picture
    colors -----> adapter, ControlNet or the start --+       ^
    seed -------> noise -------------------------------------+

After an edit, the changed region of an earlier decode can be decoded again. A decoder is a subclass that locates and
loads its networks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import torch
from torch import Tensor

from codec.decoders.base import OnStep, StepReporter, Strengths
from codec.decoders.diffusion import conditions, masks, network_files, painted_start
from codec.decoders.diffusion.base_options import DiffusionOptions
from codec.decoders.diffusion.decode_job import DecodedImage, Inpainting, Job
from codec.decoders.diffusion.denoise import Conditioning, InpaintConstraint, NotFiniteError, denoise
from codec.decoders.diffusion.device import Device
from codec.decoders.diffusion.memory_plan import MemoryNeeds, MemoryPlan, make_plan
from codec.decoders.diffusion.model_cache import MODEL_CACHE
from codec.decoders.diffusion.noise import initial_noise
from codec.decoders.diffusion.painted_start import resize
from codec.decoders.diffusion.progress import step_reports
from codec.errors import CodecError
from codec.models import free_memory, oom
from codec.models.torchvision_compat import ensure_torchvision
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch

if TYPE_CHECKING:
    from codec.layers import Layers


class DiffusionDecoder:
    """A decoder with latent diffusion. Cheap to construct; networks are loaded by the first decode and shared by all.

    memory_needs: of its networks
    """

    name: str
    options: DiffusionOptions
    memory_needs: ClassVar[MemoryNeeds]

    def decode(self, layers: Layers, *, seed: int | None = None, on_step: OnStep | None = None) -> np.ndarray:
        """Return the (height, width, 3) uint8 sRGB picture; see Decoder.decode.

        Raises ModelMissing within seconds, and what Decoder.decode raises.
        """
        return self.decode_full(layers, seed=seed, on_step=on_step).pixels

    def decode_full(self, layers: Layers, *, seed: int | None = None, on_step: OnStep | None = None) -> DecodedImage:
        """Decode like `decode`; return also what `redecode` needs."""
        return self._run(self._make_job(layers, seed), on_step)

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
        return self._cpu_minutes(layers)

    def release(self) -> None:
        """Free the networks; the next decode loads them again."""
        MODEL_CACHE.clear()

    # --- what a decoder defines ---------------------------------------------------------------------

    def _make_job(self, layers: Layers, seed: int | None) -> Job:
        """Check the input and locate the models. Raises InvalidLayer and ModelMissing."""
        raise NotImplementedError

    def _encode_prompts(self, job: Job) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the text embeddings, the negative prompt's first if there is guidance, and the UNet's other inputs."""
        raise NotImplementedError

    def _load_unet(self, job: Job) -> Any:
        raise NotImplementedError

    def _condition(self, job: Job) -> Conditioning:
        """Return the conditioning by the structure and the colors."""
        raise NotImplementedError

    def _make_scheduler(self, job: Job) -> Any:
        """Return a diffusers scheduler without timesteps."""
        raise NotImplementedError

    def _read_vae(self, source: Path, device: Device) -> Any:
        """Load the VAE from a base model or from a folder of its own."""
        raise NotImplementedError

    def _preview(self, latents: np.ndarray) -> np.ndarray:
        """Return an (h, w, 3) uint8 approximation of the picture of (4, h, w) latents."""
        raise NotImplementedError

    def _cpu_minutes(self, layers: Layers | None) -> float:
        """Return the minutes that a decode is expected to take on a CPU."""
        raise NotImplementedError

    # --- one decode ---------------------------------------------------------------------------------

    def _select_device(self, base: Path, lora: Path | None, width: int, height: int) -> tuple[Device, MemoryPlan]:
        """Return the device, in the precision that the model is known to need, and the plan for its memory."""
        device = Device.select(self.options.device)
        device = PRECISIONS.get((base, lora, device), device)
        plan = self._plan_memory(device, width, height)
        return replace(device, offloads=plan.offloads, streams=plan.streams), plan

    def _plan_memory(self, device: Device, width: int, height: int) -> MemoryPlan:
        """Return how the decode fits into the GPU's free memory, of which our own networks count as free."""
        if device.name == "cpu":
            return MemoryPlan()
        free = free_memory.free_bytes(device.name)
        own = MODEL_CACHE.bytes_on(device.name)
        uses_controlnet = self.options.control != "t2i"
        return make_plan(
            self.memory_needs, free and free + own, width, height, device.dtype.itemsize, controlnet=uses_controlnet
        )

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
                with _memory_guard(device):
                    trajectory = self._make_latents(attempt, constraint, reporter)
                    picture = self._decode_latents(attempt, trajectory[-1])
            except NotFiniteError:
                continue
            if device != job.device:
                selected, needed = (replace(each, offloads=False, streams=False) for each in (job.device, device))
                PRECISIONS[job.paths.base, job.paths.lora, selected] = needed
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

    def _forecast(self, job: Job) -> str:
        """Return the number of steps and the expected duration, as text."""
        steps = job.settings.steps
        note = (
            "; the file's settings are for another model, so the preset's are used" if job.settings.ignores_file else ""
        )
        if job.device.name != "cpu":
            return f"{steps} steps on {job.device.name}{job.plan.describe()}{note}"
        minutes = self._job_minutes(job)
        about = f"{minutes:.0f} min" if minutes >= 1.5 else f"{max(minutes * 60, 1):.0f} s"
        return f"{steps} steps on the CPU, about {about}{note}"

    @property
    def _start_strengths(self) -> Strengths:
        """The strengths of the layers in the painter's picture."""
        return Strengths()

    def _job_minutes(self, job: Job) -> float:
        return self._cpu_minutes(job.layers)

    def _make_latents(self, job: Job, constraint: InpaintConstraint | None, reporter: StepReporter) -> list[np.ndarray]:
        """Return the trajectory: the initial latents and those after each step, (4, h, w) float32.

        Raises NotFiniteError.
        """
        prompts, added = self._encode_prompts(job)
        unet = self._load_unet(job)
        conditioning = self._condition(job)
        reporter.step("models loaded")
        scheduler = self._make_scheduler(job)
        scheduler.set_timesteps(job.settings.steps, device=job.device.name)
        start = self._encode_painted(job)
        with job.device.use(unet, *(control.network for control in conditioning.controls)):
            return denoise(
                unet,
                scheduler,
                prompts,
                initial_noise(job.seed, job.width, job.height, job.noise),
                added=added,
                guidance=job.settings.guidance,
                conditioning=conditioning,
                constraint=constraint,
                start=start,
                skipped=0 if start is None else job.settings.skipped,
                generator=torch.Generator().manual_seed(job.seed % 2**63),
                on_denoised=step_reports(reporter, self._preview),
            )

    def _render_structure(self, job: Job) -> Tensor:
        """Return the picture of the sketch, (1, 1, H, W), or of the pose, (1, 3, H, W), in 0..1."""
        layer = job.layers.structure
        if isinstance(layer, Sketch):
            return to_tensor(conditions.render_sketch(layer, job.width, job.height, self.options.line_thickness))
        assert isinstance(layer, Pose)
        return to_tensor(conditions.render_pose(layer, job.width, job.height))

    def _load_adapter(self, slot: str, path: Path, device: Device) -> Any:
        """Return the T2I-Adapter in a folder."""
        return MODEL_CACHE.get_or_load(slot, (path, device), lambda: network_files.load_adapter(path, device))

    def _encode_painted(self, job: Job) -> np.ndarray | None:
        """Return the latents of the painter's picture if the decode starts from it. Raises NotFiniteError."""
        if job.settings.strength is None:
            return None
        pixels = painted_start.paint(job.layers, job.seed, job.width, job.height, self._start_strengths)
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

        A VAE may overflow in half precision where the UNet does not.
        """
        for device in dict.fromkeys((job.device, replace(job.device, dtype=torch.float32))):
            yield device, self._load_vae(job, device)

    def _load_vae(self, job: Job, device: Device) -> Any:
        taesd, source = job.paths.taesd, job.paths.vae or job.paths.base
        if taesd is not None:
            vae = MODEL_CACHE.get_or_load("vae", (taesd, device), lambda: network_files.load_taesd(taesd, device))
        else:
            vae = MODEL_CACHE.get_or_load("vae", (source, device), lambda: self._read_vae(source, device))
        if job.plan.tiles:
            vae.enable_tiling()
            vae.tile_sample_min_size, vae.tile_latent_min_size = _TILE_SIDE, _TILE_SIDE // conditions.LATENT_SIDE
        else:
            vae.disable_tiling()
        return vae


_TILE_SIDE: Final = 512  # pixels

# the precision that a model turned out to need on a device
PRECISIONS: dict[tuple[Path, Path | None, Device], Device] = {}


def _memory_guard(device: Device) -> AbstractContextManager[None]:
    """Map out-of-memory errors to OutOfMemory, and free the networks when one occurs."""
    try_cpu = "" if device.name == "cpu" else " the device cpu, which is slower,"
    message = (
        f"the memory of {device.name} is too small for this: close what else uses it, or try a smaller size, "
        f"the preset fast,{try_cpu} or the decoder painter, which needs little"
    )
    return oom.raise_out_of_memory(message, MODEL_CACHE.clear)


def to_tensor(picture: np.ndarray) -> Tensor:
    """Return an (H, W, C) picture as a (1, C, H, W) tensor."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, 2, 0)))[None]
