"""What the readers share: values of any type and sense in, a prompt and settings that a file can hold out."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final

from codec.bitstream.checkpoints import spellings
from codec.bitstream.settings import MAX_MODEL, SAMPLERS, SCHEDULES, SIZE_UNIT, Settings
from codec.errors import InvalidLayer
from codec.layers import MAX_SEED
from codec.semantic.prompt import MAX_TEXT, Prompt

MAX_JSON: Final = 1 << 20  # characters
MAX_DEPTH: Final = 64  # brackets within brackets
_SHORT_NAME: Final = 16  # bytes of a model's name that are worth more than its hash

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_EXTENSION = re.compile(r"\.(safetensors|ckpt|gguf|pt|pth|bin|sft)$", re.IGNORECASE)
_NAMES: Final = {
    "plms": "pndm", "dpmpp_2": "dpmpp_2m", "dpmpp_2m_sde_heun": "dpmpp_2m_sde", "unipc_bh2": "unipc", "ddim_v3": "ddim",
}  # fmt: skip
_NOTHING: Final = Settings()


@dataclass(frozen=True)
class Metadata:
    """What a tool wrote into a picture that it made. `tool`: its name."""

    tool: str
    prompt: Prompt
    seed: int | None = None
    settings: Settings = _NOTHING


def metadata(
    tool: str,
    prompt: Any,
    negative: Any = "",
    *,
    seed: Any = None,
    steps: Any = None,
    guidance: Any = None,
    sampler: Any = None,
    schedule: Any = None,
    model: Any = None,
    model_hash: Any = None,
    width: Any = None,
    height: Any = None,
) -> Metadata:
    """Of values of any type: what makes no sense or fits into no file is left out, prompts are cut."""
    scale = number(guidance)
    wanted: dict[str, Any] = {
        "steps": whole(steps),
        "guidance": None if scale is None else round(scale * 4) / 4,
        "sampler": sampler_name(sampler, schedule),
        "model": model_name(model, model_hash),
        "size": _size(whole(width), whole(height)),
    }
    settings = Settings()
    for name, value in wanted.items():
        with contextlib.suppress(InvalidLayer):
            settings = dataclasses.replace(settings, **{name: value})
    start = whole(seed)
    return Metadata(
        tool,
        Prompt(cut(prompt), cut(negative)),
        start if start is not None and 0 <= start <= MAX_SEED else None,
        settings,
    )


def parse(text: str | None) -> Any:
    """JSON -> its value; None for what is none, over 1 MiB or nested more than 64 deep. NaN and Infinity are None."""
    if not text or len(text) > MAX_JSON or text.lstrip()[:1] not in ("{", "["):
        return None
    depth = 0
    for mark in re.finditer(r"[\[{\]}]", _STRING.sub("", text)):
        depth += 1 if mark[0] in "[{" else -1
        if depth > MAX_DEPTH:
            return None
    try:
        return json.loads(text.rstrip("\0"), parse_constant=lambda _: None)
    except ValueError:  # also of a whole number of over 4,300 digits
        return None


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is a JSON object, or the text of one; else an empty one."""
    value = parse(value) if isinstance(value, str) else value
    return value if isinstance(value, dict) else {}


def clean(text: Any) -> str:
    """Newlines and tabs stay, other C0 and C1 controls go, half characters are replaced; "" for what is no text."""
    if not isinstance(text, str):
        return ""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", text)
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def cut(text: Any) -> str:
    """A clean text of at most what a prompt holds."""
    return clean(text[:MAX_JSON] if isinstance(text, str) else "").encode()[:MAX_TEXT].decode("utf-8", "ignore").strip()


def whole(value: Any) -> int | None:
    """A whole number of at most 20 digits, also in a text or as a float; else None."""
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"\s*[0-9]{1,20}\s*", value, re.ASCII) else None
    if isinstance(value, float):
        value = int(value) if value.is_integer() and abs(value) < 2**53 else None
    return value if type(value) is int and abs(value) < 10**20 else None


def number(value: Any) -> float | None:
    """A number, also in a text; None for what is none or not finite."""
    if isinstance(value, str):
        value = float(value) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,20})?", value, re.ASCII) else None
    if type(value) not in (int, float) or abs(value) > 1e9 or not math.isfinite(value):
        return None
    return float(value)


def model_name(name: Any, digest: Any = None) -> str | None:
    """A model's name without folders and extension, or "sha256:" and what is known of its hash if that is shorter."""
    name = clean(name[:400]) if isinstance(name, str) else ""
    name = _EXTENSION.sub("", re.sub(r" ?\[[0-9a-f]{8,10}\]$", "", name).replace("\\", "/").rpartition("/")[2]).strip()
    if name.lower() in spellings():
        return spellings()[name.lower()]
    if isinstance(digest, str) and (found := re.fullmatch(r"(?:sha256:)?([0-9a-f]{10})[0-9a-f]*", digest.lower())):
        return name if 0 < len(name.encode()) <= _SHORT_NAME else f"sha256:{found[1]}"
    return name.encode()[:MAX_MODEL].decode("utf-8", "ignore").strip() or None


def sampler_name(name: Any, schedule: Any = None) -> str | None:
    """The sampler of any tool's name for it, with its schedule where that has a name here: 'DPM++ 2M', 'Karras'."""
    method = _snake(name).removeprefix("sample_").removeprefix("k_").removesuffix("_gpu")
    for long, short in (("_ancestral", "_a"), ("kdpm_2", "dpm2"), ("dpm_2", "dpm2"), ("uni_pc", "unipc")):
        method = method.replace(long, short)
    plan = _snake(schedule)
    for known in SCHEDULES:
        if method.endswith(f"_{known}"):
            method, plan = method.removesuffix(f"_{known}"), known
    if method.endswith("_k"):  # InvokeAI's for Karras
        method, plan = method.removesuffix("_k"), "karras"
    method = method.removesuffix("_trailing").removesuffix("_ays")
    method = _NAMES.get(method, method)
    if f"{method}_{plan}" in SAMPLERS:
        return f"{method}_{plan}"
    return method if method in SAMPLERS else None


def _snake(name: Any) -> str:
    text = name[:60].lower().replace("++", "pp") if isinstance(name, str) else ""
    return re.sub(r"[ _-]+", "_", text.strip())


def _size(width: int | None, height: int | None) -> tuple[int, int] | None:
    """To the unit that sizes are stored in; tools round to it too."""
    if width is None or height is None:
        return None
    return width // SIZE_UNIT * SIZE_UNIT, height // SIZE_UNIT * SIZE_UNIT
