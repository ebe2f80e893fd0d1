"""The entry point of the command line, `python -m codec`: run a command and turn errors into exit codes."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence

from codec.cli.args import build_parser
from codec.cli.terminal import print_error
from codec.errors import CodecError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0: success; 1: an error, printed in one line; 130: Ctrl-C; 141: the reader of standard output closed it (SIGPIPE).
    For wrong usage, argparse exits with 2.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # escape characters that the terminal's encoding lacks
    args = build_parser().parse_args(arguments)
    try:
        args.run(args)
        if sys.stdout:
            sys.stdout.flush()
    except CodecError as error:
        print_error(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise the flush at exit would fail
        return 128 + signal.SIGPIPE
    except OSError as error:
        name = f"{os.path.basename(str(error.filename))}: " if error.filename else ""
        print_error(f"{name}{error.strerror or error}")
    except MemoryError:
        print_error("there is not enough memory for this picture")
    except KeyboardInterrupt as interrupt:
        print_error(": ".join(("stopped", *map(str, interrupt.args))))
        return 128 + signal.SIGINT
    else:
        return 0
    return 1
