"""The denoising loop: noise -> latents, step by step, watched, and where a mask says so, held.

    x <- noise
    for each timestep:    eps  <- UNet(x, prompt, hints)                  twice, where there is guidance
                          x    <- scheduler.step(eps, x)
                          x    <- mask ? x : what it was then             in a masked re-decode

Ho, Jain, Abbeel (2020); classifier-free guidance: Ho, Salimans (2022); the latents: Rombach et al. (2022);
holding what is known at every step: RePaint, Lugmayr et al. (2022). Latents are float32 here on every
device, whatever the networks compute in, so that schedulers lose nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

# latents -> RGB in -1..1, fitted to Stable Diffusion 1's VAE by Kevin Turner (2022)
_TO_RGB: Final = np.array(
    [[0.298, 0.207, 0.208], [0.187, 0.286, 0.173], [-0.158, 0.189, 0.264], [-0.184, -0.271, -0.473]], np.float32
)

Watch = Callable[[int, int, np.ndarray], None]
"""Called after each step with its index (from 1), their number, and the (4, h, w) latents foreseen."""


@dataclass(frozen=True, eq=False)
class Hints:
    """How layers guide the UNet.

    residuals: of T2I-Adapters, weighed and summed, (1, C, h, w) from the finest, or none.
    controls: (ControlNet, its picture (1, 3, H, W) in 0..1, weight) each.
    until: 0..1, the share of the steps that they guide.
    """

    residuals: Sequence[Tensor] = ()
    controls: Sequence[tuple[Any, Tensor, float]] = ()
    until: float = 1.0


@dataclass(frozen=True, eq=False)
class Held:
    """What must not change: all where `mask`, (1, 1, h, w) bool, is false.

    trajectory: (4, h, w) float32, the start and what came after each step of a decode with the same
    schedule: replayed, so that both sides of the mask fit at every step. Where it is empty,
    `latents`, the end alone, is noised to each step's level instead.
    """

    mask: Tensor
    latents: np.ndarray
    trajectory: Sequence[np.ndarray] = field(default=())


def start_noise(seed: int, width: int, height: int) -> np.ndarray:
    """(4, height / 8, width / 8) float32, standard normal: the same for a seed on every machine and device.

    Philox (Salmon et al. 2011) keyed by `seed`, any integer; width and height in pixels.
    """
    random = np.random.Generator(np.random.Philox(key=seed % 2**128))
    return random.standard_normal((4, height // 8, width // 8), dtype=np.float32)


def preview(latents: np.ndarray) -> np.ndarray:
    """(4, h, w) latents -> (h, w, 3) uint8: roughly what the VAE would make of them, at an eighth."""
    rgb = np.moveaxis(latents, 0, 2) @ _TO_RGB
    return np.rint(np.clip(rgb / 2 + 0.5, 0, 1) * 255).astype(np.uint8)


@torch.inference_mode()
def adapt(adapters: Sequence[tuple[Any, Tensor, float]]) -> list[Tensor]:
    """(adapter, picture (1, C, H, W) in 0..1, weight) each -> their features, weighed and summed."""
    total: list[Tensor] = []
    for adapter, picture, weight in adapters:
        features = [weight * feature for feature in adapter(picture.to(adapter.device, adapter.dtype))]
        total = [a + b for a, b in zip(total, features, strict=True)] if total else features
    return total


@torch.inference_mode()
def denoise(
    unet: Any,
    scheduler: Any,
    prompts: Tensor,
    noise: np.ndarray,
    *,
    guidance: float,
    hints: Hints | None = None,
    held: Held | None = None,
    generator: torch.Generator | None = None,
    watch: Watch | None = None,
) -> list[np.ndarray]:
    """Run all steps of `scheduler`, whose timesteps are set; returns the trajectory.

    `prompts`: (2, tokens, features), the negative one first, or (1, tokens, features) with `guidance` at
    most 1. `noise`: (4, h, w) float32, standard normal. `generator`: for schedulers that add noise, on the
    CPU so that every device gets the same. The trajectory has the start and the latents
    after each step, (4, h, w) float32; its last is the result. What `watch` raises ends the loop.
    """
    hints = hints or Hints()
    device, dtype = unet.device, unet.dtype
    prompts = prompts.to(device, dtype)
    guided = len(prompts) == 2
    clean = torch.from_numpy(noise)[None].to(device)
    x = clean * scheduler.init_noise_sigma
    extra = {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
    timesteps = scheduler.timesteps
    if held is not None:
        x = _hold(x, held, 0, scheduler, clean)
    trajectory = [_array(x)]
    for index, t in enumerate(timesteps):
        seen = scheduler.scale_model_input(x, t)
        hinted = hints if index < hints.until * len(timesteps) else Hints()
        eps = _predict(unet, torch.cat([seen] * len(prompts)).to(dtype), t, prompts, hinted).float()
        if guided:
            without, with_prompt = eps.chunk(2)
            eps = without + guidance * (with_prompt - without)
        x = scheduler.step(eps, t, x, **extra, return_dict=False)[0]
        if held is not None:
            x = _hold(x, held, index + 1, scheduler, clean)
        trajectory.append(_array(x))
        if watch is not None:
            watch(index + 1, len(timesteps), _foreseen(scheduler, seen, eps, t))
    return trajectory


def _predict(unet: Any, x: Tensor, t: Tensor, prompts: Tensor, hints: Hints) -> Tensor:
    """The UNet's estimate of the noise in x, (1 or 2, 4, h, w)."""
    more: dict[str, Any] = {}
    batch = len(prompts)
    if hints.residuals:
        # the UNet takes these apart and adds in place, so it gets its own
        more["down_intrablock_additional_residuals"] = [torch.cat([one] * batch) for one in hints.residuals]
    if hints.controls:
        sums: list[Tensor] = []
        for net, picture, weight in hints.controls:
            picture = picture.to(net.device, net.dtype).expand(batch, -1, -1, -1)
            down, middle = net(
                x, t, encoder_hidden_states=prompts, controlnet_cond=picture, conditioning_scale=weight,
                return_dict=False,
            )  # fmt: skip
            sums = [a + b for a, b in zip(sums, (*down, middle), strict=True)] if sums else [*down, middle]
        more["down_block_additional_residuals"] = sums[:-1]
        more["mid_block_additional_residual"] = sums[-1]
    return unet(x, t, encoder_hidden_states=prompts, return_dict=False, **more)[0]


def _hold(x: Tensor, held: Held, step: int, scheduler: Any, noise: Tensor) -> Tensor:
    """Put back what lies outside the mask, as it is after `step` steps."""
    timesteps = scheduler.timesteps
    if len(held.trajectory):
        known = torch.from_numpy(held.trajectory[step])[None].to(x.device)
    else:
        known = torch.from_numpy(held.latents)[None].to(x.device)
        if step < len(timesteps):
            known = scheduler.add_noise(known, noise, timesteps[step : step + 1])
    return torch.where(held.mask.to(x.device), x, known.to(x.dtype))


def _foreseen(scheduler: Any, seen: Tensor, eps: Tensor, t: Tensor) -> np.ndarray:
    """The clean latents if `eps` were all the noise: every scheduler shows the UNet x on DDPM's scale."""
    kept = float(scheduler.alphas_cumprod[min(int(t), len(scheduler.alphas_cumprod) - 1)])
    return _array((seen - (1 - kept) ** 0.5 * eps) / kept**0.5)


def _array(x: Tensor) -> np.ndarray:
    return x[0].to("cpu", torch.float32, copy=True).numpy()
