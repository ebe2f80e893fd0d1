"""The annotated dump in FORMAT.md, made by the reader in that document.

After a change of the format or its tables, `python -m tests.golden.dump` replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.format_reader import FORMAT, format_reader

FILE: Final = Path(__file__).parent / "1" / "layered.tril"
BLOCK: Final = re.compile(r"(?<=## An example\n).*?(?=\n## )", re.S)
MAX_SYMBOLS: Final = 16  # of each payload
CALLS: Final = ("uniform", "choice", "flag", "bit", "number", "symbol")

Trace = list[str]


def section() -> str:
    """Return the text of the section "An example" of FORMAT.md."""
    data = FILE.read_bytes()
    content = format_reader().read_file(data)
    blocks = [
        f"The bytes of `tests/golden/1/{FILE.name}`, a picture of 512 x 512 pixels, in hexadecimal:",
        fence(dump(data)),
        f"The first {MAX_SYMBOLS} symbols of each payload. `range` and `low_code` are the decoder's after the symbol;\n"
        "`range` starts as FFFFFFFF, `low_code` as the first four bytes. An adaptive model is given as p and n before\n"
        "the symbol.",
        *(f"{name}:\n\n{fence(symbols(function, payload))}" for name, function, payload in payloads(data)),
        "The content:",
        fence("\n".join(summary(content))),
    ]
    return "\n" + "\n\n".join(blocks) + "\n"


def fence(text: str) -> str:
    """Return a block of preformatted text in Markdown."""
    return f"```text\n{text}\n```"


def dump(data: bytes) -> str:
    """Return the fields of a file with a size code, one a line, with long payloads on several lines."""
    lines = []
    at = 0

    def add(count: int, meaning: str) -> bytes:
        nonlocal at
        field = data[at : at + count]
        for start in range(0, count, 16):
            text = field[start : start + 16].hex(" ").upper()
            lines.append(f"{at + start:6}  {text:47}  {'' if start else meaning}".rstrip())
        at += count
        return field

    add(2, "magic")
    add(1, f"version 1, {'extensions' if data[2] & 16 else 'no extensions'}, size code {data[2] & 15}")
    for name in ("semantic", "structure", "texture"):
        length = add(1, f"length of the {name} payload")[0]
        add(1, "check byte")
        add(length, f"{name} payload")
    add(2, "extension C1 (E1 with bit 5: short form): the seed")
    add(2, "checksum")
    assert at == len(data)
    return "\n".join(lines)


def payloads(data: bytes) -> Iterator[tuple[str, Callable[[bytes], Any], bytes]]:
    """Yield the name of each payload, the function that reads it, and its bytes."""
    reader = format_reader()
    file = reader.Fields(data)
    file.take(3)
    names = ("Semantic payload", "Structure payload", "Base colors")
    for name, function in zip(names, (reader.read_semantic, reader.read_structure, reader.read_base), strict=True):
        length = file.varint()
        file.byte()
        payload = file.take(length)
        if function is not reader.read_base:
            yield name, function, payload
    base_end = 1 + payload[0]  # below 255
    yield "Base colors", reader.read_base, payload[1:base_end]
    yield "Detail", reader.read_detail, payload[base_end:]


def symbols(function: Callable[[bytes], Any], payload: bytes) -> str:
    """Return the first symbols of a payload, one a line."""
    trace: Trace = [f"{'call':48} {'value':>6}  {'range':8}  low_code"]
    names = format_reader().read_file.__globals__
    original = names["Decoder"]
    names["Decoder"] = tracing(original, trace)
    try:
        function(payload)
    finally:
        names["Decoder"] = original
    first = 1 + (function.__name__ == "read_structure")  # its kind is read twice
    return "\n".join([trace[0], *trace[first : first + MAX_SYMBOLS]])


def tracing(decoder: Any, trace: Trace) -> Any:
    """Return a subclass of a decoder that adds its calls to the trace; not the calls that these make in turn."""
    depth = 0  # of nested calls

    def traced(name: str) -> Callable[..., int]:
        def call(self: Any, *arguments: Any) -> int:
            nonlocal depth
            text = describe_call(name, arguments)
            depth += 1
            try:
                value: int = getattr(decoder, name)(self, *arguments)
            finally:
                depth -= 1
            if not depth:
                trace.append(f"{text:48} {value:6}  {self.range:08X}  {self.low_code:08X}")
            return value

        return call

    return type("TracingDecoder", (decoder,), {name: traced(name) for name in CALLS})


def describe_call(name: str, arguments: tuple[Any, ...]) -> str:
    """Return a call as the text of FORMAT.md writes it."""
    if name == "bit":
        return f"bit(p = {arguments[0].p}, n = {arguments[0].n})"
    if name == "symbol":
        return f"symbol({arguments[0]}, F), F({arguments[0]}) = {arguments[1](arguments[0])}"
    if name == "number":
        return f"number, {len(arguments[0].length)} bits"
    shown = [*map(str, arguments[:8]), *(["..."] if len(arguments) > 8 else [])]
    return f"{name}({', '.join(shown)})"


def summary(content: dict[str, Any]) -> Iterator[str]:
    """Yield lines about the content of a file that holds all layers."""
    columns, rows, strokes = content["structure"]
    texture, detail = content["texture"], content["texture"]["detail"]
    prompt, negative = content["semantic"]
    yield f'prompt           "{prompt}", negative prompt "{negative}", seed {content["seed"]}'
    yield f"sketch           {columns} x {rows} cells, {len(strokes)} stroke, x,y of its cells:"
    for stroke in strokes:
        yield f"                 {' '.join(f'{x},{y}' for x, y in stroke)}"
    yield f"base colors      {texture['rows']} x {texture['columns']}, step {texture['step']}, ratio {texture['ratio']}"
    for channel, levels in zip("Lab", texture["levels"], strict=True):
        yield f"  levels of {channel}    row 0: {' '.join(map(str, levels[0]))}; row 1: {' '.join(map(str, levels[1]))}"
    yield f"  cells          row 0: {' '.join(bytes(map(int, cell)).hex().upper() for cell in texture['cells'][0])}"
    yield f"  spots          {texture['spots']}"
    levels = detail["levels"]
    yield f"detail           {levels.shape[1]} x {levels.shape[2]} cells, quality {detail['quality']}; levels except 0:"
    for channel, row, column in np.argwhere(levels).tolist():
        yield f"                 channel {channel}, row {row}, column {column}: {levels[channel, row, column]}"
    picture = format_reader().small_picture(texture, *levels.shape[1:])
    row, column = (int(place) for place in np.argwhere(levels)[0][1:])
    pixels = picture[8 * row, 8 * column : 8 * column + 8]
    yield f"small picture    row {8 * row}, columns {8 * column} to {8 * column + 7}:"
    yield f"                 {' '.join(bytes(map(int, pixel)).hex().upper() for pixel in pixels)}"


def main() -> None:
    """Replace the section in FORMAT.md."""
    text = FORMAT.read_text(encoding="utf-8")
    FORMAT.write_text(BLOCK.sub(lambda _: section(), text), encoding="utf-8")


if __name__ == "__main__":
    main()
