"""What can be said of one node of ComfyUI's graphs by its inputs alone, as new nodes come with new names."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

POSITIVE: Final = "positive"
NEGATIVE: Final = "negative"
MODELS: Final = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name", "gguf_name")


class Node(NamedTuple):
    """`kind`: its class. `inputs`: values and links by name; a link is [name of a node, number of its output]."""

    kind: str
    inputs: dict[str, Any]


Graph = dict[str, Node]


def has_model(node: Node) -> bool:
    """A node that loads a model, or brings one along."""
    loads = "load" in node.kind.lower() and "lora" not in node.kind.lower()
    return any(isinstance(node.inputs.get(key), str) for key in (MODELS if loads else MODELS[:2]))


def is_canvas(node: Node) -> bool:
    """A node that an empty picture comes from."""
    return ("empty" in node.kind.lower() and "width" in node.inputs) or "empty_latent_width" in node.inputs


def is_sampler(node: Node) -> bool:
    """By what goes in: a new one has other names, but is told what to show and how many steps to take."""
    said = node.inputs
    if "guider" in said:
        return "sigmas" in said or "noise" in said
    return POSITIVE in said and bool({"steps", "sigmas", "sampler_name"} & set(said))


def onward(node: Node, role: str) -> list[Any]:
    """Where a conditioning comes from: what is of the same role, or else what is named like one."""
    said = node.inputs
    if role in said:
        return [said[role]]
    if "guider" in node.kind.lower() and role == NEGATIVE:
        return []
    named = [said[key] for key in said if key.startswith("conditioning") and target(said[key]) is not None]
    other = NEGATIVE if role == POSITIVE else POSITIVE
    skipped = ("model", "clip", "vae", "image", "latent", "samples", "control_net", "mask", "pixels", other)
    return named or [said[key] for key in said if not key.startswith(skipped)]


def links(said: dict[str, Any]) -> list[Any]:
    """The inputs that are links."""
    return [value for value in said.values() if target(value) is not None]


def target(link: Any) -> str | None:
    """The node that a link comes from."""
    if not (isinstance(link, list) and len(link) == 2 and isinstance(link[0], str | int) and type(link[1]) is int):
        return None
    return str(link[0])


def word(value: Any) -> str | None:
    """The value if it is a text."""
    return value if isinstance(value, str) else None
