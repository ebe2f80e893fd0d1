"""The registry of decoders, which are selected by name and built on first use.

To add a decoder:

1. Write a class with the methods of `base.Decoder`, in a file or package of its own in this folder.
   Report progress through `base.StepReporter`, which also handles cancellation.
2. Write a function below that imports that class and returns an instance. The import belongs inside the
   function, so that listing the decoders loads neither torch nor OpenCV.
3. Add an entry to `_REGISTRY`: the name, the type of its options and the function.

`codec.decode`, the command line and the page then offer it by its name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from codec.decoders.base import Decoder, Strengths
from codec.decoders.diffusion.base_options import DiffusionOptions
from codec.decoders.sd15.options import Options
from codec.decoders.sdxl.xl_options import XLOptions
from codec.errors import UnknownName


@dataclass(frozen=True)
class _Entry:
    """A registered decoder. options_type: type of its options; build: returns it with default options."""

    options_type: type
    build: Callable[[], Decoder]


def _build_painter() -> Decoder:
    from codec.decoders.painter.painter import Painter

    return Painter.full_quality()


def _build_painter_preview() -> Decoder:
    from codec.decoders.painter.painter import Painter

    return Painter.preview()


def _build_sd15() -> Decoder:
    from codec.decoders.sd15.pipeline import StableDiffusion

    return StableDiffusion()


def _build_sdxl() -> Decoder:
    from codec.decoders.sdxl.xl_pipeline import StableDiffusionXL

    return StableDiffusionXL()


_REGISTRY: dict[str, _Entry] = {
    "painter": _Entry(Strengths, _build_painter),
    "painter-preview": _Entry(Strengths, _build_painter_preview),
    "sd15": _Entry(Options, _build_sd15),
    "sdxl": _Entry(XLOptions, _build_sdxl),
}
_built: dict[str, Decoder] = {}
_lock = threading.Lock()


def names() -> tuple[str, ...]:
    """Return the names of all decoders. Loads neither torch nor OpenCV."""
    return tuple(_REGISTRY)


def get(name: str, options: DiffusionOptions | Strengths | None = None) -> Decoder:
    """Return the decoder called `name`. Can be called from any thread.

    `options`: Options for "sd15", XLOptions for "sdxl", Strengths for the painters. Without options, the same
    object is returned every time. Weights are loaded once for all options.

    Raises UnknownName for an unknown name (the message lists all names) and for options of another decoder, and
    ModelMissing if the decoder's weights are absent or damaged.
    """
    entry = _REGISTRY.get(name)
    if entry is None:
        raise UnknownName(f"there is no decoder {name!r}: choose one of {', '.join(names())}")
    if options is not None and not isinstance(options, entry.options_type):
        expected, given = entry.options_type.__name__, type(options).__name__
        raise UnknownName(f"the decoder {name} takes options of type {expected}, not {given}")
    with _lock:
        if name not in _built:
            _built[name] = entry.build()
        decoder = _built[name]
    return decoder if options is None else decoder.with_options(options)
