"""The argument parser of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from codec import __version__
from codec.cli import bench_command, commands, model_commands
from codec.cli.folder_commands import add_job_options
from codec.cli.terminal import printable
from codec.encoder.encode_options import EncodeOptions

_EXAMPLES = """\
examples:
  python -m codec encode photo.jpg -o photo.tril --prompt "a castle on a hill"
  python -m codec inspect photo.tril
  python -m codec decode photo.tril -o picture.png --layers 1,3
  python -m codec layers photo.tril -o folder     (edit the files in it, then)
  python -m codec layers folder -o edited.tril

The file name - stands for standard input or output.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser. It sets `run` in the parsed arguments to the function that executes the command."""
    parser = argparse.ArgumentParser(
        prog="python -m codec",
        description="Store pictures as three layers - words, lines, colors - in a few hundred bytes.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"trilayer {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_encode(_add_command(subparsers, "encode", "encode a picture to a .tril file", commands.encode))
    _add_decode(_add_command(subparsers, "decode", "decode a .tril file to a picture", commands.decode))
    _add_inspect(_add_command(subparsers, "inspect", "show what a .tril file holds", commands.inspect))
    _add_cut(_add_command(subparsers, "cut", "make a .tril file smaller by removing strokes", commands.cut))
    _add_erase(_add_command(subparsers, "erase", "erase an object from a .tril file", commands.erase))
    _add_layers(_add_command(subparsers, "layers", "convert between a .tril file and a folder", commands.layers))
    model_commands.add_parser(subparsers)
    bench_command.add_parser(subparsers)
    return parser


def _add_command(
    subparsers: Any, name: str, summary: str, run: Callable[[argparse.Namespace], None]
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
    )
    parser.set_defaults(run=run)
    return parser


def _add_encode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "image",
        metavar="IMG|SOURCE",
        help="a PNG, JPEG, WebP or AVIF file, 1 to 4096 pixels a side; or many of them: a folder, a pattern in quotes, "
        "a list (.txt), a .tar or .parquet file, also at s3://, gs://, hf:// or https://",
    )
    _add_output(parser, "F.tril|DIR|F.parquet", "the file, folder or Parquet archive to write")
    _add_overwrite(parser)
    parser.add_argument(
        "--prompt", help="what the picture shows (default: from the file's metadata, or else a captioner)"
    )
    parser.add_argument(
        "--negative",
        default=EncodeOptions.negative,
        metavar="TEXT",
        help="negative prompt: what the picture must not show",
    )
    parser.add_argument(
        "--budget", type=_integer(1), metavar="BYTES", help="maximum size of the file (default: 0.02 bits per pixel)"
    )
    parser.add_argument(
        "--grid", type=_grid, metavar="N", help="color cells on the longer side, or ROWSxCOLS, 2 to 64 each"
    )
    parser.add_argument(
        "--edges",
        default=EncodeOptions.edges,
        metavar="NAME",
        help="edge detector: contours, canny, lineart, drawing (for black and white), pidinet, hed, auto (the best "
        "that is installed), or openpose for people (default: contours)",
    )
    parser.add_argument(
        "--captioner",
        default=EncodeOptions.captioner,
        metavar="NAME",
        help="auto (the best that is installed, else subject), blip2, blip, subject (the built-in classifier: one "
        "word, if it is certain) or none",
    )
    parser.add_argument(
        "--balance",
        default="auto",
        metavar="NAME",
        help="picture (most bytes for colors and detail), structure (most bytes for strokes) or auto (structure with "
        "--decoder sd15 or --edges openpose, else picture)",
    )
    parser.add_argument(
        "--cubic-colors", action="store_true", help="sample the colors as the paper's code does (for --preset paper)"
    )
    parser.add_argument(
        "--recipe",
        action="store_true",
        help="for a picture generated with AUTOMATIC1111, Forge or ComfyUI: store only the prompt and settings in its "
        "metadata; decode with --decoder sd15 and the same checkpoint",
    )
    parser.add_argument("--keep-layers", action="store_true", help="with --recipe: also store the sketch and colors")
    parser.add_argument("--seed", type=_integer(0), metavar="N", help="random seed for the decoder, stored in the file")
    parser.add_argument(
        "--best-of", type=_integer(1), metavar="N", help="decode with N seeds, up to 256, and store the best one"
    )
    _add_decoder_options(parser)
    add_job_options(parser)


def _add_decode(parser: argparse.ArgumentParser) -> None:
    _add_input(parser, "F.tril|SOURCE", "a .tril file, one entry F.parquet#path, or many: a source as for encode")
    _add_output(parser, "OUT.png|DIR|F.parquet", "the PNG file, folder or Parquet archive to write")
    _add_overwrite(parser)
    parser.add_argument(
        "--layers", type=_layer_numbers, default=(1, 2, 3), metavar="1,2,3", help="1: words, 2: lines, 3: colors"
    )
    parser.add_argument(
        "--with-layers", action="store_true", help="embed the layers in the PNG, so that it can be used as a .tril file"
    )
    parser.add_argument(
        "--seed", type=_integer(0), metavar="N", help="random seed (default: the seed in the file, or else 0)"
    )
    _add_decoder_options(parser)
    add_job_options(parser)


def _add_inspect(parser: argparse.ArgumentParser) -> None:
    _add_input(parser, "F.tril|F.parquet", "a .tril file, an archive, or one entry of it as F.parquet#path")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--where", metavar="CONDITION", help="list the entries of an archive, such as: prompt contains 'red car'"
    )
    parser.add_argument(
        "--histogram", metavar="F.png", help="draw the file sizes of an archive and the mean bytes of each layer"
    )
    parser.add_argument("--compare", action="store_true", help="show the size of each layer in other formats")


def _add_cut(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    parser.add_argument("--bytes", type=_integer(1), metavar="N", required=True, help="maximum size of the file")
    _add_output(parser, "F.tril", "the file to write")
    _add_overwrite(parser)


def _add_erase(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    parser.add_argument(
        "mask", metavar="MASK", help="a picture that is white, or painted on a clear ground, at the object"
    )
    _add_output(parser, "F.tril", "the file to write")
    _add_overwrite(parser)


def _add_layers(parser: argparse.ArgumentParser) -> None:
    _add_input(parser, "F.tril|DIR", "a .tril file, or a folder of layers")
    _add_output(parser, "DIR|F.tril", "the folder or file to write")
    _add_overwrite(parser)


def _add_decoder_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--decoder", default="painter", metavar="NAME", help="painter, painter-preview, sd15 or sdxl (default: painter)"
    )
    group = parser.add_argument_group("Stable Diffusion (sd15, sdxl)", "defaults come from the preset")
    group.add_argument(
        "--preset",
        metavar="NAME",
        help="fast, quality, paper (sd15) or turbo (sdxl) (default: the file's settings, or else quality)",
    )
    group.add_argument("--steps", type=_integer(1), metavar="N", help="denoising steps, up to 255")
    group.add_argument("--guidance", type=float, metavar="G", help="guidance scale of the prompt, 0 to 63.75")
    group.add_argument("--scheduler", metavar="NAME", help="pndm, ddim, euler, dpmpp_2m_karras, unipc, lcm, ...")
    group.add_argument(
        "--structure-strength", type=float, metavar="S", help="conditioning scale of the sketch or pose, 0 to 2"
    )
    group.add_argument("--color-strength", type=float, metavar="S", help="conditioning scale of the colors, 0 to 2")
    group.add_argument(
        "--adapter-until",
        type=float,
        metavar="S",
        help="fraction of the steps, from the first, that use the sketch and colors, 0 to 1",
    )
    group.add_argument("--control", metavar="NAME", help="t2i (T2I-Adapters), controlnet (sd15) or union (sdxl)")
    group.add_argument(
        "--strength", type=float, metavar="S", help="start from the painter's picture with this much noise, 0.5 to 0.9"
    )
    group.add_argument(
        "--noise", metavar="NAME", help="generator of the initial noise: trilayer, torch (as in ComfyUI) or a1111"
    )
    group.add_argument(
        "--clip-skip", type=_integer(1), metavar="N", help="layer of the text encoder to use, counted from the last"
    )
    group.add_argument(
        "--weights", metavar="NAME", help="how to read prompt weights such as (word:1.2): a1111, comfyui or none"
    )
    group.add_argument("--models", metavar="DIR", help="folder with one subfolder per model, named after the model")
    group.add_argument("--checkpoint", metavar="PATH", help="the base model: a folder, or for sd15 a .safetensors file")
    group.add_argument("--device", metavar="NAME", help="cuda, mps or cpu (default: the fastest available)")


def _add_input(parser: argparse.ArgumentParser, metavar: str = "F.tril", description: str = "a .tril file") -> None:
    parser.add_argument("file", metavar=metavar, help=description)
    parser.add_argument("--salvage", action="store_true", help="use the undamaged layers of a damaged file")


def _add_output(parser: argparse.ArgumentParser, metavar: str, description: str) -> None:
    parser.add_argument("-o", "--output", metavar=metavar, required=True, help=description)


def _add_overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace output files that exist")


# argument types


def _integer(minimum: int) -> Callable[[str], int]:
    """Return an argument type: decimal integers of at least `minimum`."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 25 and int(text) >= minimum):
            raise argparse.ArgumentTypeError(f"{printable(text)[:40]!r} is not a whole number of {minimum} or more")
        return int(text)

    return parse


def _grid(text: str) -> int | tuple[int, int]:
    sides = [_integer(2)(side) for side in text.split("x")]
    if len(sides) > 2 or max(sides) > 64:
        raise argparse.ArgumentTypeError("give one number or ROWSxCOLS, 2 to 64")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def _layer_numbers(text: str) -> tuple[int, ...]:
    numbers = text.split(",")
    if not set(numbers) <= {"1", "2", "3"}:
        raise argparse.ArgumentTypeError("give one or more of 1,2,3")
    return tuple(sorted({int(number) for number in numbers}))
