"""ComfyUI: the graph that generated the picture, walked from the node that saves it to the sampler and on to its texts.

A graph maps names to nodes; an input is a value or a link, i.e. the name of another node and the number of its output.
A graph may have any shape, cycles included: every walk visits a node once, and the steps of all walks are limited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final

from codec.encoder.prompt.metadata.nodes import (
    MODEL_INPUTS,
    NEGATIVE,
    POSITIVE,
    Graph,
    Node,
    conditioning_inputs,
    has_model,
    is_empty_latent,
    is_sampler,
    link_target,
    links,
    to_text,
)
from codec.encoder.prompt.metadata.values import Metadata, build_metadata, to_integer, to_number, to_object
from codec.encoder.prompt.metadata.workflow import to_graph
from codec.semantic.prompt import MAX_TEXT

TOOL: Final = "ComfyUI"
MAX_NODES: Final = 4000
MAX_STEPS: Final = 200_000  # of all walks through one graph; a step goes from a node to one of its inputs
_MAX_SEPARATOR: Final = 64  # characters between two texts
# Inputs of text encoders, in descending order of priority: the first nonempty one of each group is used.
_ENCODER_TEXTS: Final = (
    ("text", "prompt", "text_g", "t5xxl", "mt5xl", "gemma_prompt", "caption"),
    ("text_l", "clip_l", "bert"),
)
# inputs of nodes that process text
_TEXT_INPUTS: Final = (
    "populated_text", "text", "string", "value", "prompt", "text_positive", "positive_prompt", "wildcard_text",
    *("string_a", "string_b", "text_a", "text_b", "text_c", "text_d", "text1", "text2", "text3", "text4"),
    *("string1", "string2", "prompt1", "prompt2", "input", "any", "source", "", "anything"),
)  # fmt: skip
_GUIDANCE_INPUTS: Final = ("cfg", "guidance", "cfg1", "cfg_scale")
_SEED_INPUTS: Final = ("seed", "noise_seed")
_VALUE_INPUTS: Final = ("value", "seed", "int", "float", "number", "Value", "Number", "string", "text")
_SAMPLER_PARTS: Final = ("noise", "sigmas", "sampler", "guider")  # inputs for nodes with some of a sampler's values


def read(prompt: Any, workflow: Any = None) -> Metadata | None:
    """Read the graph that ran, or else the workflow as drawn; None if there is no sampler with a text."""
    graph = _parse_graph(to_object(prompt)) or to_graph(to_object(workflow))
    return GraphReader(graph).metadata() if 0 < len(graph) <= MAX_NODES else None


def _parse_graph(document: dict[str, Any]) -> Graph:
    """Return the graph of the JSON in `prompt`, without invalid nodes."""
    graph = {}
    for name, node in document.items():
        kind = node.get("class_type") if isinstance(node, dict) else None
        if isinstance(kind, str):
            graph[name] = Node(kind, to_object(node.get("inputs")))
    return graph


class GraphReader:
    """Walks through one graph, with a limited number of steps."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._remaining_steps = MAX_STEPS

    def metadata(self) -> Metadata | None:
        """Return what the graph says about the picture, None if there is no sampler with a text."""
        sampler = self._find_sampler()
        if sampler is None:
            return None
        inputs = sampler.inputs
        positive = self._prompt(inputs, POSITIVE)
        if not positive:
            return None
        latent = self._find(inputs.get("latent_image", inputs.get("latent")), is_empty_latent)
        latent_inputs = latent.inputs if latent else {}
        noise_inputs = self._noise_inputs(sampler)
        return build_metadata(
            TOOL,
            positive,
            self._prompt(inputs, NEGATIVE),
            seed=self._sampler_value(noise_inputs, _SEED_INPUTS, to_integer),
            steps=self._sampler_value(inputs, ("steps",), to_integer),
            guidance=self._guidance(inputs),
            sampler=self._sampler_value(inputs, ("sampler_name",), to_text),
            schedule=self._sampler_value(inputs, ("scheduler",), to_text),
            model=self._model(noise_inputs),
            width=self._value(latent_inputs.get("width", latent_inputs.get("empty_latent_width")), to_integer),
            height=self._value(latent_inputs.get("height", latent_inputs.get("empty_latent_height")), to_integer),
        )

    # --- walks ---

    def _visit(self, link: Any, visited: set[str]) -> Node | None:
        """Return the node that a link comes from; None if it was visited, does not exist, or no steps remain."""
        name = link_target(link)
        if name is None or name in visited or name not in self.graph or self._remaining_steps <= 0:
            return None
        visited.add(name)
        self._remaining_steps -= 1 + len(self.graph[name].inputs)
        return self.graph[name]

    def _upstream(self, *start: Any, visited: set[str] | None = None) -> Iterator[Node]:
        """Yield the nodes upstream of some links, breadth first, without those already visited."""
        queue, visited = list(start), set[str]() if visited is None else visited
        for link in queue:  # the queue grows in the loop
            if node := self._visit(link, visited):
                yield node
                queue += links(node.inputs)

    def _find(self, link: Any, is_match: Callable[[Node], bool]) -> Node | None:
        """Return the nearest node upstream of a link that matches."""
        return next((node for node in self._upstream(link) if is_match(node)), None)

    def _find_sampler(self) -> Node | None:
        """Return the sampler nearest to a node that saves, else to one that previews, else any sampler."""
        savers = [node for node in self.graph.values() if "save" in node.kind.lower() and links(node.inputs)]
        previews = [node for node in self.graph.values() if "preview" in node.kind.lower()]
        visited = set[str]()  # shared by all walks, as there is no sampler upstream of a visited node
        for ends in (savers, previews, list(self.graph.values())):
            for end in ends:
                for node in chain([end], self._upstream(*links(end.inputs), visited=visited)):
                    if is_sampler(node):
                        return node
        return None

    def _noise_inputs(self, sampler: Node) -> dict[str, Any]:
        """Return the inputs of the sampler that adds the noise, which a refiner's picture comes from."""
        if sampler.inputs.get("add_noise") != "disable":
            return sampler.inputs
        base = self._find(
            sampler.inputs.get("latent_image"),
            lambda node: is_sampler(node) and node.inputs.get("add_noise") != "disable",
        )
        return (base or sampler).inputs

    def _model(self, inputs: dict[str, Any]) -> str | None:
        """Return the name of a sampler's model."""
        loader = self._find(inputs.get("model"), has_model) or self._find(inputs.get("guider"), has_model)
        names = [loader.inputs.get(key) for key in MODEL_INPUTS] if loader else []
        return next((name for name in names if isinstance(name, str)), None)

    # --- texts ---

    def _prompt(self, inputs: dict[str, Any], role: str) -> str:
        """Return the prompt or the negative prompt of a sampler."""
        if role in inputs or "guider" not in inputs:
            return self._conditioning(inputs.get(role), role)
        return self._conditioning(inputs["guider"], role)  # it has both, or a single conditioning

    def _conditioning(self, start: Any, role: str) -> str:
        """Return the distinct texts upstream of a link, in the order of the nodes' inputs."""
        texts: list[str] = []
        visited: set[str] = set()
        stack = [start]  # no recursion: a graph may be long
        while stack:
            node = self._visit(stack.pop(), visited)
            if node is None or "zeroout" in node.kind.lower():
                continue
            encoded = self._encoded_texts(node, role)
            if encoded is None:
                stack += reversed(conditioning_inputs(node, role))
            else:
                texts += encoded
        return ", ".join(dict.fromkeys(texts))

    def _encoded_texts(self, node: Node, role: str) -> list[str] | None:
        """Return the texts of a node that encodes text or holds both prompts; None for any other node."""
        prompt = node.inputs.get(role)
        if isinstance(prompt, str):
            return [prompt.strip()] if prompt.strip() else []
        if "textencode" not in node.kind.lower().replace("_", "").replace(" ", "") and "clip" not in node.inputs:
            return None
        encoded: list[str] = []
        for group in _ENCODER_TEXTS:
            texts = (self._text(node.inputs[key]) for key in group if key in node.inputs)
            encoded += [text for text in texts if text][:1]
        if not encoded and not any(key in node.inputs for group in _ENCODER_TEXTS for key in group):
            return None  # not an encoder, e.g. a LoRA loader
        return encoded

    def _text(self, value: Any) -> str:
        """Return a text, or the texts upstream of a link, joined by the nodes' separator.

        The result has at most as many characters as a prompt has bytes.
        """
        if isinstance(value, str):
            return value.strip()[:MAX_TEXT]
        parts: list[str] = []
        visited: set[str] = set()
        stack, separator = [value], ", "
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                parts.append(item.strip())
                continue
            node = self._visit(item, visited)
            if node is None:
                continue
            inputs = node.inputs
            separators = (inputs[key] for key in ("delimiter", "separator") if isinstance(inputs.get(key), str))
            separator = next(separators, separator)
            texts = [inputs[key] for key in _TEXT_INPUTS if key in inputs]
            if isinstance(inputs.get("populated_text"), str):  # a text whose wildcards are replaced
                texts = texts[:1]
            stack += reversed(texts)
        separator = separator[:_MAX_SEPARATOR].replace("\\n", "\n")
        return separator.join(dict.fromkeys(part for part in parts if part))[:MAX_TEXT]

    # --- values ---

    def _sampler_value(self, inputs: dict[str, Any], keys: tuple[str, ...], convert: Callable[[Any], Any]) -> Any:
        """Return a value of a sampler, or of its noise, steps, method or guider if these are separate nodes."""
        for key in keys:
            if (value := self._value(inputs.get(key), convert)) is not None:
                return value
        for part in _SAMPLER_PARTS:
            for node in self._upstream(inputs.get(part)):
                for key in keys:
                    if (value := self._value(node.inputs.get(key), convert)) is not None:
                        return value
        return None

    def _value(self, value: Any, convert: Callable[[Any], Any]) -> Any:
        """Return a converted value, or the first one that can be converted upstream of a link."""
        if link_target(value) is None:
            return convert(value)
        for node in self._upstream(value):
            for key in _VALUE_INPUTS:
                if (converted := convert(node.inputs.get(key))) is not None:
                    return converted
        return None

    def _guidance(self, inputs: dict[str, Any]) -> Any:
        """Return the guidance scale; if it is 1, i.e. off, the distilled guidance on the way to the text, if any."""
        scale = self._sampler_value(inputs, _GUIDANCE_INPUTS, to_number)
        if scale in (None, 1):
            for node in self._upstream(inputs.get(POSITIVE), inputs.get("guider")):
                if "guidance" in node.kind.lower() and (own := self._value(node.inputs.get("guidance"), to_number)):
                    return own
        return scale
