"""An integer range coder, whose bytes are the same on every machine.

Range coding (Martin 1979) with 32-bit integers and carry propagation as in LZMA. The code of a message is the shortest
byte string that lies inside the final interval when infinitely many zero bytes follow it; trailing zero bytes are not
stored. A decoder reads zeros past the end. Zeros select the lowest interval, which is that of a 1 if a bit is coded;
if 1 means "stop", decoding therefore ends soon after the last byte.

`Encoder`, `Decoder` and `PrefixDecoder` implement the interface `Coder`. `Decoder` reads a whole message;
`PrefixDecoder` reads the beginning of one and stops at the first value that depends on missing bytes.
"""

from __future__ import annotations

from codec.bitstream.range_coder.coder import TOTAL, BitModel, Coder, ExpGolombModel
from codec.bitstream.range_coder.range_decoder import Decoder, PrefixDecoder, PrefixEnd
from codec.bitstream.range_coder.range_encoder import Encoder

__all__ = ["TOTAL", "BitModel", "Coder", "Decoder", "Encoder", "ExpGolombModel", "PrefixDecoder", "PrefixEnd"]
