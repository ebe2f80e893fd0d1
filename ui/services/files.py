"""Files that the server hands out, in its own temporary folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from gradio.utils import get_upload_folder

from codec.atomic_write import write_file


def store(data: bytes, name: str) -> str:
    """Write a file to the folder that Gradio serves and return its path. A file with the same content is reused.

    The file is written to a temporary name first, so that it is complete or absent: Gradio's own
    `save_bytes_to_cache` would truncate a file that may be on its way to a browser, and leave half of it on a full
    disk. Raises OSError.
    """
    path = Path(get_upload_folder(), hashlib.sha256(data).hexdigest(), name)
    try:
        os.utime(path)  # reset its age for the cleanup
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, data, durable=False)
    return str(path)
