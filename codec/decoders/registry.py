"""Layers -> picture. Decoders are chosen by name and built, once, when first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from codec.decoders.base import Decoder, OnStep, Step, Strengths
from codec.errors import UnknownName

if TYPE_CHECKING:
    from codec.decoders.sd15.options import Options

__all__ = ["Decoder", "OnStep", "Step", "Strengths", "get", "names"]


def _painter() -> Decoder:
    from codec.decoders.painter.painter import Painter

    return Painter.final()


def _painter_preview() -> Decoder:
    from codec.decoders.painter.painter import Painter

    return Painter.preview()


def _stable_diffusion() -> Decoder:
    from codec.decoders.sd15.pipeline import StableDiffusion

    return StableDiffusion()


_BUILDERS: dict[str, Callable[[], Decoder]] = {
    "painter": _painter,
    "painter-preview": _painter_preview,
    "sd15": _stable_diffusion,
}
_built: dict[str, Decoder] = {}
_lock = threading.Lock()


def names() -> tuple[str, ...]:
    """Return the names of all decoders; loads nothing heavy."""
    return tuple(_BUILDERS)


def get(name: str, options: Options | Strengths | None = None) -> Decoder:
    """Return the decoder called `name`; safe from any thread.

    `options`: presets.Options for "sd15", Strengths for the painters. Without options it is the same
    object every time. Weights are shared, whatever the options.

    Raises UnknownName (its message lists the names; also for another decoder's options) and ModelMissing.
    """
    if name not in _BUILDERS:
        raise UnknownName(f"there is no decoder {name!r}; there are: {', '.join(names())}")
    if options is not None and isinstance(options, Strengths) == (name == "sd15"):
        raise UnknownName(f"these are not options of the decoder {name}: sd15 has Options, the painters have Strengths")
    if options is not None and not isinstance(options, Strengths):
        from codec.decoders.sd15.pipeline import StableDiffusion

        return StableDiffusion(options)
    with _lock:
        if name not in _built:
            _built[name] = _BUILDERS[name]()
        decoder = _built[name]
    return decoder if options is None else decoder.weighted(options)  # type: ignore[attr-defined]
