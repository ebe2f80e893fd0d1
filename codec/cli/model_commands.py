"""The commands `models` and `models fetch`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from codec.cli.terminal import overwrite_line, printable, progress_bar
from codec.models import locate
from codec.models.locate import DownloadProgress, Model, Status, format_size

_BAR_WIDTH = 24


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add `models` to the subparsers of the command line and return its parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "models",
        help="list or download the pretrained models",
        description="List or download the pretrained models.",
        allow_abbrev=False,
    )
    parser.add_argument("--folder", metavar="DIR", help="search here before TRILAYER_MODELS and the Hub's cache")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=list_models)
    actions = parser.add_subparsers(metavar="fetch")
    fetch = actions.add_parser("fetch", help="download models or resume a download", allow_abbrev=False)
    fetch.add_argument("names", nargs="+", metavar="NAME", help="a name that `models` lists")
    fetch.add_argument(
        "--full-precision",
        action="store_true",
        help="download 32-bit weights, twice the size (default: 16-bit where available)",
    )
    fetch.set_defaults(run=fetch_models)
    return parser


def list_models(args: argparse.Namespace) -> None:
    """Print the purpose, size and license of every model, and its path or the command that downloads it."""
    found = [(model, locate.status(model.name, args.folder)) for model in locate.list_models()]
    if args.json:
        print(json.dumps([_to_json(model, status) for model, status in found], indent=1))
        return
    width = max(len(model.name) for model, _ in found) + 1
    for model, status in found:
        print(f"{model.name:<{width}}{status.state:<9}{format_size(model.total_bytes):>8}  {model.license}")
        print(f"{'':<{width}}{model.purpose}")
        if model.note:
            print(f"{'':<{width}}{model.note}")
        print(f"{'':<{width}}{printable(str(status.path)) if status.path else f'get it: {_fetch_command(model)}'}")
    print()
    print(
        "To use your own files, put them in DIR/NAME, in the same folders as on the Hub,\nand set TRILAYER_MODELS=DIR."
    )


def fetch_models(args: argparse.Namespace) -> None:
    """Download the named models. Raises `ModelMissing`, and `UnknownName` before any download starts."""
    models = [locate.get_model(name) for name in args.names]
    for model in models:
        size = format_size(model.download_bytes(args.full_precision))
        print(f"{model.name}: {size} from {model.repo}, license: {model.license}", flush=True)
        show_progress = _DownloadBar() if sys.stderr.isatty() else None
        try:
            path = locate.fetch(model.name, show_progress, args.full_precision)
        finally:
            if show_progress is not None:
                overwrite_line("")
        print(f"{model.name}: {printable(str(path))}", flush=True)


def _to_json(model: Model, status: Status) -> dict[str, Any]:
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
        "get": _fetch_command(model),
        "detail": status.detail,
    }


def _fetch_command(model: Model) -> str:
    return f"python -m codec models fetch {model.name}"


class _DownloadBar:
    """Shows the progress of a download on one line: file, bar, percentage, megabytes, speed."""

    def __init__(self) -> None:
        self._start: tuple[float, int] | None = None  # time and bytes at the first report

    def __call__(self, progress: DownloadProgress) -> None:
        now = time.monotonic()
        if self._start is None:
            self._start = now, progress.model_done
        seconds, received = now - self._start[0], progress.model_done - self._start[1]
        fraction = min(progress.model_done / progress.model_total, 1.0) if progress.model_total else 1.0
        speed = "checking" if progress.checking else f"{received / max(seconds, 0.1) / 1e6:.1f} MB/s"
        sizes = f"{progress.model_done / 1e6:.0f}/{progress.model_total / 1e6:.0f} MB"
        name = printable(progress.file)[-40:]
        overwrite_line(f"{name} [{progress_bar(fraction, _BAR_WIDTH)}] {fraction:4.0%} {sizes} {speed}")
