"""Identify the model and the networks in a checkpoint, a single .safetensors file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codec.decoders.diffusion.schedulers import Prediction
from codec.errors import ModelMissing

UNET_PREFIX: Final = "model.diffusion_model."
VAE_PREFIX: Final = "first_stage_model."
TEXT_PREFIX: Final = "cond_stage_model.transformer."

# (part of a tensor's name, model that has such a tensor); the first match counts
_OTHER_MODELS: Final = (
    ("double_blocks.", "a Flux model"),
    ("joint_blocks.", "Stable Diffusion 3"),
    ("conditioner.embedders.", "Stable Diffusion XL"),
    ("cond_stage_model.model.", "Stable Diffusion 2"),
    ("control_model.", "a ControlNet"),
    ("lora_unet_", "a LoRA"), ("lora_te", "a LoRA"), (".lora_A.", "a LoRA"), (".lora_down.", "a LoRA"),
    ("emb_params", "a textual inversion"), ("string_to_param", "a textual inversion"),
)  # fmt: skip
_INPUT_CHANNELS: Final = {9: "an inpainting model (9 input channels)", 8: "InstructPix2Pix (8 input channels)"}
_CONTEXT_WIDTHS: Final = {
    1024: "Stable Diffusion 2",
    1280: "Stable Diffusion XL's refiner",
    2048: "Stable Diffusion XL",
}
_CONV_IN: Final = f"{UNET_PREFIX}input_blocks.0.0.weight"
_CONTEXT: Final = f"{UNET_PREFIX}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint of Stable Diffusion 1.x.

    has_vae: whether the file contains a VAE, which many checkpoints omit
    """

    has_vae: bool
    prediction: Prediction


def inspect(path: Path) -> Checkpoint:
    """Return what a checkpoint of Stable Diffusion 1.x holds; reads its header only.

    Raises ModelMissing, whose message says what the file is, for any other model.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            metadata = file.metadata() or {}
            found = _name_other_model(file, names)
    except (OSError, SafetensorError) as error:
        raise ModelMissing(f"{path} cannot be read ({' '.join(str(error).split())[:100]})") from None
    if found:
        raise ModelMissing(
            f"{path} is {found}, not a checkpoint of Stable Diffusion 1: use 1.4, 1.5 or a model fine-tuned from one"
        )
    kind = metadata.get("modelspec.prediction_type") or metadata.get("modelspec.predict_key") or ""
    is_v = "v_pred" in names or kind.lower() in ("v", "v_prediction", "v-prediction")
    prediction = Prediction("v_prediction" if is_v else "epsilon", zero_snr="ztsnr" in names)
    return Checkpoint(any(name.startswith(f"{VAE_PREFIX}decoder.") for name in names), prediction)


def _name_other_model(file: Any, names: set[str]) -> str:
    """Return what the file is if it is no checkpoint of Stable Diffusion 1.x, else ""."""
    for part, model in _OTHER_MODELS:
        if any(part in name for name in names):
            return model
    if not any(name.startswith(UNET_PREFIX) for name in names):
        return _name_single_network(names)
    if any(name.endswith((".scale_weight", "scaled_fp8")) for name in names):
        return "a file of scaled 8-bit numbers"
    channels = file.get_slice(_CONV_IN).get_shape()[1] if _CONV_IN in names else 4
    width = file.get_slice(_CONTEXT).get_shape()[1] if _CONTEXT in names else 768
    if channels in _INPUT_CHANNELS:
        return _INPUT_CHANNELS[channels]
    if width in _CONTEXT_WIDTHS:
        return _CONTEXT_WIDTHS[width]
    if not any(name.startswith(TEXT_PREFIX) for name in names):
        return "a UNet without a text encoder"
    return ""


def _name_single_network(names: set[str]) -> str:
    if any(name.startswith(("down_blocks.", "mid_block.", "time_embedding.")) for name in names):
        return "a UNet alone, in diffusers' layout"
    if any("decoder." in name and ("up." in name or "up_blocks." in name) for name in names):
        return "a VAE alone"
    if any(name.startswith(("text_model.", "transformer.text_model.")) for name in names):
        return "a text encoder alone"
    return "a file of unknown tensors"
