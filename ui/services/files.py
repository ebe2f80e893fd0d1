"""What the server hands out: files in its own folder, which the sweep finds there."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from gradio.utils import get_upload_folder


def kept(data: bytes, name: str) -> str:
    """The path of a file with that content, from where Gradio serves; one that is there is not written again.

    It is there whole or not at all: Gradio's own `save_bytes_to_cache` would empty it first, while it may be on its
    way to the browser, and leaves half a file where the disk is full. Raises OSError.
    """
    path = Path(get_upload_folder(), hashlib.sha256(data).hexdigest(), name)
    try:
        os.utime(path)  # for the sweeper, it is new
    except FileNotFoundError:
        part = path.with_name(f"{secrets.token_hex(8)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return str(path)
