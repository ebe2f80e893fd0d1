"""Loaders of the networks of Stable Diffusion 1.

They read local safetensors files only; nothing here uses the network. The base model may be a folder in the
Hub's layout or a single checkpoint in the layout of CompVis, which the functions tell apart themselves. All
raise ModelMissing if a file is damaged or belongs to another model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from torch import Tensor

from codec.decoders.diffusion import clip_vocabulary, lora, network_files
from codec.decoders.diffusion.device import Device
from codec.decoders.diffusion.schedulers import Prediction
from codec.decoders.sd15 import checkpoint, configs

CLIP_CONTEXT: Final = 77  # tokens


# --- loaders ----------------------------------------------------------------------------------------


def load_tokenizer(base: Path) -> Any:
    """Load CLIP's tokenizer: the base model's, or our own copy if that is a checkpoint."""
    from transformers import CLIPTokenizer

    if base.is_dir():
        with network_files.naming_errors("tokenizer", base):
            return CLIPTokenizer.from_pretrained(base / "tokenizer", local_files_only=True)
    merges = clip_vocabulary.load_merges()
    return CLIPTokenizer(vocab=clip_vocabulary.build_vocabulary(merges), merges=merges, model_max_length=CLIP_CONTEXT)


def load_text_encoder(base: Path, device: Device) -> Any:
    """Load CLIP's text encoder."""
    from transformers import CLIPTextConfig, CLIPTextModel

    with network_files.naming_errors("text encoder", base):
        if base.is_dir():
            config = network_files.read_json(base / "text_encoder" / "config.json")
            state = network_files.read_weights(base / "text_encoder" / "model.safetensors")
        else:
            config = configs.TEXT_ENCODER
            state = _read_checkpoint_part(base, checkpoint.TEXT_PREFIX, strip_prefix=True)
        network = CLIPTextModel(CLIPTextConfig(**config))
        network_files.assign_text_weights(network, state)
        return network_files.prepare(network, device)


def load_unet(base: Path, lora_folder: Path | None, device: Device) -> Any:
    """Load the UNet, with the LoRA merged into it if one is given."""
    with network_files.naming_errors("UNet", base):
        if base.is_dir():
            network = network_files.read_unet(base / "unet")
        else:
            from diffusers import UNet2DConditionModel
            from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

            state = _read_checkpoint_part(base, checkpoint.UNET_PREFIX)
            network = UNet2DConditionModel(**configs.UNET)
            network_files.assign_weights(network, convert_ldm_unet_checkpoint(state, network.config))
    if lora_folder is not None:
        with network_files.naming_errors("LoRA", lora_folder):
            lora.merge(network, network_files.read_tensors(lora_folder / "pytorch_lora_weights.safetensors"))
    return network_files.prepare(network, device, streams=True)


def load_vae(base: Path, device: Device) -> Any:
    """Load the VAE of a base model, or one in a folder of its own."""
    with network_files.naming_errors("VAE", base):
        if base.is_dir():
            network = network_files.read_vae(base / "vae" if (base / "vae").is_dir() else base)
        else:
            from diffusers import AutoencoderKL
            from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

            state = _read_checkpoint_part(base, checkpoint.VAE_PREFIX)
            network = AutoencoderKL(**configs.VAE)
            network_files.assign_weights(network, convert_ldm_vae_checkpoint(state, network.config))
        return network_files.prepare(network, device)


def read_prediction(base: Path) -> Prediction:
    """Return what the UNet of a base model predicts, by its scheduler's configuration or the checkpoint's header."""
    if not base.is_dir():
        return checkpoint.inspect(base).prediction
    path = base / "scheduler" / "scheduler_config.json"
    if not path.is_file():
        return Prediction()
    with network_files.naming_errors("scheduler's configuration", base):
        config = network_files.read_json(path)
        kind = config.get("prediction_type", "epsilon")
        if kind not in ("epsilon", "v_prediction"):
            raise ValueError(f"it predicts {str(kind)[:40]!r}, which Stable Diffusion 1 does not")
        return Prediction(kind, zero_snr=config.get("rescale_betas_zero_snr") is True)


# --- helpers ----------------------------------------------------------------------------------------


def _read_checkpoint_part(path: Path, prefix: str, strip_prefix: bool = False) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint whose names start with `prefix`."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118  # not a dict
        if not names:
            raise ValueError(f"it has no {prefix.rstrip('.')}: not a checkpoint of Stable Diffusion 1")
        return {name.removeprefix(prefix) if strip_prefix else name: file.get_tensor(name) for name in names}
