"""Share layers as a link that contains the whole image, so that no server has to store it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from codec import CodecError, Layers
from codec.errors import FormatError
from codec.images import png_chunk
from codec.limits import MAX_FILE_BYTES
from ui.services import actions

MAX_LINK_CHARS: Final = (4 * MAX_FILE_BYTES + 2) // 3  # base64 of the largest file
MAX_QUERY_CHARS: Final = 2000  # longer links are put into the fragment (#), which browsers do not send to servers
LONG_LINK_CHARS: Final = 8000  # some programs truncate links of this length

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


def to_link(layers: Layers) -> str:
    """Return the file in base64url (RFC 4648, section 5) without padding: the value of `?t=`."""
    return base64.urlsafe_b64encode(layers.to_bytes()).rstrip(b"=").decode()


def file_link(address: str) -> str:
    """Return `to_link` of a `.tril` file, of a PNG with one inside, or of an entry `archive.parquet#path`.

    The file may be remote. Raises `CodecError` and `OSError`.
    """
    from codec.batch.archive import read_address

    return to_link(Layers.from_bytes(png_chunk.unwrap(read_address(address, actions.MAX_READ_BYTES))))


def from_link(text: Any) -> actions.OpenedImage:
    """Return the layers in a link; if the link is truncated, the complete layers in it, with a warning.

    Raises `FormatError` for anything else.
    """
    text = text.rstrip("=") if isinstance(text, str) else ""
    if len(text) > MAX_LINK_CHARS or not _BASE64URL.fullmatch(text):
        raise FormatError("the link contains no image: ask for a new link, or for the .tril file")
    whole_bytes = text[:-1] if len(text) % 4 == 1 else text  # truncated inside a byte
    padding = "=" * (-len(whole_bytes) % 4)
    try:
        return actions.open_bytes(base64.urlsafe_b64decode(whole_bytes + padding), "picture", "Prompt from the link")
    except (binascii.Error, CodecError) as error:
        raise FormatError(f"the link contains no image that can be opened: {error}") from None


def link_message(layers: Layers) -> str:
    """Return the status after a link was copied."""
    size = len(to_link(layers))
    if size > LONG_LINK_CHARS:
        return f"Copied a link of {size:,} characters. Some programs truncate it: sending the .tril file is safer."
    return f"Copied a link of {size:,} characters. The link contains all layers."
