"""Version 1 of the semantic payload: prediction by partial matching, or plain bytes.

PPM (Cleary, Witten 1984) with escape method D (Howard 1993), exclusion and update exclusion, over the
bytes of UTF-8, by a model that starts out having read `primer.txt`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Final

from codec import tables
from codec.errors import Corrupt
from codec.rangecoder import Bit, Coder, Decoder, Encoder, Number

MAX_TEXT: Final = 4096  # bytes of UTF-8, for the prompt and again for the negative prompt

_END: Final = 256  # the symbol after the last byte
_START: Final = (chr(256), chr(257))  # what stands before a prompt, and before a negative one
_ORDER: Final = 5  # bytes of context
_MODES: Final = (13, 2, 1)  # matched, plain, reserved
_MATCHED, _PLAIN = 0, 1
_NO_NEGATIVE: Final = 60000  # of 65,536 prompts
_MOST: Final = 120  # of one count: 257 symbols of weight 2 * 120 stay under the coder's total

Counts = dict[int, int]
Model = dict[str, Counts]


Texts = tuple[bytes, bytes]  # the prompt and the negative prompt


def encode(texts: Texts) -> bytes:
    """The payload: the shorter of the matched and the plain form (the first, if alike)."""
    payloads = []
    for mode in (_MATCHED, _PLAIN):
        coder = Encoder()
        coder.choice(_MODES, mode)
        syntax(coder, mode, texts)
        payloads.append(coder.finish())
    return min(payloads, key=len)


def decode(payload: bytes) -> Texts:
    """The texts of a payload. Raises `Corrupt` for a form it does not know, and too long a text."""
    coder = Decoder(payload, "semantic")
    return syntax(coder, coder.choice(_MODES), None)


def syntax(coder: Coder, mode: int, texts: Texts | None) -> Texts:
    """The payload after its mode; codes `texts`, or reads them where there are none."""
    text, negative = texts or (None, None)
    if mode == _MATCHED:
        model = _Overlay(_primed())
        text = _matched(coder, model, _START[0], text)
        if not coder.bit(Bit(_NO_NEGATIVE), int(not negative)):
            negative = _matched(coder, model, _START[1], negative)
    elif mode == _PLAIN:
        text = _plain(coder, text)
        negative = _plain(coder, negative)
    else:
        raise Corrupt("the prompt has a form this reader does not know", ("semantic",))
    return text, negative or b""


def _plain(coder: Coder, text: bytes | None) -> bytes:
    length = coder.number(Number(), len(text or b""))
    if length > MAX_TEXT:
        raise Corrupt("the prompt is too long", ("semantic",))
    return bytes(coder.uniform(256, text[i] if text else 0) for i in range(length))


def _matched(coder: Coder, model: Model, start: str, text: bytes | None) -> bytes:
    history = start
    out = bytearray()
    while True:
        symbol = _END if text is None or len(out) == len(text) else text[len(out)]
        symbol = _symbol(coder, model, history, symbol)
        if symbol == _END:
            return bytes(out)
        if len(out) == MAX_TEXT:
            raise Corrupt("the prompt is too long", ("semantic",))
        out.append(symbol)
        history = (history + chr(symbol))[-_ORDER:]


def _symbol(coder: Coder, model: Model, history: str, symbol: int) -> int:
    """Code one symbol: from the longest context that has it, escaping to shorter ones.

    A context offers [end, escape, bytes...]: zeros past a payload's end so end the text at once.
    """
    excluded: set[int] = set()
    for context in _contexts(history):
        counts = {s: n for s, n in model.get(context, _EMPTY).items() if s not in excluded}
        if not counts:
            continue
        symbols = sorted(counts, key=lambda s: (s != _END, s))
        weights = [2 * counts[s] - 1 for s in symbols]
        escape = int(symbols[0] == _END)
        symbols.insert(escape, -1)
        weights.insert(escape, len(counts))
        found = coder.choice(weights, symbols.index(symbol if symbol in counts else -1))
        if symbols[found] >= 0:
            symbol = symbols[found]
            break
        excluded.update(counts)
    else:
        rest = [s for s in (_END, *range(256)) if s not in excluded]
        symbol = rest[coder.uniform(len(rest), rest.index(symbol) if symbol in rest else 0)]
    _learn(model, history, symbol)
    return symbol


_EMPTY: Final[Counts] = {}


def _contexts(history: str) -> Iterator[str]:
    """The contexts of a position, longest first, down to the empty one."""
    for start in range(max(0, len(history) - _ORDER), len(history) + 1):
        yield history[start:]


def _learn(model: Model, history: str, symbol: int) -> None:
    """Update exclusion: count the symbol in the longest context that knew it, and in all longer."""
    for context in _contexts(history):
        counts = model.setdefault(context, {})
        known = counts.get(symbol, 0)
        counts[symbol] = min(known + 1, _MOST)
        if known:
            break


class _Overlay(dict[str, Counts]):
    """A model that learns without touching the primed one: a context is copied when it changes."""

    def __init__(self, base: Model) -> None:
        super().__init__()
        self._base = base

    def get(self, context: str, default: Counts) -> Counts:  # type: ignore[override]
        return super().get(context) or self._base.get(context, default)

    def setdefault(self, context: str, default: Counts) -> Counts:
        if context not in self:
            self[context] = dict(self._base.get(context, default))
        return self[context]


@functools.cache
def _primed() -> Model:
    """The model after reading the primer, one prompt a line."""
    model: Model = {}
    for line in tables.read("v1/primer.txt").splitlines():
        history = _START[0]
        for symbol in (*line, _END):
            _learn(model, history, symbol)
            history = (history + chr(symbol))[-_ORDER:]
    return model
