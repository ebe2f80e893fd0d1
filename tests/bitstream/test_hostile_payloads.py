"""Payloads that every decoder must reject, made by encoders whose limits are lifted.

Those of poses are in tests/structure/test_pose.py, those of sketches in tests/structure/test_sketch.py.
"""

from __future__ import annotations

import pytest

from codec import Colormap, Prompt
from codec.errors import Corrupt
from codec.semantic import prompt as prompt_module
from codec.texture import colormap as colormap_module
from codec.texture import colormap_payload
from tests.samples import example, pose


@pytest.mark.parametrize("text", ["a" * 4097, "a cat, " * 586, "ab" * 2048 + "č"])
@pytest.mark.parametrize("field", ["text", "negative"])
def test_text_of_over_4096_bytes_is_rejected(text: str, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as lifted:
        lifted.setattr(prompt_module, "MAX_TEXT", 5000)
        payload = Prompt(**{field: text}).to_bytes()
    assert len(payload) < 40
    with pytest.raises(Corrupt):
        Prompt.from_bytes(payload)


def test_plain_text_of_over_4096_bytes_is_rejected() -> None:
    with pytest.raises(Corrupt):
        Prompt.from_bytes(b"\xff" + bytes(range(1, 128)) * 33)


def test_text_of_4096_bytes_is_accepted() -> None:
    prompt = Prompt("a" * 4096)
    assert Prompt.from_bytes(prompt.to_bytes()) == prompt


@pytest.mark.parametrize("level", [32768, -32768])
@pytest.mark.parametrize("index", [32, 5])  # in the mean color, and in another coefficient
def test_level_of_over_32767_is_rejected(level: int, index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = [40, *[0] * 47]
    levels[index] = level
    with monkeypatch.context() as lifted:
        lifted.setattr(colormap_module, "MAX_LEVEL", 32768)
        lifted.setattr(colormap_payload, "MAX_LEVEL", 32768)
        payload = Colormap(4, 4, 20, tuple(levels)).to_bytes()
    assert len(payload) < 40
    with pytest.raises(Corrupt, match="level"):
        Colormap.from_bytes(payload)


@pytest.mark.parametrize("end", [b"\0", b"\1", b"\0\0"])
def test_prompt_or_pose_with_a_longer_end_than_needed_is_rejected(end: bytes) -> None:
    prompt = example().semantic
    assert prompt is not None
    for layer in (prompt, Prompt("猫が好き"), pose()):
        with pytest.raises(Corrupt):
            type(layer).from_bytes(layer.to_bytes() + end)


@pytest.mark.parametrize("name", ["structure", "texture"])
def test_sketch_or_colormap_with_more_bytes_keeps_its_content_and_bytes(name: str) -> None:
    """Any prefix of such a payload is a payload, so further bytes only add strokes or levels."""
    layer = getattr(example(), name)
    longer = layer.to_bytes() + b"\x01"
    decoded = type(layer).from_bytes(longer)
    assert decoded.to_bytes() == longer
    if name == "structure":
        assert decoded.strokes[: len(layer.strokes)] == layer.strokes
