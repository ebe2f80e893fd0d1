"""Metadata without nesting: a prompt and settings by name, in a JSON object or in separate texts.

Easy Diffusion, RuinedFooocus, Civitai's `extraMetadata`, and scripts that store what they passed to a pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from codec.encoder.prompt.metadata.values import Metadata, build_metadata, to_object

_MAX_KEYS: Final = 1000
# by role: names without case and punctuation, in descending order of priority
_NAMES: Final = {
    "prompt": ("positiveprompt", "prompt", "positive"),
    "negative": ("negativeprompt", "negative", "uc"),
    "seed": ("seed", "noiseseed"),
    "steps": ("steps", "numinferencesteps", "inferencesteps", "samplingsteps"),
    "guidance": ("cfgscale", "guidancescale", "cfg", "guidance", "scale"),
    "sampler": ("samplername", "sampler", "samplingmethod"),
    "schedule": ("schedulername", "scheduletype", "scheduler"),
    "model": ("usestablediffusionmodel", "stablediffusionmodel", "basemodelname", "basemodel", "modelname", "model"),
    "model_hash": ("modelhash", "basemodelhash"),
    "width": ("width",),
    "height": ("height",),
}


def read(document: Mapping[str, Any], tool: str | None = None) -> Metadata | None:
    """Read the object; None if it has no prompt, or no other field of a generated picture.

    tool: the one that wrote it, if known.
    """
    values = _by_plain_name(document)
    found = {role: _first(values, names) for role, names in _NAMES.items()}
    prompt = found.pop("prompt")
    is_generated = any(found[role] is not None for role in ("negative", "seed", "steps", "guidance"))
    if not isinstance(prompt, str) or not is_generated or to_object(prompt):
        return None
    if isinstance(found["model"], dict):
        found["model"] = found["model"].get("name")
    return build_metadata(tool or _tool(values), prompt, found.pop("negative"), **found)


def _by_plain_name(document: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key in list(document)[:_MAX_KEYS]:
        values.setdefault(re.sub(r"[^a-z0-9]", "", key[:60].lower()), document[key])
    return values


def _first(values: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _tool(values: dict[str, Any]) -> str:
    if values.get("software") == "RuinedFooocus":
        return "RuinedFooocus"
    is_easy = "usestablediffusionmodel" in values or "stablediffusionmodel" in values
    return "Easy Diffusion" if is_easy else "JSON"
