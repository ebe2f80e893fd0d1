"""ComfyUI: the graph that made the picture, walked from the node that saves it to the sampler and on to its texts.

A graph is nodes by their names; an input is a value, or a link: the name of another node and which
of its outputs. It may be of any shape, cycles included: every walk visits a node once, and all of them
together take a bounded number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final

from codec.encoder.prompt.metadata.nodes import (
    MODELS,
    NEGATIVE,
    POSITIVE,
    Graph,
    Node,
    has_model,
    is_canvas,
    is_sampler,
    links,
    onward,
    target,
    word,
)
from codec.encoder.prompt.metadata.values import Metadata, mapping, metadata, number, whole
from codec.encoder.prompt.metadata.workflow import graph_of
from codec.semantic.prompt import MAX_TEXT

TOOL = "ComfyUI"
MAX_NODES: Final = 4000
MAX_STEPS: Final = 200_000  # of all walks through one graph, from a node to each of its inputs
_MAX_GLUE: Final = 64  # characters between two texts
# inputs that hold the text of an encoder of text, by falling worth: of each group the first that says something
_ENCODED: Final = (
    ("text", "prompt", "text_g", "t5xxl", "mt5xl", "gemma_prompt", "caption"),
    ("text_l", "clip_l", "bert"),
)
# inputs of nodes that only handle text
_TEXTS: Final = (
    "populated_text", "text", "string", "value", "prompt", "text_positive", "positive_prompt", "wildcard_text",
    *("string_a", "string_b", "text_a", "text_b", "text_c", "text_d", "text1", "text2", "text3", "text4"),
    *("string1", "string2", "prompt1", "prompt2", "input", "any", "source", "", "anything"),
)  # fmt: skip
_GUIDANCE: Final = ("cfg", "guidance", "cfg1", "cfg_scale")
_STARTS: Final = ("seed", "noise_seed")
_VALUES: Final = ("value", "seed", "int", "float", "number", "Value", "Number", "string", "text")


def read(prompt: Any, workflow: Any = None) -> Metadata | None:
    """The graph as it ran, or as it was drawn -> what it says of the picture; None without a sampler or its text."""
    graph = _graph(mapping(prompt)) or graph_of(mapping(workflow))
    return _Walk(graph).metadata() if 0 < len(graph) <= MAX_NODES else None


def _graph(said: dict[str, Any]) -> Graph:
    """`prompt`'s JSON; what is no node is left out."""
    graph = {}
    for name, node in said.items():
        kind = node.get("class_type") if isinstance(node, dict) else None
        if isinstance(kind, str):
            graph[name] = Node(kind, mapping(node.get("inputs")))
    return graph


class _Walk:
    """One graph; links are followed from here on."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._steps = MAX_STEPS

    def _visit(self, link: Any, seen: set[str]) -> Node | None:
        """The node that a link comes from, once; None for one that was seen, is not there, or is a step too far."""
        name = target(link)
        if name is None or name in seen or name not in self.graph or self._steps <= 0:
            return None
        seen.add(name)
        self._steps -= 1 + len(self.graph[name].inputs)
        return self.graph[name]

    def metadata(self) -> Metadata | None:
        sampler = self._sampler()
        if sampler is None:
            return None
        said = sampler.inputs
        positive = self._text(said, POSITIVE)
        if not positive:
            return None
        latent = self._first(said.get("latent_image", said.get("latent")), is_canvas)
        sides = latent.inputs if latent else {}
        begun = self._noise(sampler)
        model = self._first(begun.get("model"), has_model) or self._first(begun.get("guider"), has_model)
        names = [model.inputs.get(key) for key in MODELS] if model else []
        return metadata(
            TOOL, positive, self._text(said, NEGATIVE),
            seed=self._value(begun, _STARTS, whole), steps=self._value(said, ("steps",), whole),
            guidance=self._guidance(said), sampler=self._value(said, ("sampler_name",), word),
            schedule=self._value(said, ("scheduler",), word),
            model=next((name for name in names if isinstance(name, str)), None),
            width=self._own(sides.get("width", sides.get("empty_latent_width")), whole),
            height=self._own(sides.get("height", sides.get("empty_latent_height")), whole),
        )  # fmt: skip

    def _sampler(self) -> Node | None:
        """The sampler nearest to the node that saves; without such a node any that is there."""
        savers = [node for node in self.graph.values() if "save" in node.kind.lower() and links(node.inputs)]
        shown = [node for node in self.graph.values() if "preview" in node.kind.lower()]
        seen = set[str]()  # for all ends together: behind a node that was seen there is none
        for ends in (savers, shown, list(self.graph.values())):
            for end in ends:
                for node in chain([end], self._upstream(*links(end.inputs), seen=seen)):
                    if is_sampler(node):
                        return node
        return None

    def _noise(self, sampler: Node) -> dict[str, Any]:
        """The inputs of the sampler that put the noise in: a refiner goes on with that of the one before."""
        if sampler.inputs.get("add_noise") != "disable":
            return sampler.inputs
        before = self._first(
            sampler.inputs.get("latent_image"),
            lambda node: is_sampler(node) and node.inputs.get("add_noise") != "disable",
        )
        return (before or sampler).inputs

    def _upstream(self, *behind: Any, seen: set[str] | None = None) -> Iterator[Node]:
        """The nodes behind the links, the nearest first, each once, but for those `seen`, which are added to."""
        queue, seen = list(behind), set[str]() if seen is None else seen
        for link in queue:  # grows as it goes
            if node := self._visit(link, seen):
                yield node
                queue += links(node.inputs)

    def _first(self, link: Any, is_it: Callable[[Node], bool]) -> Node | None:
        return next((node for node in self._upstream(link) if is_it(node)), None)

    # texts

    def _text(self, said: dict[str, Any], role: str) -> str:
        """What a sampler is told to show, or not to show."""
        found: list[str] = []
        seen: set[str] = set()
        if role in said or "guider" not in said:
            self._conditioning(said.get(role), role, found, seen)
        else:  # the guider has both, or, without a negative prompt, one conditioning
            self._conditioning(said["guider"], role, found, seen)
        return ", ".join(dict.fromkeys(found))

    def _conditioning(self, start: Any, role: str, found: list[str], seen: set[str]) -> None:
        """The texts behind a link, in the order that the nodes name them. A stack: graphs may be long."""
        stack = [start]
        while stack:
            node = self._visit(stack.pop(), seen)
            if node is None or "zeroout" in node.kind.lower():
                continue
            if (told := self._encoded(node, role)) is not None:
                found += told
            else:
                stack += reversed(onward(node, role))

    def _encoded(self, node: Node, role: str) -> list[str] | None:
        """The texts of a node that encodes one, or that holds both prompts; None for any other."""
        both = node.inputs.get(role)
        if isinstance(both, str):
            return [both.strip()] if both.strip() else []
        if "textencode" not in node.kind.lower().replace("_", "").replace(" ", "") and "clip" not in node.inputs:
            return None
        told = []
        for group in _ENCODED:
            texts = (self._string(node.inputs[key]) for key in group if key in node.inputs)
            told += [text for text in texts if text][:1]
        if not told and not any(key in node.inputs for group in _ENCODED for key in group):
            return None  # such as a LoRA's loader on the way
        return told

    def _string(self, value: Any) -> str:
        """A text, or the ones behind a link, joined as the nodes say; of no more characters than a prompt has bytes."""
        if isinstance(value, str):
            return value.strip()[:MAX_TEXT]
        parts: list[str] = []
        seen: set[str] = set()
        stack, glue = [value], ", "
        while stack:
            here = stack.pop()
            if isinstance(here, str):
                parts.append(here.strip())
                continue
            node = self._visit(here, seen)
            if node is None:
                continue
            said = node.inputs
            glue = next((said[key] for key in ("delimiter", "separator") if isinstance(said.get(key), str)), glue)
            texts = [said[key] for key in _TEXTS if key in said]
            if isinstance(said.get("populated_text"), str):  # what a wildcard's text came to
                texts = texts[:1]
            stack += reversed(texts)
        glue = glue[:_MAX_GLUE].replace("\\n", "\n")
        return glue.join(dict.fromkeys(part for part in parts if part))[:MAX_TEXT]

    # numbers

    def _value(self, said: dict[str, Any], keys: tuple[str, ...], sense: Callable[[Any], Any]) -> Any:
        """A sampler's own value, or that of its noise, steps or guider where these are nodes of their own."""
        for key in keys:
            if (found := self._own(said.get(key), sense)) is not None:
                return found
        for part in ("noise", "sigmas", "sampler", "guider"):
            for node in self._upstream(said.get(part)):
                for key in keys:
                    if (found := self._own(node.inputs.get(key), sense)) is not None:
                        return found
        return None

    def _own(self, value: Any, sense: Callable[[Any], Any]) -> Any:
        """A value, or that of the node behind a link."""
        if target(value) is None:
            return sense(value)
        for node in self._upstream(value):
            for key in _VALUES:
                if (found := sense(node.inputs.get(key))) is not None:
                    return found
        return None

    def _guidance(self, said: dict[str, Any]) -> Any:
        """Distilled guidance, which stands on the way to the text, goes before a scale of 1, which is none."""
        scale = self._value(said, _GUIDANCE, number)
        if scale in (None, 1):
            ways = (said.get(POSITIVE), said.get("guider"))
            for node in self._upstream(*ways):
                if "guidance" in node.kind.lower() and (own := self._own(node.inputs.get("guidance"), number)):
                    return own
        return scale
