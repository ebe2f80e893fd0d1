"""Stable Diffusion XL's files with tiny random weights, in the Hub's layout; like tiny.py for Stable Diffusion 1.

The configuration files are copies of the Hub's except for the sizes. The base model is saved in half precision, under
the Hub's names for it. Its own VAE is left out: the decoder uses that of the model "sdxl-vae".
"""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from codec.models.torchvision_compat import ensure_torchvision
from tests import tiny

CHANNELS = [16, 32, 32]
TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
        "vocab_size": 516, "projection_dim": 32}  # fmt: skip

UNET: dict[str, Any] = {
    "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.19.0.dev0", "act_fn": "silu",
    "addition_embed_type": "text_time", "addition_embed_type_num_heads": 64, "addition_time_embed_dim": 8,
    "attention_head_dim": [2, 4, 4], "block_out_channels": CHANNELS, "center_input_sample": False,
    "cross_attention_dim": 64, "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "downsample_padding": 1, "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
    "mid_block_scale_factor": 1, "mid_block_type": "UNetMidBlock2DCrossAttn", "norm_eps": 1e-05,
    "norm_num_groups": 8, "out_channels": 4, "projection_class_embeddings_input_dim": 80, "sample_size": 128,
    "transformer_layers_per_block": [1, 1, 2],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], "use_linear_projection": True,
}  # fmt: skip

VAE: dict[str, Any] = {
    "_class_name": "AutoencoderKL", "_diffusers_version": "0.18.0.dev0", "act_fn": "silu",
    "block_out_channels": [8, 16, 16, 16], "down_block_types": ["DownEncoderBlock2D"] * 4, "force_upcast": False,
    "in_channels": 3, "latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 8, "out_channels": 3,
    "sample_size": 512, "scaling_factor": 0.13025, "up_block_types": ["UpDecoderBlock2D"] * 4,
}  # fmt: skip

UNION: dict[str, Any] = {
    "_class_name": "ControlNetUnionModel", "_diffusers_version": "0.20.0.dev0",
    **{key: UNET[key] for key in (
        "act_fn", "addition_embed_type", "addition_embed_type_num_heads", "addition_time_embed_dim",
        "attention_head_dim", "block_out_channels", "cross_attention_dim", "down_block_types", "norm_num_groups",
        "projection_class_embeddings_input_dim", "transformer_layers_per_block", "use_linear_projection",
    )},
    "conditioning_channels": 3, "conditioning_embedding_out_channels": [8, 8, 16, 16], "num_control_type": 8,
    "num_proj_channel": 16, "num_trans_channel": 16, "num_trans_head": 2,
}  # fmt: skip

SCHEDULER: dict[str, Any] = {
    "_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.19.0.dev0", "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False, "interpolation_type": "linear",
    "num_train_timesteps": 1000, "prediction_type": "epsilon", "sample_max_value": 1.0, "set_alpha_to_one": False,
    "skip_prk_steps": True, "steps_offset": 1, "timestep_spacing": "leading", "trained_betas": None,
    "use_karras_sigmas": False,
}  # fmt: skip

INDEX: dict[str, Any] = {
    "_class_name": "StableDiffusionXLPipeline", "_diffusers_version": "0.19.0.dev0",
    "force_zeros_for_empty_prompt": True, "add_watermarker": None,
    "scheduler": ["diffusers", "EulerDiscreteScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"], "tokenizer": ["transformers", "CLIPTokenizer"],
    "tokenizer_2": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}  # fmt: skip


@functools.cache
def models_dir() -> Path:
    """Return a folder with all models of the decoder "sdxl", written once per process and removed at its end."""
    import torch

    ensure_torchvision()
    root = Path(tempfile.mkdtemp(prefix="trilayer-tiny-xl-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet = _base(root / "sdxl")
        (root / "sdxl-turbo").symlink_to("sdxl")
        _vae(root / "sdxl-vae")
        for name, channels in (("sdxl-sketch-adapter", 1), ("sdxl-openpose-adapter", 3)):
            _adapter(root / name, channels)
        _union(root / "sdxl-controlnet-union")
        tiny.write_lora(root / "sdxl-lightning" / "sdxl_lightning_4step_lora.safetensors", unet)
    return root


def _base(folder: Path) -> Any:
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    tiny.dump(folder / "model_index.json", INDEX)
    tiny.dump(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    tiny.dump(folder / "unet" / "config.json", UNET)
    unet = UNet2DConditionModel.from_config(UNET).half()
    tiny.save(unet.state_dict(), folder / "unet" / "diffusion_pytorch_model.fp16.safetensors")
    for name, network, act in (
        ("text_encoder", CLIPTextModel, "quick_gelu"), ("text_encoder_2", CLIPTextModelWithProjection, "gelu")
    ):  # fmt: skip
        config = {**tiny.text_config(TEXT), "architectures": [network.__name__], "hidden_act": act}
        tiny.dump(folder / name / "config.json", config)
        tiny.save(network(CLIPTextConfig(**config)).half().state_dict(), folder / name / "model.fp16.safetensors")
    tiny.write_tokenizer(folder / "tokenizer")
    tiny.write_tokenizer(folder / "tokenizer_2")
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        path = folder / "tokenizer_2" / name
        tiny.dump(path, {**json.loads(path.read_text(encoding="utf-8")), "pad_token": "!"})
    return unet


def _vae(folder: Path) -> None:
    from diffusers import AutoencoderKL

    tiny.dump(folder / "config.json", VAE)
    tiny.save(AutoencoderKL.from_config(VAE).state_dict(), folder / tiny.WEIGHTS_NAME)


def _adapter(folder: Path, channels: int) -> None:
    from diffusers import T2IAdapter

    config = {
        "_class_name": "T2IAdapter", "_diffusers_version": "0.21.0.dev0", "adapter_type": "full_adapter_xl",
        "channels": [*CHANNELS, 32], "downscale_factor": 16, "in_channels": channels, "num_res_blocks": 2,
    }  # fmt: skip
    tiny.dump(folder / "config.json", config)
    tiny.save(T2IAdapter.from_config(config).state_dict(), folder / tiny.WEIGHTS_NAME)


def _union(folder: Path) -> None:
    import torch
    from diffusers import ControlNetUnionModel

    network = ControlNetUnionModel.from_config(UNION)
    for weight in network.parameters():  # as initialized, its zero convolutions have no effect
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.05)
    tiny.dump(folder / "config_promax.json", UNION)
    tiny.save(network.state_dict(), folder / "diffusion_pytorch_model_promax.safetensors")
