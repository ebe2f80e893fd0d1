"""Layers -> picture. Decoders are chosen by name and built, once, when first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from codec.decode.base import Decoder, OnStep, Step
from codec.errors import UnknownName

__all__ = ["Decoder", "OnStep", "Step", "get", "names"]


def _painter() -> Decoder:
    from codec.decode.painter import Painter

    return Painter.final()


def _painter_preview() -> Decoder:
    from codec.decode.painter import Painter

    return Painter.preview()


_BUILDERS: dict[str, Callable[[], Decoder]] = {
    "painter": _painter,
    "painter-preview": _painter_preview,
}
_built: dict[str, Decoder] = {}
_lock = threading.Lock()


def names() -> tuple[str, ...]:
    """Return the names of all decoders; loads nothing heavy."""
    return tuple(_BUILDERS)


def get(name: str) -> Decoder:
    """Return the decoder called `name`, the same object every time; safe from any thread.

    Raises UnknownName (its message lists the names) and ModelMissing.
    """
    if name not in _BUILDERS:
        raise UnknownName(f"there is no decoder {name!r}; there are: {', '.join(names())}")
    with _lock:
        if name not in _built:
            _built[name] = _BUILDERS[name]()
        return _built[name]
