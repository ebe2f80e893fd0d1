"""Compare the size of prompts with general compressors: `python -m tests.words_bench FILE...`

Each FILE has one text per line. The compressors get each text alone, as the codec does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from codec.bench.lossless_codecs import TEXT_CODECS, missing_packages
from codec.semantic.prompt import MAX_TEXT, Prompt


def mean_sizes(texts: Sequence[str]) -> dict[str, float]:
    """Return the mean bytes per text by method; `characters` is the mean length."""
    methods: dict[str, Callable[[str], int]] = {"characters": len, "UTF-8": lambda text: len(text.encode())}
    for codec in TEXT_CODECS:
        if codec.name not in missing_packages(TEXT_CODECS):
            methods[codec.name] = lambda text, write=codec.write: len(write(text))
    methods["Trilayer"] = lambda text: len(Prompt(text).to_bytes())
    return {name: sum(map(size, texts)) / len(texts) for name, size in methods.items()}


def read_texts(path: Path) -> list[str]:
    """Return the lines of a file that are neither empty nor too long for a prompt."""
    return [line for line in path.read_text("utf-8").split("\n") if 0 < len(line.encode()) <= MAX_TEXT]


def table(texts_by_name: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, with a row for each list of texts."""
    lines: list[str] = []
    for name, texts in texts_by_name.items():
        means = mean_sizes(texts)
        if not lines:
            lines = ["| texts | number | " + " | ".join(means) + " |", "|---" * (len(means) + 2) + "|"]
        lines.append(f"| {name} | {len(texts)} | " + " | ".join(f"{mean:.1f}" for mean in means.values()) + " |")
    return lines


def main() -> None:
    """Print a table with a row for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="texts, one per line, UTF-8")
    texts_by_name = {path.stem: read_texts(path) for path in parser.parse_args().files}
    for name, texts in texts_by_name.items():
        if not texts:
            parser.error(f"{name} contains no text")
    print("\n".join(table(texts_by_name)))
    for name, command in missing_packages(TEXT_CODECS).items():
        print(f"\n{name} is not installed: {command}")


if __name__ == "__main__":
    main()
