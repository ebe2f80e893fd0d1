"""Open, encode and decode files, for the page and the API.

Nothing here depends on Gradio. Bad input raises `CodecError` with a one-line message.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from codec import CodecError, Layers
from codec.bitstream.container import MAGIC
from codec.decoders import Strengths
from codec.encoder.encode_options import EncodeOptions
from codec.errors import Corrupt, FormatError, Truncated
from codec.images import png_chunk
from codec.limits import MAX_FILE_BYTES
from codec.texture.colormap import MAX_CELLS, MIN_CELLS
from ui.services import layers_zip, validation
from ui.services.canvas_state import file_stem

if TYPE_CHECKING:
    from codec.decoders.base import OnStep

MAX_READ_BYTES: Final = 1 << 20  # of a .tril, or of a PNG with one inside
GRID_RANGE: Final = (MIN_CELLS, MAX_CELLS)  # cells on the longer side
BUDGET_RANGE: Final = (64, MAX_FILE_BYTES)
DEFAULT_DECODER: Final = "painter"
PREVIEW_DECODER: Final = "painter-preview"
DECODER_LABELS: Final = {"painter": "Built-in painter", "sd15": "Stable Diffusion 1.5", "sdxl": "Stable Diffusion XL"}
NO_RECIPE: Final = "none"
RECIPES: Final = (NO_RECIPE, "beside", "instead")  # of the layers
_LAYER_NAMES: Final = {"semantic": "prompt", "structure": "sketch", "texture": "colors"}


@dataclass(frozen=True, eq=False)
class DecodeResult:
    """A finished decode.

    pixels: (H, W, 3) uint8
    scope: a description of the decoded part, "" for the whole picture; None if no layer changed since the last decode
    cache_entry: data for a later decode of an edited area; None if the decoder provides none
    """

    pixels: np.ndarray
    scope: str | None = ""
    cache_entry: Any = None


@dataclass(frozen=True)
class OpenedImage:
    """Layers from a file, a link or a picture.

    prompt_source: a line that says where the prompt comes from
    original: (H, W, 3) uint8 to compare with, None for a .tril file
    warning: a line about damage, or ""
    embedded: whether the layers were inside a picture file
    is_automatic: whether a program wrote the prompt while the picture was opened
    """

    layers: Layers
    name: str
    prompt_source: str
    original: np.ndarray | None = None
    warning: str = ""
    embedded: bool = False
    is_automatic: bool = False


def encode_options(**fields: Any) -> EncodeOptions:
    """Return encoder options from the page's values, which may be of any type. `grid` 0: the encoder chooses.

    `recipe`, one of `RECIPES`: whether the recipe of the picture is stored, beside the layers or instead of them.
    Raises `InvalidLayer` or `UnknownName`.
    """
    if fields.get("budget") is not None:
        fields["budget"] = validation.integer(fields["budget"], "byte budget", *BUDGET_RANGE)
    if "grid" in fields:
        fields["grid"] = validation.integer(fields["grid"], "grid", *GRID_RANGE) if fields["grid"] else None
    if "cubic_colors" in fields:
        fields["cubic_colors"] = fields["cubic_colors"] is True
    if "recipe" in fields:
        recipe = validation.choice(fields["recipe"], "recipe", RECIPES)
        fields |= {"recipe": recipe != NO_RECIPE, "keep_layers": recipe == "beside"}
    return EncodeOptions(**fields)


def open_picture(path: str, options: EncodeOptions) -> OpenedImage:
    """Return the three layers of a picture file, or the layers embedded in it if no prompt is given.

    Raises `ImageError`, `BudgetTooSmall` or `ModelMissing`.
    """
    from codec.encoder.extract import EMBEDDED, extract
    from codec.images.io import load

    picture, name = load(path), file_stem(Path(path).stem)
    if options.prompt is None and picture.tril is not None:
        with contextlib.suppress(CodecError):  # damaged layers: encode the picture
            layers = Layers.from_bytes(picture.tril)
            return OpenedImage(layers, name, f"Prompt from {EMBEDDED}", embedded=True)
    extraction = extract(picture, options)
    origin = extraction.prompt_source
    return OpenedImage(
        extraction.layers, name, _prompt_source(origin), picture.pixels, is_automatic=_is_automatic(origin)
    )


def _is_automatic(origin: str) -> bool:
    """Return whether neither a user nor the file gave the prompt."""
    from codec.encoder.prompt.find_prompt import FROM_FILE, GIVEN, UNKNOWN

    return origin != GIVEN and not origin.startswith((FROM_FILE.partition("{")[0], UNKNOWN))


def _prompt_source(origin: str) -> str:
    """Return the line that says where the encoder found the prompt."""
    from codec.encoder.prompt.find_prompt import SUBJECT, UNKNOWN

    if origin.startswith(UNKNOWN):
        return "Nothing is known about this picture: type what it shows."
    if origin.startswith(SUBJECT):
        return "Recognized automatically. Type more of what the picture shows."
    return f"Prompt {origin}"


def holds_layers(path: str) -> bool:
    """Return whether `open_file` opens a file rather than `open_picture`. Raises `CodecError`."""
    data = _read(path)
    if data.startswith(b"\x89PNG"):
        with contextlib.suppress(CodecError):
            return png_chunk.extract(data) is not None
        return False
    return data.startswith((MAGIC, layers_zip.MAGIC)) or Path(path).suffix.lower() in (".tril", ".zip")


def open_file(path: str) -> OpenedImage:
    """Return the layers of a .tril file, of a PNG with one inside, or of a ZIP of layers.

    For a damaged file, the intact layers are returned with a warning. Raises `CodecError` if there are none.
    """
    data, name = _read(path), file_stem(Path(path).stem)
    if data.startswith(layers_zip.MAGIC):
        return OpenedImage(layers_zip.unpack(data), name.removesuffix(layers_zip.SUFFIX), "Prompt from the file")
    return open_bytes(png_chunk.unwrap(data), name, "Prompt from the file")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_READ_BYTES + 1)
    except OSError as error:
        raise CodecError(f"the file cannot be read: {error.strerror}") from None


def open_bytes(data: bytes, name: str, prompt_source: str) -> OpenedImage:
    """Return the layers in the bytes of a .tril file; damage is handled as in `open_file`."""
    warning = ""
    try:
        layers = Layers.from_bytes(data)
    except (Corrupt, Truncated) as error:
        try:
            layers, damaged = Layers.salvage(data)
        except FormatError:  # the header is damaged, too; the first error is more specific
            raise error from None
        if layers.is_empty:
            raise error from None
        warning = _damage_warning(damaged)
    return OpenedImage(layers, name, prompt_source, warning=warning)


def _damage_warning(damaged: tuple[str, ...]) -> str:
    """Return the warning for a file with these damaged layers."""
    names = [_LAYER_NAMES[name] for name in damaged]
    if not names:
        return "This file is damaged, but all of its layers can be read. Check them."
    is_plural = len(names) > 1 or names == ["colors"]
    return f"The {' and the '.join(names)} {'are damaged and were' if is_plural else 'is damaged and was'} skipped."


def decode_task(layers: Layers, decoder: str, seed: int, strengths: Strengths) -> Callable[[OnStep], DecodeResult]:
    """Return the work of a `ui.services.jobs.Job` that decodes with a painter."""
    from codec.decoders import get

    return lambda on_step: DecodeResult(get(decoder, strengths).decode(layers, seed=seed, on_step=on_step))


def decoder_names() -> list[str]:
    """Return the names of the decoders that a user can choose."""
    from codec.decoders import names

    return [name for name in names() if name != PREVIEW_DECODER]
