"""Stable Diffusion's files with tiny random weights, in the Hub's layout.

    models/sd15/unet/config.json ...    models/sketch-adapter/diffusion_pytorch_model.bin ...

Folders are named as in the catalog of models. The configuration files are copies of the Hub's, including old fields,
except for the sizes in `TINY`; `FULL` has the sizes of the real networks. Weights have the Hub's old names, too (the
VAE's attention of 2022, `text_model.`, `position_ids`). All weights come from one seed; the folder takes about 10 MB
and is written within seconds, without a download.
"""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codec.models.torchvision_compat import ensure_torchvision

WEIGHTS_NAME = "diffusion_pytorch_model.safetensors"
PICKLE_NAME = "diffusion_pytorch_model.bin"

FULL: dict[str, dict[str, Any]] = {
    "unet": {"block_out_channels": [320, 640, 1280, 1280], "cross_attention_dim": 768, "norm_num_groups": 32},
    "vae": {"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "norm_num_groups": 32},
    "text": {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
             "vocab_size": 49408, "projection_dim": 768},
    "sketch-adapter": {"adapter_type": "full_adapter", "channels": [320, 640, 1280, 1280], "in_channels": 1,
                       "num_res_blocks": 2},
    "openpose-adapter": {"adapter_type": "full_adapter", "channels": [320, 640, 1280, 1280], "in_channels": 3,
                         "num_res_blocks": 2},
    "color-adapter": {"adapter_type": "light_adapter", "channels": [320, 640, 1280], "in_channels": 3,
                      "num_res_blocks": 4},
}  # fmt: skip

CHANNELS = [16, 32, 32, 32]
TINY: dict[str, dict[str, Any]] = {
    "unet": {"block_out_channels": CHANNELS, "cross_attention_dim": 32, "norm_num_groups": 8},
    "vae": {"block_out_channels": [8, 16, 16, 16], "layers_per_block": 1, "norm_num_groups": 8},
    "text": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
             "vocab_size": 516, "projection_dim": 32},
    "sketch-adapter": {**FULL["sketch-adapter"], "channels": CHANNELS},
    "openpose-adapter": {**FULL["openpose-adapter"], "channels": CHANNELS},
    "color-adapter": {**FULL["color-adapter"], "channels": CHANNELS[:3]},
}  # fmt: skip

ADAPTERS = ("sketch-adapter", "openpose-adapter", "color-adapter")
CONTROLNETS = ("controlnet-scribble", "controlnet-lineart", "controlnet-openpose")
NAMES = ("sd15", *ADAPTERS, *CONTROLNETS, "taesd", "lcm-lora")
_LORA_LAYERS = {
    "to_q",
    "to_k",
    "to_v",
    "proj_in",
    "proj_out",
    "conv",
    "conv1",
    "conv2",
    "conv_shortcut",
    "time_emb_proj",
}


@functools.cache
def models_dir() -> Path:
    """Return a folder with the models `NAMES`, written once per process and removed at its end."""
    folder = Path(tempfile.mkdtemp(prefix="trilayer-tiny-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write(folder)


def write(root: Path) -> Path:
    """Write every model of `NAMES` into its folder under `root`; adapters as pickles, like on the Hub."""
    import torch

    ensure_torchvision()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet = _sd15(root / "sd15")
        (root / "sd14").symlink_to("sd15")
        shutil.copytree(root / "sd15" / "vae", root / "sd-vae")
        for name in ADAPTERS:
            _adapter(root / name, TINY[name])
        (root / "sketch-adapter-sd14").symlink_to("sketch-adapter")
        for name in CONTROLNETS:
            _controlnet(root / name, unet)
        _taesd(root / "taesd")
        write_lora(root / "lcm-lora" / "pytorch_lora_weights.safetensors", unet)
    return root


# --- the Hub's configuration files --------------------------------------------------------------------


def unet_config(sizes: dict[str, Any]) -> dict[str, Any]:
    """Return unet/config.json of stable-diffusion-v1-5 with other sizes."""
    return {
        "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0", "act_fn": "silu",
        "attention_head_dim": 8, "center_input_sample": False,
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], "downsample_padding": 1,
        "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
        "mid_block_scale_factor": 1, "norm_eps": 1e-05, "out_channels": 4, "sample_size": 64,
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3, **sizes,
    }  # fmt: skip


def vae_config(sizes: dict[str, Any]) -> dict[str, Any]:
    """Return its vae/config.json, which has no scaling_factor: the default is 0.18215."""
    return {
        "_class_name": "AutoencoderKL", "_diffusers_version": "0.6.0", "act_fn": "silu",
        "down_block_types": ["DownEncoderBlock2D"] * 4, "in_channels": 3, "latent_channels": 4,
        "out_channels": 3, "sample_size": 512, "up_block_types": ["UpDecoderBlock2D"] * 4, **sizes,
    }  # fmt: skip


def text_config(sizes: dict[str, Any]) -> dict[str, Any]:
    """Return its text_encoder/config.json. The ids of the special tokens are wrong on the Hub, too."""
    return {
        "_name_or_path": "openai/clip-vit-large-patch14", "architectures": ["CLIPTextModel"],
        "attention_dropout": 0.0, "bos_token_id": 0, "dropout": 0.0, "eos_token_id": 2, "hidden_act": "quick_gelu",
        "initializer_factor": 1.0, "initializer_range": 0.02, "layer_norm_eps": 1e-05,
        "max_position_embeddings": 77, "model_type": "clip_text_model", "pad_token_id": 1,
        "torch_dtype": "float32", "transformers_version": "4.22.0.dev0", **sizes,
    }  # fmt: skip


def adapter_config(sizes: dict[str, Any]) -> dict[str, Any]:
    """Return a T2I-Adapter's config.json, without downscale_factor, like on the Hub."""
    return {"_class_name": "T2IAdapter", "_diffusers_version": "0.19.0.dev0", **sizes}


SCHEDULER: dict[str, Any] = {
    "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False, "num_train_timesteps": 1000,
    "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1, "trained_betas": None,
}  # fmt: skip

INDEX: dict[str, Any] = {
    "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.6.0",
    "feature_extractor": [None, None], "safety_checker": [None, None],
    "scheduler": ["diffusers", "PNDMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}  # fmt: skip


# --- folders ------------------------------------------------------------------------------------------


def _sd15(folder: Path) -> Any:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    dump(folder / "model_index.json", INDEX)
    dump(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    config = unet_config(TINY["unet"])
    dump(folder / "unet" / "config.json", config)
    unet = UNet2DConditionModel.from_config(config)
    save(unet.state_dict(), folder / "unet" / WEIGHTS_NAME)
    config = vae_config(TINY["vae"])
    dump(folder / "vae" / "config.json", config)
    save(AutoencoderKL.from_config(config).state_dict(), folder / "vae" / WEIGHTS_NAME, _rename_attention)
    config = text_config(TINY["text"])
    dump(folder / "text_encoder" / "config.json", config)
    state = CLIPTextModel(CLIPTextConfig(**config)).state_dict()
    state["embeddings.position_ids"] = _position_ids()
    save(state, folder / "text_encoder" / "model.safetensors", _rename_text_model)
    write_tokenizer(folder / "tokenizer")
    return unet


def _adapter(folder: Path, sizes: dict[str, Any]) -> None:
    import torch
    from diffusers import T2IAdapter

    config = adapter_config(sizes)
    dump(folder / "config.json", config)
    state = T2IAdapter.from_config(config).state_dict()
    torch.save({key: value.clone() for key, value in state.items()}, folder / PICKLE_NAME)


def _controlnet(folder: Path, unet: Any) -> None:
    import torch
    from diffusers import ControlNetModel

    net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 16, 16))
    for weight in net.parameters():  # as initialized, its zero convolutions have no effect
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.02)
    net.save_pretrained(folder)


def _taesd(folder: Path) -> None:
    from diffusers import AutoencoderTiny

    widths = {"encoder_block_out_channels": (8,) * 4, "decoder_block_out_channels": (8,) * 4}
    depths = {"num_encoder_blocks": (1,) * 4, "num_decoder_blocks": (1,) * 4}
    AutoencoderTiny(**widths, **depths).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    del config["block_out_channels"]  # written by the class, which does not accept it
    dump(folder / "config.json", config)


def write_lora(path: Path, unet: Any) -> None:
    """Write a LoRA with kohya's names. Rank 4 instead of 64; alpha equals the rank."""
    import torch

    state: dict[str, Any] = {}
    for name, module in unet.named_modules():
        weight = getattr(module, "weight", None)
        if name.split(".")[-1] not in _LORA_LAYERS and not name.endswith(("to_out.0", "net.0.proj", "net.2")):
            continue
        assert weight is not None
        key = "lora_unet_" + name.replace(".", "_")
        kernel = tuple(weight.shape[2:])
        state[f"{key}.lora_down.weight"] = torch.randn(4, weight.shape[1], *kernel) * 0.05
        state[f"{key}.lora_up.weight"] = torch.randn(weight.shape[0], 4, *[1 for _ in kernel]) * 0.05
        state[f"{key}.alpha"] = torch.tensor(4.0)
    save(state, path)


def write_tokenizer(folder: Path) -> None:
    """Write CLIP's byte-level vocabulary with two merges, in the files of the slow tokenizer."""
    letters = _byte_letters()
    tokens = [*letters, *(letter + "</w>" for letter in letters), "th", "the</w>", "<|startoftext|>", "<|endoftext|>"]
    assert len(tokens) == TINY["text"]["vocab_size"]
    dump(folder / "vocab.json", {token: index for index, token in enumerate(tokens)})
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e</w>\n", encoding="utf-8")
    special = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    start = {"content": "<|startoftext|>", **special}
    end = {"content": "<|endoftext|>", **special}
    token_type = {"__type": "AddedToken"}
    dump(folder / "tokenizer_config.json", {
        "add_prefix_space": False, "bos_token": {**token_type, **start}, "do_lower_case": True,
        "eos_token": {**token_type, **end}, "errors": "replace", "model_max_length": 77,
        "name_or_path": "openai/clip-vit-large-patch14", "pad_token": "<|endoftext|>",
        "special_tokens_map_file": "./special_tokens_map.json", "tokenizer_class": "CLIPTokenizer",
        "unk_token": {**token_type, **end},
    })  # fmt: skip
    names = {"bos_token": start, "eos_token": end, "pad_token": "<|endoftext|>", "unk_token": end}
    dump(folder / "special_tokens_map.json", names)


def _byte_letters() -> list[str]:
    """Return GPT-2's printable letter for each byte, in CLIP's order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + place) for place, _ in enumerate(hidden)]


# --- names of tensors in 2022 -------------------------------------------------------------------------


def _rename_attention(key: str) -> str:
    if "attentions" in key:
        for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
            key = key.replace(new, old)
    return key


def _rename_text_model(key: str) -> str:
    return key if key.startswith("text_model.") else f"text_model.{key}"


def _position_ids() -> Any:
    import torch

    return torch.arange(77)[None]


def dump(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def save(state: dict[str, Any], path: Path, rename: Callable[[str], str] = str) -> None:
    """Write a safetensors file and its folder, with other names for the tensors."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({rename(key): value.contiguous() for key, value in state.items()}, path, metadata={"format": "pt"})
