"""Loaders of the networks of Stable Diffusion XL from folders in the Hub's layout.

They read local safetensors files only. All raise ModelMissing if a file is damaged or belongs to another model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from codec.decoders.diffusion import lora, network_files
from codec.decoders.diffusion.device import Device

LORA_NAME: Final = "sdxl_lightning_4step_lora.safetensors"
_UNION_CONFIG: Final = "config_promax.json"
_UNION_WEIGHTS: Final = "diffusion_pytorch_model_promax.safetensors"


def load_xl_tokenizers(base: Path) -> tuple[Any, Any]:
    """Load the tokenizers of both text encoders, which differ in the padding."""
    from transformers import CLIPTokenizer

    with network_files.naming_errors("tokenizers", base):
        first, second = (
            CLIPTokenizer.from_pretrained(base / name, local_files_only=True) for name in ("tokenizer", "tokenizer_2")
        )
        return first, second


def load_xl_text_encoders(base: Path, device: Device) -> tuple[Any, Any]:
    """Load both text encoders, CLIP ViT-L and OpenCLIP ViT-bigG."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    networks = []
    for name, network_class in (("text_encoder", CLIPTextModel), ("text_encoder_2", CLIPTextModelWithProjection)):
        with network_files.naming_errors(name.replace("_", " "), base):
            network = network_class(CLIPTextConfig(**network_files.read_json(base / name / "config.json")))
            network_files.assign_text_weights(network, network_files.read_weights(base / name / "model.safetensors"))
            networks.append(network_files.prepare(network, device))
    return networks[0], networks[1]


def load_xl_unet(base: Path, lora_folder: Path | None, device: Device) -> Any:
    """Load the UNet, with the LoRA merged into it if one is given."""
    with network_files.naming_errors("UNet", base):
        network = network_files.read_unet(base / "unet")
        if network.config.addition_embed_type != "text_time":
            raise ValueError("it takes no picture size: not Stable Diffusion XL")
    if lora_folder is not None:
        with network_files.naming_errors("LoRA", lora_folder):
            lora.merge(network, network_files.read_tensors(lora_folder / LORA_NAME))
    return network_files.prepare(network, device, streams=True)


def load_xl_vae(folder: Path, device: Device) -> Any:
    """Load the VAE in a folder of its own."""
    with network_files.naming_errors("VAE", folder):
        return network_files.prepare(network_files.read_vae(folder), device)


def load_union(folder: Path, device: Device) -> Any:
    """Load ControlNet-Union ProMax."""
    from diffusers import ControlNetUnionModel

    with network_files.naming_errors("ControlNet-Union", folder):
        network = ControlNetUnionModel.from_config(network_files.read_json(folder / _UNION_CONFIG))
        network.load_state_dict(network_files.read_weights(folder / _UNION_WEIGHTS))
        return network_files.prepare(network, device, streams=True)


def forces_zeros(base: Path) -> bool:
    """Return whether an empty negative prompt counts as none, by the base model's index."""
    path = base / "model_index.json"
    if not path.is_file():
        return True
    with network_files.naming_errors("model's index", base):
        return network_files.read_json(path).get("force_zeros_for_empty_prompt", True) is not False
