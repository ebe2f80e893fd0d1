"""Predict repetitions: the predicted symbol is the one that followed the last occurrence of the current context.

As in context mixing compressors (Mahoney 2002), the model looks up where the last few symbols occurred before.
While its predictions are right, it follows the earlier text symbol by symbol, and its confidence grows with the length
of the match.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from codec.bitstream.range_coder import BitModel, Coder

_NO_MATCH: Final = -1


class MatchModel:
    """A match model over all texts of one payload.

    `order`: number of symbols that must be equal for a match.
    `probabilities`: initial probabilities, of 65,536, that a prediction is right, by the length of the match.
    `confidence`: number of observed bits that an initial probability counts as (see `BitModel`).
    `length_step`: number of symbols by which a match must grow to reach the next probability.
    `separators`: symbols put before each text.
    """

    def __init__(
        self,
        order: int,
        probabilities: Sequence[int],
        confidence: int,
        length_step: int = 1,
        separators: Sequence[str] = (),
    ) -> None:
        self._order = order
        self._models = [BitModel(p, confidence) for p in probabilities]
        self._length_step = length_step
        self._separators = separators
        self._history: list[str] = []
        self._next: dict[tuple[str, ...], int] = {}  # index of the symbol that followed the last of each context
        self._text_start = 0
        self._pointer = _NO_MATCH  # index of the predicted symbol
        self._length = 0  # of the match
        self._hit = False

    def start_text(self) -> None:
        """Begin another text. Matches do not continue into it, but may refer to all texts before it."""
        self._text_start = len(self._history)
        self._history += self._separators
        self._pointer, self._length = _NO_MATCH, 0

    def code(self, coder: Coder, symbol: str | None) -> str | None:
        """Code whether the prediction is `symbol` (read it if None); return the prediction if so, None otherwise.

        Without a match this codes nothing and returns None.
        """
        self._hit = False
        if self._pointer == _NO_MATCH:
            return None
        predicted = self._history[self._pointer]
        model = self._models[min(self._length // self._length_step, len(self._models) - 1)]
        self._hit = bool(coder.bit(model, int(symbol == predicted)))
        return predicted if self._hit else None

    def update(self, symbol: str) -> None:
        """Append a symbol of the text; `code` has been called for it."""
        self._history.append(symbol)
        context = tuple(self._history[-self._order :])
        match = self._next.get(context, _NO_MATCH) if self._is_complete() else _NO_MATCH
        self._next[context] = len(self._history)
        if self._hit:
            self._pointer, self._length = self._pointer + 1, self._length + 1
        else:
            self._pointer, self._length = match, 0

    def _is_complete(self) -> bool:
        """Return whether the current text has enough symbols for a context; separators count."""
        return len(self._history) - self._text_start >= self._order
