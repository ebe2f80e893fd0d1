"""Caption pictures with a local network.

"blip2" is BLIP-2 with OPT 2.7b (Li et al. 2023), the paper's choice; it needs 15 GB of memory, or 8 GB on a GPU.
"blip" is BLIP base (Li et al. 2022), for small machines; it needs 1 GB.
Their weights are local files (see `codec.models.locate`); nothing is downloaded.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from codec.encoder.loading import ModelSlot, best_device, translate_errors
from codec.errors import ModelMissing, OutOfMemory, UnknownName
from codec.models import free_memory, locate
from codec.models.torchvision_compat import ensure_torchvision

CAPTIONERS: Final = ("blip2", "blip")  # best first
MAX_LENGTH: Final = 200  # characters of a caption

_MIN_MEMORY: Final = {"blip2": 18 << 30, "blip": 2 << 30}  # free bytes, in single precision
_GENERATE_OPTIONS: Final = {"max_new_tokens": 40, "num_beams": 3, "do_sample": False, "no_repeat_ngram_size": 3}


@dataclass(frozen=True)
class _Captioner:
    network: Any
    processor: Any  # pixels -> the network's input
    tokenizer: Any


_slot: ModelSlot[_Captioner] = ModelSlot()


def best() -> str | None:
    """Return the best captioner that is installed and fits into this machine's memory, or None."""
    return next(iter(_usable()), None)


def caption(pixels: np.ndarray, name: str = "auto", folder: Path | None = None) -> tuple[str, str]:
    """Return the caption of a picture and the captioner's name.

    pixels: (H, W, 3) uint8 sRGB. name: one of CAPTIONERS, or "auto" for the best one that is installed and fits into
    memory. folder: of its files; None: `codec.models.locate` finds it.
    May be called from any thread; the network is loaded by the first call and stays loaded until `release` is called
    or another one is loaded.
    The caption is one line of at most 200 characters, the same for the same pixels on one device; it may be empty.
    Raises UnknownName, ModelMissing (at once if weights are absent) or OutOfMemory.
    """
    if name not in ("auto", *CAPTIONERS):
        raise UnknownName(f"unknown captioner {name!r:.60}: choose one of auto, {', '.join(CAPTIONERS)}")
    *larger, last = (_usable() or CAPTIONERS[-1:]) if name == "auto" else (name,)
    for captioner in larger:
        with contextlib.suppress(OutOfMemory):
            return _caption(pixels, captioner, folder), captioner
    return _caption(pixels, last, folder), last


def release() -> None:
    """Free the memory of the captioner."""
    _slot.release()


def _usable() -> tuple[str, ...]:
    """Return the captioners that are installed and fit into memory, best first."""
    return tuple(name for name in CAPTIONERS if _fits(name) and locate.status(name).state == "present")


def _caption(pixels: np.ndarray, name: str, folder: Path | None) -> str:
    remedy = "close other programs, or use the captioner blip" if name == "blip2" else "close other programs"
    with translate_errors(name, remedy), _slot.use((name, folder), lambda: _load(name, folder)) as captioner:
        return _clean(_generate(captioner, pixels))


def _fits(name: str) -> bool:
    """Return whether the network fits into the free memory of the device; True if that is unknown."""
    device = best_device()
    free = free_memory.free_bytes(device)
    share = _dtype(device).itemsize / 4  # half precision needs half the memory
    return free is None or free >= _MIN_MEMORY[name] * share


def _load(name: str, folder: Path | None) -> _Captioner:
    """Load a captioner. Raises ModelMissing."""
    path = locate.locate(name, folder)
    ensure_torchvision()
    from transformers import (
        AutoTokenizer,
        Blip2ForConditionalGeneration,
        BlipForConditionalGeneration,
        BlipImageProcessorPil,
    )

    classes = {"blip2": Blip2ForConditionalGeneration, "blip": BlipForConditionalGeneration}
    device = best_device()
    with _quiet():
        # not the processor based on torchvision: captions would depend on whether torchvision is installed
        processor = BlipImageProcessorPil.from_pretrained(path, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        network, report = classes[name].from_pretrained(
            path,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            dtype=_dtype(device),
        )
    if report["missing_keys"]:  # transformers would initialize them randomly
        raise ModelMissing(f"{path} lacks weights of {name}, such as {min(report['missing_keys'])}: fetch it again")
    if (
        name == "blip2" and network.config.image_token_index is None
    ):  # early files lack it; any id outside the vocabulary works
        network.config.image_token_index = network.config.text_config.vocab_size - 1
    return _Captioner(network.to(device).eval(), processor, tokenizer)


def _dtype(device: str) -> Any:
    import torch

    return torch.float16 if device == "cuda" else torch.float32


def _generate(captioner: _Captioner, pixels: np.ndarray) -> str:
    """Return the network's caption of a picture."""
    import torch

    network = captioner.network
    inputs = captioner.processor(np.ascontiguousarray(pixels), return_tensors="pt", input_data_format="channels_last")
    frame = inputs["pixel_values"].to(network.device, network.vision_model.dtype)
    with torch.inference_mode(), _quiet():
        tokens = network.generate(pixel_values=frame, **_GENERATE_OPTIONS)
    start = network.config.text_config.bos_token_id  # BLIP's tokenizer does not define a start token
    text: str = captioner.tokenizer.decode([t for t in tokens[0].tolist() if t != start], skip_special_tokens=True)
    return text


def _clean(text: str) -> str:
    """Return the first line without control characters, cut after a whole word at `MAX_LENGTH`."""
    text = text.encode("utf-8", "ignore").decode("utf-8").strip().partition("\n")[0]
    text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())
    if len(text) <= MAX_LENGTH:
        return text
    return text[: MAX_LENGTH + 1].rpartition(" ")[0] or text[:MAX_LENGTH]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the progress bars and log messages of transformers."""
    from transformers.utils import logging

    has_bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if has_bars:
            logging.enable_progress_bar()
