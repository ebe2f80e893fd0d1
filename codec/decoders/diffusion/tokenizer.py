"""Counts the tokens that CLIP makes of a prompt, without loading its networks.

Byte-pair encoding (Sennrich, Haddow, Birch 2016) with CLIP's merges, as CLIP's tokenizer does it: lower-case
text is split into words, digits and punctuation, and each of these is merged from its bytes.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from itertools import groupby
from typing import Final

from codec.decoders.diffusion.clip_vocabulary import byte_letters, load_merges

CHUNK: Final = 75  # tokens that CLIP reads at a time, besides the start and end of text
_WORD: Final = re.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|[^\s\w]+|_+")
_SPECIAL_TOKENS: Final = ("<|startoftext|>", "<|endoftext|>")
_MAX_WORD_BYTES: Final = 400  # longer words are counted in pieces, so that time stays linear; about right


def count_tokens(text: str) -> int:
    """Return the number of tokens of a text, without start and end. Raises ModelMissing without CLIP's merges."""
    words = _WORD.findall(unicodedata.normalize("NFC", text).lower())
    return sum(1 if word in _SPECIAL_TOKENS else _count_in_word(part) for word in words for part in _split_word(word))


def _split_word(word: str) -> list[str]:
    """Split off numerals such as ½ or Ⅶ, which CLIP treats as digits and Python's \\w as letters."""
    if not word[0].isalnum() or word.isalpha():
        return [word]
    parts = []
    for is_letters, run in groupby(word, str.isalpha):
        characters = "".join(run)
        parts += [characters] if is_letters else list(characters)
    return parts


@lru_cache(maxsize=4096)
def _count_in_word(word: str) -> int:
    letters, ranks = _merge_table()
    data = word.encode(errors="replace")
    pieces = (data[start : start + _MAX_WORD_BYTES] for start in range(0, len(data), _MAX_WORD_BYTES))
    return sum(_count_merged(piece, letters, ranks) for piece in pieces)


def _count_merged(data: bytes, letters: dict[int, str], ranks: dict[tuple[str, str], int]) -> int:
    """Merge the pair of lowest rank until none is left; return the number of tokens."""
    tokens = [letters[byte] for byte in data]
    tokens[-1] += "</w>"
    while len(tokens) > 1:
        best = min(zip(tokens, tokens[1:], strict=False), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        merged: list[str] = []
        for token in tokens:
            if merged and (merged[-1], token) == best:
                merged[-1] += token
            else:
                merged.append(token)
        tokens = merged
    return len(tokens)


@cache
def _merge_table() -> tuple[dict[int, str], dict[tuple[str, str], int]]:
    """Return the letter of each byte, and the rank of each merge."""
    return byte_letters(), {pair: rank for rank, pair in enumerate(load_merges())}
