"""LoRA: low-rank updates merged into a network's weights when it is loaded (Hu et al. 2021).

    W <- W + scale * alpha / rank * up @ down

Merged updates cost nothing at run time. Files name a layer in kohya's way (`lora_unet_down_blocks_0_...`,
with .lora_down, .lora_up, .alpha), as LCM-LoRA does, or in that of diffusers and peft
(`unet.down_blocks.0....lora_A.weight`).
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from codec.errors import ModelMissing

_UP_SUFFIXES: Final = {  # by the suffix of the down matrix
    ".lora_down.weight": ".lora_up.weight",
    ".lora_A.weight": ".lora_B.weight",
    ".lora.down.weight": ".lora.up.weight",
}


@torch.no_grad()
def merge(unet: Any, state: dict[str, Tensor], scale: float = 1.0) -> int:
    """Add the updates in `state` to the weights of `unet`, in place; return the number of layers changed.

    Raises ModelMissing, and changes no weights, if the LoRA was made for another model: if any of its layers is
    unknown or has another shape.
    """
    layers = dict(unet.named_modules())
    kohya_names = {f"lora_unet_{name.replace('.', '_')}": name for name in layers}
    updates: list[tuple[Tensor, Tensor]] = []
    used_keys: set[str] = set()
    for key, down in state.items():
        suffix = next((suffix for suffix in _UP_SUFFIXES if key.endswith(suffix)), None)
        if suffix is None:
            continue
        stem = key.removesuffix(suffix)
        up_key, alpha_key = stem + _UP_SUFFIXES[suffix], f"{stem}.alpha"
        layer = layers.get(kohya_names.get(stem, stem.removeprefix("unet.")))
        weight = getattr(layer, "weight", None)
        if weight is None or up_key not in state:
            raise ModelMissing(f"the LoRA was made for another model: there is no layer {stem!r}")
        rank = down.shape[0]
        alpha = float(state[alpha_key]) if alpha_key in state else rank
        update = _multiply(state[up_key].float(), down.float()) * (scale * alpha / rank)
        if update.shape != weight.shape:
            raise ModelMissing(f"the LoRA was made for another model: layer {stem!r} has another shape")
        updates.append((weight, update))
        used_keys |= {key, up_key, alpha_key}
    unknown_keys = sorted(set(state) - used_keys)
    if unknown_keys or not updates:
        raise ModelMissing(f"the LoRA was made for another model: unknown tensors such as {unknown_keys[:1]}")
    for weight, update in updates:
        weight.copy_((weight.float() + update.to(weight.device)).to(weight.dtype))
    return len(updates)


def _multiply(up: Tensor, down: Tensor) -> Tensor:
    """Return up @ down; linear: (out, rank) and (rank, in); convolution: (out, rank, 1, 1) and (rank, in, k, k)."""
    return (up.flatten(1) @ down.flatten(1)).reshape(up.shape[0], *down.shape[1:])
