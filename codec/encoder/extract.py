"""Picture -> three layers within a byte budget.

The prompt is kept whole; of the rest the colors get a share, the strokes what is left, and
the colors again what the strokes did not need.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

import numpy as np

from codec.bitstream.settings import Settings
from codec.editing.edits import grid as grid_of
from codec.encoder.colormap import fit_colormap as palette
from codec.encoder.options import DEFAULT_OPTIONS, POSE_DETECTOR, EncodeOptions
from codec.encoder.prompt.find_prompt import GIVEN, FoundPrompt, find_prompt
from codec.encoder.sketch import fit_sketch as structure
from codec.errors import BudgetTooSmall, CodecError, ImageError, InvalidLayer
from codec.images import io
from codec.images.io import Picture
from codec.layers import Layers, default_budget
from codec.limits import MAX_FILE_BYTES, MAX_SIDE
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.texture.colormap import MAX_CELLS, MIN_CELLS, Colormap

INSIDE: Final = "the layers inside the picture"
_COLORS: Final = 0.26  # of the bytes beside the prompt
_MORE: Final = 1.25  # times the bytes they had: then, where few lines were found, colors get another grid
_FRAMING: Final = 4  # bytes around two more layers: a longer length and a check each


@dataclass(frozen=True)
class Extraction:
    """What was found: the layers, the pixels they came from, and where the prompt is from."""

    layers: Layers
    picture: Picture
    origin: str


def extract(
    source: str | os.PathLike[str] | bytes | BinaryIO | np.ndarray | Picture,
    options: EncodeOptions = DEFAULT_OPTIONS,
    *,
    reserve: int = 0,
) -> Extraction:
    """The layers of a picture. Errors as `codec.encode`; `reserve` bytes of the budget stay free.

    A PNG that carries its layers (`codec.images.png_chunk`) gives these where nothing else is asked for.
    """
    picture = _picture(source)
    if picture.layers is not None and options == EncodeOptions(captioner=options.captioner) and not reserve:
        with contextlib.suppress(CodecError):  # damaged: then it is a picture as any other
            return Extraction(Layers.from_bytes(picture.layers), picture, INSIDE)
    grid, edges = options.grid, options.edges
    height, width = picture.pixels.shape[:2]
    budget = min(default_budget(width, height) if options.budget is None else options.budget, MAX_FILE_BYTES) - reserve
    found = find_prompt(picture, options.prompt, options.negative, options.captioner)
    found = replace(found, settings=_affordable(found.settings, budget // 10))
    if found.origin != GIVEN:
        found = _shorten(found, budget // 2)
    layers = Layers(
        width,
        height,
        found.prompt,
        seed=found.seed if options.seed is None else options.seed,
        settings=found.settings,
    )
    room = budget - len(layers.to_bytes()) - _FRAMING
    if room <= 0:
        needed = len(layers.to_bytes()) + _FRAMING
        raise BudgetTooSmall(f"the prompt alone needs {needed} of the {budget} bytes: shorten it or allow more")
    colors = _colors(picture, grid, int(room * _COLORS), room)
    left = room - len(colors.to_bytes())
    drawn = _people(picture, left) if edges == POSE_DETECTOR else structure.sketch(picture.pixels, left, edges=edges)
    left = room - len(drawn.to_bytes())
    more = grid is None and left > _MORE * len(colors.to_bytes())
    colors = _colors(picture, None if more else (colors.rows, colors.cols), left, room)
    layers = replace(layers, structure=drawn, texture=colors)
    if len(layers.to_bytes()) > budget:
        raise BudgetTooSmall(f"{budget} bytes are too few for words, lines and colors: allow more")
    return Extraction(layers, picture, found.origin)


def _people(picture: Picture, most: int) -> Pose:
    from codec.encoder.sketch import annotators

    return annotators.people(picture.pixels, most)


def _affordable(settings: Settings | None, most: int) -> Settings | None:
    """Settings that nobody asked for, without the model's name if they would take more than that many bytes."""
    if settings is None or len(settings.to_bytes()) <= most:
        return settings
    return replace(settings, model=None)


def _shorten(found: FoundPrompt, most: int) -> FoundPrompt:
    """A prompt nobody typed here, in at most that many bytes: without its negative part, then its end."""
    prompt = found.prompt
    while len(prompt.to_bytes()) > most and prompt != Prompt():
        if prompt.negative:
            prompt = Prompt(prompt.text)
            continue
        start = prompt.text[: len(prompt.text) * 7 // 8]
        prompt = Prompt(start[: max(start.rfind(","), start.rfind(" "), 0)] or start)
    if prompt == found.prompt:
        return found
    return replace(found, prompt=prompt, origin=f"{found.origin}, shortened to fit")


def _colors(picture: Picture, grid: int | tuple[int, int] | None, share: int, most: int) -> Colormap:
    """The colormap of about `share` bytes; or more bytes up to `most`, if it must."""
    height, width = picture.pixels.shape[:2]
    if grid is None:
        return palette.best(picture.pixels, share, most)
    rows, cols = grid_of(width, height, grid, MIN_CELLS, MAX_CELLS) if isinstance(grid, int) else grid
    if not all(MIN_CELLS <= side <= MAX_CELLS for side in (rows, cols)):
        raise InvalidLayer(f"a color grid has {MIN_CELLS} to {MAX_CELLS} cells a side")
    return palette.fitted(picture.pixels, rows, cols, share, most)


def _picture(source: str | os.PathLike[str] | bytes | BinaryIO | np.ndarray | Picture) -> Picture:
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray):
        shaped = source.ndim == 3 and source.shape[2] == 3 and source.dtype == np.uint8
        if not (shaped and all(1 <= side <= MAX_SIDE for side in source.shape[:2])):
            raise ImageError(f"pixels are (H, W, 3) uint8 with 1 to {MAX_SIDE} pixels a side")
        return Picture(source)
    return io.load(source)
