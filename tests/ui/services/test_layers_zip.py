"""Layers as a ZIP, to the browser and back."""

from __future__ import annotations

import io
import random
import zipfile

import pytest

from codec import CodecError, Layers, Pose, Prompt
from codec.errors import FormatError
from codec.folder_io import read_layers
from codec.layers import MAX_SEED
from ui.services import actions, layers_zip
from ui.services.examples import START_FILE

LAYERS = Layers.from_bytes(START_FILE.read_bytes())
POSE = Layers(64, 64, Prompt("a dancer"), Pose((((1024, 200), (1024, 1800), *(None,) * 16),)), seed=MAX_SEED)


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_a_zip_contains_the_same_layers(tmp_path):
    data = layers_zip.pack(POSE)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    assert read_layers(tmp_path) == POSE == layers_zip.unpack(data)
    assert layers_zip.pack(POSE) == data


def test_files_in_a_folder_are_read_too():
    with zipfile.ZipFile(io.BytesIO(layers_zip.pack(LAYERS))) as archive:
        files = {f"cup/{name}": archive.read(name) for name in archive.namelist()}
    assert layers_zip.unpack(packed(files | {"__MACOSX/cup/._prompt.txt": b"x"})) == LAYERS


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (packed({}), "is empty"),
        (packed({"notes.txt": b"x"}), ""),
        (packed({"sketch.svg": bytes(5 << 20)}), "larger than 4 MB"),
        (packed({f"{n}.txt": b"" for n in range(99)}), "more than 32 files"),
        (packed({"../../evil.txt": b"x", "a\\b": b"", "prompt.txt/": b""}), ""),
        (layers_zip.MAGIC + b"x" * 99, "cannot be read"),
    ],
)
def test_a_bad_zip_is_one_sentence(data, message):
    with pytest.raises(CodecError, match=message or None) as error:
        layers_zip.unpack(data)
    assert len(str(error.value)) < 200


def test_a_damaged_zip_gives_layers_or_one_error():
    data, rng = layers_zip.pack(LAYERS), random.Random(1)
    for _ in range(100):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        try:
            assert isinstance(layers_zip.unpack(bytes(damaged)), Layers)
        except CodecError as error:
            assert len(str(error)) < 300


def test_files_with_layers_are_told_from_pictures(tmp_path):
    for name, data, expected in (
        ("a.tril", START_FILE.read_bytes(), True),
        ("b", START_FILE.read_bytes(), True),
        ("no.tril", b"hello", True),
        ("c.zip", layers_zip.pack(LAYERS), True),
        ("d.png", b"\x89PNG\r\n\x1a\n", False),
        ("e.jpg", b"\xff\xd8\xff", False),
    ):
        (tmp_path / name).write_bytes(data)
        assert actions.holds_layers(str(tmp_path / name)) is expected
    with pytest.raises(FormatError, match="this is not a Trilayer file"):
        actions.open_file(str(tmp_path / "no.tril"))
    assert actions.open_file(str(tmp_path / "c.zip")).layers == LAYERS
