"""Read the settings of a sampler: its own values, and those of the nodes that it is linked to."""

from __future__ import annotations

import re
from typing import Any, Final

from codec.encoder.prompt.metadata import nodes
from codec.encoder.prompt.metadata.field_names import POSITIVE
from codec.encoder.prompt.metadata.graph_walk import GraphWalk, linked
from codec.encoder.prompt.metadata.nodes import Field, Link, Node
from codec.encoder.prompt.metadata.value_lookup import HEIGHT, SAMPLER_PARTS, WIDTH, ValueLookup, parse_side
from codec.encoder.prompt.metadata.values import to_integer, to_number

_SEED: Final = ("seed", "noise_seed", "seed_num", "seed_value", "rand_seed")
_STEPS: Final = ("steps", "num_steps", "step", "base_steps", "steps_total", "total_steps")
_GUIDANCE: Final = ("cfg", "cfg_scale", "guidance_scale", "cfg1", "guidance", "embedded_guidance_scale", "true_gs")
_DISTILLED: Final = ("guidance", "flux_guidance", "distilled_cfg", "distilled_guidance")
_SAMPLER: Final = ("sampler_name", "sampler")
_SCHEDULE: Final = ("scheduler", "scheduler_name", "schedule")
_MODEL: Final = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name", "gguf_name", "model_path")
_MODEL_SOURCE: Final = re.compile("model|guider|pipe|tuple|ctx|context|unet|transformer")
_MAX_NUMBER: Final = 64  # characters


class SamplerSettings:
    """Reads the settings of one graph's samplers."""

    def __init__(self, walk: GraphWalk, values: ValueLookup) -> None:
        self._walk = walk
        self._values = values

    def of(self, node: Node) -> dict[str, Any]:
        """Return the values of a sampler by the parameters of `build_metadata`; None for unknown ones."""
        width, height = self._size(node)
        lookup = self._values.lookup
        schedule = lookup(node, _SCHEDULE, nodes.to_text)
        return {
            "seed": lookup(node, _SEED, to_integer),
            "steps": lookup(node, _STEPS, _first_integer),
            "guidance": self._guidance(node),
            "sampler": lookup(node, _SAMPLER, nodes.to_text) or schedule,
            "schedule": schedule,
            "model": self._model(node),
            "width": width,
            "height": height,
        }

    def _guidance(self, node: Node) -> Any:
        """Return the guidance scale; if it is 1, i.e. off, the distilled guidance on the way to the text, if any."""
        scale = self._values.lookup(node, _GUIDANCE, to_number)
        if scale not in (None, 1):
            return scale
        if (own := self._values.lookup(node, _DISTILLED, to_number)) is not None:
            return own
        start = linked(
            node.fields, lambda field: field.name.role == POSITIVE or field.name.is_conditioning or field.name.is_pipe
        )
        for upstream in self._walk.upstream(start, lambda holder: holder.links):
            for field in upstream.fields:
                if field.name.plain in _DISTILLED and (own := self._values.value(field.source, _DISTILLED, to_number)):
                    return own
        return scale

    def _model(self, node: Node) -> str | None:
        """Return the name of a sampler's model."""

        def from_model(holder: Node) -> list[Link]:
            return linked(holder.fields, lambda field: _MODEL_SOURCE.search(field.name.plain) is not None)

        upstream = self._walk.upstream(from_model(node), lambda holder: from_model(holder) or holder.links)
        return next((name for holder in (node, *upstream) if (name := self._model_name(holder)) is not None), None)

    def _model_name(self, holder: Node) -> str | None:
        """Return the name of the model that a node loads or names, or None."""
        is_loader = "load" in holder.kind.lower()
        if is_loader and "lora" in holder.kind.lower() and "ckpt_name" not in holder.inputs:
            return None
        for name in _MODEL if is_loader else _MODEL[:2]:
            field = holder.by_name.get(name)
            if field is not None and isinstance(value := self._values.value(field.source, (name,), nodes.to_text), str):
                return value
        model = holder.inputs.get("model") if is_loader else None
        if isinstance(model, dict):
            model = model.get("name", model.get("model_name"))
        return nodes.to_text(model)

    def _size(self, node: Node) -> tuple[Any, Any]:
        """Return width and height of the picture that a sampler starts with; (None, None) if unknown."""

        def follow(holder: Node) -> list[Link]:
            return linked(holder.fields, _may_lead_to_size)

        for holder in (node, *self._walk.upstream(follow(node), follow)):
            fields = [
                next((holder.by_name[n] for n in names if n in holder.by_name), None) for names in (WIDTH, HEIGHT)
            ]
            width, height = (
                field and self._values.value(field.source, names, to_integer)
                for field, names in zip(fields, (WIDTH, HEIGHT), strict=True)
            )
            if width and height:
                return width, height
            if "latent" in holder.plain_kind and (side := parse_side(holder, WIDTH)) is not None:
                return side, parse_side(holder, HEIGHT)
        return None, None


def _may_lead_to_size(field: Field) -> bool:
    return field.name.is_picture or SAMPLER_PARTS.search(field.name.plain) is not None


def _first_integer(value: Any) -> int | None:
    """Return an integer, or the first integer of a text such as "20, 25"."""
    if isinstance(value, str):
        value = value[:_MAX_NUMBER].partition(",")[0]
    return to_integer(value)
