"""The public names are there, are what they say, and cost nothing to import."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

import codec
from codec import CodecError, Colormap, Layers, Pose, Prompt, Sketch, decode, encode, errors


def test_every_public_name_is_there() -> None:
    assert set(codec.__all__) == {
        *("CodecError", "Colormap", "Layers", "Pose", "Prompt", "Sketch", "decode", "encode", "errors"),
    }
    assert all(hasattr(codec, name) for name in codec.__all__)
    assert all(isinstance(kind, type) for kind in (CodecError, Colormap, Layers, Pose, Prompt, Sketch))


def test_every_error_has_one_root() -> None:
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    assert len(found) > 10 and all(issubclass(error, CodecError) for error in found)


def test_decode_stays_a_function_whatever_is_imported_after() -> None:
    """The package codec.decode has the same name, and an import of it must not hide the function."""
    script = "import codec, codec.decode.base\nfrom codec.decode import get\nassert callable(codec.decode)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_tour_of_the_docstring(photo: np.ndarray) -> None:
    layers = encode(photo, prompt="portrait of an astronaut")
    pixels = decode(Layers.from_bytes(layers.to_bytes()), decoder="painter-preview")
    assert pixels.shape == photo.shape and pixels.dtype == np.uint8
