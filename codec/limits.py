"""Limits that the whole codec shares: the file format's largest picture and largest file."""

from __future__ import annotations

from typing import Final

MAX_SIDE: Final = 4096  # pixels of a picture's width or height: the file header has 12 bits for each
MAX_FILE_BYTES: Final = 1 << 16  # of a .tril file
