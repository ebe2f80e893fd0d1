"""All HTML that the page generates. Every text from a file or a user goes through `escape`."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from typing import Any, Final

import numpy as np

from codec import CodecError, Layers
from codec.bitstream.settings import Settings
from codec.decoders.diffusion import tokenizer
from codec.errors import ModelMissing
from ui.services import examples, rendering
from ui.services.error_messages import sentence
from ui.services.layer_selection import Stage
from ui.services.status import Status, StatusKind

_COMMAND = re.compile(r"python -m codec[\w -]*\w", re.IGNORECASE)
_EXAMPLE_SIDE: Final = 112  # px of an example's thumbnail
_STRIP_SIDE: Final = 360  # px of a picture in the layer strip

_LOGO: Final = (
    '<svg class="tl-logo" viewBox="0 0 32 32" aria-hidden="true">'
    '<path class="tl-c3" d="M16 15l13 6.500L16 28 3 21.500z"/>'
    '<path class="tl-c2" d="M16 9.500L29 16l-13 6.500L3 16z"/>'
    '<path class="tl-c1" d="M16 4l13 6.500L16 17 3 10.500z"/></svg>'
)
HISTORY: Final = (  # history.js fills the list
    '<section class="tl-history" aria-labelledby="tl-past" hidden><div><h2 id="tl-past">History</h2>'
    '<button type="button" class="tl-forget">Clear</button>'
    '<button type="button" class="tl-unforget" hidden>Undo clear</button></div><ol class="tl-past"></ol></section>'
)


def header() -> str:
    """Return the page's title."""
    return (
        f'<div class="tl-head">{_LOGO}<div><h1>Trilayer</h1>'
        "<p>Turn an image into three editable layers – prompt, sketch, colors – and back.</p></div></div>"
    )


# --- lines of text ---


def hint(text: str) -> str:
    """Return a line next to options; "" for no text."""
    return f'<p class="tl-note">{escape(text)}</p>' if text else ""


def note(text: str, *, is_error: bool = False) -> str:
    """Return a line next to options that changes with them."""
    return f'<p class="tl-{"over" if is_error else "note"}" role="status">{escape(text)}</p>'


def missing(message: str) -> str:
    """Return a line of the form "what is missing; how to get it" with its command set apart."""
    problem, _, remedy = message.partition("; ")
    return (
        f'<p class="tl-note" role="status">{_mark_commands(sentence(problem))} {_mark_commands(sentence(remedy))}</p>'
    )


def prompt_source(line: str, settings: Settings | None = None) -> str:
    """Return where the prompt comes from, and the generation settings in the file."""
    sentences = [line.rstrip(".") + "." if settings else line] if line else []
    if settings:
        sentences.append(f"Made with {settings.summary()}.")
    return hint(" ".join(sentences))


def layer_sizes(layers: Layers) -> tuple[str, str, str]:
    """Return the sizes of prompt, sketch or pose, and colors, each in bytes and bits per pixel."""
    sizes = layers.sizes()
    structure, colors = sizes.structure if layers.structure else None, sizes.texture if layers.texture else None
    return _prompt_size(layers, sizes.semantic), _layer_size(layers, structure), _layer_size(layers, colors)


def _layer_size(layers: Layers, size: int | None, title: str = "") -> str:
    text = "none" if size is None else f"{size:,} bytes · {_bpp(layers, size)} bpp"
    return f'<p class="tl-size" title="{escape(title)}">{text}</p>' if title else f'<p class="tl-size">{text}</p>'


def _prompt_size(layers: Layers, size: int) -> str:
    """Return the size of the prompt, with its tokens, which CLIP reads 75 at a time, as a title."""
    prompt = layers.semantic
    if prompt is None:
        return _layer_size(layers, None)
    texts = (("Prompt", prompt.text), ("Negative", prompt.negative))
    return _layer_size(layers, size, " · ".join(f"{name}: {_count(text)}" for name, text in texts if text))


def _count(text: str) -> str:
    """Return the number of tokens, or of words where there is no tokenizer."""
    try:
        count = tokenizer.count_tokens(text)
    except ModelMissing:
        return f"{len(text.split()):,} words"
    if count <= tokenizer.CHUNK:
        return f"{count} of {tokenizer.CHUNK} tokens"
    return f"{count:,} tokens, read in {-(-count // tokenizer.CHUNK)} parts"


# --- the status box ---


def status(status: Status) -> str:
    """Return the content of the status box."""
    bar = ""
    if status.progress is not None:
        percent = round(100 * status.progress)
        bar = f'<progress max="100" value="{percent}" aria-label="Progress"></progress>'
    details = "".join(f"<p>{_mark_commands(line)}</p>" for line in status.details)
    more = f'<div class="tl-more">{details}</div>' if details else ""
    role = "alert" if status.kind is StatusKind.BAD else "status"
    return f'<div class="tl-status tl-{status.kind}" role="{role}"><p>{escape(status.text)}</p>{more}{bar}</div>'


def _mark_commands(line: str) -> str:
    """Return a line with the program's commands set as code."""
    return _COMMAND.sub(lambda match: f"<code>{match[0][:1].lower()}{match[0][1:]}</code>", escape(line))


# --- the byte readout ---


def readout(layers: Layers, budget: int | None) -> str:
    """Return the bytes and the bits per pixel of the file, with a bar of its layers against the budget."""
    sizes = layers.sizes()
    total = sizes.total
    rows = [("1", sizes.semantic), ("2", sizes.structure), ("3", sizes.texture)]
    rows += [("5", sizes.extensions), ("4", sizes.overhead)]
    return (
        '<section class="tl-bytes" aria-label="Size of the file">'
        f'<p class="tl-total"><strong>{total:,}</strong> bytes <span>{_bpp(layers, total)} bpp</span></p>'
        f"{_budget_bar(rows, total, budget)}{_budget_line(total, budget)}</section>"
    )


def _bpp(layers: Layers, size: int) -> str:
    bpp = layers.bpp(size)
    return f"{bpp:.4f}" if bpp < 10 else f"{bpp:.1f}"


def _budget_bar(rows: list[tuple[str, int]], total: int, budget: int | None) -> str:
    width = max(total, budget or 0, 1)
    segments = "".join(
        f'<i class="tl-c{color}" style="width:{100 * size / width:.2f}%"></i>' for color, size in rows if size
    )
    mark = ""
    if budget and budget < width:
        mark = f'<b style="left:{100 * budget / width:.2f}%"></b>'
    label = f"{total:,} bytes" + (f" of a budget of {budget:,}" if budget else "")
    return f'<div class="tl-bar" role="img" aria-label="{label}">{segments}{mark}</div>'


def _bytes(count: int) -> str:
    return f"{count:,} byte{'' if count == 1 else 's'}"


def _budget_line(total: int, budget: int | None) -> str:
    if not budget:
        return '<p class="tl-note">No budget</p>'
    if total <= budget:
        return f'<p class="tl-note">{budget - total:,} of {budget:,} bytes left</p>'
    return f'<p class="tl-note">{_bytes(total - budget)} over the budget of {budget:,}: still a valid file</p>'


# --- the layer strip ---


def strip(stages: Sequence[Stage], pictures: Sequence[np.ndarray]) -> str:
    """Return the layer strip: the pictures decoded so far, and placeholders for the others."""
    figures = "".join(_figure(stage, pictures[i] if i < len(pictures) else None) for i, stage in enumerate(stages))
    return f'<div class="tl-strip" role="group" aria-label="Decoded from more and more layers">{figures}</div>'


def seed_strip(layers: Layers, records: Sequence[dict[str, Any]], pictures: Sequence[np.ndarray], count: int) -> str:
    """Return the pictures of several seeds as buttons that keep one, and placeholders up to `count`.

    history.js handles the clicks: `data-entry` is the `id` of a record in the history.
    """
    figures = "".join(_seed_figure(*pair) for pair in zip(records, pictures, strict=True))
    waiting = f'<figure><div class="tl-wait" style="aspect-ratio: {layers.width} / {layers.height}"></div></figure>'
    figures += waiting * (count - len(records))
    return f'<div class="tl-strip tl-seeds" role="group" aria-label="One picture for each seed">{figures}</div>'


def _seed_figure(record: dict[str, Any], picture: np.ndarray) -> str:
    image = f'<img src="{jpeg_uri(rendering.scale_down(picture, _STRIP_SIDE))}" alt="">'
    return (
        f'<figure><button type="button" data-entry="{escape(record["id"])}" title="Keep this seed and its picture">'
        f"{image}<span>Keep seed {escape(record['seed'])}</span></button></figure>"
    )


def _figure(stage: Stage, picture: np.ndarray | None) -> str:
    layers = stage.layers
    size = len(layers.to_bytes())
    style = f'style="aspect-ratio: {layers.width} / {layers.height}"'
    if picture is None:
        image = f'<div class="tl-wait" {style}></div>'
    else:
        data = jpeg_uri(rendering.scale_down(picture, _STRIP_SIDE))
        image = f'<img src="{data}" alt="{escape(f"Decoded from {stage.names}, {size:,} bytes")}" {style}>'
    return (
        f"<figure>{image}<figcaption><span><i>Î</i><sub>{stage.symbol}</sub> {escape(stage.added)}</span>"
        f"<strong>{size:,} bytes</strong> <span>{layers.bpp(size):.4f} bpp</span></figcaption></figure>"
    )


def jpeg_uri(pixels: np.ndarray) -> str:
    """Return (h, w, 3) uint8 as a JPEG in a data URI."""
    return "data:image/jpeg;base64," + base64.b64encode(rendering.to_jpeg(pixels)).decode()


# --- images to start from ---


@lru_cache(maxsize=1)
def start() -> str:
    """Return the examples as buttons, and the sizes of a blank canvas; saves.js handles the clicks."""
    items = "".join(
        f'<li><button type="button" data-example="{escape(name)}" title="{escape(example.hint)}">'
        f'<img src="{_thumbnail(name)}" alt=""><span>{escape(example.title)}</span></button></li>'
        for name, example in examples.EXAMPLES.items()
    )
    sizes = "".join(f'<option value="{w},{h}">{w} × {h}</option>' for w, h in examples.BLANK_SIZES)
    return (
        '<section class="tl-start" aria-labelledby="tl-start"><h2 id="tl-start">Drop a picture, or start from</h2>'
        f'<ol class="tl-examples">{items}</ol><div class="tl-new"><label>New blank canvas '
        f'<select>{sizes}</select></label><button type="button">Create</button></div></section>'
    )


def _thumbnail(name: str) -> str:
    """Return an example's sketch over its colors as a data URI; plain paper for a file that cannot be read."""
    try:
        picture = rendering.render_plain(examples.load_example(name))
    except (CodecError, OSError):
        picture = np.full((_EXAMPLE_SIDE, _EXAMPLE_SIDE, 3), examples.PAPER_COLOR, np.uint8)
    return jpeg_uri(rendering.scale_down(picture, _EXAMPLE_SIDE))
