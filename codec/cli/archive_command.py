"""The command `inspect` for Parquet archives."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from codec.atomic_write import write_new_file
from codec.cli.terminal import printable
from codec.errors import CodecError


def print_archive(args: argparse.Namespace) -> None:
    """Print the totals of an archive or, with --where, one line for each entry that satisfies a condition."""
    from codec.batch import archive, storage
    from codec.batch.archive_query import draw_histogram, parse_condition, summarize_archive

    path = storage.place(args.file)
    if args.where is None:
        summary = summarize_archive(path)
        if args.histogram:
            if os.path.lexists(args.histogram):
                raise CodecError(f"{os.path.basename(args.histogram)} exists already: use another name")
            write_new_file(Path(args.histogram), draw_histogram(summary, path.name))
        print(json.dumps(summary, indent=1) if args.json else format_archive(summary))
        return
    columns = ["path", "width", "height", "bytes", "prompt", "error"]
    for row in archive.scan(path, columns, parse_condition(args.where)):
        if args.json:
            print(json.dumps(row))
        else:
            print(printable(f"{row['path']}  {row['bytes'] or 0} bytes  {row['error'] or row['prompt'] or ''}"))


def format_archive(summary: dict[str, Any]) -> str:
    """Return a table of the bytes of each layer, and lines for sizes and errors."""
    good = summary["pictures"] - summary["failed"]
    total = summary["bytes"]["bytes"]
    lines = [f"{'part':<12}{'bytes':>14}{'mean':>10}{'share':>8}"]
    for name, count in summary["bytes"].items():
        label = "total" if name == "bytes" else name
        lines.append(f"{label:<12}{count:>14}{count / max(good, 1):>10.1f}{count / max(total, 1):>8.1%}")
    size = summary["size"]
    lines += ["", f"{'pictures':<12}{summary['pictures']}, failed: {summary['failed']}"]
    lines.append(f"{'file size':<12}{size['min']} to {size['max']} bytes, median {size['median']}")
    lines += [f"{'error':<12}{count} x {printable(message)}" for message, count in summary["errors"].items()]
    return "\n".join(lines)
