"""The model of any text, sign by sign: other scripts, tags, emoji, long repetitions.

Prediction by partial matching (Cleary, Witten 1984; escape method D, Howard 1993) over code points, with
exclusion; nothing is known beforehand. A code point that is new to the text is coded by its
distance to the new one before it. Where the last signs stood in the text before, whether that match
goes on is asked first.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from codec.bitstream.range_coder import BitModel, Coder, ExpGolombModel
from codec.errors import Corrupt

_ORDER: Final = 3
_MOST: Final = 120  # of one count
_END: Final = ""
_KEY: Final = 6  # signs that make a match
_MATCHES: Final = (45000, 58000, 64000, 65000)  # of 65,536: it goes on, by the length so far in 4s
_NEAR: Final = 64  # code points each way that count as the same script


class ContextCounts:
    """The signs that were seen in a context, in rising order, and their weights, 2 * count - 1."""

    __slots__ = ("signs", "weights")

    def __init__(self) -> None:
        self.signs: list[str] = []
        self.weights: list[int] = []

    def add(self, sign: str) -> bool:
        """Count one more. Was it there?"""
        at = bisect_left(self.signs, sign)
        if self.signs[at : at + 1] == [sign]:
            self.weights[at] = min(self.weights[at] + 2, 2 * _MOST - 1)
            return True
        self.signs.insert(at, sign)
        self.weights.insert(at, 1)
        return False


class PPMModel:
    """The model of one prompt, and of the negative prompt after it."""

    def __init__(self) -> None:
        self._model: dict[str, ContextCounts] = {}
        self._match = [BitModel(p, 2) for p in _MATCHES]
        self._places: dict[str, int] = {}
        self._text = ""
        self._last = 96
        self._near = BitModel(52000, 2)
        self._far = ExpGolombModel(21)
        self._end = BitModel(3000, 1)

    def text(self, coder: Coder, text: str | None, most: int) -> str:
        """Code a text, or read one where there is none. Raises `Corrupt` for more than `most` bytes."""
        begin = len(self._text)
        match = length = size = 0
        while True:
            at = len(self._text) - begin
            sign = None if text is None else text[at : at + 1]
            hit = False
            if match:
                expected = self._text[match]
                hit = bool(coder.bit(self._match[min(length // 4, len(_MATCHES) - 1)], int(sign == expected)))
                sign = expected if hit else sign
            history = self._text[max(begin, begin + at - _ORDER) :]
            if not hit:
                sign = self._sign(coder, history, sign)
            if not sign:
                return self._text[begin:]
            size += len(sign.encode())
            if size > most:
                raise Corrupt("the prompt is too long", ("semantic",))
            self._text += sign
            key = self._text[-_KEY:]
            place = self._places.get(key, 0) if at + 1 >= _KEY else 0
            self._places[key] = len(self._text)
            match, length = (match + 1, length + 1) if hit else (place, 0)

    def _sign(self, coder: Coder, history: str, sign: str | None) -> str:
        excluded: set[str] = set()
        for start in range(len(history) + 1):
            counts = self._model.get(history[start:])
            if counts is None:
                continue
            signs, weights = counts.signs, counts.weights
            if excluded:
                signs, weights = signs[:], weights[:]
                for known in excluded:
                    at = bisect_left(signs, known)
                    if signs[at : at + 1] == [known]:
                        del signs[at], weights[at]
            if not signs:
                continue
            at = len(signs) if sign is None else bisect_left(signs, sign)
            found = coder.choice([len(signs), *weights], 1 + at if signs[at : at + 1] == [sign] else 0)
            if found:
                sign = signs[found - 1]
                break
            excluded.update(signs)
        else:
            sign = self._new(coder, sign)
        for start in range(len(history) + 1):
            if self._model.setdefault(history[start:], ContextCounts()).add(sign):
                break
        return sign

    def _new(self, coder: Coder, sign: str | None) -> str:
        if coder.bit(self._end, int(sign == _END)):
            return _END
        base = max(self._last - _NEAR // 2, 0)
        value = ord(sign) if sign else 0
        if coder.bit(self._near, int(base <= value < base + _NEAR)):
            value = base + coder.uniform(_NEAR, value - base)
        else:
            forward = coder.uniform(2, int(value < self._last))
            value = self._last + (1 - 2 * forward) * coder.number(self._far, abs(value - self._last))
        if not 0 <= value < 0x110000 or 0xD800 <= value < 0xE000:
            raise Corrupt("the prompt has no such sign", ("semantic",))
        if chr(value) != " ":
            self._last = value
        return chr(value)
