"""The command `bench` of the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from codec.atomic_write import write_file
from codec.cli.folder_commands import add_jobs, jobs, progress
from codec.errors import CodecError


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add `bench` to the subparsers of the command line; `options.run(options)` then runs it."""
    what = "compare with the codecs people know, at the same bytes"
    parser: argparse.ArgumentParser = commands.add_parser(
        "bench", help=what, description=f"{what[0].upper()}{what[1:]}, on a folder of pictures.", allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="pictures, and maybe captions.tsv: name, tab, prompt")
    parser.add_argument("-o", "--output", type=Path, default=Path("bench"), metavar="DIR", help="(default: bench)")
    parser.add_argument("--rates", type=int, nargs="+", metavar="BYTES", help="(default: 300 655 1000 2000)")
    parser.add_argument("--codecs", nargs="+", metavar="NAME", help="only these")
    add_jobs(parser)
    parser.set_defaults(run=run_bench)
    return parser


def run_bench(options: argparse.Namespace) -> None:
    """Measure what is not measured yet; write table.md, curves.png and sheet.jpg beside results.csv."""
    from codec.bench import report
    from codec.bench.contenders import contenders
    from codec.bench.measures import available
    from codec.bench.run import RATES, read, run

    rates = sorted(set(options.rates or RATES))
    if rates[0] < 1:
        raise CodecError("--rates are bytes, 1 or more")
    here, without = contenders(options.codecs)
    absent = without | available()[1]
    large = any(getattr(one, "decoder", None) == "sd15" for one in here)
    for name, remedy in absent.items():
        print(f"without {name}: {remedy}", file=sys.stderr)
    file = run(options.folder, options.output, rates, options.codecs, jobs(options, large), options.ray, progress)
    rows = read(file)
    table = report.table(rows)
    left_out = "".join(f"\nWithout {name}: {remedy}.\n" for name, remedy in absent.items())
    write_file(options.output / "table.md", f"{table}\n{left_out}".encode())
    report.curves(rows, options.output / "curves.png")
    report.sheet(rows, options.output / "pictures", options.output / "sheet.jpg")
    print(table)
