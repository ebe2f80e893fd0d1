"""The format is frozen: every golden file reads as it always did, and is written again byte for byte."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from codec import Layers
from codec.errors import FormatError
from tests.golden.write import contents, describe

CODEC = Path(__file__).parent.parent / "codec"
GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*/*.tril"))
MEANT = {
    folder.name: json.loads((folder / "meant.json").read_text())
    for folder in GOLDEN.iterdir()
    if folder.is_dir() and (folder / "meant.json").exists()
}


def test_there_are_golden_files() -> None:
    assert len(FILES) >= 50 and MEANT


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_reads_and_writes_as_it_did(path: Path) -> None:
    data = path.read_bytes()
    layers = Layers.from_bytes(data)
    assert layers.to_bytes() == data
    meant = MEANT[path.parent.name][path.stem]
    assert json.loads(json.dumps(describe(layers))) == meant


def test_todays_writer_still_writes_the_newest_files() -> None:
    """From content to bytes: the writer, too, is frozen."""
    newest = GOLDEN / max(MEANT)
    for name, layers in contents().items():
        assert layers.to_bytes() == (newest / f"{name}.tril").read_bytes(), name


@pytest.mark.parametrize("name", ["photo", "example", "pose", "extra"])
def test_every_cut_flip_and_append_of_a_golden_file_is_refused(name: str) -> None:
    data = (GOLDEN / max(MEANT) / f"{name}.tril").read_bytes()
    broken = [data[:length] for length in range(len(data))]
    broken += [data + bytes([value]) for value in range(256)]
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        broken.append(bytes(flipped))
    for one in broken:
        with pytest.raises(FormatError):
            Layers.from_bytes(one)


@pytest.mark.parametrize("name", ["primer.txt", "stroke_priors.npy", "colour_priors.npy"])
def test_the_tables_are_those_of_the_specification(name: str) -> None:
    """A table is part of the format: another one would read every old file as something else."""
    digest = hashlib.sha256((CODEC / name).read_bytes()).hexdigest()
    assert re.search(rf"{re.escape(name)}`\s+\(SHA-256\s+`{digest}`", (CODEC / "FORMAT.md").read_text())
