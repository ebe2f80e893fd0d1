"""Stable Diffusion's networks: found, loaded once, shared by all decodes, let go of.

Only from this machine's files, only safetensors; nothing here reaches the network. A folder in the hub's
layout or a single checkpoint in the layout of CompVis will do for the base model.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from codec.decoders.sd15 import configs, lora
from codec.decoders.sd15.options import Options
from codec.errors import CodecError, ModelMissing
from codec.models import locate, oom

WEIGHTS = "diffusion_pytorch_model.safetensors"


@dataclass(frozen=True)
class Device:
    """Where networks run, and in which precision."""

    name: str
    dtype: torch.dtype

    @classmethod
    def pick(cls, name: str | None = None) -> Device:
        """The device of that name, or the best there is. Raises CodecError if it is not here."""
        here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        name = name or next(one for one, present in here.items() if present)
        if not here[name]:
            raise CodecError(f"there is no {name} device here; leave the device out to take the best there is")
        return cls(name, torch.float16 if name == "cuda" else torch.float32)


class Shelf:
    """Loaded networks, one for each part that they play: another one in a part puts the first away.

    Decodes under way keep what they hold; the memory is free when the last one ends. Any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._held: dict[str, tuple[object, Any]] = {}

    def take(self, part: str, key: object, load: Callable[[], Any]) -> Any:
        """The network of that key; `load` is called if it is not the one that stands here."""
        with self._lock:
            held = self._held.get(part)
            if held is None or held[0] != key:
                if held is not None:  # it goes before the new one comes: two may not fit
                    del self._held[part], held
                    tidy()
                held = self._held[part] = (key, load())
            return held[1]

    def clear(self) -> None:
        """Put everything away."""
        with self._lock:
            self._held.clear()
        tidy()

    def parts(self) -> tuple[str, ...]:
        """What is in memory."""
        return tuple(self._held)


SHELF = Shelf()


@dataclass(frozen=True)
class Places:
    """Where everything that a decode needs lies: a folder each, or the base's one file."""

    base: Path
    lora: Path | None = None
    taesd: Path | None = None
    structure: Path | None = None
    colors: Path | None = None


def demand_libraries() -> None:
    """Raise ModelMissing if the libraries that build the networks are not installed."""
    missing = [name for name in ("diffusers", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelMissing(f"Stable Diffusion needs {' and '.join(missing)}: pip install -r requirements.txt")


def find(name: str, options: Options) -> Path:
    """Where a model lies: a folder in the hub's layout, or a checkpoint's file. See models.locate.

    Raises ModelMissing at once; never looks further than this machine.
    """
    given = options.checkpoint if name == "sd15" and options.checkpoint else options.models
    return locate.locate(name, given)


def memory_guarded(device: Device) -> contextlib.AbstractContextManager[None]:
    """Turn running out of memory into OutOfMemory, without the networks in it."""
    other = "" if device.name == "cpu" else " the device cpu, which is slower,"
    said = (
        f"the memory of {device.name} is too small for this: close what else uses it, or try a smaller size, "
        f"the preset fast,{other} or the decoder painter, which needs little"
    )
    return oom.guarded(said, SHELF.clear)


def tidy() -> None:
    """Give freed memory back to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


# --- loading ------------------------------------------------------------------------------------


def tokenizer(base: Path) -> Any:
    """CLIP's tokenizer, from the base model's folder or, beside a checkpoint, our own copy."""
    from transformers import CLIPTokenizer

    if not base.is_dir():
        pairs = configs.merges()
        return CLIPTokenizer(vocab=configs.vocabulary(pairs), merges=pairs, model_max_length=77)
    with _named("tokenizer", base):
        return CLIPTokenizer.from_pretrained(base / "tokenizer", local_files_only=True)


def text_encoder(base: Path, device: Device) -> Any:
    """CLIP's text encoder."""
    from transformers import CLIPTextConfig, CLIPTextModel

    with _named("text encoder", base):
        if base.is_dir():
            config = CLIPTextConfig(**_read(base / "text_encoder" / "config.json"))
            state = _tensors(base / "text_encoder" / "model.safetensors")
        else:
            config = CLIPTextConfig(**configs.TEXT)
            state = _under(base, "cond_stage_model.transformer.")
        network = CLIPTextModel(config)
        wanted = network.state_dict()
        renamed = {_text_key(key, wanted): value for key, value in state.items()}
        renamed = {key: value for key, value in renamed.items() if not key.endswith("position_ids")}
        missing, unexpected = network.load_state_dict(renamed, strict=False)
        if unexpected or any(not key.endswith("position_ids") for key in missing):
            raise ValueError("its tensors are not those of CLIP's text encoder")
        return _ready(network, device)


def unet(base: Path, lora_folder: Path | None, device: Device) -> Any:
    """The UNet, with a LoRA merged into it if there is one."""
    from diffusers import UNet2DConditionModel

    with _named("UNet", base):
        if base.is_dir():
            network = UNet2DConditionModel.from_pretrained(base / "unet", **_local(base / "unet"))
        else:
            from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

            network = UNet2DConditionModel(**configs.UNET)
            state = _under(base, "model.diffusion_model.", keep=True)
            network.load_state_dict(convert_ldm_unet_checkpoint(state, network.config))
    if lora_folder is not None:
        with _named("LoRA", lora_folder):
            lora.merge(network, _tensors(lora_folder / "pytorch_lora_weights.safetensors"))
    return _ready(network, device)


def vae(base: Path, device: Device) -> Any:
    """The VAE; only its decoding half is used."""
    from diffusers import AutoencoderKL

    with _named("VAE", base):
        if base.is_dir():
            network = AutoencoderKL.from_pretrained(base / "vae", **_local(base / "vae"))
        else:
            from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

            network = AutoencoderKL(**configs.VAE)
            state = _under(base, "first_stage_model.", keep=True)
            network.load_state_dict(convert_ldm_vae_checkpoint(state, network.config))
        return _ready(network, device)


def taesd(folder: Path, device: Device) -> Any:
    """TAESD, a VAE a hundredth the size (Bohan 2023)."""
    from diffusers import AutoencoderTiny

    with _named("TAESD", folder):
        return _ready(AutoencoderTiny.from_pretrained(folder, **_local(folder)), device)


def adapter(folder: Path, device: Device) -> Any:
    """A T2I-Adapter."""
    from diffusers import T2IAdapter

    with _named("adapter", folder):
        network = T2IAdapter.from_config(_read(folder / "config.json"))
        network.load_state_dict(_tensors(folder / WEIGHTS))
        return _ready(network, device)


def controlnet(folder: Path, device: Device) -> Any:
    """A ControlNet."""
    from diffusers import ControlNetModel

    with _named("ControlNet", folder):
        return _ready(ControlNetModel.from_pretrained(folder, **_local(folder)), device)


def _ready(network: Any, device: Device) -> Any:
    network = network.requires_grad_(False).eval()
    network = torch.nn.Module.to(network, device.name, device.dtype)  # diffusers' own warns of what is not the case
    return network.to(memory_format=torch.channels_last) if device.name == "cuda" else network


@contextlib.contextmanager
def _named(what: str, place: Path) -> Iterator[None]:
    """Turn whatever a library says about a file into one line that names it."""
    try:
        yield
    except CodecError:
        raise
    except (MemoryError, ImportError):
        raise
    except Exception as error:
        if oom.is_short(error):
            raise
        reason = " ".join(str(error).split())[:160]
        raise ModelMissing(
            f"the {what} in {place} cannot be loaded ({reason}): fetch it again with `python -m codec models`"
        ) from None


def _local(folder: Path) -> dict[str, Any]:
    """How from_pretrained must read: what lies here, and safetensors only."""
    if not (folder / WEIGHTS).is_file():
        raise FileNotFoundError(f"{WEIGHTS} is not there")
    return {"local_files_only": True, "use_safetensors": True}


def _tensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _under(path: Path, prefix: str, keep: bool = False) -> dict[str, Tensor]:
    """The tensors of a checkpoint whose names begin with `prefix`, which is cut off unless `keep`."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118  # not a dict
        if not names:
            raise ValueError(f"it has no {prefix.rstrip('.')}: not a checkpoint of Stable Diffusion 1")
        return {name if keep else name.removeprefix(prefix): file.get_tensor(name) for name in names}


def _text_key(key: str, wanted: dict[str, Any]) -> str:
    """Whether keys begin with text_model. depends on the version of transformers."""
    bare = key.removeprefix("text_model.")
    return bare if bare in wanted else f"text_model.{bare}"
