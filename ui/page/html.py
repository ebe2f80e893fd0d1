"""The only HTML that the page makes. Every text from a file or a person goes through `escape`."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from codec import Layers, Pose, Prompt
from codec.bitstream.settings import Settings
from codec.decoders.sd15 import tokenizer
from codec.errors import ModelMissing

_COMMAND = re.compile(r"python -m codec[\w -]*\w", re.IGNORECASE)

_LOGO = (
    '<svg class="tl-logo" viewBox="0 0 32 32" aria-hidden="true">'
    '<path class="tl-c3" d="M16 15l13 6.500L16 28 3 21.500z"/>'
    '<path class="tl-c2" d="M16 9.500L29 16l-13 6.500L3 16z"/>'
    '<path class="tl-c1" d="M16 4l13 6.500L16 17 3 10.500z"/></svg>'
)


HISTORY = (
    '<section class="tl-history" aria-labelledby="tl-past" hidden><div><h2 id="tl-past">History</h2>'
    '<button type="button" class="tl-forget">Clear</button></div><ol class="tl-past"></ol></section>'
)


def header() -> str:
    """The page's name."""
    return (
        f'<div class="tl-head">{_LOGO}<div><h1>Trilayer</h1>'
        "<p>A picture as a prompt, a sketch and a few colors, in a few hundred bytes.</p></div></div>"
    )


def origin(text: str, settings: Settings | None = None) -> str:
    """Where the prompt comes from, and how the file says that the picture was made."""
    told = f"Made with {settings.summary()}." if settings else ""
    lines = [f"Prompt {text}{'.' if told else ''}"] if text else []
    shown = " ".join([*lines, *([told] if told else [])])
    return f'<p class="tl-note">{escape(shown)}</p>' if shown else ""


def tally(prompt: Prompt) -> str:
    """How much the words are: in tokens, which CLIP reads 75 at a time, and in bytes of the file."""
    lines = [_tally(name, text) for name, text in (("Prompt", prompt.text), ("Negative", prompt.negative)) if text]
    size = f"{len(prompt.to_bytes()):,} bytes in the file" if lines else ""
    return f'<p class="tl-note">{escape(" · ".join([*lines, size]))}</p>' if lines else ""


def _tally(name: str, text: str) -> str:
    try:
        count = tokenizer.count(text)
    except ModelMissing:
        return f"{name}: {len(text.split()):,} words"
    if count <= tokenizer.CHUNK:
        return f"{name}: {count} of {tokenizer.CHUNK} tokens"
    return f"{name}: {count:,} tokens, read in {-(-count // tokenizer.CHUNK)} parts"


def status(text: str, kind: str = "idle", done: float | None = None) -> str:
    """The status box: `kind` is idle, busy, good, warn or bad; `done` 0..1 adds a progress bar."""
    bar = ""
    if done is not None:
        bar = f'<progress max="100" value="{round(100 * done)}" aria-label="Progress"></progress>'
    role = "alert" if kind == "bad" else "status"
    return f'<div class="tl-status tl-{escape(kind)}" role="{role}"><p>{escape(text)}</p>{bar}</div>'


STOPPED = status("Stopped.")
_UNUSABLE = "tl-unusable"


def unusable(text: str) -> str:
    """The status box for what was typed or drawn and cannot be; see `is_unusable`."""
    return f'<div class="tl-status tl-bad {_UNUSABLE}" role="alert"><p>{escape(text)}</p></div>'


def is_unusable(shown: Any) -> bool:
    """True if the status box, as the browser sends it, still speaks of such an edit."""
    return isinstance(shown, str) and f'tl-bad {_UNUSABLE}"' in shown


def missing(line: str, offer: str) -> str:
    """The status box for weights that are not here: the codec's one line, the remedy set apart, and a way on."""
    what, _, remedy = line.partition("; ")
    texts = [escape(text.rstrip(".") + ".") for text in (what, remedy[:1].upper() + remedy[1:]) if text]
    details = "".join(f"<p>{_COMMAND.sub(_code, text)}</p>" for text in texts)
    return (
        '<div class="tl-status tl-bad" role="alert"><p>Stable Diffusion cannot decode here yet.</p>'
        f'<div class="tl-more">{details}<p>{escape(offer)}</p></div></div>'
    )


def _code(command: re.Match[str]) -> str:
    return f"<code>{command[0][:1].lower()}{command[0][1:]}</code>"


def hint(text: str) -> str:
    """A line beside options that never changes."""
    return f'<p class="tl-note">{escape(text)}</p>'


def note(text: str, kind: str = "note") -> str:
    """A line beside options; `kind` is note, or over for what must be put right."""
    return f'<p class="tl-{escape(kind)}" role="status">{escape(text)}</p>'


def readout(layers: Layers, budget: int | None) -> str:
    """Bytes, bits and bits per pixel of each layer and of the file, with a bar against the budget."""
    sizes = layers.sizes()
    total = sizes.total
    rows = [
        ("Prompt", "1", sizes.semantic),
        ("Pose" if isinstance(layers.structure, Pose) else "Sketch", "2", sizes.structure),
        ("Colors", "3", sizes.texture),
    ]
    if sizes.extensions:
        rows.append(("Extras", "5", sizes.extensions))
    rows.append(("Format", "4", sizes.overhead))
    body = "".join(
        f'<tr><th scope="row"><i class="tl-c{c}" aria-hidden="true"></i>{name}</th>{_numbers(n, layers)}</tr>'
        for name, c, n in rows
    )
    return (
        '<section class="tl-bytes" aria-label="Size of the file">'
        f'<p class="tl-total"><strong>{total:,}</strong> bytes <span>{_bpp(layers, total)} bpp</span></p>'
        f"{_bar(rows, total, budget)}{_verdict(total, budget)}"
        '<table><thead><tr><th scope="col">Layer</th><th scope="col">bytes</th>'
        f'<th scope="col">bits</th><th scope="col">bpp</th></tr></thead><tbody>{body}</tbody>'
        f'<tfoot><tr><th scope="row">File</th>{_numbers(total, layers)}</tr></tfoot></table></section>'
    )


def _numbers(size: int, layers: Layers) -> str:
    return f"<td>{size:,}</td><td>{8 * size:,}</td><td>{_bpp(layers, size)}</td>"


def _bpp(layers: Layers, size: int) -> str:
    bpp = layers.bpp(size)
    return f"{bpp:.4f}" if bpp < 10 else f"{bpp:.1f}"


def _bar(rows: list[tuple[str, str, int]], total: int, budget: int | None) -> str:
    whole = max(total, budget or 0, 1)
    parts = "".join(f'<i class="tl-c{c}" style="width:{100 * n / whole:.2f}%"></i>' for _, c, n in rows if n)
    mark = ""
    if budget and budget < whole:
        mark = f'<b style="left:{100 * budget / whole:.2f}%"></b>'
    label = f"{total:,} bytes" + (f" of a budget of {budget:,}" if budget else "")
    return f'<div class="tl-bar" role="img" aria-label="{label}">{parts}{mark}</div>'


def _verdict(total: int, budget: int | None) -> str:
    if not budget:
        return '<p class="tl-note">No budget</p>'
    if total <= budget:
        return f'<p class="tl-note">{budget - total:,} of {budget:,} bytes left</p>'
    return f'<p class="tl-over">{total - budget:,} bytes over the budget of {budget:,}</p>'
