"""A fast replacement of the encoder, for tests of the code around it."""

from __future__ import annotations

from dataclasses import replace

from codec.encoder.encode_options import DEFAULT_OPTIONS, EncodeOptions
from codec.encoder.extract import Extraction, Source
from codec.errors import BudgetTooSmall
from codec.images.io import load
from codec.semantic.prompt import Prompt
from tests import samples


def extract(source: Source, options: EncodeOptions = DEFAULT_OPTIONS, *, reserved_bytes: int = 0) -> Extraction:
    """Read the picture file and return sample layers with its size and the options' prompt and seed.

    Replaces `codec.encoder.extract.extract`; raises `ImageError` and `BudgetTooSmall` as that does.
    """
    picture = load(source)
    height, width = picture.pixels.shape[:2]
    prompt = Prompt("canned" if options.prompt is None else options.prompt, options.negative)
    layers = replace(samples.example(), width=width, height=height, semantic=prompt, seed=options.seed, settings=None)
    if options.budget is not None and len(layers.to_bytes()) > options.budget - reserved_bytes:
        raise BudgetTooSmall(f"{options.budget} bytes are too few for the sample")
    return Extraction(layers, picture, "canned")
