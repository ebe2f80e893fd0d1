"""Generated variants of a test: a few in the default lane, the rest in the slow one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet


def variants(values: Sequence[Any], count: int) -> list[ParameterSet]:
    """Return parameters for `pytest.mark.parametrize`, of which `count`, evenly spread, are in the default lane.

    A value is one argument, or a tuple of all arguments.
    """
    chosen = {number * len(values) // count for number in range(count)}
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=[] if n in chosen else pytest.mark.slow)
        for n, value in enumerate(values)
    ]
