"""The format is frozen: every golden file reads as it always did, and is written again byte for byte."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from codec import Colormap, Layers, Pose, Prompt, container, tables
from codec.errors import Corrupt, FormatError, ModelMissing
from codec.rangecoder import Bit, Encoder
from codec.v1 import coefficients, words
from tests.fuzz.mutator import KNOWN
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
        layers = replace(layers, version=Layers.from_bytes((newest / f"{name}.tril").read_bytes()).version)
        if layers.version == 1 and layers.texture:  # what levels a map gets has changed since
            continue
        assert layers.to_bytes() == (newest / f"{name}.tril").read_bytes(), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_cut_flip_and_append_of_a_golden_file_is_refused(path: Path) -> None:
    """By the frame alone, before a layer is read; of a large file every so many."""
    data = path.read_bytes()
    step = len(data) // 2000 + 1
    cuts = [data[:length] for length in range(0, len(data), step)]
    longer = [data + bytes([value]) for value in range(256)]
    for broken in (*cuts, *longer):
        with pytest.raises(FormatError):
            container.unpack(broken, known=KNOWN)
    flipped = bytearray(data)
    for bit in range(0, 8 * len(data), step):
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            container.unpack(bytes(flipped), known=KNOWN)
        flipped[bit // 8] ^= 1 << bit % 8


def too_long_a_text() -> tuple[type, bytes]:
    """4,097 letters, which match so well that they take a handful of bytes."""
    coder = Encoder()
    coder.choice((13, 2, 1), 0)
    with patch.object(words, "MAX_TEXT", 5000):
        words.syntax(coder, 0, (b"a" * 4097, b""))
    return Prompt, coder.finish()


def nobody() -> tuple[type, bytes]:
    """A pose with a person of whom no keypoint is seen."""
    coder = Encoder()
    coder.choice((1, 12, 3), 2)
    coder.bit(more := Bit(), 0)
    for _ in range(18):
        coder.bit(Bit(52000), 0)
    coder.bit(more, 1)
    return Pose, coder.finish()


def too_large_a_level() -> tuple[type, bytes]:
    """The coder of numbers goes on where levels end."""
    coder = Encoder()
    coder.choice((1, 15), 1)
    coefficients.syntax(coder, coefficients.Coefficients(4, 4, 20, (40, 0, 32768, *[0] * 45)))
    return Colormap, coder.finish()


def too_long_an_end() -> tuple[type, bytes]:
    """A byte more than the fewest, which decodes to the same."""
    return Colormap, Colormap.from_cells(np.zeros((4, 4, 3), np.uint8)).to_bytes(1) + b"\x01"


@pytest.mark.parametrize("written", [too_long_a_text, nobody, too_large_a_level, too_long_an_end])
def test_what_every_reader_must_refuse(written: Callable[[], tuple[type, bytes]]) -> None:
    kind, payload = written()
    assert len(payload) < 40
    with pytest.raises(Corrupt):
        kind.from_bytes(payload, 1)


@pytest.mark.parametrize("name", ["primer.txt", "stroke_priors.npy", "colour_priors.npy"])
def test_the_tables_of_version_1_are_those_of_its_specification(name: str) -> None:
    """A table is part of the format: another one would read every old file as something else."""
    digest = hashlib.sha256((CODEC / "v1" / name).read_bytes()).hexdigest()
    assert tables.SHA256[f"v1/{name}"] == digest
    assert re.search(rf"{re.escape(name)}`\s+\(SHA-256\s+`{digest}`", (CODEC / "v1" / "FORMAT.md").read_text())


@pytest.mark.parametrize("name", [name for name in tables.SHA256 if "/" not in name])
def test_the_tables_of_version_2_are_those_of_its_specification(name: str) -> None:
    assert tables.read(name)  # of that hash
    assert re.search(rf"{re.escape(name)}`\s+(\(SHA-256\s+)?`{tables.SHA256[name]}`", (CODEC / "FORMAT.md").read_text())


def test_another_table_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tables, "_FOLDER", tmp_path)
    with pytest.raises(ModelMissing, match=r"stroke_priors\.npy"):
        tables.load("v1/stroke_priors.npy")
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "primer.txt").write_text("a cat\n")
    with pytest.raises(ModelMissing, match=r"primer\.txt"):
        tables.read("v1/primer.txt")
