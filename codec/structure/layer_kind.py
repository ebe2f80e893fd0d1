"""The first symbol of a structure payload: whether a sketch or a pose follows."""

from __future__ import annotations

from typing import Final

from codec.bitstream.range_coder import Encoder, PrefixDecoder, PrefixEnd
from codec.errors import Corrupt

SKETCH: Final = 1
POSE: Final = 2
WEIGHTS: Final = (1, 52, 11)  # reserved, sketch, pose


def write(coder: Encoder, kind: int) -> None:
    """Encode the kind, `SKETCH` or `POSE`."""
    coder.choice(WEIGHTS, kind)


def read(payload: bytes) -> tuple[int, PrefixDecoder]:
    """Return the kind and a decoder that stands behind it.

    Raises `Corrupt` for an empty payload and for the reserved kind.
    """
    reader = PrefixDecoder(payload)
    try:
        kind = reader.choice(WEIGHTS)
    except PrefixEnd:
        raise Corrupt("the structure layer is cut off before it begins", ("structure",)) from None
    if kind not in (SKETCH, POSE):
        raise Corrupt("the structure layer has a kind this reader does not know", ("structure",))
    return kind, reader
