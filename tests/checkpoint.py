"""Write Stable Diffusion as a single checkpoint file, with CompVis's tensor names of 2022.

This is the inverse of diffusers' conversion of such a file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_RESNET_NAMES = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
_OUTER_NAMES = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
_ATTENTION_NAMES = {"group_norm": "norm", "query": "q", "key": "k", "value": "v", "proj_attn": "proj_out"}


def write(folder: Path, path: Path) -> Path:
    """Write the base model in `folder` (hub layout) as one checkpoint to `path`."""
    from safetensors.torch import load_file, save_file

    unet = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    vae = load_file(folder / "vae" / "diffusion_pytorch_model.safetensors")
    text = load_file(folder / "text_encoder" / "model.safetensors")
    state = {f"model.diffusion_model.{_unet_name(name)}": value for name, value in unet.items()}
    state |= {f"first_stage_model.{_vae_name(name)}": _as_convolution(name, value) for name, value in vae.items()}
    state |= {f"cond_stage_model.transformer.{name}": value for name, value in text.items()}
    save_file({name: value.contiguous() for name, value in state.items()}, path, metadata={"format": "pt"})
    return path


def _unet_name(name: str) -> str:
    for new, old in _OUTER_NAMES.items():
        if name.startswith(f"{new}."):
            return name.replace(new, old, 1)
    if "resnets" in name:
        part, _, rest = name.partition(".resnets.")
        number, inner, kind = rest.split(".", 2)
        return f"{_block_name(part, int(number), 0)}.{_RESNET_NAMES[inner]}.{kind}"
    if "attentions" in name:
        part, _, rest = name.partition(".attentions.")
        number, inner = rest.split(".", 1)
        return f"{_block_name(part, int(number), 1)}.{inner}"
    block = int(name.split(".")[1])
    if "downsamplers" in name:
        return f"input_blocks.{3 * (block + 1)}.0.op.{name.rsplit('.', 1)[1]}"
    return f"output_blocks.{3 * block + 2}.{1 if block == 0 else 2}.{name.split('.', 4)[4]}"  # upsamplers.0.conv


def _block_name(part: str, number: int, attention: int) -> str:
    """Return the name of the resnet (attention 0) or attention (1) of that number in a part of the UNet."""
    if part == "mid_block":
        return f"middle_block.{1 if attention else 2 * number}"
    direction, block = part.split(".")
    if direction == "down_blocks":
        return f"input_blocks.{3 * int(block) + number + 1}.{attention}"
    return f"output_blocks.{3 * int(block) + number}.{attention}"


def _vae_name(name: str) -> str:
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda match: f"mid.block_{int(match[1]) + 1}", name)
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda match: f"up.{3 - int(match[1])}.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda match: f"up.{3 - int(match[1])}.upsample", name)
    if "attentions" in name:
        part, inner, kind = name.replace("mid_block.attentions.0", "mid.attn_1").rsplit(".", 2)
        return f"{part}.{_ATTENTION_NAMES[inner]}.{kind}"
    return name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")


def _as_convolution(name: str, value: Any) -> Any:
    """Return the weights of the VAE's attention as those of 1 x 1 convolutions, which it had in 2022."""
    return value[..., None, None] if "attentions" in name and value.ndim == 2 else value
