"""The commands `encode` and `decode` for a folder of files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from codec.cli.terminal import print_notice, show_file_progress
from codec.errors import CodecError

if TYPE_CHECKING:
    from codec.batch.tasks import DecodeTask, EncodeTask


def add_job_options(parser: argparse.ArgumentParser) -> None:
    """Add --jobs and --ray to a command that accepts a folder."""
    group = parser.add_argument_group("folders")
    group.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="number of processes, 1 to 64 (default: one per core, at most 8, with 1 GB of free memory for each; "
        "1 for Stable Diffusion, BLIP and Ray clusters)",
    )
    group.add_argument(
        "--ray", metavar="ADDRESS", help="run on a Ray cluster at this address, or on a local one: local"
    )


def job_count(args: argparse.Namespace, *, uses_large_models: bool) -> int:
    """Return --jobs, or else the default: 1 where several copies of the models may not fit into memory."""
    if args.jobs is not None:
        return int(args.jobs)
    from codec.batch.workers import default_job_count

    return 1 if uses_large_models or args.ray not in (None, "local") else default_job_count()


def run_folder(task: EncodeTask | DecodeTask, args: argparse.Namespace, folder: str) -> None:
    """Encode or decode every file of a folder and print a summary.

    Raises `CodecError` if the output is not a folder, and, once all files are processed, if any of them failed.
    """
    from codec.batch.archive import SUFFIX
    from codec.batch.folders import process_folder
    from codec.batch.manifest import MANIFEST
    from codec.batch.tasks import EncodeTask

    output = Path(args.output)
    if args.output == "-" or (output.exists() and not output.is_dir()):
        raise CodecError("a directory input needs a directory output: -o DIR")
    if args.overwrite:
        raise CodecError("--overwrite is for single files: in a folder, outputs take names that are free")
    jobs = job_count(args, uses_large_models=task.uses_large_models)
    if output.suffix.lower() == SUFFIX and isinstance(task, EncodeTask):
        from codec.batch.archive_run import encode_to_archive

        run: Callable[..., tuple[int, int]] = encode_to_archive
        remark = f"see python -m codec inspect {args.output}"
    else:
        run, remark = process_folder, f"see {MANIFEST} there"
    written, failed = run(task, Path(folder), output, jobs, args.ray, show_file_progress, on_notice=print_notice)
    summary = f"{written} of {written + failed} files written to {args.output}, {remark}"
    if failed:
        raise CodecError(f"{summary}; {failed} failed")
    print(summary)
