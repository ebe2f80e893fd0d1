"""The word model of texts: each word from the three before it, learned from public prompts.

A token is a word, a number or a sign, with the space before it. Words that the table lacks are
spelled. What the text itself has said before is tried first, as a match: prompts repeat phrases.
Letters are coded small, then whether the word is small, Capital or CAPITALS.
"""

from __future__ import annotations

import functools
import lzma
import re
from dataclasses import dataclass
from typing import Final

from codec.bitstream import tables
from codec.bitstream.range_coder import BitModel, Coder
from codec.errors import Corrupt
from codec.semantic.ngrams import START, NGramModel, unpack

END: Final = 0  # the symbols of both models below START: the end,
OTHER: Final = 1  # and what is not in the table
TABLE: Final = "semantic/words.xz"
WORD_TOTAL: Final = 1 << 22
LETTER_TOTAL: Final = 1 << 16
# spelled out, not \w: what is a letter must not depend on a Python's Unicode version
_LETTERS: Final = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u1fff\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_TOKENS: Final = re.compile(f" ?(?:[{_LETTERS}]+(?:'[{_LETTERS}]+)?|[0-9]+|[^ ])| ")
_SMALL, _CAPITAL, _CAPITALS = range(3)
_FIRST: Final = 3  # in place of the last word's case: at the start, and after a full stop
_AGAIN: Final = 20000  # of 65,536 spelled words stood in the text before
_MATCHES: Final = (26000, 36000, 46000, 56000, 62000)  # of 65,536: the match goes on, by its length
_LONG: Final = len(_MATCHES)


@dataclass(frozen=True)
class Table:
    """What training found: see `training/words.py`."""

    words: list[str]
    ids: dict[str, int]
    grams: NGramModel
    habits: bytes  # of each word: 0 mostly small .. 3 mostly capital
    cases: list[int]  # 2 bits for each habit and case before
    letters: str
    spelling: NGramModel


@functools.cache
def table() -> Table:
    """The table of the format. Raises `ModelMissing` without it."""
    return parse(tables.read(TABLE))


def parse(data: bytes) -> Table:
    """A table from its file."""
    arrays = list(unpack(lzma.decompress(data)))
    text, habits, cases, unigrams, letters, letter_singles = arrays[:6]
    words = text.tobytes().decode().split("\n")
    words[:0] = [""] * (START + 1)
    levels = [arrays[at : at + 4] for at in range(6, len(arrays), 4)]
    return Table(
        words,
        dict(zip(words, range(len(words)), strict=True)),
        NGramModel(unigrams, levels[:3], WORD_TOTAL),
        bytes([1] * (START + 1)) + habits.tobytes(),
        cases.tolist(),
        "\0" * (START + 1) + "".join(map(chr, letters.tolist())),
        NGramModel(letter_singles, levels[3:], LETTER_TOTAL),
    )


def tokens(text: str) -> list[str]:
    """The tokens of a text, which begins with a space for it."""
    return _TOKENS.findall(" " + text) if text else []


def case_of(token: str) -> tuple[str, int | None]:
    """A token as the table has it, and its case; the token itself where there is none."""
    body = token.lstrip(" ")
    small = body.lower()
    if not body.isascii() or not small[:1].isalpha():
        return token, None
    for case in (_SMALL, _CAPITAL, _CAPITALS):
        if _cased(small, case) == body:
            return token.lower(), case
    return token, None


def _cased(word: str, case: int) -> str:
    at = len(word) - len(word.lstrip(" "))
    if case == _SMALL or (case == _CAPITALS and len(word) == at + 1):
        return word
    end = at + 1 if case == _CAPITAL else len(word)
    return word[:at] + word[at:end].upper() + word[end:]


class Words:
    """The model of one prompt, and of the negative prompt after it."""

    def __init__(self) -> None:
        self._table = table()
        self._cases = [BitModel(p, 12) for p in self._table.cases]
        self._match = [BitModel(p, 4) for p in _MATCHES]
        self._again = BitModel(_AGAIN, 2)
        self._spelled: list[str] = []
        self._seen: list[str] = []
        self._places: dict[tuple[str, str], int] = {}

    def text(self, coder: Coder, text: str | None, most: int) -> str:
        """Code a text, or read one where there is none. Raises `Corrupt` for more than `most` bytes."""
        todo = [*map(case_of, tokens(text)), ("", None)] if text is not None else None
        history, match, length = [START], 0, 0
        out: list[str] = []
        size, before = -1, _FIRST  # the first space is not the text's
        self._seen += ["", ""]
        while True:
            word, case = todo[len(out)] if todo else (None, None)
            hit = False
            if match:
                expected = self._seen[match]
                hit = bool(coder.bit(self._match[min(length, _LONG) - 1], int(word == expected)))
                word = expected if hit else word
            if not hit:
                word = self._word(coder, history, word)
            assert word is not None
            if not word:
                return "".join(out)[1:]
            number = self._table.ids.get(word, OTHER)
            case = self._case(coder, word, number, before, case)
            before = _FIRST if word == "." else before if case is None else case
            out.append(word if case is None else _cased(word, case))
            size += len(out[-1].encode())
            if size > most:
                raise Corrupt("the prompt is too long", ("semantic",))
            history = [*history[-2:], number]
            match, length = self._next(word, match if hit else 0, length if hit else 0)

    def _next(self, word: str, match: int, length: int) -> tuple[int, int]:
        """Remember a word; where the match goes on, and how long it is."""
        self._seen.append(word)
        key = (self._seen[-2], word)
        place = self._places.get(key, 0)
        self._places[key] = len(self._seen)
        if match and match + 1 < len(self._seen):
            return match + 1, length + 1
        return (place, 1) if place else (0, 0)

    def _word(self, coder: Coder, history: list[int], word: str | None) -> str:
        grams = self._table.grams
        number = self._table.ids.get(word, OTHER) if word else END
        number = coder.symbol(grams.cumulative(history), grams.size, number)
        if number > START:
            return self._table.words[number]
        if number == START:
            raise Corrupt("the prompt has no such word", ("semantic",))
        return "" if number == END else self._spell(coder, word)

    def _spell(self, coder: Coder, word: str | None) -> str:
        known = self._spelled
        if known and coder.bit(self._again, int(word in known)):
            return known[coder.uniform(len(known), known.index(word) if word else 0)]
        letters, grams = self._table.letters, self._table.spelling
        history, out = [START], ""
        while True:
            letter = word[len(out) : len(out) + 1] if word else ""
            number = letters.find(letter, START + 1) if letter else END
            number = coder.symbol(grams.cumulative(history), grams.size, OTHER if number < 0 else number)
            if number == END:
                break
            if number == START or len(out) > 4200:
                raise Corrupt("the prompt has no such letter", ("semantic",))
            out += letters[number] if number > START else _rare(coder, letter)
            history = [*history[-3:], number]
        if not out:
            raise Corrupt("the prompt has an empty word", ("semantic",))
        known.append(out)
        return out

    def _case(self, coder: Coder, word: str, number: int, before: int, case: int | None) -> int | None:
        if not _has_case(word):
            return None
        at = 2 * (4 * self._table.habits[number] + before)
        if coder.bit(self._cases[at], int(case == _SMALL)):
            return _SMALL
        return _CAPITAL if coder.bit(self._cases[at + 1], int(case == _CAPITAL)) else _CAPITALS


def _has_case(word: str) -> bool:
    return word.isascii() and word == word.lower() and "a" <= word.lstrip(" ")[:1] <= "z"


def _rare(coder: Coder, letter: str) -> str:
    """A code point, any: its plane and rest."""
    value = ord(letter) if letter else 0
    high = coder.uniform(0x110, value >> 12)
    return chr(high << 12 | coder.uniform(0x1000, value & 0xFFF))
