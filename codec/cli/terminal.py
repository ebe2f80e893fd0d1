"""Terminal output: escaped text, error messages and progress."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from codec.decoders import Step

_CLEAR_LINE = "\r\033[K"  # carriage return, then ANSI "erase to end of line"
_BAR_WIDTH = 30  # characters
_RECENT: Final = 50  # reports over which the rate is averaged
_MAX_LINES: Final = 200  # if the output is not a terminal, each file gets a line up to this number of files
_LINE_SECONDS: Final = 10.0  # between the lines for more files than that
_REDRAW_SECONDS: Final = 0.1


def printable(text: str) -> str:
    """Return the text with control and invisible characters escaped, so that it holds no terminal commands."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def print_error(message: str) -> None:
    """Print one line to standard error; it replaces a progress line."""
    print_notice(f"trilayer: {message}")


def print_notice(message: str) -> None:
    """Print one line to standard error, such as a warning; it replaces a progress line."""
    start = _CLEAR_LINE if sys.stderr.isatty() else ""
    print(f"{start}{printable(message)}", file=sys.stderr)


def progress_bar(fraction: float, width: int) -> str:
    """Return a progress bar of `width` characters; `fraction`: 0..1."""
    return ("#" * round(fraction * width)).ljust(width, ".")


def overwrite_line(text: str, end: str = "") -> None:
    """Replace the current line on standard error."""
    print(f"{_CLEAR_LINE}{text}", end=end, file=sys.stderr, flush=True)


class FileProgress:
    """Shows how many files are done, how many per second or minute, and the time left.

    A terminal shows one line, which is redrawn. Otherwise each file gets a line, or, if there are many files, every ten
    seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._recent: deque[tuple[float, int]] = deque([(clock(), 0)], maxlen=_RECENT)
        self._shown: float | None = None  # time of the last output

    def __call__(self, done: int, total: int | None, name: str) -> None:
        """Show a finished file. total: None if it is not known yet."""
        now, is_last = self._clock(), done == total
        self._recent.append((now, done))
        is_terminal = sys.stderr.isatty()
        pause = _REDRAW_SECONDS if is_terminal else 0.0 if total and total <= _MAX_LINES else _LINE_SECONDS
        if self._shown is not None and not is_last and now - self._shown < pause:
            return
        self._shown = now
        bar = f"[{progress_bar(done / total, _BAR_WIDTH)}] {done} of {total}" if total else f"[{done} done]"
        line = f"{bar}{self._format_rate(total)}, {name if name.isprintable() else repr(name)}"
        if is_terminal:
            overwrite_line(line, end="\n" if is_last else "")
        else:
            print(line, file=sys.stderr, flush=True)

    def _format_rate(self, total: int | None) -> str:
        """Return the rate of the most recent files and, if the total is known, the time left; "" if not known yet."""
        (start, first), (now, done) = self._recent[0], self._recent[-1]
        if now <= start or done <= first:
            return ""
        rate = (done - first) / (now - start)
        text = f", {rate:.1f}/s" if rate >= 1 else f", {60 * rate:.1f}/min"
        return f"{text}, {format_duration((total - done) / rate)} left" if total and total > done else text


def format_duration(seconds: float) -> str:
    """Return a duration as h:mm:ss, or in days and hours if it is a day or longer."""
    whole = round(seconds)
    days, hours = whole // 86400, whole // 3600
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def show_step(step: Step) -> None:
    """Show the progress of a decode in one line that is redrawn."""
    overwrite_line(f"{step.index}/{step.total} {step.label}", end="\n" if step.index == step.total else "")
