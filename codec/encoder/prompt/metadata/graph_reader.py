"""Read a prompt and settings out of a graph of nodes, by walking from what saves the picture to the main sampler.

Nodes are known by the names of their inputs and outputs, not by their classes. A graph may have any shape, cycles
included: all walks through one graph together take a limited number of steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from codec.encoder.prompt.metadata import nodes
from codec.encoder.prompt.metadata.nodes import NEGATIVE, POSITIVE, Graph, Link, Node, link_of, links, plain, role_of
from codec.encoder.prompt.metadata.values import Metadata, build_metadata, to_integer, to_number
from codec.semantic.prompt import MAX_TEXT

MAX_STEPS: Final = 100_000  # of all walks through one graph; a step goes from a node to one of its inputs
_MAX_SAMPLERS: Final = 32  # whose prompts are looked for
_MAX_DEPTH: Final = 60  # joins inside joins
_MAX_SEPARATOR: Final = 64  # characters between two texts
_NAMED_SEPARATORS: Final = {"comma": ", ", "space": " ", "newline": "\n", "none": "", "\\n": "\n"}
# Inputs of text encoders in descending order of priority; the second group is another encoder's wording.
_TEXT_PRIORITY: Final = (
    "populated_text", "processed_text", "result", "text", "string", "value", "prompt", "user_prompt", "positive_prompt",
    "text_positive", "text_g", "prompt_g", "t5xxl", "llama", "mt5xl", "gemma_prompt", "caption", "clip_g",
)  # fmt: skip
_SECOND_ENCODER: Final = re.compile(r"(?:^|_)l$|^bert$")
_SEED: Final = ("seed", "noise_seed", "seed_num", "seed_value", "rand_seed")
_STEPS: Final = ("steps", "num_steps", "step", "base_steps", "steps_total", "total_steps")
_GUIDANCE: Final = ("cfg", "cfg_scale", "guidance_scale", "cfg1", "guidance", "embedded_guidance_scale", "true_gs")
_DISTILLED: Final = ("guidance", "flux_guidance", "distilled_cfg", "distilled_guidance")
_SAMPLER: Final = ("sampler_name", "sampler")
_SCHEDULE: Final = ("scheduler", "scheduler_name", "schedule")
_WIDTH: Final = ("width", "empty_latent_width", "target_width", "clip_width", "image_width")
_HEIGHT: Final = ("height", "empty_latent_height", "target_height", "clip_height", "image_height")
_VALUE_NAMES: Final = ("value", "int", "float", "number", "string", "text", "val", "a")
# inputs from nodes that hold some of a sampler's values
_SAMPLER_PARTS: Final = re.compile(
    r"noise|sigmas|sampler|guider|scheduler|pipe|tuple|ctx|context|bus|settings|param|options|config|(?:^|_)bus"
)
# the names of outputs of widespread nodes that bundle values; other nodes are known by their inputs
_CONTEXT_OUTPUTS: Final = (
    "context", "model", "clip", "vae", "positive", "negative", "latent", "images", "seed", "steps", "step_refiner",
    "cfg", "ckpt_name", "sampler", "scheduler", "clip_width", "clip_height", "text_pos_g", "text_pos_l", "text_neg_g",
    "text_neg_l", "mask", "control_net",
)  # fmt: skip
_GENERIC_OUTPUTS: Final = frozenset(
    ("string", "text", "conditioning", "cond", "prompt", "int", "float", "number", "output", "value", "any", "result")
)
_PIPE_OUTPUT: Final = "*"  # a link that carries several values, whose number says nothing
_SAVES: Final = re.compile(r"save|(?:^|_)output|send|websocket|video_combine|export|upload")


class _Texts(NamedTuple):
    """What a node's text is made of: texts and links, which are joined."""

    values: list[Any]
    role: str
    is_text: bool  # whether the links come from texts, not from conditionings
    separator: str = ", "
    replace: tuple[Any, Any] | None = None  # a text that is replaced by another
    is_unique: bool = False  # whether equal texts are left out


class GraphReader:
    """Walks through one graph, with a limited number of steps."""

    def __init__(self, graph: Graph, tool: str) -> None:
        self.graph = graph
        self._tool = tool
        self._remaining_steps = MAX_STEPS
        self._depth = 0
        self._active: set[tuple[Link, str, bool]] = set()
        self._texts: dict[tuple[Link, str, bool], str] = {}
        self._shown: dict[Link, str] | None = None

    def metadata(self) -> Metadata | None:
        """Return what the graph says about the picture, None if it has no prompt."""
        for sampler in islice(self._samplers(), _MAX_SAMPLERS):
            if positive := self._prompt(sampler, POSITIVE):
                return self._describe(sampler, positive, self._negative(sampler))
        return self._without_sampler()

    def _describe(self, node: Node, positive: str, negative: str) -> Metadata:
        """Return the prompts, and the values of a node and of those that belong to it."""
        width, height = self._size(node)
        schedule = self._lookup(node, _SCHEDULE, nodes.to_text)
        return build_metadata(
            self._tool,
            positive,
            negative,
            seed=self._lookup(node, _SEED, to_integer),
            steps=self._lookup(node, _STEPS, _first_integer),
            guidance=self._guidance(node),
            sampler=self._lookup(node, _SAMPLER, nodes.to_text) or schedule,
            schedule=schedule,
            model=self._model(node),
            width=width,
            height=height,
        )

    # --- walks ---

    def _node(self, link: Link) -> Node | None:
        """Return the node that a link comes from; None if it does not exist or no steps remain."""
        if link.node not in self.graph or self._remaining_steps <= 0:
            return None
        node = self.graph[link.node]
        self._remaining_steps -= 1 + len(node.inputs)
        return node

    def _is_live(self, value: Any) -> bool:
        """Return whether a value is a text that is not blank, or a link to a node."""
        if isinstance(value, str):
            return bool(value.strip())
        link = link_of(value)
        return link is not None and link.node in self.graph

    def _upstream(
        self, start: list[Link], follow: Callable[[Node], list[Link]], visited: set[str] | None = None
    ) -> Iterator[Node]:
        """Yield the nodes upstream of some links, breadth first, without those already visited."""
        queue, visited = list(start), set[str]() if visited is None else visited
        for link in queue:  # the queue grows in the loop
            if link.node in visited or (node := self._node(link)) is None:
                continue
            visited.add(link.node)
            yield node
            queue += follow(node)

    # --- samplers ---

    def _samplers(self) -> Iterator[Node]:
        """Yield samplers that may have made the picture, the likeliest first.

        That is the first pass: the sampler farthest upstream of the one nearest to a node that saves, or previews.
        """
        visited = set[str]()  # shared by all walks, as there is no sampler upstream of a visited node
        for end in self._ends():
            found = [end] if nodes.is_sampler(end) else []
            if not found:
                walk = self._upstream(self._flow(end), self._flow, visited)
                found = [node for node in walk if nodes.is_sampler(node)][:1]
            if found:
                passes = found + self._earlier_passes(found[0])
                firsts = [node for node in reversed(passes) if not nodes.is_second_pass(node)]
                yield from firsts
                yield from (node for node in reversed(passes) if nodes.is_second_pass(node))

    def _flow(self, node: Node) -> list[Link]:
        """Return the links into a node, of a switch only the one that it passes on."""
        branch = link_of(self._branch(node))
        return links(node.inputs) if branch is None else [branch]

    def _is_stage(self, link: Link) -> bool:
        """Return whether a link comes from a conditioning with an earlier stage's latents, as in Stable Cascade."""
        node = self.graph.get(link.node)
        return node is not None and any(plain(name).startswith("stage_") for name in node.inputs)

    def _ends(self) -> Iterator[Node]:
        """Yield the nodes that save, then those that preview, then all nodes."""
        kinds = [(plain(node.kind), node) for node in self.graph.values()]
        yield from (node for kind, node in kinds if _SAVES.search(kind) and links(node.inputs))
        yield from (node for kind, node in kinds if "preview" in kind)
        yield from self.graph.values()

    def _earlier_passes(self, sampler: Node) -> list[Node]:
        """Return the samplers that the picture of a sampler comes from, the nearest first."""

        def follow(node: Node) -> list[Link]:
            flow = self._flow(node)
            if len(flow) == 1 < len(links(node.inputs)):  # a switch
                return flow
            named = [
                link
                for name, value in node.inputs.items()
                if (link := link_of(value)) is not None and (nodes.is_picture_name(name) or self._is_stage(link))
            ]
            return named or ([] if nodes.is_sampler(node) else links(node.inputs)[:1])

        return [node for node in self._upstream(follow(sampler), follow) if nodes.is_sampler(node) and node != sampler]

    def _without_sampler(self) -> Metadata | None:
        """Read a node that makes a picture of a text itself, or nodes whose titles give their roles."""
        if positive := self._titled_prompt(POSITIVE):
            return self._describe(Node("", {}), positive, self._titled_prompt(NEGATIVE))
        visited = set[str]()
        for end in self._ends():
            for node in (end, *self._upstream(links(end.inputs), lambda node: links(node.inputs), visited)):
                names = [name for name in node.inputs if nodes.is_text_name(name)]
                is_maker = any(plain(name) in ("prompt", "positive", "positive_prompt") for name in names)
                if (
                    is_maker
                    and ("image" in plain(node.kind) or not nodes.writes_text(node))
                    and (positive := self._prompt(node, POSITIVE))
                ):
                    has_negative = any(role_of(name) == NEGATIVE for name in node.inputs)
                    return self._describe(node, positive, self._prompt(node, NEGATIVE) if has_negative else "")
        return None

    def _negative(self, sampler: Node) -> str:
        """Return the negative prompt of a sampler, or of the node that its title says it is in, if none is linked."""
        has_input = any(
            role_of(name) == NEGATIVE or nodes.is_pipe_name(name) or nodes.is_conditioning_name(name)
            for name in sampler.inputs
            if name != "positive_conditioning"
        )
        return self._prompt(sampler, NEGATIVE) if has_input else self._titled_prompt(NEGATIVE)

    def _titled_prompt(self, role: str) -> str:
        """Return the prompt of the first node whose title names the role, "" if there is none."""
        titled = (node for node in self.graph.values() if node.title and role_of(node.title) == role)
        return next((text for node in titled if (text := self._prompt(node, role))), "")

    # --- texts ---

    def _prompt(self, node: Node, role: str) -> str:
        """Return the prompt or the negative prompt that a node uses."""
        return self._join(self._sources(node, role, is_text=False), 0).strip()

    def _text(self, value: Any, role: str, is_text: bool, depth: int) -> str:
        """Return a text, or the text that a link leads to, of at most as many characters as a prompt has bytes."""
        passed: list[tuple[Link, str, bool]] = []
        result = ""
        while depth <= _MAX_DEPTH:
            link = link_of(value)
            if link is None:
                result = value[:MAX_TEXT] if isinstance(value, str) else ""
                break
            key = (link, role, is_text)
            if key in self._texts:
                result = self._texts[key]
                break
            if key in self._active or (node := self._node(link)) is None:
                break
            self._active.add(key)
            passed.append(key)
            sources = self._expand(node, link, role, is_text)
            if len(sources.values) == 1 and sources.replace is None:  # no recursion, as a graph may be long
                value, role, is_text = sources.values[0], sources.role, sources.is_text
                continue
            result = self._join(sources, depth + 1)
            self._texts[key] = result
            break
        self._active.difference_update(passed)
        return result

    def _join(self, sources: _Texts, depth: int) -> str:
        """Return the texts of a node's sources as one."""
        parts: list[str] = []
        for value in sources.values:
            part = self._text(value, sources.role, sources.is_text, depth)
            is_join = sources.is_text and not sources.is_unique  # whose texts may start or end with spaces
            if part.strip() and (is_join or part.strip() not in parts):
                parts.append(part if is_join else part.strip())
            if sum(map(len, parts)) > MAX_TEXT:
                break
        text = sources.separator.join(parts)
        if sources.replace is not None:
            old, new = (self._text(value, sources.role, True, depth) for value in sources.replace)
            if old and len(new) * text.count(old) <= MAX_TEXT:
                text = text.replace(old, new)
        return text[:MAX_TEXT]

    def _expand(self, node: Node, link: Link, role: str, is_text: bool) -> _Texts:
        """Return what the output of a node is made of."""
        kind = plain(node.kind)
        if re.search("zero_?out", kind):
            return _Texts([], role, is_text)
        if (shown := _shown_text(node)) is not None:
            return _Texts([shown], role, True)
        if (branch := self._branch(node)) is not None:
            return _Texts([branch], role, is_text)
        name = _output_name(node, link)
        if name is not None:
            if (field := _field_of_output(node, name)) is not None and self._is_live(node.inputs[field]):
                return _Texts([node.inputs[field]], role_of(name) or role, is_text)
            role = role_of(name) or role
        elif not is_text or not any(plain(field) in ("model", "clip") for field in node.inputs):
            role = _role_of_output(node, link, role)
        if is_text and nodes.writes_text(node):
            return self._written_text(node, link, role)
        return self._sources(node, role, is_text, link, name)

    def _sources(
        self, node: Node, role: str, is_text: bool, link: Link | None = None, output: str | None = None
    ) -> _Texts:
        """Return the inputs that a conditioning or a text of this role comes from."""
        fields = [(name, value) for name, value in node.inputs.items() if self._is_live(value)]
        own = [(name, value) for name, value in fields if role_of(name) == role and not nodes.is_option_name(name)]
        if own:
            is_pair = any(role_of(name) not in (role, None) for name in node.inputs)
            return (
                self._role_sources(own, node, role, is_text)
                if is_pair or not is_text
                else self._texts_of(node, fields, role, link)
            )
        pipes = [(name, value) for name, value in fields if nodes.is_pipe_name(name) and not isinstance(value, str)]
        if pipes:
            value = pipes[-1][1] if "merge" in plain(node.kind) else pipes[0][1]
            target = link_of(value)
            if target is not None:
                value = Link(target.node, _PIPE_OUTPUT if output in (None, "context", "pipe") else output)
            return _Texts([value], role, is_text)
        if not is_text:
            conditionings = [
                value
                for name, value in fields
                if nodes.is_conditioning_name(name) and link_of(value) and role_of(name) is None
            ]
            if role == NEGATIVE and ("guider" in plain(node.kind) or nodes.is_sampler(node)):
                return _Texts([], role, False)
            if conditionings:
                return _Texts(conditionings, role, False)
        return self._texts_of(node, fields, role, link, is_text)

    def _role_sources(self, own: list[tuple[str, Any]], node: Node, role: str, is_text: bool) -> _Texts:
        """Return the inputs that are named after the role: one, or the texts for several encoders."""
        named_text = [field for field in own if re.search("text|prompt|string", plain(field[0]))]
        others = [field for field in own if field not in named_text]
        if others and not (is_text and named_text):
            values = [value for _, value in nodes.sorted_fields(others)]
            is_family = len({nodes.family(name)[0] for name, _ in others}) == 1
            return _Texts(values if is_family else values[:1], role, is_text and bool(values))
        return _Texts(_of_both_encoders(named_text), role, True, _separator(node), is_unique=True)

    def _texts_of(
        self, node: Node, fields: list[tuple[str, Any]], role: str, link: Link | None, is_text: bool = True
    ) -> _Texts:
        """Return the inputs of a node that hold texts, else all that may lead to one."""
        other = NEGATIVE if role == POSITIVE else POSITIVE
        texts = [field for field in fields if nodes.is_text_name(field[0]) and role_of(field[0]) != other]
        if texts and role == NEGATIVE and link is not None and link.output == _PIPE_OUTPUT:
            return _Texts([], role, True)  # the only text in a pipe is the prompt
        is_encoder = any(re.fullmatch("(?:opt(?:ional)?_)?clip", plain(name)) for name in node.inputs)
        if not is_encoder and (parts := _template_parts(node)) is not None:
            return _Texts(parts, role, True, "")
        is_join = nodes.joins(node) and not is_encoder
        if is_join and (is_text or texts):
            texts = [field for field in texts if plain(field[0]) != "result"]
            texts += [field for field in fields if field not in texts and _may_join(field, other)]
        if not texts and (is_text or not any(link_of(value) for _, value in fields)):
            texts = self._unnamed_texts(fields)
        if not texts:
            rest = [
                value
                for name, value in fields
                if link_of(value) and nodes.may_be_conditioning(name) and role_of(name) != other
            ]
            return _Texts(rest, role, is_text)
        if "replace" in plain(node.kind) or node.inputs.get("action") == "replace":
            return self._replaced(node, texts, role)
        if len(texts) == 1:
            return _Texts([texts[0][1]], role, True)
        if is_encoder:
            return _Texts(_of_both_encoders(texts), role, True, is_unique=True)
        ordered = nodes.sorted_fields(texts)
        if is_join:
            return _Texts([value for _, value in ordered], role, True, _separator(node))
        if link is not None and (chosen := self._by_output(ordered, link)) is not None:
            return _Texts([chosen], role, True)
        is_family = len({nodes.family(name)[0] for name, _ in ordered}) == 1
        if is_family or any(link_of(value) for _, value in ordered):
            return _Texts([value for _, value in ordered], role, True, is_unique=True)
        return _Texts([min(ordered, key=_priority)[1]], role, True)

    def _unnamed_texts(self, fields: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """Return the inputs of a text node whose names say nothing: those with words, else the only one."""
        strings = [(name, value) for name, value in fields if isinstance(value, str) and not nodes.is_option_name(name)]
        linked = [(name, value) for name, value in fields if link_of(value) and nodes.may_be_conditioning(name)]
        worded = [(name, value) for name, value in strings if re.search(r"\s", value.strip())]
        return (worded or strings[:1]) + linked if worded or len(strings) == 1 else []

    def _by_output(self, ordered: list[tuple[str, Any]], link: Link) -> Any:
        """Return the text of a node with several text outputs by the number of the output, None if it has only one."""
        outputs = {
            other.output
            for node in self.graph.values()
            if len(node.inputs) <= 100
            for other in links(node.inputs)
            if other.node == link.node
        }
        self._remaining_steps -= len(self.graph)
        if isinstance(link.output, int) and len(outputs | {0}) > 1 and link.output < len(ordered):
            return ordered[link.output][1]
        return None

    def _replaced(self, node: Node, texts: list[tuple[str, Any]], role: str) -> _Texts:
        """Return the text of a node that replaces a part of it."""
        by_name = {plain(name): value for name, value in node.inputs.items()}
        old = next((by_name[name] for name in ("find", "search", "old", "text_b", "target") if name in by_name), None)
        new = next((by_name[name] for name in ("replace", "replacement", "new", "text_c") if name in by_name), "")
        return _Texts([min(texts, key=_priority)[1]], role, True, replace=None if old is None else (old, new))

    def _written_text(self, node: Node, link: Link, role: str) -> _Texts:
        """Return what a text model wrote, if a node shows it, else what it was asked for unless that is a picture."""
        if self._shown is None:
            self._shown = {
                source: text
                for other in self.graph.values()
                if (text := _shown_text(other)) is not None
                for source in links(other.inputs)
            }
        stored = [
            value for name, value in node.inputs.items() if plain(name) in ("result", "response", "generated_text")
        ]
        for text in (self._shown.get(link), *stored):
            if isinstance(text, str) and text.strip():
                return _Texts([text], role, True)
        if any(link_of(value) and "image" in plain(name) for name, value in node.inputs.items()):
            return _Texts([], role, True)
        asked = [f for f in node.inputs.items() if nodes.is_text_name(f[0]) and self._is_live(f[1])]
        return _Texts([min(asked, key=_priority)[1]] if asked else [], role, True)

    # --- switches ---

    def _branch(self, node: Node) -> Any:
        """Return the input that a switch passes on, None for any other node."""
        fields = list(node.inputs.items())
        names = {plain(name) for name, _ in fields}
        has_branches = bool(names & {"on_true", "on_false", "tt_value", "ff_value", "if_true", "if_false"})
        is_first_of_many = len(fields) > 1 and all(
            re.fullmatch(r"(?:any|ctx|input|value)_?\d+", name) for name in names
        )
        if not (has_branches or is_first_of_many or nodes.switches(node)):
            return None
        selectors = [
            f
            for f in fields
            if plain(f[0]) in nodes.SELECTORS and not (plain(f[0]) == "input" and link_of(f[1]) and len(fields) == 2)
        ]
        selectors.sort(key=lambda field: nodes.SELECTORS.index(plain(field[0])))
        selector = next((f for f in selectors if not isinstance(f[1], str) or len(f[1]) < _MAX_SEPARATOR), None)
        branches = [
            f
            for f in fields
            if f is not selector
            and (self._is_live(f[1]) or type(f[1]) in (int, float))
            and not nodes.is_option_name(f[0])
        ]
        if not branches or not any(self._is_live(value) or nodes.family(name)[1] for name, value in branches):
            return None
        if selector is None or self._depth > _MAX_DEPTH:
            return nodes.sorted_fields([f for f in branches if self._is_live(f[1])] or branches)[0][1]
        self._depth += 1
        chosen = self._value(selector[1], nodes.SELECTORS, _to_choice)
        self._depth -= 1
        return _choose(branches, chosen)

    # --- values ---

    def _lookup(self, node: Node, names: tuple[str, ...], convert: Callable[[Any], Any]) -> Any:
        """Return a value of a node, or of its noise, steps, method, guider or pipe if these are separate nodes."""
        visited = set[str]()
        queue = [node]
        for holder in queue:  # the queue grows in the loop
            by_name = {plain(name): value for name, value in holder.inputs.items()}
            for name in names:
                if name in by_name and (value := self._value(by_name[name], names, convert)) is not None:
                    return value
            for name, value in by_name.items():
                link = link_of(value)
                if link is None or not (_SAMPLER_PARTS.search(name) or len(by_name) == 1) or link.node in visited:
                    continue
                visited.add(link.node)
                if part := self._node(link):
                    queue.append(part)
        return None

    def _value(self, value: Any, names: tuple[str, ...], convert: Callable[[Any], Any]) -> Any:
        """Return a converted value, or the one that a link leads to; None if there is none.

        names: of the inputs that hold such a value.
        """
        visited = set[Link]()
        while (link := link_of(value)) is not None:
            if link in visited or (node := self._node(link)) is None:
                return None
            visited.add(link)
            value = self._value_source(node, link, names, convert)
        return None if value is None else convert(value)

    def _value_source(self, node: Node, link: Link, names: tuple[str, ...], convert: Callable[[Any], Any]) -> Any:
        """Return the input of a node that an output with a value comes from, None if that is not known."""
        name = _output_name(node, link)
        if name is not None and (field := _field_of_output(node, name)) is not None:
            return node.inputs[field]
        usable = [
            (plain(key), value)
            for key, value in node.inputs.items()
            if (self._is_live(value) if link_of(value) else convert(value) is not None)
        ]
        by_name = dict(reversed(usable))
        for key in names:
            if key in by_name:
                return by_name[key]
        if (branch := self._branch(node)) is not None:
            return branch
        for key, value in usable:
            if nodes.is_pipe_name(key) and (target := link_of(value)) is not None:
                return target if name is None or name == "context" else Link(target.node, name)
        for key in _VALUE_NAMES:
            if key in by_name:
                return by_name[key]
        if names in (_WIDTH, _HEIGHT) and (side := _side(node, names)) is not None:
            return side
        literals = [value for _, value in usable if not link_of(value)]
        if len(literals) == 1 or len(usable) == 1:
            return (literals or [usable[0][1]])[0]
        passed = [value for _, value in usable if link_of(value)]
        return passed[0] if len(passed) == 1 else None

    def _guidance(self, node: Node) -> Any:
        """Return the guidance scale; if it is 1, i.e. off, the distilled guidance on the way to the text, if any."""
        scale = self._lookup(node, _GUIDANCE, to_number)
        if scale not in (None, 1):
            return scale
        if (own := self._lookup(node, _DISTILLED, to_number)) is not None:
            return own
        start = [
            link
            for name, value in node.inputs.items()
            if (role_of(name) == POSITIVE or nodes.is_conditioning_name(name) or nodes.is_pipe_name(name))
            and (link := link_of(value)) is not None
        ]
        for upstream in self._upstream(start, lambda holder: links(holder.inputs)):
            for key, value in upstream.inputs.items():
                if plain(key) in _DISTILLED and (own := self._value(value, _DISTILLED, to_number)):
                    return own
        return scale

    def _model(self, node: Node) -> str | None:
        """Return the name of a sampler's model."""
        follow = [
            link
            for name, value in node.inputs.items()
            if re.search("model|guider|pipe|tuple|ctx|context|unet|transformer", plain(name))
            and (link := link_of(value)) is not None
        ]

        def upstream_models(holder: Node) -> list[Link]:
            named = [
                link
                for name, value in holder.inputs.items()
                if re.search("model|guider|pipe|ctx|context|unet|transformer", plain(name))
                and (link := link_of(value)) is not None
            ]
            return named or links(holder.inputs)

        for holder in (node, *self._upstream(follow, upstream_models)):
            if (name := self._model_name(holder)) is not None:
                return name
        return None

    def _model_name(self, holder: Node) -> str | None:
        """Return the name of the model that a node loads or names, None for none."""
        kind = holder.kind.lower()
        if "lora" in kind and "loader" in kind and "ckpt_name" not in holder.inputs:
            return None
        is_loader = "load" in kind
        for name in nodes.MODEL_INPUTS if is_loader else nodes.MODEL_INPUTS[:2]:
            if isinstance(value := self._value(holder.inputs.get(name), (name,), nodes.to_text), str):
                return value
        model = holder.inputs.get("model")
        if is_loader and isinstance(model, dict | str):
            named = model.get("name", model.get("model_name")) if isinstance(model, dict) else model
            return named if isinstance(named, str) else None
        return None

    def _size(self, node: Node) -> tuple[Any, Any]:
        """Return width and height of the picture that a sampler starts with, (None, None) if unknown."""

        def follow(holder: Node) -> list[Link]:
            return [
                link
                for name, value in holder.inputs.items()
                if (nodes.is_picture_name(name) or _SAMPLER_PARTS.search(plain(name)))
                and (link := link_of(value)) is not None
            ]

        for holder in (node, *self._upstream(follow(node), follow)):
            by_name = {plain(name): value for name, value in holder.inputs.items()}
            sides = [
                next((self._value(by_name[name], names, to_integer) for name in names if name in by_name), None)
                for names in (_WIDTH, _HEIGHT)
            ]
            if all(sides):
                return sides[0], sides[1]
            if "latent" in plain(holder.kind) and (width := _side(holder, _WIDTH)) is not None:
                return width, _side(holder, _HEIGHT)
        return None, None


# --- one node ---


def _shown_text(node: Node) -> str | None:
    """Return the text that a node shows of its input, None for any other node."""
    if not nodes.shows(node) or not links(node.inputs):
        return None
    fields = [
        (name, text)
        for name, value in node.inputs.items()
        if link_of(value) is None
        and not nodes.is_option_name(name)
        and plain(name) not in ("prefix", "filename_prefix")
        for text in nodes.texts_in(value)
    ]
    named = [field for field in fields if nodes.is_text_name(field[0]) or plain(field[0]) == "output"]
    return (named or fields)[0][1] if fields else None


def _output_name(node: Node, link: Link) -> str | None:
    """Return the name of the output that a link comes from, None if it is unknown or says nothing."""
    if isinstance(link.output, str):
        name = link.output
    elif 0 <= link.output < len(node.outputs):
        name = plain(node.outputs[link.output])
    elif "context" in plain(node.kind) and "rgthree" in node.kind and 0 <= link.output < len(_CONTEXT_OUTPUTS):
        name = _CONTEXT_OUTPUTS[link.output]
    else:
        return None
    return None if name in _GENERIC_OUTPUTS else name


def _field_of_output(node: Node, name: str) -> str | None:
    """Return the input that has the name of an output, None if there is none."""
    return next((field for field in node.inputs if plain(field).removeprefix("optional_") == plain(name)), None)


def _role_of_output(node: Node, link: Link, role: str) -> str:
    """Return the role of an output of a node with inputs for both: the first output is positive, the second negative.

    This holds for nodes of texts or conditionings only: those with a model give it first.
    """
    names = [plain(name) for name in node.inputs]
    roles = {role_of(name) for name in names}
    has_model = any(name in ("model", "clip", "ckpt_name") or nodes.is_pipe_name(name) for name in names)
    if {POSITIVE, NEGATIVE} <= roles and not has_model and link.output in (0, 1):
        return NEGATIVE if link.output else POSITIVE
    return role


def _template_parts(node: Node) -> list[Any] | None:
    """Return the text before, in and after the fields of a template such as "a {animal}"; None if there is none."""
    for template in node.inputs.values():
        if isinstance(template, str) and "{" in template:
            parts: list[Any] = re.split(r"\{(\w{1,40})\}", template[:MAX_TEXT])
            if len(parts) > 1 and all(name in node.inputs for name in parts[1::2]):
                parts[1::2] = [node.inputs[name] for name in parts[1::2]]
                return [str(part) if isinstance(part, int | float) else part for part in parts]
    return None


def _separator(node: Node) -> str:
    """Return the text that a node puts between the texts that it joins."""
    for name, value in node.inputs.items():
        if plain(name) in nodes.DELIMITERS and isinstance(value, str):
            return _NAMED_SEPARATORS.get(value, value[:_MAX_SEPARATOR].replace("\\n", "\n"))
    has_sides = any(re.search("left|right", plain(name)) for name in node.inputs)  # InvokeAI adds nothing between
    return "" if has_sides else ", "


def _may_join(field: tuple[str, Any], other_role: str) -> bool:
    """Return whether an input may be one of the texts that a node joins: a link, or what stands before or after."""
    name, value = field
    if isinstance(value, str) and not re.search("prefix|suffix|prepend|append|before|after|first|second", plain(name)):
        return False
    return nodes.may_be_conditioning(name) and not nodes.is_option_name(name) and role_of(name) != other_role


def _priority(field: tuple[str, Any]) -> int:
    name = plain(field[0])
    return _TEXT_PRIORITY.index(name) if name in _TEXT_PRIORITY else len(_TEXT_PRIORITY)


def _of_both_encoders(texts: list[tuple[str, Any]]) -> list[Any]:
    """Return the text for the main encoder, and the one for the second encoder, if any."""
    second = [field for field in texts if _SECOND_ENCODER.search(plain(field[0]))]
    first = [field for field in texts if field not in second]
    return [min(group, key=_priority)[1] for group in (first, second) if group]


def _choose(branches: list[tuple[str, Any]], choice: Any) -> Any:
    """Return the value of the branch that a switch's setting names: by true and false, number, letter or name."""
    ordered = nodes.sorted_fields(branches)
    by_truth = {
        is_true: value
        for name, value in ordered
        for is_true, words in ((True, "true|tt|then|yes|on"), (False, "false|ff|else|no|off"))
        if re.search(rf"(?:^|_)(?:{words})(?:_|$)", re.sub("^on_|^if_", "", plain(name)))
    }
    if isinstance(choice, str):
        for name, value in ordered:
            if plain(choice) in (plain(name), plain(name).rpartition("_")[2], re.sub(r".*?(\d+)$", r"\1", plain(name))):
                return value
        return ordered[0][1]
    if by_truth and choice is not None:
        return by_truth.get(bool(choice), ordered[0][1])
    numbers = {nodes.family(name)[1]: value for name, value in ordered if re.search(r"\d$", name)}
    if type(choice) is int and choice in numbers:
        return numbers[choice]
    if type(choice) is int and 2 <= choice <= len(ordered):
        return ordered[choice - 1][1]
    return ordered[-1][1] if choice in (False, 0) and choice is not None and not numbers else ordered[0][1]


def _to_choice(value: Any) -> Any:
    """Return a switch's setting: a truth value, a number or a name."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    number = to_integer(value)
    if isinstance(value, bool):
        return value
    return number if number is not None else nodes.to_text(value)


def _first_integer(value: Any) -> int | None:
    """Return an integer, also the first of a list in a text such as "20, 25"."""
    if isinstance(value, str):
        value = value[:_MAX_SEPARATOR].partition(",")[0]
    return to_integer(value)


def _side(node: Node, names: tuple[str, ...]) -> int | None:
    """Return the width or height of a size such as "832x1216 (0.68)" among a node's values."""
    for value in node.inputs.values():
        if isinstance(value, str) and (match := re.search(r"(\d{2,5}) ?[x×*] ?(\d{2,5})", value[:_MAX_SEPARATOR])):
            return int(match[1 if names is _WIDTH else 2])
    return None
