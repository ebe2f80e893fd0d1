"""Subject words: right where they are given, none elsewhere, one clear error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from codec.encoder.prompt import efficientnet_lite, subject
from codec.encoder.prompt.subject import MIN_PROBABILITY, narrowest_word, subject_words, words
from codec.errors import ModelMissing
from codec.models import weights

DOGS = next(word.classes for word in words() if word.word == "dog")


@pytest.fixture
def unloaded() -> Iterator[None]:
    efficientnet_lite._network.cache_clear()
    yield
    efficientnet_lite._network.cache_clear()


def test_cat_is_named_and_a_portrait_is_not(photo: np.ndarray) -> None:
    assert subject_words(data.chelsea()) == "cat"
    assert subject_words(photo) is None


@pytest.mark.parametrize("size", [(1, 1), (31, 4000), (32, 32), (33, 700)])
def test_flat_pictures_of_any_size_have_no_subject(size: tuple[int, int]) -> None:
    assert subject_words(np.full((*size, 3), 128, np.uint8)) is None


def test_breeds_add_up_to_a_dog() -> None:
    probabilities = np.zeros(efficientnet_lite.CLASSES)
    probabilities[list(DOGS)] = (MIN_PROBABILITY + 0.01) / len(DOGS)
    assert narrowest_word(probabilities) == "dog"
    probabilities[list(DOGS)] *= 0.5
    assert narrowest_word(probabilities) is None
    probabilities[291] = 1 - probabilities.sum()  # lion
    assert narrowest_word(probabilities) == "animal"


def test_every_word_covers_classes_of_its_own_and_of_narrower_words() -> None:
    own = [number for line in subject._TABLE.read_text().splitlines() if line[0] != "#"
           for number in subject._numbers(line.split("\t")[2])]  # fmt: skip
    assert len(own) == len(set(own)) and min(own) >= 0 and max(own) < efficientnet_lite.CLASSES
    assert all(word.classes and len(word.word.split()) <= 3 for word in words())
    animals = next(word.classes for word in words() if word.word == "animal")
    assert set(animals) > set(DOGS)


@pytest.mark.parametrize("content", [None, b"", b"not weights"])
def test_unusable_weights_are_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unloaded: None, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / efficientnet_lite.WEIGHTS.name).write_bytes(content)
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(ModelMissing, match=r"efficientnet-lite0\.safetensors .*: restore it") as error:
        subject_words(np.zeros((64, 64, 3), np.uint8))
    assert "\n" not in str(error.value)
