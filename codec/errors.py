"""Every error the codec raises on purpose.

* CodecError
  x FormatError             the bytes are not a file we can read
    + NotTrilayer           wrong magic
    + UnsupportedVersion    newer version, or a critical extension we do not know
    + Truncated             the file ends before its lengths say it should
    + Corrupt               a checksum, a length or a value is not what a writer writes
  x LimitExceeded           well-formed, but larger than the limits
  x InvalidLayer            a value that a layer cannot hold
  x BudgetTooSmall          a byte budget cannot hold what must be kept
  x ImageError              a picture file cannot be read
  x UnknownName             no decoder, edge detector or option of this name
  x ModelMissing            weights are absent or damaged
  x OutOfMemory             a model does not fit into the device's memory
  x Cancelled               a decode was stopped by its caller

Each carries one line for a person, which says what to do where something can be done.
"""

from __future__ import annotations


class CodecError(Exception):
    """Base class: `except CodecError` catches everything below."""


class FormatError(CodecError):
    """The bytes are not a file we can read."""


class NotTrilayer(FormatError):
    """The magic bytes are wrong."""


class UnsupportedVersion(FormatError):
    """Written by a newer version, or needs an extension unknown to this one."""


class Truncated(FormatError):
    """The file ends before its lengths say it should."""


class Corrupt(FormatError):
    """A checksum, a length or a value is not what a writer writes.

    `layers` names the damaged layers, or is empty if the damage cannot be placed.
    """

    def __init__(self, message: str, layers: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.layers = layers


class LimitExceeded(CodecError):
    """Well-formed, but larger than the limits."""


class InvalidLayer(CodecError):
    """A value that a layer cannot hold."""


class BudgetTooSmall(CodecError):
    """A byte budget cannot hold what must be kept."""


class ImageError(CodecError):
    """A picture file cannot be read."""


class UnknownName(CodecError):
    """There is no decoder, edge detector or option of this name."""


class ModelMissing(CodecError):
    """Weights are absent or damaged; the message names the file and the remedy."""


class OutOfMemory(CodecError):
    """A model does not fit into the device's memory; the message says what to try."""


class Cancelled(CodecError):
    """A decode was stopped by its caller."""
