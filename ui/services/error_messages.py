"""The sentence that a user sees when something fails."""

from __future__ import annotations

import errno
from typing import Final

from codec import CodecError
from codec.models import oom

DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk full, quota exceeded, file size limit
UNEXPECTED: Final = "Something went wrong here; your layers are unchanged. Try again, or save them first."


def user_message(error: BaseException) -> str:
    """Return a message that explains an error and its remedy to the user; "" for a bug in the program."""
    if isinstance(error, CodecError):
        return sentence(str(error))
    if oom.is_out_of_memory(error):
        return "This machine has too little memory for that now. Try again later, or with a smaller picture."
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return (
            f"The disk of the machine that serves this page is full ({error.strerror}): nothing was written, "
            "and your layers are unchanged. Free some space there, then try again."
        )
    return ""


def sentence(text: str, end: str = ".") -> str:
    """Return a message of the codec as a sentence: on one line, with a capital letter and an end mark."""
    text = " ".join(text.split())
    return text[:1].upper() + text[1:].rstrip(".…") + end if text else ""
