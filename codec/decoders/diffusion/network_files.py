"""Loaders of networks from folders in the Hub's layout, for all models of latent diffusion.

They read local safetensors files only; nothing here uses the network. All raise ModelMissing if a file is damaged or
belongs to another model.
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

from codec.decoders.diffusion.device import Device
from codec.errors import CodecError, ModelMissing
from codec.models import oom, variants

WEIGHTS_NAME: Final = "diffusion_pytorch_model.safetensors"


def require_libraries() -> None:
    """Raise ModelMissing if diffusers or transformers is not installed."""
    missing = [name for name in ("diffusers", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelMissing(f"Stable Diffusion needs {' and '.join(missing)}: pip install -r requirements.txt")


def load_taesd(folder: Path, device: Device) -> Any:
    """Load TAESD, a VAE of a hundredth the size (Bohan 2023)."""
    from diffusers import AutoencoderTiny

    with naming_errors("TAESD", folder):
        return prepare(AutoencoderTiny.from_pretrained(folder, **local_files(folder)), device)


def read_unet(folder: Path) -> Any:
    """Return the UNet in a folder."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_pretrained(folder, **local_files(folder))


def read_vae(folder: Path) -> Any:
    """Return the VAE in a folder."""
    from diffusers import AutoencoderKL

    return AutoencoderKL.from_pretrained(folder, **local_files(folder))


def load_adapter(folder: Path, device: Device) -> Any:
    """Load a T2I-Adapter."""
    from diffusers import T2IAdapter

    with naming_errors("adapter", folder):
        network = T2IAdapter.from_config(read_json(folder / "config.json"))
        network.load_state_dict(read_weights(folder / WEIGHTS_NAME))
        return prepare(network, device)


def load_controlnet(folder: Path, device: Device) -> Any:
    """Load a ControlNet."""
    from diffusers import ControlNetModel

    with naming_errors("ControlNet", folder):
        return prepare(ControlNetModel.from_pretrained(folder, **local_files(folder)), device, streams=True)


# --- helpers ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def naming_errors(what: str, path: Path) -> Iterator[None]:
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


def prepare(network: Any, device: Device, streams: bool = False) -> Any:
    """Freeze a network and move it to the device; `streams`: whether it may be streamed to it layer by layer."""
    network = network.requires_grad_(False).eval()
    if streams and device.streams:
        network = torch.nn.Module.to(network, "cpu", device.dtype)
        network.enable_group_offload(torch.device(device.name), torch.device("cpu"), offload_type="leaf_level")
        network.is_streamed = True
        return network
    network = torch.nn.Module.to(network, device.home, device.dtype)  # diffusers' own `to` warns about float16 on CPUs
    return network.to(memory_format=torch.channels_last) if device.name == "cuda" else network


def local_files(folder: Path) -> dict[str, Any]:
    """Return the arguments with which from_pretrained reads only this folder's safetensors."""
    variant = _find_weights(folder / WEIGHTS_NAME)
    return {"local_files_only": True, "use_safetensors": True, "variant": variant.name or None}


def _find_weights(path: Path) -> variants.Variant:
    """Return the files that hold the weights of `path`. Raises FileNotFoundError."""
    variant = variants.find(path)
    if variant is None:
        raise FileNotFoundError(f"there is no {path.name}")
    return variant


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, which may be a variant or in shards."""
    return {name: tensor for file in _find_weights(path).paths for name, tensor in read_tensors(file).items()}


def read_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    tensors: dict[str, Tensor] = load_file(path)
    return tensors


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def assign_weights(network: Any, state: dict[str, Tensor]) -> None:
    """Load a network's weights; other tensors are ignored. Raises ValueError if one is absent."""
    missing, _ = network.load_state_dict(state, strict=False)
    if missing:
        raise ValueError(f"it lacks {len(missing)} tensors such as {missing[0]}")


def assign_text_weights(network: Any, state: dict[str, Tensor]) -> None:
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
