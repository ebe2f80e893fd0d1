"""Layers -> picture. Decoders are chosen by name and built, once, when first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from codec.decode.base import Decoder, OnStep, Step
from codec.errors import UnknownName

if TYPE_CHECKING:
    from codec.decode.presets import Options

__all__ = ["Decoder", "OnStep", "Step", "get", "names"]


def _painter(options: Options | None) -> Decoder:
    from codec.decode.painter import Painter

    return Painter.final()


def _painter_preview(options: Options | None) -> Decoder:
    from codec.decode.painter import Painter

    return Painter.preview()


def _stable_diffusion(options: Options | None) -> Decoder:
    from codec.decode.diffusion import StableDiffusion

    return StableDiffusion(options)


_BUILDERS: dict[str, Callable[[Options | None], Decoder]] = {
    "painter": _painter,
    "painter-preview": _painter_preview,
    "sd15": _stable_diffusion,
}
_built: dict[str, Decoder] = {}
_lock = threading.Lock()


def names() -> tuple[str, ...]:
    """Return the names of all decoders; loads nothing heavy."""
    return tuple(_BUILDERS)


def get(name: str, options: Options | None = None) -> Decoder:
    """Return the decoder called `name`; safe from any thread.

    `options`: of "sd15" (presets.Options); the painter has none. Without options it is the same object
    every time. Weights are shared, whatever the options.

    Raises UnknownName (its message lists the names; also for options of a decoder that has none) and ModelMissing.
    """
    if name not in _BUILDERS:
        raise UnknownName(f"there is no decoder {name!r}; there are: {', '.join(names())}")
    if options is not None and name != "sd15":
        raise UnknownName(f"the decoder {name} has no options: they are for sd15")
    if options is not None:
        return _BUILDERS[name](options)
    with _lock:
        if name not in _built:
            _built[name] = _BUILDERS[name](None)
        return _built[name]
