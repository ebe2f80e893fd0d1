"""Picture -> one sentence that says what it shows, by a captioner that runs on this machine.

"blip2": BLIP-2 with OPT 2.7b (Li et al. 2023), the paper's choice; 15 GB of memory, 8 on a GPU.
"blip": BLIP base (Li et al. 2022), for small machines; 1 GB.
Their weights are files of this machine (codec.models.locate); nothing here reaches the network.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from codec.encoder.loading import ModelSlot, best_device, translate_errors
from codec.errors import ModelMissing, OutOfMemory, UnknownName
from codec.models import locate
from codec.models.torchvision_compat import ensure_torchvision

CAPTIONERS: Final = ("blip2", "blip")  # best first
MAX_LENGTH: Final = 200  # characters of a caption

_MEMORY: Final = {"blip2": 18 << 30, "blip": 2 << 30}  # bytes a machine should have, for fp32
_WORDS: Final = {"max_new_tokens": 40, "num_beams": 3, "do_sample": False, "no_repeat_ngram_size": 3}


@dataclass(frozen=True)
class _Captioner:
    network: Any
    pictures: Any  # pixels -> what the network sees
    words: Any  # the tokenizer


_slot: ModelSlot[_Captioner] = ModelSlot()


def best() -> str | None:
    """The best captioner whose weights are here and which this machine can hold, or None. Quick."""
    return next(iter(_at_hand()), None)


def caption(pixels: np.ndarray, name: str = "auto", folder: Path | None = None) -> tuple[str, str]:
    """What a picture shows -> (text, the captioner's name).

    pixels: (H, W, 3) uint8 sRGB. name: one of CAPTIONERS, or "auto" for the best that is here
    and turns out to fit into memory.
    folder: where its files are, if not where `codec.models.locate` looks. Any thread; the network is
    loaded at the first call and kept until `release` or until another one is asked for.
    The text is one line of at most 200 characters, the same for the same pixels on one device; it
    is empty if the network has nothing to say.
    Raises UnknownName, ModelMissing (at once if weights are absent) or OutOfMemory.
    """
    if name not in ("auto", *CAPTIONERS):
        raise UnknownName(f"no captioner {name!r}; there are: auto, {', '.join(CAPTIONERS)}")
    *others, last = (_at_hand() or CAPTIONERS[-1:]) if name == "auto" else (name,)
    for other in others:
        with contextlib.suppress(OutOfMemory):
            return _caption(pixels, other, folder), other
    return _caption(pixels, last, folder), last


def release() -> None:
    """Give back the memory of the captioner."""
    _slot.release()


def _at_hand() -> tuple[str, ...]:
    return tuple(name for name in CAPTIONERS if _fits(name) and locate.status(name).state == "present")


def _caption(pixels: np.ndarray, name: str, folder: Path | None) -> str:
    remedy = "close other programs, or take the captioner blip" if name == "blip2" else "close other programs"
    with translate_errors(name, remedy), _slot.use((name, folder), lambda: _load(name, folder)) as captioner:
        return _clean(_say(captioner, pixels))


def _fits(name: str) -> bool:
    """Whether the machine's memory holds the network; unknown sizes are given the benefit."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >= _MEMORY[name]
    except (AttributeError, OSError, ValueError):  # not a POSIX system
        return True


def _load(name: str, folder: Path | None) -> _Captioner:
    place = locate.locate(name, folder)
    ensure_torchvision()
    from transformers import (
        AutoTokenizer,
        Blip2ForConditionalGeneration,
        BlipForConditionalGeneration,
        BlipImageProcessorPil,
    )

    kind = {"blip2": Blip2ForConditionalGeneration, "blip": BlipForConditionalGeneration}[name]
    where = best_device()
    with _quiet():
        # not the processor that torchvision has a part in: captions would depend on whether it is there
        pictures = BlipImageProcessorPil.from_pretrained(place, local_files_only=True)
        words = AutoTokenizer.from_pretrained(place, local_files_only=True)
        network, report = kind.from_pretrained(
            place,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            dtype=_precision(where),
        )
    if report["missing_keys"]:  # else it would go on with random numbers
        raise ModelMissing(f"{place} lacks weights of {name}, such as {min(report['missing_keys'])}: fetch it again")
    if name == "blip2" and network.config.image_token_index is None:  # early files: any token that is no word
        network.config.image_token_index = network.config.text_config.vocab_size - 1
    return _Captioner(network.to(where).eval(), pictures, words)


def _precision(where: str) -> Any:
    import torch

    return torch.float16 if where == "cuda" else torch.float32


def _say(captioner: _Captioner, pixels: np.ndarray) -> str:
    import torch

    network = captioner.network
    seen = captioner.pictures(np.ascontiguousarray(pixels), return_tensors="pt", input_data_format="channels_last")
    frame = seen["pixel_values"].to(network.device, network.vision_model.dtype)
    with torch.inference_mode(), _quiet():
        tokens = network.generate(pixel_values=frame, **_WORDS)
    start = network.config.text_config.bos_token_id  # BLIP's is no token of its tokenizer
    text: str = captioner.words.decode([t for t in tokens[0].tolist() if t != start], skip_special_tokens=True)
    return text


def _clean(text: str) -> str:
    """The first line without controls, cut after a whole word at `MAX_LENGTH`."""
    text = text.encode("utf-8", "ignore").decode("utf-8").strip().partition("\n")[0]
    text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())
    if len(text) <= MAX_LENGTH:
        return text
    return text[: MAX_LENGTH + 1].rpartition(" ")[0] or text[:MAX_LENGTH]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars and remarks of transformers, which are not for our users."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
