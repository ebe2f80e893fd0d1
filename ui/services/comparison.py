"""The two pictures of the compare slider, and the preview after an edit.

Only a few previews are computed at a time. They bypass Gradio's queue, in which an answer would wait for other tabs and
take several round trips instead of one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

import numpy as np

from codec import Layers, Prompt
from codec.decoders import Strengths
from ui.services import actions, files, rendering
from ui.services.layer_selection import LayerSelection

Inputs = ParamSpec("Inputs")
Result = TypeVar("Result")

MAX_CONCURRENT: Final = 2  # previews; more would only slow each other down
_executor = ThreadPoolExecutor(MAX_CONCURRENT, thread_name_prefix="preview")


class Comparison(NamedTuple):
    """Paths of the left and the right picture of the compare slider, and its label."""

    left: str
    right: str
    label: str


async def run_limited(work: Callable[Inputs, Result], *args: Inputs.args, **kwargs: Inputs.kwargs) -> Result:
    """Run `work` in a thread and return its result; waits, without a thread, while `MAX_CONCURRENT` others run."""
    return await asyncio.get_running_loop().run_in_executor(_executor, lambda: work(*args, **kwargs))


def compare_picture(original: Any, layers: Layers, pixels: np.ndarray, name: str) -> Comparison:
    """Compare the original, or else the plainly drawn layers, with a picture, (h, w, 3) uint8. Raises OSError."""
    # the file is written here, since no handler of the page sees errors of Gradio
    return compare_file(original, layers, files.store(rendering.to_jpeg(pixels), f"{name}.jpg"), name)


class ShownDecode(NamedTuple):
    """A finished decode: the path of its picture, and the `EditorState.picture_key` of what it shows."""

    key: str
    path: str

    def is_of(self, key: str) -> bool:
        """Return whether it shows what has this key, and its file is still there."""
        return self.key == key and os.path.isfile(self.path)


def compare_preview(original: Any, layers: Layers, selection: LayerSelection) -> Comparison:
    """Compare the original, or else the plainly drawn layers, with a preview of the selected layers.

    Raises OSError, and `InvalidLayer` if no layer is selected.
    """
    preview = _preview_jpeg(_visible_part(selection.apply(layers)), selection.strengths)
    return compare_file(original, layers, files.store(preview, "preview.jpg"), "preview")


def compare_file(original: Any, layers: Layers, right: str, right_label: str) -> Comparison:
    """Compare the original, or else the plainly drawn layers, with the picture file `right`. Raises OSError."""
    if isinstance(original, str) and os.path.isfile(original):
        return Comparison(original, right, slider_label("Original", right_label))
    return Comparison(files.store(_plain_jpeg(layers), "layers.jpg"), right, slider_label("Layers", right_label))


def slider_label(left: str, right: str) -> str:
    """Return the label of the compare slider."""
    return f"{left} | {right}"


def render_preview(layers: Layers, strengths: Strengths) -> np.ndarray:
    """Return the picture of the fast decoder, at most `rendering.MAX_SHOWN_SIDE` a side: (h, w, 3) uint8."""
    from codec.decoders import get

    return rendering.scale_down(get(actions.PREVIEW_DECODER, strengths).decode(_visible_part(layers)))


def _visible_part(layers: Layers) -> Layers:
    """Return the layers reduced to what affects the preview, as a cache key: most words of a prompt have no effect."""
    from codec.decoders.painter import styles

    visible = layers.only((2, 3))
    if visible.is_empty:
        visible = layers
    elif layers.semantic is not None:
        visible = replace(visible, semantic=Prompt(styles.style_words(layers.semantic.text)))
    return replace(visible, seed=None, settings=None)


@lru_cache(maxsize=32)
def _preview_jpeg(visible: Layers, strengths: Strengths) -> bytes:
    return rendering.to_jpeg(render_preview(visible, strengths))


@lru_cache(maxsize=32)
def _plain_jpeg(layers: Layers) -> bytes:
    return rendering.to_jpeg(rendering.render_plain(layers))
