"""Stable Diffusion in one file: the folder's tensors under the names that CompVis gave them in 2022.

The reverse of the conversion that diffusers does when it reads such a file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
_ENDS = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
_ATTENTION = {"group_norm": "norm", "query": "q", "key": "k", "value": "v", "proj_attn": "proj_out"}


def write(folder: Path, path: Path) -> Path:
    """Write the base model in `folder` (hub layout) as one checkpoint to `path`."""
    from safetensors.torch import load_file, save_file

    unet = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    vae = load_file(folder / "vae" / "diffusion_pytorch_model.safetensors")
    text = load_file(folder / "text_encoder" / "model.safetensors")
    state = {f"model.diffusion_model.{_unet(name)}": value for name, value in unet.items()}
    state |= {f"first_stage_model.{_vae(name)}": _as_convolution(name, value) for name, value in vae.items()}
    state |= {f"cond_stage_model.transformer.{name}": value for name, value in text.items()}
    save_file({name: value.contiguous() for name, value in state.items()}, path, metadata={"format": "pt"})
    return path


def _unet(name: str) -> str:
    for new, old in _ENDS.items():
        if name.startswith(f"{new}."):
            return name.replace(new, old, 1)
    if "resnets" in name:
        part, _, rest = name.partition(".resnets.")
        number, inner, kind = rest.split(".", 2)
        return f"{_place(part, int(number), 0)}.{_RESNET[inner]}.{kind}"
    if "attentions" in name:
        part, _, rest = name.partition(".attentions.")
        number, inner = rest.split(".", 1)
        return f"{_place(part, int(number), 1)}.{inner}"
    block = int(name.split(".")[1])
    if "downsamplers" in name:
        return f"input_blocks.{3 * (block + 1)}.0.op.{name.rsplit('.', 1)[1]}"
    return f"output_blocks.{3 * block + 2}.{1 if block == 0 else 2}.{name.split('.', 4)[4]}"  # upsamplers.0.conv


def _place(part: str, number: int, attention: int) -> str:
    """Where the resnet (or attention) of that number in a part of the UNet stands."""
    if part == "mid_block":
        return f"middle_block.{1 if attention else 2 * number}"
    direction, block = part.split(".")
    if direction == "down_blocks":
        return f"input_blocks.{3 * int(block) + number + 1}.{attention}"
    return f"output_blocks.{3 * int(block) + number}.{attention}"


def _vae(name: str) -> str:
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda found: f"up.{3 - int(found[1])}.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{3 - int(found[1])}.upsample", name)
    if "attentions" in name:
        part, inner, kind = name.replace("mid_block.attentions.0", "mid.attn_1").rsplit(".", 2)
        return f"{part}.{_ATTENTION[inner]}.{kind}"
    return name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")


def _as_convolution(name: str, value: Any) -> Any:
    """The VAE's attention was made of 1 x 1 convolutions."""
    return value[..., None, None] if "attentions" in name and value.ndim == 2 else value
