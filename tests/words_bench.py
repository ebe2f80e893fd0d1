"""How many bytes texts take as prompts, and in general compressors: `python -m tests.words_bench FILE...`

A FILE has one text a line. The general compressors get each text alone, as a codec would.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from codec.bench.lossless_codecs import TEXT_CODECS, missing_packages
from codec.semantic.prompt import Prompt


def sizes(texts: Sequence[str]) -> dict[str, float]:
    """Mean bytes per text, by method; `characters` is their mean length."""
    methods: dict[str, Callable[[str], int]] = {"characters": len, "UTF-8": lambda text: len(text.encode())}
    for rival in TEXT_CODECS:
        if rival.name not in missing_packages(TEXT_CODECS):
            methods[rival.name] = lambda text, write=rival.write: len(write(text))
    methods["Trilayer"] = lambda text: len(Prompt(text).to_bytes())
    return {name: sum(map(size, texts)) / len(texts) for name, size in methods.items()}


def texts(path: Path) -> list[str]:
    """The lines of a file that a prompt can hold, without those that are empty."""
    return [line for line in path.read_text("utf-8").split("\n") if 0 < len(line.encode()) <= 4096]


def table(files: Mapping[str, Sequence[str]]) -> list[str]:
    """The lines of a Markdown table: a row for each list of texts, by name."""
    out: list[str] = []
    for name, lines in files.items():
        means = sizes(lines)
        if not out:
            out = ["| texts | number | " + " | ".join(means) + " |", "|---" * (len(means) + 2) + "|"]
        out.append(f"| {name} | {len(lines)} | " + " | ".join(f"{mean:.1f}" for mean in means.values()) + " |")
    return out


def main() -> None:
    """Print a table, a row for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    files = {path.stem: texts(path) for path in parser.parse_args().files}
    for name, lines in files.items():
        if not lines:
            parser.error(f"{name} has no text")
    print("\n".join(table(files)))
    for name, remedy in missing_packages(TEXT_CODECS).items():
        print(f"\n{name} is not installed: {remedy}")


if __name__ == "__main__":
    main()
