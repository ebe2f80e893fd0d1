"""Nodes of ComfyUI's graphs, classified by their inputs, as new nodes come with new names."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

POSITIVE: Final = "positive"
NEGATIVE: Final = "negative"
MODEL_INPUTS: Final = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name", "gguf_name")
_NOT_CONDITIONING: Final = ("model", "clip", "vae", "image", "latent", "samples", "control_net", "mask", "pixels")


class Node(NamedTuple):
    """A node of a graph.

    `kind`: name of its class. `inputs`: values and links by name; a link is [name of a node, number of its output].
    """

    kind: str
    inputs: dict[str, Any]


Graph = dict[str, Node]


def has_model(node: Node) -> bool:
    """Return whether the node loads a model, or holds the name of one."""
    is_loader = "load" in node.kind.lower() and "lora" not in node.kind.lower()
    return any(isinstance(node.inputs.get(key), str) for key in (MODEL_INPUTS if is_loader else MODEL_INPUTS[:2]))


def is_empty_latent(node: Node) -> bool:
    """Return whether the node makes an empty picture, which has the size of the generated one."""
    return ("empty" in node.kind.lower() and "width" in node.inputs) or "empty_latent_width" in node.inputs


def is_sampler(node: Node) -> bool:
    """Return whether the node samples: it takes a conditioning and steps, or a guider."""
    inputs = node.inputs
    if "guider" in inputs:
        return "sigmas" in inputs or "noise" in inputs
    return POSITIVE in inputs and bool({"steps", "sigmas", "sampler_name"} & set(inputs))


def conditioning_inputs(node: Node, role: str) -> list[Any]:
    """Return the inputs from which a conditioning of this role, POSITIVE or NEGATIVE, comes.

    These are the input of that role, else the inputs that are named like a conditioning, else all that may be one.
    """
    inputs = node.inputs
    if role in inputs:
        return [inputs[role]]
    if "guider" in node.kind.lower() and role == NEGATIVE:
        return []
    named = [inputs[key] for key in inputs if key.startswith("conditioning") and link_target(inputs[key]) is not None]
    other_role = NEGATIVE if role == POSITIVE else POSITIVE
    return named or [inputs[key] for key in inputs if not key.startswith((*_NOT_CONDITIONING, other_role))]


def links(inputs: dict[str, Any]) -> list[Any]:
    """Return the inputs that are links."""
    return [value for value in inputs.values() if link_target(value) is not None]


def link_target(link: Any) -> str | None:
    """Return the name of the node that a link comes from, None if the value is not a link."""
    if not (isinstance(link, list) and len(link) == 2 and isinstance(link[0], str | int) and type(link[1]) is int):
        return None
    return str(link[0])


def to_text(value: Any) -> str | None:
    """Return the value if it is text, else None."""
    return value if isinstance(value, str) else None
