"""The command line: `python -m codec`. See `python -m codec --help`."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from codec import CodecError, Layers, __version__
from codec.cli import folder_commands
from codec.cli.bench_command import add_parser as add_bench_parser
from codec.cli.model_commands import add_parser as add_models_parser
from codec.encoder.options import EncodeOptions
from codec.images import png_chunk
from codec.summary import facts as facts_of

if TYPE_CHECKING:
    from codec.decoders import Step
    from codec.decoders.sd15.options import Options
    from codec.encoder.extract import Extraction

_MAX_INPUT = 1 << 20  # bytes read of a .tril; the format ends at 64 KiB and says so itself

_EXAMPLES = """\
examples:
  python -m codec encode photo.jpg -o photo.tril --prompt "a castle on a hill"
  python -m codec inspect photo.tril
  python -m codec decode photo.tril -o picture.png --layers 1,3
  python -m codec layers photo.tril -o folder     (edit what is in it, then)
  python -m codec layers folder -o edited.tril

A file named - is standard input or output.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command -> its exit code: 0, 1 after an error, 2 for wrong usage, 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not know all letters
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        if sys.stdout:
            sys.stdout.flush()
    except CodecError as error:
        return _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit must not fail
        return 128 + signal.SIGPIPE
    except OSError as error:
        name = f"{os.path.basename(str(error.filename))}: " if error.filename else ""
        return _fail(f"{name}{error.strerror or error}")
    except MemoryError:
        return _fail("there is not enough memory for this picture")
    except KeyboardInterrupt:
        _fail("stopped")
        return 128 + signal.SIGINT
    return 0


def _fail(message: str) -> int:
    start = "\r\033[K" if sys.stderr.isatty() else ""  # over a line of progress
    print(f"{start}trilayer: {printable(message)}", file=sys.stderr)
    return 1


def printable(text: str) -> str:
    """Text from a file, safe on a terminal: controls and the invisible are spelled out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


# commands


def _encode(options: argparse.Namespace) -> None:
    from codec.encoder.extract import extract
    from codec.seed_search import COST

    if options.best_of and options.seed is not None:
        raise CodecError("--seed and --best-of exclude each other: one says which seed, the other looks for it")
    if not options.best_of and (options.decoder != "painter" or _given(options)):
        raise CodecError("a decoder and its options are for --best-of N")
    if os.path.isdir(options.image):
        _encode_folder(options)
        return
    source = sys.stdin.buffer if options.image == "-" else options.image
    found = extract(
        source,
        _encode_options(options),
        reserved_bytes=COST if options.best_of else 0,
    )
    layers = _searched(options, found) if options.best_of else found.layers
    data = layers.to_bytes()
    _write(options.output, data)
    size = f"{len(data)} bytes, {layers.bpp(len(data)):.4f} bits per pixel"
    _say(options, f"{options.output}: {size}; prompt: {found.prompt_source}")


def _encode_folder(options: argparse.Namespace) -> None:
    from codec.batch.folders import Encode

    if options.best_of:
        raise CodecError("--best-of is for one picture")
    folder_commands.run(Encode(_encode_options(options)), options, options.image)


def _encode_options(options: argparse.Namespace) -> EncodeOptions:
    return EncodeOptions(**{field.name: getattr(options, field.name) for field in fields(EncodeOptions)})


def _searched(options: argparse.Namespace, found: Extraction) -> Layers:
    """With the best of some seeds."""
    from codec.decoders import get
    from codec.seed_search import best_of

    decoder = get(options.decoder, _settings(options))
    shown = _progress if sys.stderr.isatty() else None
    return best_of(found.picture.pixels, replace(found.layers, seed=None), decoder, options.best_of, shown)


def _decode(options: argparse.Namespace) -> None:
    from codec.decoders import get
    from codec.images.io import encode_png

    if os.path.isdir(options.file):
        from codec.batch.folders import Decode

        work = Decode(options.decoder, _settings(options), options.layers, options.seed)
        folder_commands.run(work, options, options.file)
        return
    decoder = get(options.decoder, _settings(options))
    layers = _open(options).only(options.layers)
    shown = _progress if sys.stderr.isatty() else None
    pixels = decoder.decode(layers, seed=options.seed, on_step=shown)
    png = encode_png(pixels)
    _write(options.output, png_chunk.embed(png, layers.to_bytes()) if options.with_layers else png)
    _say(options, f"{options.output}: {layers.width} x {layers.height} pixels")


def _settings(options: argparse.Namespace) -> Options | None:
    """What was said about the Stable Diffusion decoder, if that is the one."""
    given = _given(options)
    if options.decoder != "sd15":
        if given:
            raise CodecError(f"--{next(iter(given)).replace('_', '-')} is for --decoder sd15")
        return None
    from pathlib import Path

    from codec.decoders.sd15.options import Options

    for name in ("models", "checkpoint"):
        if name in given:
            given[name] = Path(given[name])
    return Options(follow="preset" not in given, **given)


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """What was said about the Stable Diffusion decoder."""
    return {name: getattr(options, name) for name in _SD15 if getattr(options, name) is not None}


def _inspect(options: argparse.Namespace) -> None:
    layers = _open(options)
    facts = facts_of(layers)
    shown = _table(facts)
    if options.compare:
        from codec.bench.layer_comparison import compare, table

        facts["compare"] = compare(layers)
        shown += "\n\n" + table(facts["compare"])
    print(json.dumps(facts, indent=1) if options.json else shown)


def _cut(options: argparse.Namespace) -> None:
    from codec.editing.edits import cut

    layers = _open(options)
    shorter = cut(layers, options.bytes)
    data = shorter.to_bytes()
    _write(options.output, data)
    _say(options, f"{options.output}: {len(data)} bytes, {_strokes(shorter)} of {_strokes(layers)} strokes")


def _strokes(layers: Layers) -> int:
    from codec.structure.sketch import Sketch

    return len(layers.structure.strokes) if isinstance(layers.structure, Sketch) else 0


def _layers(options: argparse.Namespace) -> None:
    from codec.folder_io import FILES, read_layers, write_layers

    if options.file != "-" and os.path.isdir(options.file):
        data = read_layers(options.file).to_bytes()
        _write(options.output, data)
        _say(options, f"{options.output}: {len(data)} bytes")
        return
    if options.output == "-":
        raise CodecError("layers are written to a folder: give one with -o")
    write_layers(_open(options), options.output)
    written = [name for name in FILES if os.path.exists(os.path.join(options.output, name))]
    _say(options, f"{options.output}: {', '.join(written)}")


# what inspect tells


def _table(facts: dict[str, Any]) -> str:
    lines = [f"{'part':<12}{'bytes':>8}{'bits':>8}{'bpp':>10}"]
    for name, part in facts["parts"].items():
        lines.append(f"{name:<12}{part['bytes']:>8}{part['bits']:>8}{part['bpp']:>10.5f}")
    shown = {
        "size": f"{facts['width']} x {facts['height']}",
        "prompt": facts["prompt"] or "none",
        "negative": facts["negative"],
        "lines": _lines(facts["structure"]),
        "colors": _colors(facts["colors"]),
        "seed": "none" if facts["seed"] is None else str(facts["seed"]),
        "settings": ", ".join(f"{k} {_shown(v)}" for k, v in (facts["settings"] or {}).items() if v is not None),
    }
    lines.append("")
    lines += [f"{name:<12}{printable(value)}" for name, value in shown.items() if value]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return f"{value[0]} x {value[1]}" if isinstance(value, tuple) else str(value)


def _colors(facts: dict[str, Any] | None) -> str:
    if facts is None:
        return "none"
    painted = f", painted cells: {facts['painted']}" if facts["painted"] else ""
    return f"{facts['rows']} x {facts['cols']} cells (rows x columns), step {facts['step']} of 0 to 63{painted}"


def _lines(facts: dict[str, Any] | None) -> str:
    if facts is None:
        return "none"
    if facts["kind"] == "pose":
        return f"pose, persons: {facts['persons']}"
    return f"sketch of {facts['strokes']} strokes, {facts['points']} points on {facts['cols']} x {facts['rows']} cells"


# files and streams


def _open(options: argparse.Namespace) -> Layers:
    """The layers of options.file; with --salvage what is left of them."""
    if options.file == "-":
        data = sys.stdin.buffer.read(_MAX_INPUT)
    else:
        with open(options.file, "rb") as file:
            data = file.read(_MAX_INPUT)
    data = png_chunk.unwrap(data)
    if not options.salvage:
        return Layers.from_bytes(data)
    layers, damaged = Layers.salvage(data)
    if damaged:
        print(f"trilayer: damaged and left out: {', '.join(damaged)}", file=sys.stderr)
    return layers


def _write(path: str, data: bytes) -> None:
    from codec.atomic_write import write_file

    if path != "-":
        write_file(path, data)
        return
    if not sys.stdout or sys.stdout.isatty():
        raise CodecError("these bytes are not for a terminal: name a file with -o, or pipe them on")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _say(options: argparse.Namespace, what: str) -> None:
    if os.path.isfile(options.output) or os.path.isdir(options.output):  # not into a pipe of bytes
        print(printable(what))


def _progress(step: Step) -> None:
    end = "\n" if step.index == step.total else ""
    print(f"\r\033[K{step.index}/{step.total} {step.label}", end=end, file=sys.stderr, flush=True)


# arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m codec",
        description="Pictures as three layers - words, lines, colors - in a few hundred bytes.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"trilayer {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    encode = _command(commands, "encode", "make a .tril file from a picture", _encode)
    encode.add_argument("image", metavar="IMG|DIR", help="a PNG, JPEG, WebP or AVIF, 1 to 4096 pixels a side; a folder")
    _output(encode, "F.tril|DIR", "the file or folder to write")
    encode.add_argument("--prompt", help="what the picture shows (default: the file's metadata, else its colors)")
    encode.add_argument(
        "--negative", default=EncodeOptions.negative, metavar="TEXT", help="what the picture must not show"
    )
    encode.add_argument("--budget", type=_whole(1), metavar="BYTES", help="of the whole file (default: 0.02 bpp)")
    encode.add_argument("--grid", type=_grid, metavar="N", help="color cells on the longer side, or ROWSxCOLS, 2 to 64")
    encode.add_argument(
        "--edges",
        default=EncodeOptions.edges,
        metavar="NAME",
        help="contours, canny, lineart, drawing (in black and white), pidinet, hed, auto (the best that is here), "
        "or openpose for people (default: contours)",
    )
    encode.add_argument(
        "--captioner",
        default=EncodeOptions.captioner,
        metavar="NAME",
        help="auto (the best that is here), blip2, blip or none",
    )
    encode.add_argument("--seed", type=_whole(0), metavar="N", help="stored for the decoder")

    encode.add_argument(
        "--best-of", type=_whole(1), metavar="N", help="decode with N seeds (to 256), store the one nearest to IMG"
    )
    _decoder_options(encode)
    folder_commands.add_jobs(encode)

    decode = _command(commands, "decode", "paint the picture of a .tril file", _decode)
    _input(decode, "a .tril file, or a folder of them", "F.tril|DIR")
    _output(decode, "OUT.png|DIR", "the PNG or folder to write")
    decode.add_argument(
        "--layers", type=_which, default=(1, 2, 3), metavar="1,2,3", help="use these: 1 words, 2 lines, 3 colors"
    )
    decode.add_argument(
        "--with-layers", action="store_true", help="put the layers inside the PNG: it opens as a .tril file then"
    )
    decode.add_argument("--seed", type=_whole(0), metavar="N", help="of random numbers (default: the file's, else 0)")
    _decoder_options(decode)
    folder_commands.add_jobs(decode)

    inspect = _command(commands, "inspect", "show what a .tril file holds and where its bytes go", _inspect)
    _input(inspect)
    inspect.add_argument("--json", action="store_true", help="for programs")
    inspect.add_argument("--compare", action="store_true", help="with what other formats would take for each layer")

    cut = _command(commands, "cut", "make a .tril file smaller: the last strokes go, no source is needed", _cut)
    _input(cut)
    cut.add_argument("--bytes", type=_whole(1), metavar="N", required=True, help="of the whole file, at most")
    _output(cut, "F.tril", "the file to write")

    layers = _command(commands, "layers", "write the layers to a folder of ordinary files, or back", _layers)
    _input(layers, "a .tril file, or a folder of layers", "F.tril|DIR")
    _output(layers, "DIR|F.tril", "the folder, or the file to write")

    add_models_parser(commands)
    add_bench_parser(commands)
    return parser


_SD15 = (
    *("preset", "steps", "guidance", "scheduler", "structure_strength", "color_strength", "adapter_until"),
    *("control", "models", "checkpoint", "device"),
)


def _decoder_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--decoder", default="painter", metavar="NAME", help="painter, painter-preview or sd15 (default: painter)"
    )
    group = command.add_argument_group("Stable Diffusion (sd15)", "what is not given is the preset's")
    group.add_argument(
        "--preset", metavar="NAME", help="paper, balanced or fast (default: as the file says, else balanced)"
    )
    group.add_argument("--steps", type=_whole(1), metavar="N", help="of denoising, up to 255")
    group.add_argument("--guidance", type=float, metavar="G", help="how much the prompt weighs, 0 to 63.75")
    group.add_argument("--scheduler", metavar="NAME", help="pndm, ddim, euler, dpmpp_2m_karras, unipc, lcm, ...")
    group.add_argument("--structure-strength", type=float, metavar="S", help="of the sketch or pose, 0 to 2")
    group.add_argument("--color-strength", type=float, metavar="S", help="of the colors, 0 to 2")
    group.add_argument("--adapter-until", type=float, metavar="S", help="share of the steps that layers guide, 0 to 1")
    group.add_argument("--control", metavar="NAME", help="t2i (the paper's adapters) or controlnet")
    group.add_argument("--models", metavar="DIR", help="a folder with the models in folders by name")
    group.add_argument("--checkpoint", metavar="PATH", help="the base model: a folder, or one .safetensors file")
    group.add_argument("--device", metavar="NAME", help="cuda, mps or cpu (default: the best there is)")


def _command(commands: Any, name: str, what: str, run: Callable[[Any], None]) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what + ".", allow_abbrev=False)
    command.set_defaults(run=run)
    return command


def _input(command: argparse.ArgumentParser, what: str = "a .tril file", name: str = "F.tril") -> None:
    command.add_argument("file", metavar=name, help=what)
    command.add_argument("--salvage", action="store_true", help="take the undamaged layers of a damaged file")


def _output(command: argparse.ArgumentParser, name: str, what: str) -> None:
    command.add_argument("-o", "--output", metavar=name, required=True, help=what)


def _whole(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 25 and int(text) >= least):
            raise argparse.ArgumentTypeError(f"{printable(text)[:40]!r} is not a whole number from {least}")
        return int(text)

    return parse


def _grid(text: str) -> int | tuple[int, int]:
    sides = [_whole(2)(side) for side in text.split("x")]
    if len(sides) > 2 or max(sides) > 64:
        raise argparse.ArgumentTypeError("give one number or ROWSxCOLS, 2 to 64")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def _which(text: str) -> tuple[int, ...]:
    names = text.split(",")
    if not set(names) <= {"1", "2", "3"}:
        raise argparse.ArgumentTypeError("give one or more of 1,2,3")
    return tuple(sorted({int(name) for name in names}))


if __name__ == "__main__":
    sys.exit(main())
