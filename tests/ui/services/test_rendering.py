"""Pictures for the browser: layers drawn plainly, and files that are written once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec import Layers, Pose
from codec.decoders import Strengths
from codec.texture import rdoq
from ui.services import comparison, files, rendering
from ui.services.examples import START_FILE

EXAMPLE_LAYERS = Layers.from_bytes(START_FILE.read_bytes())


@pytest.mark.parametrize(
    "layers",
    [
        EXAMPLE_LAYERS,
        EXAMPLE_LAYERS.only((1,)),
        EXAMPLE_LAYERS.only((2,)),
        EXAMPLE_LAYERS.only((3,)),
        EXAMPLE_LAYERS.only(()),
        Layers(2000, 1000, None, Pose((((1024, 100), (1024, 300), *(None,) * 16),))),
    ],
)
def test_any_layers_can_be_drawn_plainly(layers):
    picture = rendering.render_plain(layers)
    scale = min(1, rendering.MAX_SHOWN_SIDE / max(layers.width, layers.height))
    assert picture.shape == (round(layers.height * scale), round(layers.width * scale), 3)
    assert picture.dtype == np.uint8


def test_the_preview_keeps_the_colors():
    cells = np.zeros((4, 4, 3), np.uint8)
    cells[:, :2], cells[:, 2:] = (200, 30, 30), (30, 30, 200)
    picture = comparison.render_preview(Layers(64, 64, None, None, rdoq.quantize(cells)), Strengths())
    left, right = picture[:, :24].mean((0, 1)), picture[:, -24:].mean((0, 1))
    assert left[0] > left[2] + 60 and right[2] > right[0] + 60


def test_a_file_with_the_same_content_is_not_written_again(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = Path(files.store(b"picture", "preview.jpg"))
    inode = path.stat().st_ino
    assert files.store(b"picture", "preview.jpg") == str(path)
    assert (path.stat().st_ino, path.read_bytes()) == (inode, b"picture")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]
