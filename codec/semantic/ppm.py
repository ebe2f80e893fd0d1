"""Prediction by partial matching, for texts in any script, tags, emoji and long repetitions.

PPM (Cleary, Witten 1984) with escape method D (Howard 1993) and exclusion, over code points. It starts without any
knowledge. A code point that occurs for the first time is coded by its distance from the previous new one. A match model
(match_model.py) predicts repetitions before PPM is used.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from codec.bitstream.range_coder import BitModel, Coder, ExpGolombModel
from codec.errors import Corrupt
from codec.semantic.match_model import MatchModel

_ORDER: Final = 3  # characters in the longest context
_MAX_COUNT: Final = 120
_END: Final = ""
_MATCH_ORDER: Final = 6
_MATCH_PROBABILITIES: Final = (45000, 58000, 64000, 65000)  # of 65,536, for each 4 characters of a match's length
_NEAR: Final = 64  # width of the range around the last new code point; covers most of a script
_FIRST_CODE_POINT: Final = 96  # initial value of the last new code point


class ContextCounts:
    """The characters that followed a context, in ascending order, and their weights: 2 * count - 1."""

    __slots__ = ("characters", "weights")

    def __init__(self) -> None:
        self.characters: list[str] = []
        self.weights: list[int] = []

    def add(self, character: str) -> bool:
        """Count a character; return whether it had been counted before."""
        at = bisect_left(self.characters, character)
        if self.characters[at : at + 1] == [character]:
            self.weights[at] = min(self.weights[at] + 2, 2 * _MAX_COUNT - 1)
            return True
        self.characters.insert(at, character)
        self.weights.insert(at, 1)
        return False

    def excluding(self, excluded: set[str]) -> tuple[list[str], list[int]]:
        """Return characters and weights without the excluded ones."""
        if not excluded:
            return self.characters, self.weights
        kept = [at for at, character in enumerate(self.characters) if character not in excluded]
        return [self.characters[at] for at in kept], [self.weights[at] for at in kept]


class PPMModel:
    """The model of one prompt and of the negative prompt that follows it."""

    def __init__(self) -> None:
        self._contexts: dict[str, ContextCounts] = {}
        self._match = MatchModel(_MATCH_ORDER, _MATCH_PROBABILITIES, confidence=2, length_step=4)
        self._last_new = _FIRST_CODE_POINT
        self._is_near = BitModel(52000, 2)
        self._distance = ExpGolombModel(21)
        self._is_end = BitModel(3000, 1)

    def code_text(self, coder: Coder, text: str | None, max_bytes: int) -> str:
        """Code a text (read it if None) and return it. Raises `Corrupt` if it exceeds `max_bytes` of UTF-8."""
        self._match.start_text()
        coded = ""
        size = 0
        while True:
            character = None if text is None else text[len(coded) : len(coded) + 1]
            predicted = self._match.code(coder, character)
            if predicted is None:
                character = self._code_character(coder, coded[-_ORDER:], character)
            else:
                character = predicted
            if character == _END:
                return coded
            size += len(character.encode())
            if size > max_bytes:
                raise Corrupt("the prompt is too long", ("semantic",))
            coded += character
            self._match.update(character)

    def _code_character(self, coder: Coder, context: str, character: str | None) -> str:
        """Code a character or the end of the text, from the longest context down, and update the counts."""
        coded: str | None = None
        excluded: set[str] = set()
        for start in range(len(context) + 1):
            counts = self._contexts.get(context[start:])
            if counts is None:
                continue
            characters, weights = counts.excluding(excluded)
            if not characters:
                continue
            escape = len(characters)
            index = 0 if character is None else 1 + characters.index(character) if character in characters else 0
            index = coder.choice([escape, *weights], index)
            if index:
                coded = characters[index - 1]
                break
            excluded.update(characters)
        if coded is None:
            coded = self._code_new_character(coder, character)
        for start in range(len(context) + 1):
            if self._contexts.setdefault(context[start:], ContextCounts()).add(coded):
                break
        return coded

    def _code_new_character(self, coder: Coder, character: str | None) -> str:
        """Code a character that occurs in no context, or the end of the text."""
        if coder.bit(self._is_end, int(character == _END)):
            return _END
        base = max(self._last_new - _NEAR // 2, 0)
        value = ord(character) if character else 0
        if coder.bit(self._is_near, int(base <= value < base + _NEAR)):
            value = base + coder.uniform(_NEAR, value - base)
        else:
            sign = 1 - 2 * coder.uniform(2, int(value < self._last_new))
            value = self._last_new + sign * coder.number(self._distance, abs(value - self._last_new))
        if not 0 <= value < 0x110000 or 0xD800 <= value < 0xE000:
            raise Corrupt("the prompt contains an invalid code point", ("semantic",))
        if chr(value) != " ":
            self._last_new = value
        return chr(value)
