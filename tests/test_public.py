"""The public names of the package `codec`."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

import codec
from codec import (
    CodecError,
    Colormap,
    EncodeOptions,
    Layers,
    Pose,
    Prompt,
    Settings,
    Sketch,
    decode,
    decoders,
    edits,
    encode,
    encode_png,
    errors,
)


def test_all_lists_every_public_name() -> None:
    classes = (CodecError, Colormap, EncodeOptions, Layers, Pose, Prompt, Settings, Sketch)
    assert all(isinstance(value, type) for value in classes)
    assert set(codec.__all__) == {
        *(value.__name__ for value in classes),
        *("__version__", "decode", "decoders", "edits", "encode", "encode_png", "errors"),
    }


def test_star_import_works() -> None:
    namespace: dict[str, object] = {}
    exec("from codec import *", namespace)
    assert set(codec.__all__) <= set(namespace)


def test_every_error_is_a_codec_error() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert len(classes) > 10 and all(issubclass(error, CodecError) for error in classes)


def test_every_edit_is_documented() -> None:
    functions = {name: value for name, value in vars(edits).items() if inspect.isfunction(value)}
    public = [value for name, value in functions.items() if not name.startswith("_")]
    assert len(public) > 12 and all(function.__doc__ for function in public)


def test_decode_is_a_function_after_importing_decoders() -> None:
    script = "import codec, codec.decoders.base\nfrom codec.decoders import get\nassert callable(codec.decode)"
    subprocess.run([sys.executable, "-c", script], check=True)
    assert callable(decoders.get)


def test_docstring_example(photo: np.ndarray) -> None:
    layers = encode(photo, prompt="portrait of an astronaut", edges="lineart")
    layers = edits.reprompt(layers, "portrait of a pilot")
    pixels = decode(Layers.from_bytes(layers.to_bytes()), decoder="painter-preview")
    assert pixels.shape == photo.shape and pixels.dtype == np.uint8
    assert encode_png(pixels).startswith(b"\x89PNG")


def test_unknown_encode_option_is_rejected(photo: np.ndarray) -> None:
    with pytest.raises(TypeError, match="promt"):
        encode(photo, promt="a typo")
