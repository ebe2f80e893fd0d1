"""The format is frozen: every golden file reads as it always did, and is written again byte for byte."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from codec import Layers
from codec.bitstream import container, tables
from codec.errors import FormatError, ModelMissing
from tests.fuzz.mutator import KNOWN
from tests.golden.write import contents, describe

CODEC = Path(__file__).parents[2] / "codec"
GOLDEN = Path(__file__).parents[1] / "golden"
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


@pytest.mark.parametrize("name", list(tables.SHA256))
def test_tables_match_the_hashes_in_the_specification(name: str) -> None:
    assert tables.read(name)  # of that hash
    assert re.search(rf"{re.escape(name)}`\s+(\(SHA-256\s+)?`{tables.SHA256[name]}`", (CODEC / "FORMAT.md").read_text())


def test_another_table_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tables, "_FOLDER", tmp_path)
    with pytest.raises(ModelMissing, match=r"stroke_starts\.npy"):
        tables.load_priors("structure/stroke_starts.npy")
    (tmp_path / "semantic").mkdir()
    (tmp_path / "semantic" / "words.xz").write_text("a cat\n")
    with pytest.raises(ModelMissing, match=r"words\.xz"):
        tables.read("semantic/words.xz")
