"""The API: encode, decode, inspect and edit as named, typed endpoints.

Inputs are files and values, outputs are files and JSON; an error is one sentence. Nothing is stored between calls.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np
from gradio.utils import get_upload_folder

from codec import CodecError, Layers, Prompt
from codec.decoders import OnStep
from codec.editing import edits, objects
from codec.encoder.encode_options import BALANCES, EDGES
from codec.summary import summarize
from ui.services import actions, canvas_state, files, logs, rendering, validation
from ui.services.error_messages import user_message
from ui.services.jobs import Job, decoder_lock

BORROW_CHOICES: Final = ("nothing", "colors", "sketch", "both")
_log = logging.getLogger("trilayer")


def errors_as_sentences(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Convert the exceptions of an endpoint to one sentence for the client."""

    @functools.wraps(endpoint)
    def run(*inputs: Any) -> Any:
        try:
            return endpoint(*inputs)
        except BaseException as error:  # SystemExit, too: it would end the server
            if message := user_message(error):
                raise gr.Error(message, print_exception=False) from None
            _log.exception("%s failed", endpoint.__name__)
            raise gr.Error("Something went wrong here; try again with another file.", print_exception=False) from None

    return run


@errors_as_sentences
def encode(
    picture: Any, prompt: Any = None, negative: Any = None, budget: Any = None, grid: Any = None,
    edges: Any = EDGES[0], balance: Any = BALANCES[0],
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """Encode a picture (PNG, JPEG, WebP, AVIF) to a .tril file, and describe what the file contains."""
    options = actions.encode_options(
        prompt=prompt, negative=negative or "", budget=budget, grid=grid, edges=edges, balance=balance
    )
    opened = actions.open_picture(_upload(picture), options)
    return _store_tril(opened.layers, opened.name), summarize(opened.layers)


@errors_as_sentences
def decode(tril: Any, decoder: Any = actions.DEFAULT_DECODER, seed: Any = None) -> str:
    """Decode a .tril file to a picture, a PNG with the layers inside."""
    from codec.decoders import get

    opened = actions.open_file(_upload(tril))
    name = validation.choice(decoder, "decoder", actions.decoder_names())
    number = (opened.layers.seed or 0) if seed is None else validation.seed(str(seed))

    def work(on_step: OnStep) -> np.ndarray:
        with logs.log_decode(name):
            return get(name).decode(opened.layers, seed=number, on_step=on_step)

    job: Job[Any, np.ndarray] = Job(work, decoder_lock(name))  # a job, so that the server can stop it
    is_client_waiting = _client_check()
    for _ in job:
        if not is_client_waiting():
            job.stop()
    assert job.result is not None
    return files.store(rendering.to_png(job.result, opened.layers), f"{opened.name}.png")


def _client_check() -> Callable[[], bool]:
    """Return a function that returns whether the client still waits for this answer; True if unknown."""
    from gradio.context import LocalContext

    page, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)

    def is_waiting() -> bool:
        active = [event for events in (page._queue.active_jobs if page else ()) for event in events or ()]
        return all(event.alive for event in active if event._id == event_id)

    return is_waiting


@errors_as_sentences
def inspect(tril: Any) -> dict[str, Any]:
    """Describe what a .tril file contains, and where its bytes go."""
    return summarize(actions.open_file(_upload(tril)).layers)


@errors_as_sentences
def edit(
    tril: Any, prompt: Any = None, negative: Any = None, mask: Any = None, other: Any = None,
    borrow: Any = BORROW_CHOICES[0], cut: Any = None,
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """Change the prompt of a .tril file, erase an object, copy layers from another file, or trim it to a size."""
    opened = actions.open_file(_upload(tril))
    layers = opened.layers
    borrow = validation.choice(borrow, "layer to borrow", BORROW_CHOICES)
    if prompt is not None or negative is not None:
        present = layers.semantic or Prompt()
        texts = (present.text if prompt is None else prompt, present.negative if negative is None else negative)
        canvas_state.check_prompt(*texts)
        layers = edits.reprompt(layers, *texts)
    if mask is not None:
        from codec.images.mask import EMPTY_MASK, load_mask

        erased = load_mask(_upload(mask), layers.width, layers.height)
        if not erased.any():
            raise CodecError(EMPTY_MASK)
        layers = objects.erase(layers, erased)
    if borrow != "nothing":
        if other is None:
            raise CodecError("`other` is missing: it is the file to copy from")
        source = actions.open_file(_upload(other)).layers
        layers = edits.swap_texture(layers, source) if borrow in ("colors", "both") else layers
        layers = edits.swap_structure(layers, source) if borrow in ("sketch", "both") else layers
    if cut is not None:
        layers = edits.cut(layers, validation.integer(cut, "byte budget", *actions.BUDGET_RANGE))
    return _store_tril(layers, opened.name), summarize(layers)


def _upload(path: Any) -> str:
    """Return the path of an uploaded file. Raises `CodecError` for a missing one and for any other file."""
    is_upload = isinstance(path, str) and Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
    if not is_upload or not Path(path).is_file():
        raise CodecError("a file is missing: send one with gradio_client.handle_file")
    return str(path)


def _store_tril(layers: Layers, name: str) -> str:
    return files.store(layers.to_bytes(), f"{name}.tril")


def add_endpoints() -> None:
    """Add the endpoints to the page that is being built. Their components are never shown."""

    def file(label: str) -> gr.File:
        return gr.File(label=label, type="filepath", visible=False)

    def text(label: str) -> gr.Textbox:
        return gr.Textbox(None, label=label, visible=False)

    def number(label: str) -> gr.Number:
        return gr.Number(None, label=label, visible=False, precision=0)

    def choice(choices: tuple[str, ...] | list[str], value: str, label: str) -> gr.Dropdown:
        return gr.Dropdown(list(choices), value=value, label=label, visible=False)

    edges = choice(EDGES, EDGES[0], "Edge detector")
    balance = choice(BALANCES, BALANCES[0], "What most bytes are for")
    decoder = choice(actions.decoder_names(), actions.DEFAULT_DECODER, "Decoder")
    borrow = choice(BORROW_CHOICES, BORROW_CHOICES[0], "Layers to copy from the other file")
    tril, description = file("tril"), gr.JSON(label="facts", visible=False)
    _add_endpoint(
        encode,
        [
            file("Picture"), text("Prompt"), text("Negative prompt"), number("Maximum size of the file in bytes"),
            number("Color cells on the longer side"), edges, balance,
        ],
        [tril, description],
    )  # fmt: skip
    _add_endpoint(decode, [file(".tril file"), decoder, text("Seed, in digits")], [file("picture")])
    _add_endpoint(inspect, [file(".tril file")], [description])
    _add_endpoint(
        edit,
        [
            file(".tril file"), text("New prompt"), text("New negative prompt"),
            file("Mask: a picture that is white or painted where something is to be erased"),
            file("Another .tril file"), borrow, number("Size in bytes to trim the file to"),
        ],
        [tril, description],
    )  # fmt: skip


def _add_endpoint(endpoint: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
    hidden = gr.Button(visible=False)
    hidden.click(
        endpoint, inputs, outputs, api_name=endpoint.__name__, api_description=endpoint.__doc__,
        concurrency_limit=1, concurrency_id="api",
    )  # fmt: skip
