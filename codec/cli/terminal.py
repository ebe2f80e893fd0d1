"""Terminal output: escaped text, error messages and progress."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codec.decoders import Step

_CLEAR_LINE = "\r\033[K"  # carriage return, then ANSI "erase to end of line"
_BAR_WIDTH = 30  # characters


def printable(text: str) -> str:
    """Return the text with control and invisible characters escaped, so that it holds no terminal commands."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def print_error(message: str) -> None:
    """Print one line to standard error; it replaces a progress line."""
    print_notice(f"trilayer: {message}")


def print_notice(message: str) -> None:
    """Print one line to standard error that is no error; it replaces a progress line."""
    start = _CLEAR_LINE if sys.stderr.isatty() else ""
    print(f"{start}{printable(message)}", file=sys.stderr)


def progress_bar(fraction: float, width: int) -> str:
    """Return a progress bar of `width` characters; `fraction`: 0..1."""
    return ("#" * round(fraction * width)).ljust(width, ".")


def overwrite_line(text: str, end: str = "") -> None:
    """Replace the current line on standard error."""
    print(f"{_CLEAR_LINE}{text}", end=end, file=sys.stderr, flush=True)


def show_file_progress(done: int, total: int, name: str) -> None:
    """Show how many files are done: on a terminal in one line that is redrawn, elsewhere in a line for each file."""
    line = f"[{progress_bar(done / total, _BAR_WIDTH)}] {done} of {total}, {name if name.isprintable() else repr(name)}"
    if sys.stderr.isatty():
        overwrite_line(line, end="\n" if done == total else "")
    else:
        print(line, file=sys.stderr, flush=True)


def show_step(step: Step) -> None:
    """Show the progress of a decode in one line that is redrawn."""
    overwrite_line(f"{step.index}/{step.total} {step.label}", end="\n" if step.index == step.total else "")
