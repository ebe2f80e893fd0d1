"""The commands `encode` and `decode` for a folder of files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from codec.cli.terminal import FileProgress, print_notice
from codec.errors import CodecError

if TYPE_CHECKING:
    from codec.batch.tasks import DecodeTask, EncodeTask


def add_job_options(parser: argparse.ArgumentParser, *, gpus: bool = True) -> None:
    """Add --jobs, --ray and, if `gpus`, --gpus to a command that accepts many files."""
    group = parser.add_argument_group("many files")
    group.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="number of processes, 1 to 64 (default: one per core, at most 8, with 1 GB of free memory for each; 1 for "
        "Stable Diffusion and BLIP), or the largest number of Ray actors (default: one per core of the cluster)",
    )
    group.add_argument(
        "--ray", metavar="ADDRESS", help="run on a Ray cluster at this address, or on a local one: local"
    )
    group.add_argument(
        "--one-file", action="store_true", help="with -o F.parquet: a single file instead of a folder of parts"
    )
    if gpus:
        group.add_argument(
            "--gpus", type=float, metavar="G", help="GPUs of each Ray actor, such as 0.25 (default: 1 if there are any)"
        )


def job_count(args: argparse.Namespace, *, uses_large_models: bool) -> int:
    """Return --jobs or its default, which is 1 if several copies of the models may not fit into memory."""
    from codec.batch.workers import MAX_ACTORS, default_job_count

    if args.jobs is not None:
        return int(args.jobs)
    if args.ray not in (None, "local"):
        return MAX_ACTORS  # the pool grows up to the size of the cluster
    return 1 if uses_large_models else default_job_count()


def run_folder(task: EncodeTask | DecodeTask, args: argparse.Namespace, source: str) -> None:
    """Encode or decode every file of a source and print a summary.

    Raises `CodecError` if the output is not a folder or an archive or, after all files are processed, if any of them
    failed.
    """
    from codec.batch import storage
    from codec.batch.archive import SUFFIX
    from codec.batch.folders import process_folder
    from codec.batch.manifest import MANIFEST

    output = storage.place(args.output)
    to_archive = output.suffix.lower() == SUFFIX
    if args.output == "-" or (not to_archive and isinstance(output, Path) and output.exists() and not output.is_dir()):
        raise CodecError("a directory input needs a directory output: -o DIR")
    if args.overwrite:
        raise CodecError(
            "--overwrite is for single files: in a folder, existing files are kept and new ones get free names"
        )
    if args.gpus is not None and (args.ray is None or not 0 <= args.gpus <= 64):
        raise CodecError("--gpus needs --ray and a number from 0 to 64")
    if args.one_file and not to_archive:
        raise CodecError("--one-file is for archives: -o F.parquet")
    jobs = job_count(args, uses_large_models=task.uses_large_models)
    run: Callable[[], tuple[int, int]]
    common = (jobs, args.ray, FileProgress(), print_notice, args.gpus)
    if to_archive:
        from codec.batch.archive_run import fill_archive

        run = lambda: fill_archive(task, source, output, *common, one_file=args.one_file)  # noqa: E731
        remark = f"see python -m codec inspect {args.output}"
    elif isinstance(output, Path):
        run, remark = lambda: process_folder(task, source, output, *common), f"see {MANIFEST} there"
    else:
        raise CodecError(f"a remote output is an archive: -o {args.output.rstrip('/')}{SUFFIX}")
    try:
        written, failed = run()
    except KeyboardInterrupt:
        raise KeyboardInterrupt("finished files are kept; run the same command again to continue") from None
    summary = f"{written} of {written + failed} files written to {args.output}, {remark}"
    if failed:
        raise CodecError(f"{summary}; {failed} failed")
    print(summary)
