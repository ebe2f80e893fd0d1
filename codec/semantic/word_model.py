"""The word model of texts: each word is predicted from the three before it, by an n-gram model of public prompts.

A token is a word, a number or another character, with the space before it. Words that the table does not contain
are spelled. A match model (match_model.py) predicts phrases that the prompt repeats. Words are coded in lowercase,
followed by their case: lowercase, Capitalized or UPPERCASE.
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
from codec.semantic.match_model import MatchModel
from codec.semantic.ngrams import END, START, UNKNOWN, LevelArrays, NGramModel, unpack_arrays

TABLE: Final = "semantic/words.xz"
WORD_TOTAL: Final = 1 << 22  # total frequency of the word n-grams
LETTER_TOTAL: Final = 1 << 16  # total frequency of the letter n-grams
WORD_ORDER: Final = 3  # words in the longest context
LETTER_ORDER: Final = 4
LOWERCASE, CAPITALIZED, UPPERCASE = range(3)
TEXT_START: Final = 3  # in place of the previous word's case: at the start of a text, and after a full stop

# Listed instead of \w, since the set of letters must not depend on Python's version of Unicode.
_LETTERS: Final = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u1fff\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_TOKENS: Final = re.compile(f" ?(?:[{_LETTERS}]+(?:'[{_LETTERS}]+)?|[0-9]+|[^ ])| ")
_END_TOKEN: Final = ""
_UNKNOWN_CASE_CLASS: Final = 1
_P_REPEATED_SPELLING: Final = 20000  # initial probability, of 65,536, that a spelled word was spelled before
_MAX_SPELLING: Final = 4200  # letters of a spelled word; more than a prompt has bytes
_MATCH_ORDER: Final = 2
_MATCH_PROBABILITIES: Final = (26000, 36000, 46000, 56000, 62000)  # of 65,536, by the length of the match


@dataclass(frozen=True)
class WordTable:
    """The trained table: see training/word_tables.py. Words and letters are indexed by their symbols."""

    words: list[str]
    symbols: dict[str, int]  # of the words
    word_ngrams: NGramModel
    case_classes: bytes  # of each word, by how often it was capitalized in training: 0 rarely .. 3 mostly
    case_probabilities: list[int]  # of 65,536: two bits for each case class and previous case
    letters: str
    letter_ngrams: NGramModel


@functools.cache
def load_table() -> WordTable:
    """Return the table of the format. Raises `ModelMissing` if it is absent or damaged."""
    return parse_table(tables.read(TABLE))


def parse_table(data: bytes) -> WordTable:
    """Return the table stored in an xz file."""
    text, case_classes, case_probabilities, word_unigrams, letters, letter_unigrams, *rest = unpack_arrays(
        lzma.decompress(data)
    )
    levels = [LevelArrays(*rest[at : at + 4]) for at in range(0, len(rest), 4)]
    special = START + 1
    words = [""] * special + text.tobytes().decode().split("\n")
    return WordTable(
        words,
        dict(zip(words, range(len(words)), strict=True)),
        NGramModel(word_unigrams, levels[:WORD_ORDER], WORD_TOTAL),
        bytes([_UNKNOWN_CASE_CLASS] * special) + case_classes.tobytes(),
        case_probabilities.tolist(),
        "\0" * special + "".join(map(chr, letters.tolist())),
        NGramModel(letter_unigrams, levels[WORD_ORDER:], LETTER_TOTAL),
    )


def tokenize(text: str) -> list[str]:
    """Return the tokens of a text. Its first token gets a space, as all others have one."""
    return _TOKENS.findall(" " + text) if text else []


def split_case(token: str) -> tuple[str, int | None]:
    """Return a token in lowercase and its case; the unchanged token and None if it has no regular case."""
    word = token.lstrip(" ")
    lowercase = word.lower()
    if not word.isascii() or not lowercase[:1].isalpha():
        return token, None
    for case in (LOWERCASE, CAPITALIZED, UPPERCASE):
        if apply_case(lowercase, case) == word:
            return token.lower(), case
    return token, None


def apply_case(token: str, case: int) -> str:
    """Return a lowercase token in a case. A single letter is CAPITALIZED, never UPPERCASE."""
    start = len(token) - len(token.lstrip(" "))
    if case == LOWERCASE or (case == UPPERCASE and len(token) == start + 1):
        return token
    end = start + 1 if case == CAPITALIZED else len(token)
    return token[:start] + token[start:end].upper() + token[end:]


def next_case_context(word: str, case: int | None, previous: int) -> int:
    """Return the context of the next word's case: the case of the last word that has one, or `TEXT_START`."""
    if word == ".":
        return TEXT_START
    return previous if case is None else case


class WordModel:
    """The model of one prompt and of the negative prompt that follows it."""

    def __init__(self) -> None:
        self._table = load_table()
        self._case_bits = [BitModel(p, 12) for p in self._table.case_probabilities]
        self._match = MatchModel(_MATCH_ORDER, _MATCH_PROBABILITIES, 4, separators=(_END_TOKEN,) * _MATCH_ORDER)
        self._is_repeated = BitModel(_P_REPEATED_SPELLING, 2)
        self._spelled: list[str] = []

    def code_text(self, coder: Coder, text: str | None, max_bytes: int) -> str:
        """Code a text (read it if None) and return it. Raises `Corrupt` if it exceeds `max_bytes` of UTF-8."""
        tokens = None if text is None else [*map(split_case, tokenize(text)), (_END_TOKEN, None)]
        self._match.start_text()
        context, case_context = [START], TEXT_START
        coded: list[str] = []
        size = -1  # the first token's space is not part of the text
        while True:
            token, case = tokens[len(coded)] if tokens else (None, None)
            predicted = self._match.code(coder, token)
            word = self._code_word(coder, context, token) if predicted is None else predicted
            if word == _END_TOKEN:
                return "".join(coded)[1:]
            symbol = self._table.symbols.get(word, UNKNOWN)
            case = self._code_case(coder, word, symbol, case_context, case)
            case_context = next_case_context(word, case, case_context)
            coded.append(word if case is None else apply_case(word, case))
            size += len(coded[-1].encode())
            if size > max_bytes:
                raise Corrupt("the prompt is too long", ("semantic",))
            context = [*context, symbol][-WORD_ORDER:]
            self._match.update(word)

    def _code_word(self, coder: Coder, context: list[int], word: str | None) -> str:
        """Code a lowercase word, or the end of the text."""
        ngrams = self._table.word_ngrams
        symbol = self._table.symbols.get(word, UNKNOWN) if word else END
        symbol = coder.symbol(ngrams.cumulative(context), ngrams.size, symbol)
        if symbol > START:
            return self._table.words[symbol]
        if symbol == START:
            raise Corrupt("the prompt contains an invalid word", ("semantic",))
        return _END_TOKEN if symbol == END else self._code_spelling(coder, word)

    def _code_spelling(self, coder: Coder, word: str | None) -> str:
        """Code a word that is not in the table: as a repetition of an earlier spelled word, or letter by letter."""
        spelled = self._spelled
        if spelled and coder.bit(self._is_repeated, int(word in spelled)):
            return spelled[coder.uniform(len(spelled), spelled.index(word) if word in spelled else 0)]
        letters, ngrams = self._table.letters, self._table.letter_ngrams
        context, coded = [START], ""
        while True:
            letter = word[len(coded) : len(coded) + 1] if word else ""
            symbol = letters.find(letter, START + 1) if letter else END
            symbol = coder.symbol(ngrams.cumulative(context), ngrams.size, UNKNOWN if symbol < 0 else symbol)
            if symbol == END:
                break
            if symbol == START or len(coded) > _MAX_SPELLING:
                raise Corrupt("the prompt contains an invalid letter", ("semantic",))
            coded += letters[symbol] if symbol > START else _code_code_point(coder, letter)
            context = [*context, symbol][-LETTER_ORDER:]
        if not coded:
            raise Corrupt("the prompt contains an empty word", ("semantic",))
        spelled.append(coded)
        return coded

    def _code_case(self, coder: Coder, word: str, symbol: int, context: int, case: int | None) -> int | None:
        """Code the case of a word; None, without coding anything, if it has none."""
        if not _has_case(word):
            return None
        at = 2 * (4 * self._table.case_classes[symbol] + context)
        if coder.bit(self._case_bits[at], int(case == LOWERCASE)):
            return LOWERCASE
        return CAPITALIZED if coder.bit(self._case_bits[at + 1], int(case == CAPITALIZED)) else UPPERCASE


def _has_case(word: str) -> bool:
    return word.isascii() and word == word.lower() and "a" <= word.lstrip(" ")[:1] <= "z"


def _code_code_point(coder: Coder, letter: str) -> str:
    """Code any code point: first the bits above the lowest 12, then the lowest 12."""
    value = ord(letter) if letter else 0
    high = coder.uniform(0x110, value >> 12)
    return chr(high << 12 | coder.uniform(0x1000, value & 0xFFF))
