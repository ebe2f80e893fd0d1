"""How many tokens CLIP makes of a prompt, without any of its networks.

Byte-pair encoding (Sennrich, Haddow, Birch 2016) with CLIP's merges, as its tokenizer does it: text in
small letters, taken apart into words, digits and signs, each merged from its bytes up.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from itertools import groupby
from typing import Final

from codec.decoders.sd15.configs import merges, vocabulary

CHUNK: Final = 75  # tokens that CLIP reads at a time, beside a start and an end
_WORD: Final = re.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|[^\s\w]+|_+")
_FRAMES: Final = ("<|startoftext|>", "<|endoftext|>")
_LONGEST: Final = 400  # bytes of a word that is merged in full; a longer one is counted in pieces: about right


def count(text: str) -> int:
    """The tokens of a text, without start and end. Raises ModelMissing without CLIP's merges."""
    words = _WORD.findall(unicodedata.normalize("NFC", text).lower())
    return sum(1 if word in _FRAMES else _pieces(part) for word in words for part in _parts(word))


def _parts(word: str) -> list[str]:
    """Numerals like a half or a Roman seven stand alone, as digits do; Python has them among letters."""
    if not word[0].isalnum() or word.isalpha():
        return [word]
    return ["".join(run) for letters, runs in groupby(word, str.isalpha) for run in ([[*runs]] if letters else runs)]


@lru_cache(maxsize=4096)
def _pieces(word: str) -> int:
    letters, ranks = _table()
    data = word.encode(errors="replace")
    return sum(_merged(data[at : at + _LONGEST], letters, ranks) for at in range(0, len(data), _LONGEST))


def _merged(data: bytes, letters: list[str], ranks: dict[tuple[str, str], int]) -> int:
    parts = [letters[byte] for byte in data]
    parts[-1] += "</w>"
    while len(parts) > 1:
        best = min(zip(parts, parts[1:], strict=False), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        merged: list[str] = []
        for part in parts:
            if merged and (merged[-1], part) == best:
                merged[-1] += part
            else:
                merged.append(part)
        parts = merged
    return len(parts)


@cache
def _table() -> tuple[list[str], dict[tuple[str, str], int]]:
    """The letter that stands for each byte, and the rank of each merge."""
    pairs = merges()
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    order = [*printable, *others]  # of bytes, as `vocabulary` numbers their letters
    names = list(vocabulary([]))[:256]
    by_byte = dict(zip(order, names, strict=True))
    return [by_byte[byte] for byte in range(256)], {pair: rank for rank, pair in enumerate(pairs)}
