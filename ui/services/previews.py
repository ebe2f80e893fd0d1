"""The preview after an edit: the fast decoder's picture, a few tabs' at a time and beside Gradio's queue.

In the queue an answer would wait for the answers of other tabs, and make several ways through the network where here
it makes one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, ParamSpec, TypeVar

import gradio as gr
import numpy as np

from codec import Layers, Prompt
from codec.decoders import Strengths
from ui.page.responses import label
from ui.services import actions, files
from ui.services.layer_selection import Mix

Inputs = ParamSpec("Inputs")
Result = TypeVar("Result")

AT_ONCE: Final = 2  # more would only make each of them slower
_workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="preview")


async def in_turn(work: Callable[Inputs, Result], *inputs: Inputs.args, **more: Inputs.kwargs) -> Result:
    """What `work` returns or raises; it waits, without a thread, while `AT_ONCE` others are under way."""
    return await asyncio.get_running_loop().run_in_executor(_workers, lambda: work(*inputs, **more))


def picture(layers: Layers, strengths: Strengths) -> np.ndarray:
    """The fast decoder's picture, at most `actions.SHOWN_SIDE` a side: (h, w, 3) uint8."""
    from codec.decoders import get

    return actions.shown(get(actions.PREVIEW, strengths).decode(_seen(layers)))


def update(original: Any, layers: Layers, mix: Mix) -> Any:
    """The compare slider with the original, or else the layers, beside the preview of the layers that are on."""
    own = actions.has_original(original)
    left = original if own else files.kept(_flat(layers), "layers.jpg")
    right = files.kept(_jpeg(_seen(mix.of(layers)), mix.strengths), "preview.jpg")
    return gr.update(value=(left, right), label=label("Original" if own else "Layers", "preview"))


def _seen(layers: Layers) -> Layers:
    """Only what the preview is made from: most words more or less change no picture."""
    from codec.decoders.painter import styles

    drawn = layers.only((2, 3))
    if drawn.is_empty:
        drawn = layers
    elif layers.semantic is not None:
        drawn = replace(drawn, semantic=Prompt(styles.words(layers.semantic.text)))
    return replace(drawn, seed=None, settings=None)


@lru_cache(maxsize=32)
def _jpeg(seen: Layers, strengths: Strengths) -> bytes:
    return actions.jpeg(picture(seen, strengths))


@lru_cache(maxsize=32)
def _flat(layers: Layers) -> bytes:
    return actions.jpeg(actions.flat_picture(layers))
