"""Measure precision and coverage of the subject words: `python -m tests.subject_bench DIR LABELS.tsv`.

A line of LABELS.tsv is a file name in DIR, a tab, and the right words, separated by commas ("-" if there is none). A
wider word counts as right if it is listed. Prints the wrong words, then precision and how often a word was given.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from codec.encoder.prompt.subject import subject_words
from codec.images.io import load


def main() -> None:
    """Print the wrong words, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("labels", type=Path)
    args = parser.parse_args()
    rows = [line.split("\t") for line in args.labels.read_text(encoding="utf-8").splitlines() if line]
    given = right = 0
    for name, labels in rows:
        word = subject_words(load(args.folder / name).pixels)
        if word is None:
            continue
        given += 1
        if word in labels.split(","):
            right += 1
        else:
            print(f"{name}: {word}, not {labels}")
    precision = f"{right / given:.3f}" if given else "-"
    print(f"precision {precision} ({right} of {given} words), given for {given} of {len(rows)} pictures")


if __name__ == "__main__":
    main()
