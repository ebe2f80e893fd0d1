"""The first symbol of a structure payload: whether a sketch or a pose follows."""

from __future__ import annotations

from typing import Final

from codec.bitstream.range_coder import Encoder, PrefixDecoder, PrefixEnd
from codec.errors import Corrupt

SKETCH: Final = 1
POSE: Final = 2
WEIGHTS: Final = (1, 52, 11)  # frequencies of the reserved kind, a sketch and a pose


def write(coder: Encoder, kind: int) -> None:
    """Encode the kind, `SKETCH` or `POSE`."""
    coder.choice(WEIGHTS, kind)


def read(payload: bytes) -> tuple[int, PrefixDecoder]:
    """Return the kind, and a decoder of the rest of the payload.

    Raises `Corrupt` for an empty payload and for the reserved kind.
    """
    decoder = PrefixDecoder(payload)
    try:
        kind = decoder.choice(WEIGHTS)
    except PrefixEnd:
        raise Corrupt("the structure layer ends before its kind", ("structure",)) from None
    if kind not in (SKETCH, POSE):
        raise Corrupt("the structure layer is of an unknown kind", ("structure",))
    return kind, decoder
