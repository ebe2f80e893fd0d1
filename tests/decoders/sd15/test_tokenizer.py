"""The token count equals that of CLIP's tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec.decoders.diffusion import clip_vocabulary, tokenizer
from codec.decoders.sd15 import networks
from codec.errors import ModelMissing

TEXTS = (
    "",
    "a cat",
    "RAW photo of a (smiling:1.3) woman, [blurry], 85mm f/1.4, masterpiece!!! don't_stop",
    "Ein Kaffee – ☕ in Köln,  two   spaces\n\tand lines",
    "x²½ Ⅶ 日本語の絵 🎨🎨 …—“q”",
    "<|endoftext|> <lora:foo:0.8> __a__b_ _",
    "e\u0301cole antidisestablishmentarianism hyperrealistic artstation",
)


@pytest.fixture(scope="module")
def clip_tokenizer():
    return networks.load_tokenizer(Path("no folder"))


@pytest.mark.parametrize("text", TEXTS)
def test_count_equals_the_tokenizer_s(clip_tokenizer, text: str) -> None:
    assert tokenizer.count_tokens(text) == len(clip_tokenizer(text, add_special_tokens=False).input_ids)


def test_very_long_word_is_counted_quickly() -> None:
    assert 4000 < tokenizer.count_tokens("q9" * 10_000) <= 20_000


def test_missing_merges_are_reported(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(clip_vocabulary, "MERGES_PATH", tmp_path / "none")
    tokenizer._merge_table.cache_clear()
    with pytest.raises(ModelMissing):
        tokenizer.count_tokens("a word that is not cached")
    tokenizer._merge_table.cache_clear()
