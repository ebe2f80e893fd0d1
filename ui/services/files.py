"""Files that the server sends to browsers, in its temporary folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from gradio.utils import get_upload_folder

from codec.atomic_write import write_file


def store(data: bytes, name: str) -> str:
    """Write a file to the folder that Gradio serves and return its path. A file with the same content is reused.

    The file is first written under a temporary name, so that it is either complete or absent. Gradio's
    `save_bytes_to_cache` would truncate a file that is being sent to a browser, and leave a partial one on a full disk.
    Raises OSError.
    """
    path = Path(get_upload_folder(), hashlib.sha256(data).hexdigest(), name)
    try:
        os.utime(path)  # reset its age for the cleanup
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, data, durable=False)
    return str(path)
