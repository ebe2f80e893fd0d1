"""Name the values of nodes in ComfyUI's workflows, which are stored as lists without names."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any, Final

from codec.encoder.prompt.metadata.field_names import is_text_name, plain, role_of
from codec.encoder.prompt.metadata.nodes import shows_value, texts_in

MAX_FIELDS: Final = 1000  # inputs or values of one node
_MAX_NAME: Final = 200  # characters
_SEED_MODES: Final = ("fixed", "increment", "decrement", "randomize")
_IGNORED: Final = ""  # a value that is not used
# The names of a node's values, in order, for workflows that do not name them.
_VALUE_NAMES: Final = {
    "KSampler": ("seed", _IGNORED, "steps", "cfg", "sampler_name", "scheduler"),
    "KSamplerAdvanced": (_IGNORED, "noise_seed", _IGNORED, "steps", "cfg", "sampler_name", "scheduler"),
    "SamplerCustom": (_IGNORED, "noise_seed", _IGNORED, "cfg"),
    "RandomNoise": ("noise_seed",),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps"),
    "KarrasScheduler": ("steps",),
    "AlignYourStepsScheduler": (_IGNORED, "steps"),
    "Flux2Scheduler": ("steps", "width", "height"),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeSDXL": (*(_IGNORED,) * 6, "text_g", "text_l"),
    "CLIPTextEncodeSDXLRefiner": (_IGNORED, _IGNORED, _IGNORED, "text"),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "CLIPTextEncodeSD3": ("clip_l", "clip_g", "t5xxl"),
    "CLIPTextEncodeHiDream": ("clip_l", "clip_g", "t5xxl", "llama"),
    "CLIPTextEncodeHunyuanDiT": ("bert", "mt5xl"),
    "CLIPTextEncodeLumina2": ("system_prompt", "user_prompt"),
    "CLIPTextEncodePixArtAlpha": (_IGNORED, _IGNORED, "text"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "CheckpointLoader": (_IGNORED, "ckpt_name"),
    "UNETLoader": ("unet_name",),
    "UnetLoaderGGUF": ("unet_name",),
    "EmptyLatentImage": ("width", "height"),
    "EmptySD3LatentImage": ("width", "height"),
    "PrimitiveNode": ("value",),
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
    "PrimitiveInt": ("value",),
    "PrimitiveFloat": ("value",),
    "StringConcatenate": ("string_a", "string_b", "delimiter"),
    "StringReplace": ("string", "find", "replace"),
    "JoinStringMulti": ("inputcount", "delimiter"),
    "ImpactSwitch": ("select",),
    "Efficient Loader": ("ckpt_name", *(_IGNORED,) * 5, "positive", "negative", _IGNORED, _IGNORED,
                         "empty_latent_width", "empty_latent_height"),
    "KSampler (Efficient)": ("seed", _IGNORED, "steps", "cfg", "sampler_name", "scheduler"),
}  # fmt: skip


def named_values(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a node by name, as far as the names are known."""
    values = entry.get("widgets_values")
    if isinstance(values, dict):
        return dict(islice(values.items(), MAX_FIELDS))
    if not isinstance(values, list):
        return {}
    values = values[:MAX_FIELDS]
    if shows_value(entry["type"]):
        return {f"text_{number}": text for number, text in enumerate(texts_in(values))}
    names = [
        to_name(field.get("name")) for field in objects(entry.get("inputs")) if isinstance(field.get("widget"), dict)
    ]
    if names and (named := _aligned(names, values)) is not None:
        return named
    if entry["type"] in _VALUE_NAMES:
        pairs = zip(_VALUE_NAMES[entry["type"]], values, strict=False)
        return {name: value for name, value in pairs if name != _IGNORED}
    return _guessed(entry, values)


def _aligned(names: list[str], values: list[Any]) -> dict[str, Any] | None:
    """Return the values by the names of a node's inputs; None if the numbers differ.

    A seed is followed by an extra value, which says how the seed changes.
    """
    named: dict[str, Any] = {}
    at = 0
    for name in names:
        if at >= len(values):
            return None
        named[name] = values[at]
        at += 1
        if "seed" in name and at < len(values) and values[at] in _SEED_MODES:
            at += 1
    return named if at >= len(values) - 1 else None


def _guessed(entry: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    """Return the values of a node whose inputs are unknown: texts, and a sampler's values by their order."""
    kind = plain(entry["type"])
    mode = next((at for at, value in enumerate(values) if value in _SEED_MODES), 0)
    if "sampl" in kind and mode and type(values[mode - 1]) is int:
        order = ("steps", "cfg", "sampler_name", "scheduler")
        types: tuple[tuple[type, ...], ...] = ((int,), (int, float), (str,), (str,))
        following = values[mode + 1 :]
        guess: dict[str, Any] = {"seed": values[mode - 1]}
        for name, expected in zip(order, types, strict=True):
            if following and isinstance(following[0], expected):
                guess[name] = following.pop(0)
        return guess
    if re.search("switch|select", kind) and values and type(values[0]) in (int, bool):
        return {"select": values[0]}
    files = re.compile(r"\.(?:safetensors|ckpt|gguf|pt|pth|bin|sft)$", re.IGNORECASE)
    strings = [text for text in texts_in(values) if text not in _SEED_MODES]
    guess = {"ckpt_name": strings[0]} if strings and files.search(strings[0]) else {}
    texts = [text for text in strings if not files.search(text)]
    names = [plain(to_name(output.get("name"))) for output in objects(entry.get("outputs"))]
    roles = [role_of(name) for name in names]
    prose = [text for text in texts if re.search(r"[\s,]", text.strip())] or texts
    if "positive" in roles and "negative" in roles and len(prose) >= 2:
        return guess | {"positive": prose[0], "negative": prose[1]}
    if len(values) == 1 and not strings:
        return {"value": values[0]}
    is_text = is_text_name(kind) or any(re.search("cond|string|text|prompt", name) for name in names) or not names
    if is_text:
        guess |= {f"text_{number}" if number else "text": text for number, text in enumerate(prose[:10])}
    return guess


def first_value(entry: dict[str, Any]) -> str:
    """Return the first value of a node, which is the name of a variable."""
    values = entry.get("widgets_values")
    return to_name(values[0]) if isinstance(values, list) and values else ""


def to_name(value: Any) -> str:
    """Return a text or a number as a name; "" for anything else."""
    return str(value)[:_MAX_NAME] if isinstance(value, str | int) else ""


def objects(items: Any, limit: int = MAX_FIELDS) -> list[dict[str, Any]]:
    """Return up to `limit` items of a list, with {} in place of items that are not JSON objects."""
    return [item if isinstance(item, dict) else {} for item in items[:limit]] if isinstance(items, list) else []
