"""Requests of the canvas for the mask of a picture."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ui.services import canvas_requests, canvas_state, import_layers


@pytest.fixture
def open_mask(tmp_path, monkeypatch):
    """-> open_mask(data, width, height), the answer to a request with an upload of this data."""
    monkeypatch.setattr(import_layers, "get_upload_folder", lambda: str(tmp_path))
    path = tmp_path / "upload"

    def ask(data: bytes, width=32, height=16):
        path.write_bytes(data)
        return canvas_requests.open_mask({"path": str(path), "width": width, "height": height})

    return ask


def mask_file(marked: np.ndarray, kind: str) -> bytes:
    out = BytesIO()
    Image.fromarray(marked.astype(np.uint8) * 255).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "GIF", "BMP"])
@pytest.mark.parametrize("corner", [False, True])
def test_the_answer_is_read_back_as_the_mask_of_a_request(open_mask, kind, corner):
    marked = np.random.default_rng(2).random((16, 32)) > 0.5
    marked[0, 0] = marked[-1, -1] = corner
    answer = open_mask(mask_file(marked, kind))
    request = {"mask": {"width": 32, "height": 16, **answer}}
    assert (canvas_state.read_mask(request, 32, 16) == marked).all()


def test_what_cannot_be_a_mask_is_one_sentence(open_mask):
    white = mask_file(np.ones((9, 9), bool), "PNG")
    assert open_mask(white)["runs"] == [0, 512]
    for answer, message in (
        (open_mask(mask_file(np.zeros((9, 9), bool), "PNG")), "marks nothing"),
        (open_mask(b"hello"), "GIF, BMP, TIFF"),
        (open_mask(white, width=0), "width"),
        (open_mask(white, height=10**9), "height"),
        (canvas_requests.open_mask({"path": "/etc/passwd", "width": 8, "height": 8}), "not an upload"),
        (canvas_requests.open_mask(None), "."),
        (canvas_requests.open_mask({"width": 8, "height": 8}), "choose it again"),
    ):
        assert set(answer) == {"error"} and message in answer["error"]
