"""Loaders of Stable Diffusion's networks.

They read local safetensors files only; nothing here uses the network. The base model may be a folder in the
Hub's layout or a single checkpoint in the layout of CompVis, which the functions tell apart themselves. All
raise ModelMissing if a file is damaged or belongs to another model.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from codec.decoders.sd15 import checkpoint, configs, lora
from codec.decoders.sd15.checkpoint import Prediction
from codec.decoders.sd15.device import Device
from codec.errors import CodecError, ModelMissing
from codec.models import oom, variants

WEIGHTS_NAME: Final = "diffusion_pytorch_model.safetensors"
CLIP_CONTEXT: Final = 77  # tokens


def require_libraries() -> None:
    """Raise ModelMissing if diffusers or transformers is not installed."""
    missing = [name for name in ("diffusers", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelMissing(f"Stable Diffusion needs {' and '.join(missing)}: pip install -r requirements.txt")


# --- loaders ----------------------------------------------------------------------------------------


def load_tokenizer(base: Path) -> Any:
    """Load CLIP's tokenizer: the base model's, or our own copy if that is a checkpoint."""
    from transformers import CLIPTokenizer

    if base.is_dir():
        with _naming_errors("tokenizer", base):
            return CLIPTokenizer.from_pretrained(base / "tokenizer", local_files_only=True)
    merges = configs.load_merges()
    return CLIPTokenizer(vocab=configs.build_vocabulary(merges), merges=merges, model_max_length=CLIP_CONTEXT)


def load_text_encoder(base: Path, device: Device) -> Any:
    """Load CLIP's text encoder."""
    from transformers import CLIPTextConfig, CLIPTextModel

    with _naming_errors("text encoder", base):
        if base.is_dir():
            config = _read_json(base / "text_encoder" / "config.json")
            state = _read_weights(base / "text_encoder" / "model.safetensors")
        else:
            config = configs.TEXT_ENCODER
            state = _read_checkpoint_part(base, checkpoint.TEXT_PREFIX, strip_prefix=True)
        network = CLIPTextModel(CLIPTextConfig(**config))
        _load_text_state(network, state)
        return _prepare(network, device)


def load_unet(base: Path, lora_folder: Path | None, device: Device) -> Any:
    """Load the UNet, with the LoRA merged into it if one is given."""
    from diffusers import UNet2DConditionModel

    with _naming_errors("UNet", base):
        if base.is_dir():
            network = UNet2DConditionModel.from_pretrained(base / "unet", **_local_files(base / "unet"))
        else:
            from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

            state = _read_checkpoint_part(base, checkpoint.UNET_PREFIX)
            network = UNet2DConditionModel(**configs.UNET)
            _load_needed(network, convert_ldm_unet_checkpoint(state, network.config))
    if lora_folder is not None:
        with _naming_errors("LoRA", lora_folder):
            lora.merge(network, _read_tensors(lora_folder / "pytorch_lora_weights.safetensors"))
    return _prepare(network, device)


def load_vae(base: Path, device: Device) -> Any:
    """Load the VAE of a base model, or one in a folder of its own."""
    from diffusers import AutoencoderKL

    with _naming_errors("VAE", base):
        if base.is_dir():
            folder = base / "vae" if (base / "vae").is_dir() else base
            network = AutoencoderKL.from_pretrained(folder, **_local_files(folder))
        else:
            from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

            state = _read_checkpoint_part(base, checkpoint.VAE_PREFIX)
            network = AutoencoderKL(**configs.VAE)
            _load_needed(network, convert_ldm_vae_checkpoint(state, network.config))
        return _prepare(network, device)


def load_taesd(folder: Path, device: Device) -> Any:
    """Load TAESD, a VAE of a hundredth the size (Bohan 2023)."""
    from diffusers import AutoencoderTiny

    with _naming_errors("TAESD", folder):
        return _prepare(AutoencoderTiny.from_pretrained(folder, **_local_files(folder)), device)


def load_adapter(folder: Path, device: Device) -> Any:
    """Load a T2I-Adapter."""
    from diffusers import T2IAdapter

    with _naming_errors("adapter", folder):
        network = T2IAdapter.from_config(_read_json(folder / "config.json"))
        network.load_state_dict(_read_weights(folder / WEIGHTS_NAME))
        return _prepare(network, device)


def load_controlnet(folder: Path, device: Device) -> Any:
    """Load a ControlNet."""
    from diffusers import ControlNetModel

    with _naming_errors("ControlNet", folder):
        return _prepare(ControlNetModel.from_pretrained(folder, **_local_files(folder)), device)


def read_prediction(base: Path) -> Prediction:
    """Return what the UNet of a base model predicts, by its scheduler's configuration or the checkpoint's header."""
    if not base.is_dir():
        return checkpoint.inspect(base).prediction
    path = base / "scheduler" / "scheduler_config.json"
    if not path.is_file():
        return Prediction()
    with _naming_errors("scheduler's configuration", base):
        config = _read_json(path)
        kind = config.get("prediction_type", "epsilon")
        if kind not in ("epsilon", "v_prediction"):
            raise ValueError(f"it predicts {str(kind)[:40]!r}, which Stable Diffusion 1 does not")
        return Prediction(kind, zero_snr=config.get("rescale_betas_zero_snr") is True)


# --- helpers ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _naming_errors(what: str, path: Path) -> Iterator[None]:
    """Raise ModelMissing, with a one-line message that names the file, in place of the libraries' errors.

    CodecError, ImportError and out-of-memory errors pass unchanged.
    """
    try:
        yield
    except (CodecError, ImportError):
        raise
    except Exception as error:
        if oom.is_out_of_memory(error):
            raise
        reason = " ".join(str(error).split())[:160]
        raise ModelMissing(
            f"the {what} in {path} cannot be loaded ({reason}): fetch it again with `python -m codec models`"
        ) from None


def _prepare(network: Any, device: Device) -> Any:
    """Freeze a network and move it to the device."""
    network = network.requires_grad_(False).eval()
    network = torch.nn.Module.to(network, device.home, device.dtype)  # diffusers' own `to` warns about float16 on CPUs
    return network.to(memory_format=torch.channels_last) if device.name == "cuda" else network


def _local_files(folder: Path) -> dict[str, Any]:
    """Return the arguments with which from_pretrained reads only this folder's safetensors."""
    variant = _find_weights(folder / WEIGHTS_NAME)
    return {"local_files_only": True, "use_safetensors": True, "variant": variant.name or None}


def _find_weights(path: Path) -> variants.Variant:
    """Return the files that hold the weights of `path`. Raises FileNotFoundError."""
    variant = variants.find(path)
    if variant is None:
        raise FileNotFoundError(f"there is no {path.name}")
    return variant


def _read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, which may be a variant or in shards."""
    return {name: tensor for file in _find_weights(path).paths for name, tensor in _read_tensors(file).items()}


def _read_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    tensors: dict[str, Tensor] = load_file(path)
    return tensors


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _read_checkpoint_part(path: Path, prefix: str, strip_prefix: bool = False) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint whose names start with `prefix`."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118  # not a dict
        if not names:
            raise ValueError(f"it has no {prefix.rstrip('.')}: not a checkpoint of Stable Diffusion 1")
        return {name.removeprefix(prefix) if strip_prefix else name: file.get_tensor(name) for name in names}


def _load_needed(network: Any, state: dict[str, Tensor]) -> None:
    """Load a network's weights; other tensors are ignored. Raises ValueError if one is absent."""
    missing, _ = network.load_state_dict(state, strict=False)
    if missing:
        raise ValueError(f"it lacks {len(missing)} tensors such as {missing[0]}")


def _load_text_state(network: Any, state: dict[str, Tensor]) -> None:
    """Load the text encoder's weights; other tensors are ignored. Raises ValueError if one is absent.

    Whether names start with "text_model." depends on the version of transformers, and old files contain the
    constant position_ids.
    """
    expected = network.state_dict()
    renamed = {}
    for key, value in state.items():
        name = key.removeprefix("text_model.")
        renamed[name if name in expected else f"text_model.{name}"] = value
    weights = {key: value for key, value in renamed.items() if not key.endswith("position_ids")}
    missing, _ = network.load_state_dict(weights, strict=False)
    if any(not key.endswith("position_ids") for key in missing):
        raise ValueError("its tensors are not those of CLIP's text encoder")
