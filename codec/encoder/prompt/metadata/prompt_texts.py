"""The prompt that a node uses, joined from the texts that its links lead to."""

from __future__ import annotations

from typing import Any, Final

from codec.encoder.prompt.metadata.graph_walk import GraphWalk
from codec.encoder.prompt.metadata.nodes import Link, Node, to_link
from codec.encoder.prompt.metadata.text_sources import Texts, TextSources
from codec.encoder.prompt.metadata.value_lookup import ValueLookup
from codec.semantic.prompt import MAX_TEXT

_MAX_DEPTH: Final = 60  # joins inside joins
_CHARACTERS_PER_STEP: Final = 64  # of joined texts

_Key = tuple[Link, str, bool]  # a link, the role of its source, and whether the source is a text


class PromptTexts:
    """Reads the prompts of one graph; texts are cached, since many links lead to the same text."""

    def __init__(self, walk: GraphWalk, values: ValueLookup) -> None:
        self._walk = walk
        self._sources = TextSources(walk, values)
        self._active: set[_Key] = set()
        self._texts: dict[_Key, str] = {}

    def prompt(self, node: Node, role: str) -> str:
        """Return the prompt or the negative prompt that a node uses, or ""."""
        return self._join(self._sources.of_inputs(node, role, is_text=False), 0).strip()

    def _text(self, value: Any, role: str, is_text: bool, depth: int) -> str:
        """Return a text, or the text that a link leads to, of at most as many characters as a prompt has bytes."""
        passed: list[_Key] = []
        result = ""
        while depth <= _MAX_DEPTH:
            link = to_link(value)
            if link is None:
                result = value[:MAX_TEXT] if isinstance(value, str) else ""
                break
            key = (link, role, is_text)
            if key in self._texts:
                result = self._texts[key]
                break
            if key in self._active or (node := self._walk.node(link)) is None:
                break
            self._active.add(key)
            passed.append(key)
            sources = self._sources.of_output(node, link, role, is_text)
            if len(sources.values) == 1 and sources.replace is None:  # a loop, not recursion, since chains may be long
                value, role, is_text = sources.values[0], sources.role, sources.is_text
                continue
            result = self._join(sources, depth + 1)
            self._texts[key] = result
            break
        self._active.difference_update(passed)
        return result

    def _join(self, sources: Texts, depth: int) -> str:
        """Return the texts of a node's sources as one."""
        is_join = sources.is_text and not sources.is_unique  # texts to join may start or end with spaces
        parts, seen, length = list[str](), set[str](), 0
        for value in sources.values:
            part = self._text(value, sources.role, sources.is_text, depth)
            if part.strip() and (is_join or part.strip() not in seen):
                parts.append(part if is_join else part.strip())
                seen.add(part.strip())
                length += len(part)
            if length > MAX_TEXT:
                break
        text = sources.separator.join(parts)[:MAX_TEXT]
        self._walk.budget.spend(len(text) // _CHARACTERS_PER_STEP)
        if sources.replace is not None:
            old, new = (self._text(value, sources.role, True, depth) for value in sources.replace)
            if old and len(new) * text.count(old) <= MAX_TEXT:
                text = text.replace(old, new)
        return text[:MAX_TEXT]
