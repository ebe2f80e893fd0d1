"""The public names are there, are what they say, and cost nothing to import."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import codec
from codec import CodecError, Colormap, Layers, Pose, Prompt, Sketch, decode, encode, errors

ROOT = Path(__file__).resolve().parent.parent


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
    """Importing codec.decoders leaves the function codec.decode in place."""
    script = "import codec, codec.decoders.base\nfrom codec.decoders import get\nassert callable(codec.decode)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_tour_of_the_docstring(photo: np.ndarray) -> None:
    layers = encode(photo, prompt="portrait of an astronaut")
    pixels = decode(Layers.from_bytes(layers.to_bytes()), decoder="painter-preview")
    assert pixels.shape == photo.shape and pixels.dtype == np.uint8


def test_the_tour_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is printed; the finished picture by the fast decoder here."""
    snippet = re.search(r"## A tour.*?```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert snippet is not None
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(codec, "decode", functools.partial(decode, decoder="painter-preview"))
    exec(snippet[1], {})
    edited = Layers.from_bytes((tmp_path / "edited.tril").read_bytes())
    assert edited.semantic == Prompt("a blue cup of coffee") and (tmp_path / "edited.png").stat().st_size > 1000
