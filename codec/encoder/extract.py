"""Extract the three layers of a picture within a byte budget.

The prompt is stored first. `EncodeOptions.balance` decides how the other layers share the remaining bytes. With
"picture", the sketch gets a small share and the texture layer (a few base colors and detail) gets the rest. With
"structure", the colors get a fixed share, the structure gets the rest, and then the colors are fitted again to use all
remaining bytes.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

import cv2
import numpy as np

from codec.allocation import MIN_DETAIL_BYTES, available_bytes, base_bytes, color_bytes, sketch_bytes
from codec.bitstream.settings import Settings
from codec.encoder.colormap.fit_colormap import fit_best_grid, fit_grid
from codec.encoder.colormap.fit_detail import fit_detail
from codec.encoder.encode_options import DEFAULT_OPTIONS, POSE_DETECTOR, EncodeOptions
from codec.encoder.prompt.find_prompt import GIVEN, FoundPrompt, find_prompt, find_recipe
from codec.encoder.sketch import annotators
from codec.encoder.sketch.fit_sketch import extract_sketch
from codec.errors import BudgetTooSmall, CodecError, ImageError
from codec.grid_shape import grid_shape
from codec.images import io
from codec.images.io import Picture
from codec.layers import Layers, default_budget
from codec.limits import MAX_FILE_BYTES, MAX_SIDE
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture.colormap import MAX_CELLS, MIN_CELLS, Colormap

EMBEDDED: Final = "the layers inside the picture"
_SETTINGS_DIVISOR: Final = 10  # settings from the file's metadata get at most a tenth of the budget
_PROMPT_DIVISOR: Final = 2  # a prompt that the user did not give gets at most half of the budget
_BASE_CELLS: Final = 8  # on the longer side of the base colors, if there is detail
_PAPER_BLOCK: Final = 64  # side, in pixels, of the block that each color of the paper's code stands for
_REGRID_FACTOR: Final = 1.25  # the grid is chosen again if the colors get this many times the bytes of their first fit

Source = str | os.PathLike[str] | bytes | BinaryIO | np.ndarray | Picture


@dataclass(frozen=True)
class Extraction:
    """The layers of a picture, the picture itself, and a short text that names the source of the prompt."""

    layers: Layers
    picture: Picture
    prompt_source: str


def extract(source: Source, options: EncodeOptions = DEFAULT_OPTIONS, *, reserved_bytes: int = 0) -> Extraction:
    """Return the layers of a picture, and leave `reserved_bytes` of the budget unused.

    With default options, the layers embedded in a PNG (`codec.images.png_chunk`) are returned if there are any. Raises
    `ImageError`, `BudgetTooSmall`, `InvalidLayer`, `ModelMissing` or `OutOfMemory`, and `CodecError` if a recipe is
    wanted and the picture's metadata cannot reproduce it.
    """
    picture = _to_picture(source)
    if picture.tril is not None and not reserved_bytes and replace(options, captioner="auto") == DEFAULT_OPTIONS:
        with contextlib.suppress(CodecError):  # the layers are damaged: encode the picture
            return Extraction(Layers.from_bytes(picture.tril), picture, EMBEDDED)
    height, width = picture.pixels.shape[:2]
    budget = default_budget(width, height) if options.budget is None else min(options.budget, MAX_FILE_BYTES)
    max_bytes = budget - reserved_bytes
    if options.recipe:
        found_prompt = find_recipe(picture)
    else:
        found_prompt = shorten_prompt(
            find_prompt(picture, options.prompt, options.negative, options.captioner), max_bytes
        )
    seed = found_prompt.seed if options.seed is None else options.seed
    prompt = found_prompt.prompt
    semantic = prompt if prompt != Prompt() or found_prompt.source == GIVEN else None
    layers = Layers(width, height, semantic, seed=seed, settings=found_prompt.settings, recipe=found_prompt.recipe)
    if options.recipe and not options.keep_layers:
        return Extraction(layers, picture, found_prompt.source)
    available = available_bytes(layers, max_bytes)
    if available <= 0:
        needed = max_bytes - available
        raise BudgetTooSmall(f"the prompt alone needs {needed} of the {max_bytes} bytes: shorten it or allow more")
    structure, texture = _fit_structure_and_texture(picture.pixels, options, available)
    layers = replace(layers, structure=structure, texture=texture)
    if len(layers.to_bytes()) > max_bytes:
        raise BudgetTooSmall(f"{max_bytes} bytes are too few for prompt, structure and colors: allow more")
    return Extraction(layers, picture, found_prompt.source)


def _to_picture(source: Source) -> Picture:
    """Load the picture, or check the pixels. Raises `ImageError`."""
    if isinstance(source, Picture):
        return source
    if not isinstance(source, np.ndarray):
        return io.load(source)
    is_rgb = source.ndim == 3 and source.shape[2] == 3 and source.dtype == np.uint8
    if not (is_rgb and all(1 <= side <= MAX_SIDE for side in source.shape[:2])):
        raise ImageError(f"pixels must be (height, width, 3) uint8, 1 to {MAX_SIDE} a side")
    return Picture(source)


def _fit_structure_and_texture(
    pixels: np.ndarray, options: EncodeOptions, available: int
) -> tuple[Sketch | Pose, Colormap]:
    """Return both layers; their payloads have at most `available` bytes together. Raises `BudgetTooSmall`."""
    if options.stores_detail and available - sketch_bytes(available) >= MIN_DETAIL_BYTES:
        return _fit_picture(pixels, options, available)
    color_pixels = _paper_colors(pixels) if options.cubic_colors else pixels
    fixed_grid = color_pixels.shape[:2] if options.cubic_colors else options.grid
    colors = _fit_colors(color_pixels, fixed_grid, color_bytes(available), available)
    structure = _fit_structure(pixels, options.edges, available - len(colors.to_bytes()))
    remaining = available - len(structure.to_bytes())
    grid: int | tuple[int, int] | None = colors.rows, colors.cols
    if fixed_grid is None and remaining > _REGRID_FACTOR * len(colors.to_bytes()):
        grid = None
    return structure, _fit_colors(color_pixels, grid, remaining, available)


def _paper_colors(pixels: np.ndarray) -> np.ndarray:
    """Return the colors of the paper's code: one pixel per 64 x 64 block, by cubic interpolation, 2 to 64 a side.

    OpenCV's cubic interpolation does not average over the block: each color depends on a few pixels only.
    """
    height, width = pixels.shape[:2]
    rows, cols = (min(max(side // _PAPER_BLOCK, MIN_CELLS), MAX_CELLS) for side in (height, width))
    return np.asarray(cv2.resize(pixels, (cols, rows), interpolation=cv2.INTER_CUBIC))


def _fit_picture(pixels: np.ndarray, options: EncodeOptions, available: int) -> tuple[Sketch | Pose, Colormap]:
    """Return a small structure layer, and a texture layer of base colors and detail in the remaining bytes.

    A picture without detail, such as a uniform area, gets only colors. If even the finest detail leaves bytes unused,
    the structure gets them.
    """
    structure = _fit_structure(pixels, options.edges, sketch_bytes(available), by_visibility=True)
    texture_bytes = available - len(structure.to_bytes())
    base = _fit_colors(pixels, options.grid or _BASE_CELLS, base_bytes(texture_bytes), texture_bytes, quick=True)
    texture = fit_detail(pixels, base, texture_bytes)
    if texture.detail is None:
        return structure, _fit_colors(pixels, options.grid, texture_bytes, available)
    remaining = available - len(texture.to_bytes())
    if remaining > 2 * len(structure.to_bytes()) and remaining > sketch_bytes(available):
        structure = _fit_structure(pixels, options.edges, remaining, by_visibility=True)
    return structure, texture


def _fit_structure(pixels: np.ndarray, edges: str, max_bytes: int, by_visibility: bool = False) -> Sketch | Pose:
    """Return the pose of the people in the picture for "openpose", else the sketch (see `extract_sketch`)."""
    if edges == POSE_DETECTOR:
        return annotators.extract_pose(pixels, max_bytes)
    return extract_sketch(pixels, max_bytes, edges=edges, by_visibility=by_visibility)


def _fit_colors(
    pixels: np.ndarray,
    grid: int | tuple[int, int] | None,
    target_bytes: int,
    max_bytes: int,
    *,
    quick: bool = False,
) -> Colormap:
    """Return the colors in about `target_bytes`, or in up to `max_bytes` if a single color needs that many.

    `quick`: for a fixed grid, see `fit_grid`.
    """
    if grid is None:
        return fit_best_grid(pixels, target_bytes, max_bytes)
    if isinstance(grid, int):
        height, width = pixels.shape[:2]
        grid = grid_shape(width, height, grid, MIN_CELLS, MAX_CELLS)
    return fit_grid(pixels, grid, target_bytes, max_bytes, quick=quick)


def shorten_prompt(found_prompt: FoundPrompt, max_bytes: int) -> FoundPrompt:
    """Shorten a prompt and settings from metadata or a captioner, so that bytes remain for the other layers.

    Settings that are too large lose the model's name. A prompt that is too long loses its negative part, then its last
    words.
    """
    found_prompt = replace(
        found_prompt, settings=_limited_settings(found_prompt.settings, max_bytes // _SETTINGS_DIVISOR)
    )
    if found_prompt.source == GIVEN:
        return found_prompt
    prompt = _limited_prompt(found_prompt.prompt, max_bytes // _PROMPT_DIVISOR)
    if prompt == found_prompt.prompt:
        return found_prompt
    return replace(found_prompt, prompt=prompt, source=f"{found_prompt.source}, shortened to fit")


def _limited_settings(settings: Settings | None, max_bytes: int) -> Settings | None:
    """Return the settings without the model's name if they need more than `max_bytes`."""
    if settings is None or len(settings.to_bytes()) <= max_bytes:
        return settings
    return replace(settings, model=None)


def _limited_prompt(prompt: Prompt, max_bytes: int) -> Prompt:
    """Return the prompt without its negative part, then without its last words, in at most `max_bytes`."""
    while len(prompt.to_bytes()) > max_bytes and prompt != Prompt():
        if prompt.negative:
            prompt = Prompt(prompt.text)
            continue
        start = prompt.text[: len(prompt.text) * 7 // 8]
        prompt = Prompt(start[: max(start.rfind(","), start.rfind(" "), 0)] or start)
    return prompt
