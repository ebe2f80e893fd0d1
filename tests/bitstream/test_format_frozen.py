"""The format is frozen: every golden file keeps its content and is written again byte for byte."""

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

FORMAT = Path(__file__).parents[2] / "codec" / "FORMAT.md"
GOLDEN = Path(__file__).parents[1] / "golden"
FILES = sorted(GOLDEN.glob("*/*.tril"))
EXPECTED = {path.parent.name: json.loads(path.read_text()) for path in GOLDEN.glob("*/expected.json")}


def file_id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def test_golden_files_exist() -> None:
    assert len(FILES) >= 50 and EXPECTED


@pytest.mark.parametrize("path", FILES, ids=file_id)
def test_golden_file_has_the_expected_content(path: Path) -> None:
    data = path.read_bytes()
    layers = Layers.from_bytes(data)
    assert layers.to_bytes() == data
    assert json.loads(json.dumps(describe(layers))) == EXPECTED[path.parent.name][path.stem]


def test_encoder_still_writes_the_newest_golden_files() -> None:
    newest = GOLDEN / max(EXPECTED)
    for name, layers in contents().items():
        assert layers.to_bytes() == (newest / f"{name}.tril").read_bytes(), name


@pytest.mark.parametrize("path", FILES, ids=file_id)
def test_cut_flipped_or_extended_golden_file_is_rejected(path: Path) -> None:
    """The container alone rejects it. Of large files only every n-th cut and bit is tested."""
    data = path.read_bytes()
    step = len(data) // 500 + 1
    cut = [data[:length] for length in range(0, len(data), step)]
    extended = [data + bytes([value]) for value in range(256)]
    for damaged in (*cut, *extended):
        with pytest.raises(FormatError):
            container.unpack(damaged, known_chunks=KNOWN)
    flipped = bytearray(data)
    for bit in range(0, 8 * len(data), step):
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            container.unpack(bytes(flipped), known_chunks=KNOWN)
        flipped[bit // 8] ^= 1 << bit % 8


@pytest.mark.parametrize("name", list(tables.SHA256))
def test_table_has_the_hash_in_the_specification(name: str) -> None:
    assert tables.read(name)  # raises unless the file has the hash in tables.py
    assert re.search(rf"`{re.escape(name)}`[ |]+`{tables.SHA256[name]}`", FORMAT.read_text())


def test_missing_or_replaced_table_is_rejected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tables, "_FOLDER", tmp_path)
    with pytest.raises(ModelMissing, match=r"stroke_starts\.npy"):
        tables.load_priors("structure/stroke_starts.npy")
    (tmp_path / "semantic").mkdir()
    (tmp_path / "semantic" / "words.xz").write_text("a cat\n")
    with pytest.raises(ModelMissing, match=r"words\.xz"):
        tables.read("semantic/words.xz")
