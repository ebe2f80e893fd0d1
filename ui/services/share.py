"""A file as a link, and back: the link is the image, so no server has to keep it. Its layers as a ZIP."""

from __future__ import annotations

import base64
import binascii
import io
import re
import zipfile
from typing import Any

from codec import CodecError, Layers
from codec.errors import FormatError
from codec.folder_io import files_of
from codec.limits import MAX_FILE_BYTES
from ui.services import actions

MAX_LINK = (4 * MAX_FILE_BYTES + 2) // 3  # characters of the largest file
MAX_QUERY = 2000  # characters; what is longer goes behind a #, where no server on the way sees it
LONG = 8000  # characters that some programs already cut

_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")


def to_link(layers: Layers) -> str:
    """The file in base64url (RFC 4648, section 5) without padding: what `?t=` holds."""
    return base64.urlsafe_b64encode(layers.to_bytes()).rstrip(b"=").decode()


def from_link(text: Any) -> actions.Opened:
    """The layers in a link; of one that was cut off those that are left, with a warning.

    Raises `FormatError` for anything else.
    """
    text = text.rstrip("=") if isinstance(text, str) else ""
    if len(text) > MAX_LINK or not _ALPHABET.fullmatch(text):
        raise FormatError("the link holds no image; ask for it again, or for the .tril file")
    whole = text[:-1] if len(text) % 4 == 1 else text  # cut off inside a byte
    try:
        return actions.open_bytes(base64.urlsafe_b64decode(whole + "=" * (-len(whole) % 4)), "picture", "from the link")
    except (binascii.Error, CodecError) as error:
        raise FormatError(f"the link holds no image that can be opened: {error}") from None


def zipped(layers: Layers) -> bytes:
    """The folder of `codec.folder_io` as a ZIP: the same bytes for the same layers."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files_of(layers).items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def link_reply(layers: Layers) -> str:
    """What is said of a copied link."""
    size = len(to_link(layers))
    if size > LONG:
        return f"Copied a link of {size:,} characters, which some programs cut: sending the .tril file is safer."
    return f"Copied a link of {size:,} characters. It is the image: whoever opens it has these layers."
