"""Convert values of any type, as found in metadata, to a prompt and settings that a file can hold."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final

from codec.bitstream.checkpoints import names_by_lowercase
from codec.bitstream.recipe import Recipe
from codec.bitstream.settings import MAX_MODEL, SAMPLERS, SCHEDULES, SIZE_UNIT, Settings
from codec.errors import InvalidLayer
from codec.layers import MAX_SEED
from codec.semantic.prompt import MAX_TEXT, Prompt

MAX_JSON: Final = 1 << 20  # characters
MAX_DEPTH: Final = 64  # nested brackets
_MAX_NUMBER: Final = 64  # characters of a number to read
_MAX_INPUT: Final = 400  # characters of a model's name to read
_SHORT_NAME: Final = 16  # bytes; a longer name of an unknown model is replaced by its hash

_JSON_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_EXTENSION: Final = re.compile(r"\.(safetensors|ckpt|gguf|pt|pth|bin|sft)$", re.IGNORECASE)
_SAMPLER_ALIASES: Final = {
    "plms": "pndm",
    "dpmpp_2": "dpmpp_2m",
    "dpmpp_2m_sde_heun": "dpmpp_2m_sde",
    "unipc_bh2": "unipc",
    "ddim_v3": "ddim",
    "dpmpp2m": "dpmpp_2m",  # stable-diffusion.cpp
    "dpmpp2mv2": "dpmpp_2m",
    "dpmpp2s_a": "dpmpp_2s_a",
}
_NO_SETTINGS: Final = Settings()


@dataclass(frozen=True)
class Metadata:
    """How a picture was generated. `tool`: name of the tool that generated it.

    recipe: what else is needed to generate it again; None if that is not possible. not_repeated: the reasons, as nouns
    such as "LoRA"; empty if there is a recipe, or if recipes do not support the tool
    """

    tool: str
    prompt: Prompt
    seed: int | None = None
    settings: Settings = _NO_SETTINGS
    recipe: Recipe | None = None
    not_repeated: tuple[str, ...] = ()


def build_metadata(
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
    """Return metadata from values of any type: invalid values are left out, and long prompts are truncated."""
    scale = to_number(guidance)
    candidates: dict[str, Any] = {
        "steps": to_integer(steps),
        "guidance": None if scale is None else round(scale * 4) / 4,
        "sampler": sampler_name(sampler, schedule),
        "model": model_name(model, model_hash),
        "size": _stored_size(to_integer(width), to_integer(height)),
    }
    settings = Settings()
    for name, value in candidates.items():
        with contextlib.suppress(InvalidLayer):
            settings = dataclasses.replace(settings, **{name: value})
    number = to_integer(seed)
    return Metadata(
        tool,
        Prompt(truncate_text(prompt), truncate_text(negative)),
        number if number is not None and 0 <= number <= MAX_SEED else None,
        settings,
    )


def parse_json(text: str | None) -> Any:
    """Return the value of a JSON object or array; NaN and Infinity become None.

    Returns None for anything else, over 1 MiB or nested more than 64 deep.
    """
    if not text or len(text) > MAX_JSON or text.lstrip()[:1] not in ("{", "["):
        return None
    depth = 0
    for bracket in re.finditer(r"[\[{\]}]", _JSON_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            return None
    try:
        return json.loads(text.rstrip("\0"), parse_constant=lambda _: None)
    except ValueError:  # also for an integer of over 4,300 digits
        return None


def to_object(value: Any) -> dict[str, Any]:
    """Return a JSON object, given as such or as text; {} for anything else."""
    value = parse_json(value) if isinstance(value, str) else value
    return value if isinstance(value, dict) else {}


def unquote(text: str) -> str:
    """Return what a JSON string holds, without a byte-order mark; any other text unchanged."""
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_JSON or not re.match(r'\s*+"', text) or not text.rstrip().endswith('"'):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def clean_text(text: Any) -> str:
    """Return the text without control characters (except newline, tab) and lone surrogates; "" if it is not a text."""
    if not isinstance(text, str):
        return ""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    cleaned = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", lines)
    return cleaned.encode("utf-8", "replace").decode("utf-8").strip()


def truncate_text(text: Any) -> str:
    """Return a clean text, truncated to the maximum bytes of a prompt."""
    cleaned = clean_text(text[:MAX_JSON] if isinstance(text, str) else "")
    return cleaned.encode()[:MAX_TEXT].decode("utf-8", "ignore").strip()


def to_integer(value: Any) -> int | None:
    """Return an integer of at most 20 digits, converted from text or a float if necessary; None for anything else."""
    if isinstance(value, str):
        value = value[:_MAX_NUMBER].strip()
        value = int(value) if re.fullmatch(r"[0-9]{1,20}", value, re.ASCII) else None
    if isinstance(value, float):
        value = int(value) if value.is_integer() and abs(value) < 2**53 else None
    return value if type(value) is int and abs(value) < 10**20 else None


def to_number(value: Any) -> float | None:
    """Return a finite number, converted from text if necessary; None for anything else."""
    if isinstance(value, str):
        value = float(value) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,20})?", value, re.ASCII) else None
    if type(value) not in (int, float) or abs(value) > 1e9 or not math.isfinite(value):
        return None
    return float(value)


def model_name(name: Any, digest: Any = None) -> str | None:
    """Return a model's name without folders and extension, or "sha256:" and the start of its hash if shorter."""
    name = clean_text(name[:_MAX_INPUT]) if isinstance(name, str) else ""
    name = re.sub(r" ?\[[0-9a-f]{8,10}\]$", "", name).replace("\\", "/").rpartition("/")[2]
    name = _EXTENSION.sub("", name).strip()
    if name.lower() in names_by_lowercase():
        return names_by_lowercase()[name.lower()]
    if isinstance(digest, str) and (match := re.fullmatch(r"(?:sha256:)?([0-9a-f]{10})[0-9a-f]*", digest.lower())):
        return name if 0 < len(name.encode()) <= _SHORT_NAME else f"sha256:{match[1]}"
    return name.encode()[:MAX_MODEL].decode("utf-8", "ignore").strip() or None


def sampler_name(name: Any, schedule: Any = None) -> str | None:
    """Return the stored name of a sampler and its schedule, given by any tool's names, e.g. "DPM++ 2M" and "Karras"."""
    method = _to_snake_case(name).removeprefix("sample_").removeprefix("k_").removesuffix("_gpu")
    for long, short in (("_ancestral", "_a"), ("kdpm_2", "dpm2"), ("dpm_2", "dpm2"), ("uni_pc", "unipc")):
        method = method.replace(long, short)
    plan = _to_snake_case(schedule)
    for known in SCHEDULES:
        if method.endswith(f"_{known}"):
            method, plan = method.removesuffix(f"_{known}"), known
    if method.endswith("_k"):  # InvokeAI's suffix for Karras
        method, plan = method.removesuffix("_k"), "karras"
    method = method.removesuffix("_trailing").removesuffix("_ays")
    method = _SAMPLER_ALIASES.get(method, method)
    if f"{method}_{plan}" in SAMPLERS:
        return f"{method}_{plan}"
    return method if method in SAMPLERS else None


def _to_snake_case(name: Any) -> str:
    text = name[:60].lower().replace("++", "pp") if isinstance(name, str) else ""
    return re.sub(r"[ _-]+", "_", text.strip())


def _stored_size(width: int | None, height: int | None) -> tuple[int, int] | None:
    """Return the size, rounded down to the unit in which sizes are stored, as the tools also do."""
    if width is None or height is None:
        return None
    return width // SIZE_UNIT * SIZE_UNIT, height // SIZE_UNIT * SIZE_UNIT
