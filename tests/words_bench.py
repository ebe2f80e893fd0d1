"""How many bytes texts take as prompts, and in general compressors: `python -m tests.words_bench FILE...`

A FILE has one text a line. The general compressors get each text alone, as a codec would.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from codec.rivals import TEXTS
from codec.semantic import Prompt


def sizes(texts: Sequence[str]) -> dict[str, float]:
    """Mean bytes per text, by method; `characters` is their mean length."""
    methods: dict[str, Callable[[str], int]] = {"characters": len, "UTF-8": lambda text: len(text.encode())}
    methods |= {rival.name: lambda text, write=rival.write: len(write(text)) for rival in TEXTS}
    methods["Trilayer"] = lambda text: len(Prompt(text).to_bytes())
    return {name: sum(map(size, texts)) / len(texts) for name, size in methods.items()}


def main() -> None:
    """Print a table, a row for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    for row, path in enumerate(parser.parse_args().files):
        lines = [line for line in path.read_text("utf-8").split("\n") if 0 < len(line.encode()) <= 4096]
        if not lines:
            parser.error(f"{path} has no text")
        means = sizes(lines)
        if not row:
            print("| texts | number | " + " | ".join(means) + " |")
            print("|---" * (len(means) + 2) + "|")
        print(f"| {path.stem} | {len(lines)} | " + " | ".join(f"{mean:.1f}" for mean in means.values()) + " |")


if __name__ == "__main__":
    main()
