"""The command `bench`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from codec.atomic_write import write_file
from codec.cli.folder_commands import add_job_options, job_count
from codec.cli.terminal import FileProgress
from codec.errors import CodecError


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add `bench` to the subparsers of the command line and return its parser."""
    summary = "compare with other codecs at equal file sizes"
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "bench", help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
    )
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="pictures, and optionally captions.tsv: file name, tab, prompt"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("bench"), metavar="DIR", help="the folder to write (default: bench)"
    )
    parser.add_argument("--rates", type=int, nargs="+", metavar="BYTES", help="file sizes (default: 300 655 1000 2000)")
    parser.add_argument("--codecs", nargs="+", metavar="NAME", help="measure only these codecs")
    parser.add_argument(
        "--blind", type=Path, metavar="OUT", help="also write sheets for a blind comparison, or count its answers"
    )
    add_job_options(parser, gpus=False)
    parser.set_defaults(run=run_bench)
    return parser


def run_bench(args: argparse.Namespace) -> None:
    """Measure what results.csv does not hold yet; then write table.md, sheet.jpg and, with matplotlib, curves.png."""
    from codec.bench import blind, report
    from codec.bench.contenders import find_contenders
    from codec.bench.measures import available_measures
    from codec.bench.run import RATES, read_results, run

    rates = sorted(set(args.rates or RATES))
    if rates[0] < 1:
        raise CodecError("--rates are numbers of bytes, 1 or more")
    contenders, missing = find_contenders(args.codecs)
    missing |= available_measures()[1]
    for name, remedy in missing.items():
        print(f"{name} is skipped: {remedy}", file=sys.stderr)
    jobs = job_count(args, uses_large_models=any(contender.uses_large_models for contender in contenders))
    results = run(args.folder, args.output, rates, args.codecs, jobs, args.ray, FileProgress())
    rows = read_results(results)
    table = report.format_table(rows)
    skipped = "".join(f"\n{name} is skipped: {remedy}.\n" for name, remedy in missing.items())
    write_file(args.output / "table.md", f"{table}\n{skipped}".encode())
    try:
        report.write_curves(rows, args.output / "curves.png")
    except ModuleNotFoundError:
        print("curves.png is skipped: pip install matplotlib", file=sys.stderr)
    report.write_contact_sheet(rows, args.output / "pictures", args.output / "sheet.jpg")
    print(table)
    if args.blind:
        print(blind.compare(rows, args.output / "pictures", args.blind))
