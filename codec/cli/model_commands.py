"""The command `models` of the command line: what there is, what is here, and fetching the rest."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from codec.models import locate
from codec.models.locate import DownloadProgress, Model, Status, format_size

_BAR = 24


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add `models` to the subparsers of the command line; `options.run(options)` then runs it."""
    what = "list the pretrained models, or fetch them"
    parser: argparse.ArgumentParser = commands.add_parser(
        "models", help=what, description=what + ".", allow_abbrev=False
    )
    parser.add_argument("--folder", metavar="DIR", help="look here first, then in TRILAYER_MODELS and the hub's cache")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run_list)
    below = parser.add_subparsers(metavar="fetch")
    fetch = below.add_parser("fetch", help="download models, or the rest of them", allow_abbrev=False)
    fetch.add_argument("names", nargs="+", metavar="NAME", help="as in the list")
    fetch.set_defaults(run=run_fetch)
    return parser


def run_list(options: argparse.Namespace) -> None:
    """Print every model: what it is for, size, license, whether it is here, and how to get it."""
    found = [(model, locate.status(model.name, options.folder)) for model in locate.list_models()]
    if options.json:
        print(json.dumps([_facts(model, status) for model, status in found], indent=1))
        return
    for model, status in found:
        print(f"{model.name:<20}{status.state:<9}{format_size(model.total_bytes):>8}  {model.license}")
        print(f"{'':<20}{model.purpose}")
        if model.note:
            print(f"{'':<20}{model.note}")
        print(f"{'':<20}{_printable(str(status.path)) if status.path else f'get it: {_command(model)}'}")
    print()
    print("Files of your own: set TRILAYER_MODELS to a folder that has DIR/NAME/..., laid out as on the hub.")


def run_fetch(options: argparse.Namespace) -> None:
    """Fetch the named models one after another. Raises UnknownName before any is fetched, and ModelMissing."""
    wanted = [locate.get_model(name) for name in options.names]
    for model in wanted:
        print(f"{model.name}: {format_size(model.total_bytes)} from {model.repo}, license: {model.license}", flush=True)
        bar = _Bar() if sys.stderr.isatty() else None
        try:
            path = locate.fetch(model.name, bar)
        finally:
            if bar is not None:
                bar.clear()
        print(f"{model.name}: {_printable(str(path))}", flush=True)


def _facts(model: Model, status: Status) -> dict[str, Any]:
    return {
        "name": model.name,
        "purpose": model.purpose,
        "state": status.state,
        "path": str(status.path) if status.path else None,
        "bytes": model.total_bytes,
        "license": model.license,
        "note": model.note,
        "repository": model.repo,
        "revision": model.revision,
        "files": [file.path for file in model.files],
        "get": _command(model),
        "detail": status.detail,
    }


def _command(model: Model) -> str:
    return f"python -m codec models fetch {model.name}"


class _Bar:
    """One line on the terminal that is drawn over and over: file, bar, share, megabytes, speed."""

    def __init__(self) -> None:
        self.start: tuple[float, int] | None = None

    def __call__(self, progress: DownloadProgress) -> None:
        now = time.monotonic()
        if self.start is None:
            self.start = now, progress.model_done
        seconds, fetched = now - self.start[0], progress.model_done - self.start[1]
        share = min(progress.model_done / progress.model_total, 1.0) if progress.model_total else 1.0
        bar = ("#" * round(share * _BAR)).ljust(_BAR, ".")
        rate = "checking" if progress.checking else f"{fetched / max(seconds, 0.1) / 1e6:.1f} MB/s"
        sizes = f"{progress.model_done / 1e6:.0f}/{progress.model_total / 1e6:.0f} MB"
        line = f"{_printable(progress.file)[-40:]} [{bar}] {share:4.0%} {sizes} {rate}"
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _printable(text: str) -> str:
    """Text from outside, safe on a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
