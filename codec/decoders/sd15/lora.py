"""LoRA: small updates merged into a network's weights when it is loaded (Hu et al. 2021).

    W <- W + scale * alpha / rank * up @ down

Merged, they cost nothing at run time. Files name a layer in kohya's way (`lora_unet_down_blocks_0_...`,
with .lora_down, .lora_up, .alpha), as LCM-LoRA does, or in diffusers' and peft's
(`unet.down_blocks.0....lora_A.weight`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from codec.errors import ModelMissing

_DOWN = (".lora_down.weight", ".lora_A.weight", ".lora.down.weight")
_UP = (".lora_up.weight", ".lora_B.weight", ".lora.up.weight")


@torch.no_grad()
def merge(unet: Any, state: dict[str, Tensor], scale: float = 1.0) -> int:
    """Add the updates in `state` to the weights of `unet`, in place; returns how many layers have changed.

    Raises ModelMissing if any of them has no layer of its shape here, which is then another model's
    LoRA; nothing is changed then.
    """
    layers = dict(unet.named_modules())
    kohya = {f"lora_unet_{name.replace('.', '_')}": name for name in layers}
    changes: list[tuple[Tensor, Tensor]] = []
    read: set[str] = set()
    for key, down in state.items():
        ending = next((ending for ending in _DOWN if key.endswith(ending)), None)
        if ending is None:
            continue
        stem = key.removesuffix(ending)
        up_key = stem + _UP[_DOWN.index(ending)]
        layer = layers.get(kohya.get(stem, stem.removeprefix("unet.")))
        weight = getattr(layer, "weight", None)
        if weight is None or up_key not in state:
            raise ModelMissing(f"the LoRA has a layer {stem!r} that this model has not: it was made for another one")
        rank = down.shape[0]
        alpha = float(state[f"{stem}.alpha"]) if f"{stem}.alpha" in state else rank
        update = _product(state[up_key].float(), down.float()) * (scale * alpha / rank)
        if update.shape != weight.shape:
            raise ModelMissing(f"the LoRA's layer {stem!r} has another shape: it was made for another model")
        changes.append((weight, update))
        read |= {key, up_key, f"{stem}.alpha"}
    unread = sorted(set(state) - read)
    if unread or not changes:
        raise ModelMissing(f"the LoRA has nothing known, such as {unread[:1]}: it was made for another model")
    for weight, update in changes:
        weight.copy_((weight.float() + update.to(weight.device)).to(weight.dtype))
    return len(changes)


def _product(up: Tensor, down: Tensor) -> Tensor:
    """Linear: (out, rank) and (rank, in). Convolution: (out, rank, 1, 1) and (rank, in, k, k)."""
    return (up.flatten(1) @ down.flatten(1)).reshape(up.shape[0], *down.shape[1:])
