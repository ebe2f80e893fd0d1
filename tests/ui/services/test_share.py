"""Links that contain the image."""

from __future__ import annotations

import re

import pytest

from codec import CodecError, Layers, Pose, Prompt
from codec.batch import archive
from codec.layers import MAX_SEED
from ui.services import share
from ui.services.examples import START_FILE

LAYERS = Layers.from_bytes(START_FILE.read_bytes())
POSE = Layers(64, 64, Prompt("a dancer"), Pose((((1024, 200), (1024, 1800), *(None,) * 16),)), seed=MAX_SEED)


@pytest.mark.parametrize("layers", [LAYERS, POSE, Layers(1, 1, Prompt("x"))])
def test_a_link_contains_the_file(layers):
    assert share.from_link(share.to_link(layers)).layers == layers
    assert re.fullmatch("[A-Za-z0-9_-]+", share.to_link(layers))


@pytest.mark.parametrize(
    "text", [None, 5, [], {}, "", "=", "A", "AAAA", "a b", "é", "<img src=x>", "-_-_", "A" * 100_000, "s0w", "s0z///"]
)
def test_an_invalid_link_is_one_sentence(text):
    with pytest.raises(CodecError) as error:
        share.from_link(text)
    assert "link contains no image" in str(error.value) and len(str(error.value)) < 160


def test_intact_layers_of_a_truncated_link_are_opened():
    link = share.to_link(LAYERS)
    for end in (1, 2, 3, 4):
        opened = share.from_link(link[: -30 - end])
        assert opened.warning and opened.layers.semantic == LAYERS.semantic


def test_a_file_or_an_entry_of_an_archive_has_a_link(tmp_path):
    pytest.importorskip("pyarrow")
    target = tmp_path / "a.parquet"
    target.mkdir()
    archive.write_part(target, archive.part_name(1, 1), [{"path": "b/c.png", "error": "", **archive.describe(LAYERS)}])
    for address in (str(START_FILE), f"{target}#b/c.png"):
        assert share.from_link(share.file_link(address)).layers == LAYERS
    with pytest.raises(CodecError, match=r"a.parquet has no entry d.png"):
        share.file_link(f"{target}#d.png")
