"""The denoising loop: from noise to latents, with progress reports and inpainting.

    x <- noise
    for each timestep:    eps  <- UNet(x, prompt, conditioning)           for two prompts, with guidance
                          x    <- scheduler.step(eps, x)
                          x    <- mask ? x : known latents                when inpainting

Ho, Jain, Abbeel (2020); classifier-free guidance: Ho, Salimans (2022); latent diffusion: Rombach et al. (2022);
inpainting by resetting the known region after every step: RePaint, Lugmayr et al. (2022). Latents are float32
on every device, whatever dtype the networks use, so that schedulers keep their precision.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

# linear map from latents to RGB in -1..1, fitted to Stable Diffusion 1's VAE by Kevin Turner (2022)
_LATENT_TO_RGB: Final = np.array(
    [[0.298, 0.207, 0.208], [0.187, 0.286, 0.173], [-0.158, 0.189, 0.264], [-0.184, -0.271, -0.473]], np.float32
)

OnDenoised = Callable[[int, int, np.ndarray], None]
"""Called after each step with its number (from 1), their total, and the predicted clean latents, (4, h, w)."""


class NotFiniteError(ArithmeticError):
    """A network's output is not finite: it overflows in its precision, or its weights are damaged."""


@dataclass(frozen=True, eq=False)
class Control:
    """A ControlNet and its picture; or a ControlNet-Union and several, each with the mode that it is of.

    pictures: (1, 3, H, W) each, in 0..1; weights: one for each picture; modes: none for a plain ControlNet
    """

    network: Any
    pictures: Sequence[Tensor]
    weights: Sequence[float]
    modes: Sequence[int] = ()

    def inputs(self, batch: int) -> dict[str, Any]:
        """Return the network's arguments for its pictures, for a batch of prompts."""
        net = self.network
        pictures = [picture.to(net.device, net.dtype).expand(batch, -1, -1, -1) for picture in self.pictures]
        if not self.modes:
            return {"controlnet_cond": pictures[0], "conditioning_scale": self.weights[0]}
        control_type = torch.zeros(batch, net.config.num_control_type, device=net.device, dtype=net.dtype)
        control_type[:, list(self.modes)] = 1
        return {
            "controlnet_cond": pictures,
            "conditioning_scale": list(self.weights),
            "control_type": control_type,
            "control_type_idx": list(self.modes),
        }


@dataclass(frozen=True, eq=False)
class Conditioning:
    """How the layers guide the UNet.

    adapter_features: of the T2I-Adapters, weighted and summed, (1, C, h, w) each, finest first; or none
    controls: the ControlNets
    end: 0..1, fraction of the steps that are guided
    """

    adapter_features: Sequence[Tensor] = ()
    controls: Sequence[Control] = ()
    end: float = 1.0


@dataclass(frozen=True, eq=False)
class InpaintConstraint:
    """Keeps known latents where `mask`, (1, 1, h, w) bool, is false.

    trajectory: (4, h, w) float32 each, the initial latents and those after each step of a decode with the
    same schedule. They are replayed, so that both sides of the mask match at every step. If it is empty,
    `latents`, the final ones, are noised to the level of each step instead.
    """

    mask: Tensor
    latents: np.ndarray
    trajectory: Sequence[np.ndarray] = field(default=())


def preview_latents(latents: np.ndarray, latent_to_rgb: np.ndarray = _LATENT_TO_RGB) -> np.ndarray:
    """Return an (h, w, 3) uint8 approximation of the picture of (4, h, w) latents, at an eighth of its size.

    latent_to_rgb: (4, 3), the linear map to RGB in -1..1 that fits the VAE
    """
    rgb = np.moveaxis(latents, 0, 2) @ latent_to_rgb
    return np.asarray(np.rint(np.clip(rgb / 2 + 0.5, 0, 1) * 255), np.uint8)


@torch.inference_mode()
def combine_adapters(adapters: Sequence[tuple[Any, Tensor, float]]) -> list[Tensor]:
    """Return the weighted sum of the features of T2I-Adapters: (adapter, picture (1, C, H, W) in 0..1, weight) each."""
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
    added: Mapping[str, Tensor] | None = None,
    conditioning: Conditioning | None = None,
    constraint: InpaintConstraint | None = None,
    start: np.ndarray | None = None,
    skipped: int = 0,
    generator: torch.Generator | None = None,
    on_denoised: OnDenoised | None = None,
) -> list[np.ndarray]:
    """Run all steps of `scheduler`; return the trajectory: the initial latents and those after each step.

    scheduler: with its timesteps set
    prompts: text embeddings; (2, tokens, features), the negative one first, or (1, tokens, features) without
        guidance (`guidance` <= 1)
    added: the UNet's other inputs, such as pooled text embeddings, for as many prompts
    noise: (4, h, w) float32, standard normal, like the latents of the trajectory
    start: (4, h, w) float32, clean latents to start from, at the noise level of the first step that is run; None: from
        noise. skipped: the number of timesteps that are left out at the beginning
    generator: for schedulers that add noise; on the CPU, so that every device gets the same noise

    Exceptions raised by `on_denoised` end the loop. Raises NotFiniteError if the UNet overflows.
    """
    conditioning = conditioning or Conditioning()
    inputs: dict[str, Any] = {"encoder_hidden_states": prompts.to(unet.device, unet.dtype)}
    if added:
        inputs["added_cond_kwargs"] = {name: value.to(unet.device, unet.dtype) for name, value in added.items()}
    is_guided = len(prompts) == 2
    noise_tensor = torch.from_numpy(noise)[None].to(unet.device)
    takes_generator = "generator" in inspect.signature(scheduler.step).parameters
    step_arguments = {"generator": generator} if takes_generator else {}
    timesteps = scheduler.timesteps[skipped:]
    if start is None:
        x = noise_tensor * scheduler.init_noise_sigma
    else:
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(skipped)
        x = scheduler.add_noise(torch.from_numpy(start)[None].to(unet.device), noise_tensor, timesteps[:1])
    if constraint is not None:
        x = _apply_constraint(x, constraint, 0, scheduler, noise_tensor, timesteps)
    trajectory = [_to_array(x)]
    for index, t in enumerate(timesteps):
        unet_input = scheduler.scale_model_input(x, t)
        active = conditioning if index < conditioning.end * len(timesteps) else Conditioning()
        batch = torch.cat([unet_input] * len(prompts)).to(unet.dtype)
        eps = _predict_noise(unet, batch, t, inputs, active).float()
        if not eps.isfinite().all():
            raise NotFiniteError
        if is_guided:
            unconditional, conditional = eps.chunk(2)
            eps = unconditional + guidance * (conditional - unconditional)
        x = scheduler.step(eps, t, x, **step_arguments, return_dict=False)[0]
        if constraint is not None:
            x = _apply_constraint(x, constraint, index + 1, scheduler, noise_tensor, timesteps)
        trajectory.append(_to_array(x))
        if on_denoised is not None:
            on_denoised(index + 1, len(timesteps), predict_x0(scheduler, unet_input, eps, t))
    return trajectory


def predict_x0(scheduler: Any, unet_input: Tensor, eps: Tensor, t: Tensor) -> np.ndarray:
    """Return the clean latents by the UNet's output `eps`: its noise, or its velocity (Salimans, Ho 2022).

    Every scheduler scales the UNet's input to DDPM's noise levels, so one formula fits all.
    """
    alpha = float(scheduler.alphas_cumprod[min(int(t), len(scheduler.alphas_cumprod) - 1)])
    if scheduler.config.prediction_type == "v_prediction":
        return _to_array(alpha**0.5 * unet_input - (1 - alpha) ** 0.5 * eps)
    return _to_array((unet_input - (1 - alpha) ** 0.5 * eps) / max(alpha, 1e-8) ** 0.5)


def _predict_noise(unet: Any, x: Tensor, t: Tensor, inputs: dict[str, Any], conditioning: Conditioning) -> Tensor:
    """Return the UNet's estimate of the noise in x, (1 or 2, 4, h, w). inputs: of the UNet and the ControlNets."""
    arguments = dict(inputs)
    if conditioning.adapter_features:
        # the UNet pops from this list and adds in place, so it gets a copy
        features = [torch.cat([feature] * len(x)) for feature in conditioning.adapter_features]
        arguments["down_intrablock_additional_residuals"] = features
    if conditioning.controls:
        residuals = _sum_controls(conditioning.controls, x, t, inputs)
        arguments["down_block_additional_residuals"] = residuals[:-1]
        arguments["mid_block_additional_residual"] = residuals[-1]
    noise: Tensor = unet(x, t, return_dict=False, **arguments)[0]
    return noise


def _sum_controls(controls: Sequence[Control], x: Tensor, t: Tensor, inputs: dict[str, Any]) -> list[Tensor]:
    """Return the sum of the ControlNets' residuals: of the down blocks, then of the middle block."""
    total: list[Tensor] = []
    for control in controls:
        down, middle = control.network(x, t, return_dict=False, **inputs, **control.inputs(len(x)))
        residuals = [*down, middle]
        total = [a + b for a, b in zip(total, residuals, strict=True)] if total else residuals
    return total


def _apply_constraint(
    x: Tensor, constraint: InpaintConstraint, step: int, scheduler: Any, noise: Tensor, timesteps: Tensor
) -> Tensor:
    """Reset the latents outside the mask to the known ones after `step` of the timesteps."""
    if len(constraint.trajectory):
        known = torch.from_numpy(constraint.trajectory[step])[None].to(x.device)
    else:
        known = torch.from_numpy(constraint.latents)[None].to(x.device)
        if step < len(timesteps):
            known = scheduler.add_noise(known, noise, timesteps[step : step + 1])
    return torch.where(constraint.mask.to(x.device), x, known.to(x.dtype))


def _to_array(x: Tensor) -> np.ndarray:
    array: np.ndarray = x[0].to("cpu", torch.float32, copy=True).numpy()
    return array
