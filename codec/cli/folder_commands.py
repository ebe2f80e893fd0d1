"""Folders on the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from codec.errors import CodecError

if TYPE_CHECKING:
    from codec.batch.folders import Decode, Encode


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where many files are worked on."""
    group = parser.add_argument_group("folders")
    group.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="processes, 1 to 64 (default: one a core, to 8, and 1 GB of free memory for each; "
        "1 for Stable Diffusion, BLIP and Ray's clusters)",
    )
    group.add_argument("--ray", metavar="ADDRESS", help="a Ray cluster, or local, in place of processes")


def jobs(options: argparse.Namespace, large: bool) -> int:
    """How many processes; large: whether their models are, so that several may not fit into memory or GPU."""
    if options.jobs is not None:
        return int(options.jobs)
    from codec.batch.workers import default_jobs

    return 1 if large or options.ray not in (None, "local") else default_jobs()


def run(work: Encode | Decode, options: argparse.Namespace, folder: str) -> None:
    """Do it, and say how it went. Raises `CodecError` if a file failed, after all are done."""
    from codec.batch.folders import MANIFEST, run

    out = Path(options.output)
    if options.output == "-" or (out.exists() and not out.is_dir()):
        raise CodecError("what comes of a folder goes into a folder: name one with -o")
    written, failed = run(work, Path(folder), out, jobs(options, work.large), options.ray, progress)
    shown = f"{written} of {written + failed} files written to {options.output}, see {MANIFEST} there"
    if failed:
        raise CodecError(f"{shown}; {failed} failed")
    print(shown)


def progress(done: int, of: int, name: str) -> None:
    """A bar for a person, a line a file for a log."""
    live = sys.stderr.isatty()
    filled = 30 * done // of
    shown = name if name.isprintable() else repr(name)
    start, end = ("\r\033[K", "\n" if done == of else "") if live else ("", "\n")
    bar = "#" * filled + "." * (30 - filled)
    print(f"{start}[{bar}] {done} of {of}, {shown}", end=end, file=sys.stderr, flush=True)
