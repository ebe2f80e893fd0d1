"""The commands on single files: encode, decode, inspect, cut, erase and layers. Each takes the parsed arguments."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from codec.cli.archive_command import print_archive
from codec.cli.folder_commands import run_folder
from codec.cli.inspection import format_summary
from codec.cli.terminal import print_error, printable, show_step
from codec.encoder.encode_options import EncodeOptions
from codec.errors import CodecError
from codec.images import png_chunk
from codec.layers import Layers
from codec.summary import summarize

if TYPE_CHECKING:
    from codec.decoders import OnStep
    from codec.decoders.diffusion.base_options import DiffusionOptions

_DIFFUSION_DECODERS = ("sd15", "sdxl")
_MAX_INPUT_BYTES = 1 << 20  # maximum size of an input: a .tril file, or a PNG with an embedded one
_DIFFUSION_OPTIONS = (
    *("preset", "steps", "guidance", "scheduler", "structure_strength", "color_strength", "adapter_until"),
    *("control", "strength", "noise", "clip_skip", "weights", "models", "checkpoint", "device"),
)


def encode(args: argparse.Namespace) -> None:
    """Encode a picture, or every picture of a folder."""
    from codec.batch.sources import is_source
    from codec.encoder.extract import extract
    from codec.seed_search import SEED_BYTES

    if args.best_of and args.seed is not None:
        raise CodecError("--seed and --best-of cannot be combined: --best-of chooses the seed")
    if args.best_of and args.recipe:
        raise CodecError("--recipe stores the picture's own seed: remove --best-of")
    if not args.best_of and (args.decoder not in ("painter", *_DIFFUSION_DECODERS) or _given_diffusion_options(args)):
        raise CodecError("--decoder and its options need --best-of when encoding")
    if args.balance == "auto" and args.decoder == "sd15":
        args.balance = "structure"  # the adapters use strokes and color cells, but not detail
    options = EncodeOptions(**{field.name: getattr(args, field.name) for field in fields(EncodeOptions)})
    if is_source(args.image):
        if args.best_of:
            raise CodecError("--best-of works on one picture, not on a folder")
        from codec.batch.tasks import EncodeTask

        run_folder(EncodeTask(options), args, args.image)
        return
    _check_output(args, args.image)
    extraction = extract(_open_picture(args.image), options, reserved_bytes=SEED_BYTES if args.best_of else 0)
    layers = extraction.layers
    if args.best_of:
        from codec.decoders import get
        from codec.seed_search import best_of

        decoder = get(args.decoder, _decoder_options(args))
        layers = best_of(extraction.picture.pixels, replace(layers, seed=None), decoder, args.best_of, _on_step())
    data = layers.to_bytes()
    _write_output(args, data)
    size = f"{len(data)} bytes, {layers.bpp(len(data)):.4f} bits per pixel"
    _report(args, f"{args.output}: {size}; prompt: {extraction.prompt_source}")


def decode(args: argparse.Namespace) -> None:
    """Decode a .tril file, or every .tril file of a folder or an archive."""
    from codec.batch.sources import is_source
    from codec.decoders import get
    from codec.images.io import encode_png

    if is_source(args.file):
        from codec.batch.tasks import DecodeTask

        run_folder(DecodeTask(args.decoder, _decoder_options(args), args.layers, args.seed), args, args.file)
        return
    _check_output(args, args.file)
    decoder = get(args.decoder, _decoder_options(args))
    layers = _read_layers(args).only(args.layers)
    png = encode_png(decoder.decode(layers, seed=args.seed, on_step=_on_step()))
    _write_output(args, png_chunk.embed(png, layers.to_bytes()) if args.with_layers else png)
    _report(args, f"{args.output}: {layers.width} x {layers.height} pixels")


def inspect(args: argparse.Namespace) -> None:
    """Print what a .tril file or an archive holds and how its bytes are spent."""
    from codec.batch.archive import is_archive

    if is_archive(args.file):
        print_archive(args)
        return
    if args.where is not None or args.histogram:
        raise CodecError("--where and --histogram need an archive: a file or folder whose name ends in .parquet")
    layers = _read_layers(args)
    summary = summarize(layers)
    text = format_summary(summary)
    if args.compare:
        from codec.bench.layer_comparison import compare, format_comparison

        summary["compare"] = compare(layers)
        text += "\n\n" + format_comparison(summary["compare"])
    print(json.dumps(summary, indent=1) if args.json else text)


def cut(args: argparse.Namespace) -> None:
    """Write a smaller .tril file by removing the least important strokes."""
    from codec.editing.edits import cut

    _check_output(args, args.file)
    layers = _read_layers(args)
    smaller = cut(layers, args.bytes)
    data = smaller.to_bytes()
    _write_output(args, data)
    _report(args, f"{args.output}: {len(data)} bytes, {_stroke_count(smaller)} of {_stroke_count(layers)} strokes")


def erase(args: argparse.Namespace) -> None:
    """Write a .tril file without the object that a mask marks."""
    from codec.editing import objects
    from codec.images.mask import EMPTY_MASK, load_mask

    for source in (args.mask, args.file):
        _check_output(args, source)
    layers = _read_layers(args)
    mask = load_mask(_open_picture(args.mask), layers.width, layers.height)
    if not mask.any():
        raise CodecError(EMPTY_MASK)
    erased = objects.erase(layers, mask)
    data = erased.to_bytes()
    _write_output(args, data)
    _report(args, f"{args.output}: {len(data)} bytes, {_stroke_count(erased)} of {_stroke_count(layers)} strokes")


def layers(args: argparse.Namespace) -> None:
    """Write the layers of a .tril file to a folder, or a folder of layers to a .tril file."""
    from codec.folder_io import FILE_NAMES, read_layers, write_layers

    if args.file != "-" and os.path.isdir(args.file):
        for name in FILE_NAMES:
            _check_output(args, os.path.join(args.file, name))
        data = read_layers(args.file).to_bytes()
        _write_output(args, data)
        _report(args, f"{args.output}: {len(data)} bytes")
        return
    if args.output == "-":
        raise CodecError("layers are written to a folder: name one with -o DIR")
    for name in FILE_NAMES:
        _check_output(args, args.file, os.path.join(args.output, name))
    write_layers(_read_layers(args), args.output)
    written = [name for name in FILE_NAMES if os.path.exists(os.path.join(args.output, name))]
    _report(args, f"{args.output}: {', '.join(written)}")


# decoders


def _decoder_options(args: argparse.Namespace) -> DiffusionOptions | None:
    """Return the options of a Stable Diffusion decoder; None for any other decoder.

    Raises `CodecError` if these options are given with another decoder.
    """
    given = _given_diffusion_options(args)
    if args.decoder not in _DIFFUSION_DECODERS:
        if given:
            raise CodecError(f"--{next(iter(given)).replace('_', '-')} needs --decoder sd15 or sdxl")
        return None
    for name in ("models", "checkpoint"):
        if name in given:
            given[name] = Path(given[name])
    follow = "preset" not in given
    if args.decoder == "sdxl":
        from codec.decoders.sdxl.xl_options import XLOptions

        return XLOptions(follow=follow, **given)
    from codec.decoders.sd15.options import Options

    return Options(follow=follow, **given)


def _given_diffusion_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of Stable Diffusion that were given on the command line, by field name."""
    return {name: getattr(args, name) for name in _DIFFUSION_OPTIONS if getattr(args, name) is not None}


def _on_step() -> OnStep | None:
    """Return the callback that shows progress if standard error is a terminal, else None."""
    return show_step if sys.stderr.isatty() else None


def _stroke_count(layers: Layers) -> int:
    from codec.structure.sketch import Sketch

    return len(layers.structure.strokes) if isinstance(layers.structure, Sketch) else 0


# files and streams


def _open_picture(address: str) -> str | bytes | BinaryIO:
    """Return what `extract` reads: standard input, a path, or the content of a remote file."""
    from codec.batch import storage
    from codec.images.io import MAX_BYTES

    if address == "-":
        return sys.stdin.buffer
    where = storage.place(address)
    return storage.read(where, 0, MAX_BYTES + 1) if isinstance(where, storage.Remote) else str(where)


def _read_layers(args: argparse.Namespace) -> Layers:
    """Return the layers of `args.file`; with --salvage, warn about damaged layers and leave them out."""
    from codec.batch.archive import read_address

    is_stdin = args.file == "-"
    data = sys.stdin.buffer.read(_MAX_INPUT_BYTES) if is_stdin else read_address(args.file, _MAX_INPUT_BYTES)
    data = png_chunk.unwrap(data)
    if not args.salvage:
        return Layers.from_bytes(data)
    layers, damaged = Layers.salvage(data)
    if damaged:
        print_error(f"damaged layers left out: {', '.join(damaged)}")
    return layers


def _check_output(args: argparse.Namespace, source: str, output: str | None = None) -> None:
    """Raise `CodecError` if the output is the input, or if it exists and --overwrite is not given.

    output: the file to write, if it is not `args.output`.
    """
    from codec.batch.archive import split_address

    output = args.output if output is None else output
    if output == "-" or not os.path.isfile(output):
        return
    if address := split_address(source):
        source = str(address[0])
    if os.path.exists(source) and os.path.samefile(source, output):
        raise CodecError(f"{os.path.basename(output)} is the input, which would be lost: use another name after -o")
    if not args.overwrite:
        raise _exists_already(output)


def _exists_already(output: str) -> CodecError:
    return CodecError(f"{os.path.basename(output)} exists already: use another name after -o, or add --overwrite")


def _write_output(args: argparse.Namespace, data: bytes) -> None:
    """Write to the output file, or to standard output for "-".

    Raises `CodecError` if standard output is a terminal, or if the file was created since `_check_output`.
    """
    from codec.atomic_write import write_file, write_new_file

    if args.output == "-":
        if not sys.stdout or sys.stdout.isatty():
            raise CodecError("binary output is not written to a terminal: name a file with -o, or use a pipe")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif args.overwrite or (os.path.exists(args.output) and not os.path.isfile(args.output)):
        write_file(args.output, data)
    else:
        try:
            write_new_file(Path(args.output), data)
        except FileExistsError:
            raise _exists_already(args.output) from None


def _report(args: argparse.Namespace, message: str) -> None:
    """Print a success message, unless the output goes to a stream, such as a pipe."""
    if os.path.isfile(args.output) or os.path.isdir(args.output):
        print(printable(message))
