"""The exceptions that the codec raises on purpose.

* CodecError
  x FormatError             The bytes are not a valid file.
    + NotTrilayer           The bytes do not start with the magic number of a Trilayer file.
    + UnsupportedVersion    The file has another format version or needs an unknown extension.
    + Truncated             The file is shorter than its length fields say.
    + Corrupt               A checksum, a length or a value is invalid.
  x LimitExceeded           The input is well-formed but exceeds a size limit.
  x InvalidLayer            A value is out of the range that a layer can hold.
  x BudgetTooSmall          A byte budget is too small for the required content.
  x ImageError              A picture file cannot be read.
  x UnknownName             No decoder, edge detector or option has this name.
  x ModelMissing            Model weights are missing or damaged.
  x OutOfMemory             A model does not fit into the memory of its device.
  x Cancelled               The caller stopped a decode.

The message of each is one line for the user, with the remedy where there is one.
"""

from __future__ import annotations


class CodecError(Exception):
    """Base class of all exceptions that the codec raises on purpose."""


class FormatError(CodecError):
    """The bytes are not a valid file."""


class NotTrilayer(FormatError):
    """The bytes do not start with the magic number of a Trilayer file."""


class UnsupportedVersion(FormatError):
    """The file has another format version or needs an unknown extension."""


class Truncated(FormatError):
    """The file is shorter than its length fields say."""


class Corrupt(FormatError):
    """A checksum, a length or a value is invalid.

    `layers`: names of the damaged layers; empty if the damage is elsewhere or cannot be located.
    """

    def __init__(self, message: str, layers: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.layers = layers


class LimitExceeded(CodecError):
    """The input is well-formed but exceeds a size limit."""


class InvalidLayer(CodecError):
    """A value is out of the range that a layer can hold."""


class BudgetTooSmall(CodecError):
    """A byte budget is too small for the required content."""


class ImageError(CodecError):
    """A picture file cannot be read."""


class UnknownName(CodecError):
    """No decoder, edge detector or option has this name."""


class ModelMissing(CodecError):
    """Model weights are missing or damaged; the message names the file and the remedy."""


class OutOfMemory(CodecError):
    """A model does not fit into the memory of its device; the message suggests a remedy."""


class Cancelled(CodecError):
    """The caller stopped a decode."""
