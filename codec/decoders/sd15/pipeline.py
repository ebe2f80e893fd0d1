"""The decoder of the paper: Stable Diffusion 1.5, guided by the three layers.

    prompt ----> CLIP ----------------------+
    sketch/pose > T2I-Adapter or ControlNet -+--> denoise --> VAE or TAESD --> picture
    colors ---> T2I-Adapter ---------------+        ^
    seed ------> noise -----------------------------+

Chen, Mao, Cheng, "Stable Diffusion is a Natural Cross-Modal Decoder for Layered AI-generated Image
Compression" (DCC 2025). Of a decode that was kept, a part can be decoded anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from codec.decoders.base import OnStep, Progress
from codec.decoders.sd15 import conditions, masks, networks, text_encoder
from codec.decoders.sd15 import options as presets
from codec.decoders.sd15.denoise import Held, Hints, adapt, denoise, preview, start_noise
from codec.decoders.sd15.networks import SHELF, Device, Places, find, memory_guarded
from codec.decoders.sd15.options import Options, Plan
from codec.errors import CodecError, InvalidLayer
from codec.images import io
from codec.models.torchvision_compat import ensure_torchvision
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch

if TYPE_CHECKING:
    from codec.layers import Layers


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decode, with what decoding a part of it anew needs; 3 MB for 50 steps.

    pixels: (H, W, 3) uint8 sRGB at the file's size. latents: (4, h, w) float32. trajectory: the start and
    the latents after every step, of the same shape, or empty. schedule: the scheduler and its steps.
    """

    pixels: np.ndarray
    latents: np.ndarray
    trajectory: tuple[np.ndarray, ...] = ()
    schedule: tuple[str, int] | None = None


@dataclass(frozen=True, eq=False)
class _Work:
    """One decode's decisions, made before anything is loaded."""

    layers: Layers
    plan: Plan
    places: Places
    device: Device
    seed: int
    width: int  # to denoise at, in pixels
    height: int


class StableDiffusion:
    """A Decoder, `sd15`. Cheap to make; networks are loaded by the first decode and shared by all."""

    name = "sd15"

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options(follow=True)

    def decode(self, layers: Layers, *, seed: int | None = None, on_step: OnStep | None = None) -> np.ndarray:
        """The picture: (height, width, 3) uint8 sRGB; see Decoder.decode.

        Raises ModelMissing within seconds, OutOfMemory, and what Decoder.decode does.
        """
        return self.decode_full(layers, seed=seed, on_step=on_step).pixels

    def decode_full(self, layers: Layers, *, seed: int | None = None, on_step: OnStep | None = None) -> Decoded:
        """The same, with what `redecode` needs."""
        return self._run(self._prepare(layers, seed), on_step, None, None)

    def redecode(
        self,
        layers: Layers,
        previous: Decoded,
        mask: np.ndarray,
        *,
        seed: int | None = None,
        on_step: OnStep | None = None,
    ) -> Decoded:
        """Decode edited layers where `mask`, (height, width) bool, is true; see masks.changed.

        Outside, the latents stay as they are bit for bit, and so does every pixel; just inside, the new
        picture fades in. Where scheduler and steps are those of `previous`, its trajectory is replayed
        outside; otherwise its latents are noised to each step's level. An empty mask returns
        `previous`. Raises CodecError if `previous` or the mask has another size.
        """
        mask = np.asarray(mask, bool)
        if mask.shape != (layers.height, layers.width) or previous.pixels.shape[:2] != mask.shape:
            raise CodecError("the mask, the last picture and the layers must have one size: decode everything anew")
        if not mask.any():
            return previous
        work = self._prepare(layers, seed)
        if previous.latents.shape != (4, work.height // 8, work.width // 8):
            raise CodecError("the last picture was decoded at another size: decode everything anew")
        cells = torch.from_numpy(masks.to_latents(mask, work.width, work.height))[None, None]
        same = previous.schedule == (work.plan.scheduler, work.plan.steps)
        held = Held(cells, previous.latents, previous.trajectory if same else ())
        return self._run(work, on_step, held, (previous, mask))

    def expected_minutes(self, layers: Layers | None = None) -> float | None:
        """How long a decode will take on the CPU; None where another device makes it seconds."""
        if Device.pick(self.options.device).name != "cpu":
            return None
        return presets.expected_minutes(self.options, layers, torch.get_num_threads())

    def release(self) -> None:
        """Let go of all networks; the next decode loads them again."""
        SHELF.clear()

    # --- one decode ---------------------------------------------------------------------------------

    def _prepare(self, layers: Layers, seed: int | None) -> _Work:
        """Decide everything and look for the files, in that order."""
        if layers.is_empty:
            raise InvalidLayer("there is nothing to decode: give a prompt, a sketch or colors")
        options = self.options
        plan = presets.plan(options, layers.settings)
        networks.demand_libraries()
        structure = self._structure_model(layers)
        places = Places(
            base=find("sd15", options),
            lora=find("lcm-lora", options) if plan.lcm else None,
            taesd=find("taesd", options) if plan.lcm else None,
            structure=find(structure, options) if structure else None,
            colors=find("color-adapter", options) if layers.texture and options.color_strength else None,
        )
        width, height = conditions.work_size(layers.width, layers.height, options.size)
        seed = (layers.seed or 0) if seed is None else seed
        return _Work(layers, plan, places, Device.pick(options.device), seed, width, height)

    def _structure_model(self, layers: Layers) -> str | None:
        """The name of the model that reads the structure layer, if there is anything to read.

        A sketch without lines says nothing; to an adapter it would say that the picture is flat.
        """
        layer = layers.structure
        empty = layer is None or not (layer.persons if isinstance(layer, Pose) else layer.strokes)
        if empty or not self.options.structure_strength:
            return None
        if self.options.control == "controlnet":
            return "controlnet-openpose" if isinstance(layer, Pose) else f"controlnet-{self.options.lines}"
        return "openpose-adapter" if isinstance(layer, Pose) else "sketch-adapter"

    def _run(
        self, work: _Work, on_step: OnStep | None, held: Held | None, onto: tuple[Decoded, np.ndarray] | None
    ) -> Decoded:
        progress = Progress(work.plan.calls + 3, on_step)
        progress.step(self._outlook(work))  # before the libraries are imported, which takes seconds
        ensure_torchvision()
        schedule = presets.scheduler(work.plan.scheduler)
        schedule.set_timesteps(work.plan.steps, device=work.device.name)
        with memory_guarded(work.device):
            trajectory = self._denoise(work, schedule, held, progress)
            new = self._picture(work, trajectory[-1])
        pixels = _fit(new, work.layers.width, work.layers.height)
        if onto is not None:
            pixels = masks.paste(onto[0].pixels, pixels, onto[1])
        progress.step("done", pixels)
        return Decoded(pixels, trajectory[-1], tuple(trajectory), (work.plan.scheduler, work.plan.steps))

    def _denoise(self, work: _Work, schedule: Any, held: Held | None, progress: Progress) -> list[np.ndarray]:
        prompts = self._prompts(work)
        unet = SHELF.take(
            "unet",
            (work.places.base, work.places.lora, work.device),
            lambda: networks.unet(work.places.base, work.places.lora, work.device),
        )
        hints = self._hints(work)
        progress.step("models loaded")
        started = time.monotonic()

        def watch(index: int, total: int, latents: np.ndarray) -> None:
            left = (time.monotonic() - started) / index * (total - index)
            progress.step(f"step {index} of {total}{_left(left)}", preview(latents))

        return denoise(
            unet,
            schedule,
            prompts,
            start_noise(work.seed, work.width, work.height),
            guidance=work.plan.guidance,
            hints=hints,
            held=held,
            generator=torch.Generator().manual_seed(work.seed % 2**63),
            watch=watch,
        )

    def _prompts(self, work: _Work) -> Tensor:
        """(2, tokens, features), the negative prompt first; without guidance the prompt alone."""
        base, device = work.places.base, work.device
        tokenizer = SHELF.take("tokenizer", base, lambda: networks.tokenizer(base))
        encoder = SHELF.take("text encoder", (base, device), lambda: networks.text_encoder(base, device))
        words = work.layers.semantic
        text = words.text if words else ""
        negative = (words.negative if words else "") or self.options.negative
        return text_encoder.encode(tokenizer, encoder, [negative, text] if work.plan.guided else [text])

    def _hints(self, work: _Work) -> Hints:
        """What the structure and the colors tell the UNet."""
        options, device = self.options, work.device
        adapters: list[tuple[Any, Tensor, float]] = []
        controls: list[tuple[Any, Tensor, float]] = []
        place, spot = work.places.structure, work.places.colors
        if place is not None:
            seen = _tensor(self._structure(work))
            if options.control == "controlnet":
                net = SHELF.take("structure", (place, device), lambda: networks.controlnet(place, device))
                controls.append((net, seen.expand(-1, 3, -1, -1), options.structure_strength))
            else:
                net = SHELF.take("structure", (place, device), lambda: networks.adapter(place, device))
                adapters.append((net, seen, options.structure_strength))
        texture = work.layers.texture
        if texture is not None and spot is not None:
            net = SHELF.take("colors", (spot, device), lambda: networks.adapter(spot, device))
            seen = _tensor(conditions.colors(texture, work.width, work.height, options.cubic))
            adapters.append((net, seen, options.color_strength))
        return Hints(adapt(adapters), controls, options.adapter_until)

    def _structure(self, work: _Work) -> np.ndarray:
        layer = work.layers.structure
        if isinstance(layer, Sketch):
            return conditions.sketch(layer, work.width, work.height, self.options.thickness)
        assert layer is not None
        return conditions.pose(layer, work.width, work.height)

    def _picture(self, work: _Work, latents: np.ndarray) -> np.ndarray:
        """(4, h, w) latents -> (8h, 8w, 3) uint8."""
        places, device = work.places, work.device
        key = (places.taesd or places.base, device)
        vae = SHELF.take("vae", key, lambda: _vae(places, device))
        x = torch.from_numpy(latents)[None].to(device.name, device.dtype) / vae.config.scaling_factor
        with torch.inference_mode():
            rgb = vae.decode(x, return_dict=False)[0][0].float().cpu()
        return np.rint(np.moveaxis((rgb / 2 + 0.5).clamp(0, 1).numpy(), 0, 2) * 255).astype(np.uint8)

    def _outlook(self, work: _Work) -> str:
        """What to expect, in words."""
        if work.device.name != "cpu":
            return f"{work.plan.steps} steps on {work.device.name}"
        minutes = presets.expected_minutes(self.options, work.layers, torch.get_num_threads())
        about = f"{minutes:.0f} min" if minutes >= 1.5 else f"{max(minutes * 60, 1):.0f} s"
        return f"{work.plan.steps} steps on the CPU, about {about}"


def _vae(places: Places, device: Device) -> Any:
    return networks.taesd(places.taesd, device) if places.taesd else networks.vae(places.base, device)


def _tensor(picture: np.ndarray) -> Tensor:
    """(H, W, C) -> (1, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, 2, 0)))[None]


def _left(seconds: float) -> str:
    if seconds < 5:
        return ""
    return f", about {seconds / 60:.0f} min left" if seconds >= 90 else f", about {seconds:.0f} s left"


def _fit(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Bring (h, w, 3) uint8 to the file's size: area average down, Lanczos up."""
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = picture.shape[0] >= height and picture.shape[1] >= width
    return (io.resize_area if shrinks else io.resize)(picture, width, height)
