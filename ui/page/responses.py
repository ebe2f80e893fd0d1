"""What handlers answer with: changes of components, and one line for whatever went wrong."""

from __future__ import annotations

import errno
import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from codec import CodecError, Layers
from codec.models import oom
from ui.page import html
from ui.services import actions, files

Changes = dict[Any, Any]
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of a disk, a person's share of it, a file
_log = logging.getLogger("trilayer")


def guarded(handler: Callable[..., Iterator[Changes]]) -> Callable[..., Iterator[Changes]]:
    """Turns what a handler raises into one line in the status box."""

    @functools.wraps(handler)
    def run(self: Any, *inputs: Any) -> Iterator[Changes]:
        try:
            yield from handler(self, *inputs)
        except GeneratorExit:
            raise
        except BaseException as error:  # SystemExit, too: it would end the server
            yield {self.parts.status: _wrong(handler, error)}

    return run


def guarded_once(handler: Callable[..., Changes]) -> Callable[..., Changes]:
    """The same for a handler of one answer."""

    @functools.wraps(handler)
    def run(self: Any, *inputs: Any) -> Changes:
        try:
            return handler(self, *inputs)
        except BaseException as error:
            return {self.parts.status: _wrong(handler, error)}

    return run


def _wrong(handler: Callable[..., Any], error: BaseException) -> str:
    """The status box after that."""
    known = reason(error)
    if known:
        return html.status(known, "bad")
    # a defect of ours: the person keeps the work, the log gets the details
    _log.error("%s failed", handler.__name__, exc_info=error)
    return html.status("Something went wrong here; your layers are unchanged. Try again, or save them first.", "bad")


def reason(error: BaseException) -> str:
    """What a person can know of an error, and do; "" for a defect."""
    if isinstance(error, CodecError):
        return sentence(str(error))
    if oom.is_short(error):
        return "This machine has too little memory for that now. Try again later, or with a smaller picture."
    if isinstance(error, OSError) and error.errno in FULL:
        return (
            f"The disk of the machine that serves this page is full ({error.strerror}): nothing was written, "
            "and your layers are unchanged. Make room there, then try again."
        )
    return ""


def pair(original: Any, layers: Layers, picture: Any, what: str) -> Any:
    """The compare slider with the original, or else the layers, beside a picture, (h, w, 3) uint8."""
    own = actions.has_original(original)
    left = original if own else files.kept(actions.jpeg(actions.flat_picture(layers)), "layers.jpg")
    # written here and not by Gradio, whose error no handler of ours would see
    right = files.kept(actions.jpeg(picture), f"{what}.jpg")
    return gr.update(value=(left, right), label=label("Original" if own else "Layers", what))


def label(left: str, right: str) -> str:
    """What the two sides of the compare slider show."""
    return f"{left} | {right}"


def sentence(text: str, end: str = ".") -> str:
    """With a capital and an end, as the page writes; the codec's lines have neither."""
    text = " ".join(text.split())
    return text[:1].upper() + text[1:].rstrip(".…") + end if text else ""
