"""Which files of the server can be read: uploads only."""

from __future__ import annotations

import os

import httpx
import pytest

from codec import CodecError
from ui.services.import_layers import upload_path


def test_only_uploads_are_read(address, tmp_path):
    from gradio.utils import get_upload_folder

    inside = os.path.join(get_upload_folder(), "a", "x.png")
    assert upload_path({"path": inside}) == inside
    assert upload_path(None) is upload_path({"path": ["x"]}) is upload_path("x") is None
    for path in ("/etc/passwd", f"{get_upload_folder()}/../x", str(tmp_path / "x")):
        with pytest.raises(CodecError, match="not an upload"):
            upload_path({"path": path})


def test_only_the_servers_own_files_are_served(address):
    for path in ("/etc/passwd", "app.py", "../app.py", "/proc/self/environ"):
        assert httpx.get(f"{address}gradio_api/file={path}").status_code in (403, 404)
