"""The page's work for programs: encode, decode, inspect and edit, as named endpoints with types.

Files and values in, files and JSON out; what cannot be is one sentence. Nothing is kept between calls.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from codec import CodecError, Layers, Prompt
from codec.editing import edits
from codec.encoder.options import EDGES
from codec.summary import facts
from ui.page.responses import reason
from ui.services import actions, canvas_state, files, logs
from ui.services.jobs import Job, turn

_log = logging.getLogger("trilayer")
BORROW = ("nothing", "colors", "sketch", "both")


def _answered(work: Callable[..., Any]) -> Callable[..., Any]:
    """What it raises becomes the one sentence that the client gets."""

    @functools.wraps(work)
    def run(*inputs: Any) -> Any:
        try:
            return work(*inputs)
        except BaseException as error:  # SystemExit, too: it would end the server
            if known := reason(error):
                raise gr.Error(known, print_exception=False) from None
            # a defect of ours: the log gets the details
            _log.exception("%s failed", work.__name__)
            raise gr.Error("Something went wrong here; try again with another file.", print_exception=False) from None

    return run


@_answered
def encode(
    picture: Any, prompt: Any = None, negative: Any = None, budget: Any = None, grid: Any = None,
    edges: Any = EDGES[0],
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """A picture (PNG, JPEG, WebP, AVIF) to a .tril file and what it holds."""
    options = actions.encode_options(prompt=prompt, negative=negative or "", budget=budget, grid=grid, edges=edges)
    opened = actions.open_picture(_file(picture), options)
    return _tril(opened.layers, opened.name), facts(opened.layers)


@_answered
def decode(tril: Any, decoder: Any = actions.FINAL, seed: Any = None) -> str:
    """A .tril file to its picture, a PNG with the layers inside."""
    from codec.decoders import get

    opened = actions.open_file(_file(tril))
    name = actions.choice(decoder, "decoder", actions.decoders())
    number = (opened.layers.seed or 0) if seed is None else actions.seed_of(str(seed))

    def work(on_step: Any) -> Any:
        with logs.decode(name):
            return get(name).decode(opened.layers, seed=number, on_step=on_step)

    job: Job[Any, Any] = Job(work, turn(name))  # so that the end of the server ends it, too
    awaited = _awaited()
    for _ in job:
        if not awaited():
            job.stop()
    assert job.result is not None
    return _saved(actions.png(job.result, opened.layers), f"{opened.name}.png")


def _awaited() -> Callable[[], bool]:
    """-> whether a client still waits for the answer that is being made; one does where Gradio does not tell."""
    from gradio.context import LocalContext

    page, number = LocalContext.blocks.get(None), LocalContext.event_id.get(None)

    def awaited() -> bool:
        running = [event for events in (page._queue.active_jobs if page else ()) for event in events or ()]
        return all(event.alive for event in running if event._id == number)

    return awaited


@_answered
def inspect(tril: Any) -> dict[str, Any]:
    """What a .tril file holds, and where its bytes go."""
    return facts(actions.open_file(_file(tril)).layers)


@_answered
def change(
    tril: Any, prompt: Any = None, negative: Any = None, mask: Any = None, other: Any = None,
    borrow: Any = BORROW[0], cut: Any = None,
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """A .tril file with another prompt, an object erased, layers of another file, or fewer bytes; and what it holds."""
    opened = actions.open_file(_file(tril))
    layers = opened.layers
    borrow = actions.choice(borrow, "layer to borrow", BORROW)
    if prompt is not None or negative is not None:
        now = layers.semantic or Prompt()
        words = (now.text if prompt is None else prompt, now.negative if negative is None else negative)
        canvas_state.check_prompt(*words)
        layers = edits.reprompt(layers, *words)
    if mask is not None:
        layers = edits.erase(layers, _mask(_file(mask), layers))
    if borrow != "nothing":
        if other is None:
            raise CodecError("give the file to borrow from as other")
        second = actions.open_file(_file(other)).layers
        layers = edits.swap_texture(layers, second) if borrow in ("colors", "both") else layers
        layers = edits.swap_structure(layers, second) if borrow in ("sketch", "both") else layers
    if cut is not None:
        layers = edits.cut(layers, actions.whole(cut, "byte budget", *actions.BUDGETS))
    return _tril(layers, opened.name), facts(layers)


def _mask(path: str, layers: Layers) -> Any:
    """A picture, white over what is to go -> (height, width) bool, of the layers' size."""
    from codec.images.io import load, resize_area

    pixels = load(path).pixels
    return resize_area(pixels, layers.width, layers.height).mean(axis=2) > 127


def _file(path: Any) -> str:
    inside = isinstance(path, str) and Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
    if not inside or not Path(path).is_file():
        raise CodecError("a file is missing: send one with gradio_client.handle_file")
    return path


def _tril(layers: Layers, name: str) -> str:
    return _saved(layers.to_bytes(), f"{name}.tril")


def _saved(data: bytes, name: str) -> str:
    return files.kept(data, name)


def wire() -> None:
    """The endpoints, on components that are never shown. Call within the page."""

    def file(label: str) -> gr.File:
        return gr.File(label=label, type="filepath", visible=False)

    def text(label: str) -> gr.Textbox:
        return gr.Textbox(None, label=label, visible=False)

    def number(label: str) -> gr.Number:
        return gr.Number(None, label=label, visible=False, precision=0)

    edges = gr.Dropdown(list(EDGES), value=EDGES[0], label="Edge detector", visible=False)
    decoder = gr.Dropdown(actions.decoders(), value=actions.FINAL, label="Decoder", visible=False)
    borrow = gr.Dropdown(list(BORROW), value=BORROW[0], label="Layers to take from the other file", visible=False)
    tril, held = file("tril"), gr.JSON(label="facts", visible=False)
    _endpoint(
        encode, "encode",
        {
            "picture": file("Picture"), "prompt": text("Prompt"), "negative": text("Negative prompt"),
            "budget": number("Bytes of the file"), "grid": number("Color cells on the longer side"), "edges": edges,
        },
        [tril, held],
    )  # fmt: skip
    inputs = {"tril": file(".tril file"), "decoder": decoder, "seed": text("Seed, in digits")}
    _endpoint(decode, "decode", inputs, [file("picture")])
    _endpoint(inspect, "inspect", {"tril": file(".tril file")}, [held])
    _endpoint(
        change, "edit",
        {
            "tril": file(".tril file"), "prompt": text("Another prompt"), "negative": text("Another negative prompt"),
            "mask": file("Picture, white over what is to be erased"), "other": file("Another .tril file"),
            "borrow": borrow, "cut": number("Bytes to cut the file to"),
        },
        [tril, held],
    )  # fmt: skip


def _endpoint(work: Callable[..., Any], name: str, inputs: dict[str, Any], outputs: list[Any]) -> None:
    hidden = gr.Button(visible=False)
    hidden.click(
        work, list(inputs.values()), outputs, api_name=name, api_description=work.__doc__,
        concurrency_limit=1, concurrency_id="api",
    )  # fmt: skip
