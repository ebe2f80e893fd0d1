"""What handlers answer with: changes of components, and one line for whatever went wrong."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from codec import CodecError, Layers
from ui import actions, views

Changes = dict[Any, Any]
_log = logging.getLogger("trilayer")


def guarded(handler: Callable[..., Iterator[Changes]]) -> Callable[..., Iterator[Changes]]:
    """Turns what a handler raises into one line in the status box."""

    @functools.wraps(handler)
    def run(self: Any, *inputs: Any) -> Iterator[Changes]:
        try:
            yield from handler(self, *inputs)
        except Exception as error:
            yield {self.parts.status: _wrong(handler, error)}

    return run


def guarded_once(handler: Callable[..., Changes]) -> Callable[..., Changes]:
    """The same for a handler of one answer."""

    @functools.wraps(handler)
    def run(self: Any, *inputs: Any) -> Changes:
        try:
            return handler(self, *inputs)
        except Exception as error:
            return {self.parts.status: _wrong(handler, error)}

    return run


def _wrong(handler: Callable[..., Any], error: Exception) -> str:
    """The status box after that."""
    if isinstance(error, CodecError):
        return views.status(sentence(str(error)), "bad")
    # a defect of ours: the person keeps the work, the log gets the details
    _log.error("%s failed", handler.__name__, exc_info=error)
    return views.status("Something went wrong here; your layers are unchanged. Try again, or save them first.", "bad")


def pair(original: Any, layers: Layers, picture: Any, what: str) -> Any:
    """The compare slider with the original, or else the layers, beside a picture."""
    left = actions.original_or_layers(original, layers)
    return gr.update(value=(left, picture), label=label("Original" if isinstance(left, str) else "Layers", what))


def label(left: str, right: str) -> str:
    """What the two sides of the compare slider show."""
    return f"{left} | {right}"


def sentence(text: str, end: str = ".") -> str:
    """With a capital and an end, as the page writes; the codec's lines have neither."""
    text = " ".join(text.split())
    return text[:1].upper() + text[1:].rstrip(".…") + end if text else ""
