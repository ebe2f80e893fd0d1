"""The answers of event handlers to Gradio: a dict of changes, and one sentence for any error.

A handler takes the state of the editor, the name of the tab's session, and the event's other inputs. It returns
{component: new value}. Components that are left out keep their values, so an error changes only the status box.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from codec import Layers
from ui.page import html
from ui.page.components import Parts
from ui.services.comparison import Comparison
from ui.services.decoder_notes import decoder_notes
from ui.services.editor_state import EditorState
from ui.services.error_messages import UNEXPECTED, user_message
from ui.services.status import Status

Changes = dict[Any, Any]
_log = logging.getLogger("trilayer")


class Handlers:
    """Base class of the handlers of one concern."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def show(self, status: Status) -> Changes:
        """Return the change that shows a status."""
        return {self.parts.status: status_value(status)}

    def show_sizes(self, layers: Layers, max_bytes: int) -> Changes:
        """Return the changes that show the bytes of each layer and of the file against the budget."""
        p = self.parts
        prompt, structure, colors = html.layer_sizes(layers)
        return {
            p.prompt_size: prompt,
            p.structure_size: structure,
            p.color_size: colors,
            p.readout: html.readout(layers, max_bytes),
            p.trim_button: gr.update(interactive=layers.sizes().total > max_bytes),
        }

    def show_hints(self, state: EditorState, layers: Layers) -> Changes:
        """Return the changes that show what the chosen decoder does with each field."""
        lines = decoder_notes(state.decoder, state.guidance, layers)
        return {part: html.hint(line) for part, line in zip(self.parts.hints, lines, strict=True)}

    def unchanged(self) -> Changes:
        """Return a change that changes nothing: Gradio would empty all outputs after a handler without an answer."""
        return {self.parts.status: gr.skip()}

    def report_errors(self, changes: Iterator[Changes], name: str) -> Iterator[Changes]:
        """Yield the changes of a handler of this name; an error becomes a status."""
        try:
            yield from changes
        except GeneratorExit:
            raise
        except BaseException as error:  # SystemExit, too: it would end the server
            yield self.show(_error_status(name, error))


def handler(method: Callable[..., Changes]) -> Callable[..., Changes]:
    """Adapt `method(self, state, session, *other_inputs)` to Gradio, and turn its errors into a status."""

    def run(self: Handlers, request: gr.Request, *values: Any) -> Changes:
        state, others = EditorState.split(values)
        try:
            return method(self, state, request.session_hash, *others)
        except BaseException as error:  # as in `report_errors`
            return self.show(_error_status(method.__name__, error))

    return _named_like(method, run)


def streaming_handler(method: Callable[..., Iterator[Changes]]) -> Callable[..., Iterator[Changes]]:
    """Adapt a generator like `handler`; every item is shown as soon as it is yielded."""

    def run(self: Handlers, request: gr.Request, *values: Any) -> Iterator[Changes]:
        state, others = EditorState.split(values)
        yield from self.report_errors(method(self, state, request.session_hash, *others), method.__name__)

    return _named_like(method, run)


def _named_like(method: Callable[..., Any], run: Callable[..., Any]) -> Callable[..., Any]:
    """Give `run` the name of the method, which names the event, but not its signature, which Gradio inspects."""
    functools.update_wrapper(run, method, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    del run.__wrapped__  # type: ignore[attr-defined]
    return run


def _error_status(handler_name: str, error: BaseException) -> Status:
    if message := user_message(error):
        return Status.bad(message)
    _log.error("%s failed", handler_name, exc_info=error)
    return Status.bad(UNEXPECTED)


def status_value(status: Status) -> dict[str, str]:
    """Return the value of the status box: its HTML, and a code that comes back to `EditorState.status_code`."""
    return {"code": status.code, "html": html.status(status)}


def compare_update(comparison: Comparison) -> Any:
    """Return the update of the compare slider."""
    return gr.update(value=(comparison.left, comparison.right), label=comparison.label)
