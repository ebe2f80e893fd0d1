"""Name the subject of a picture in one or two words if a classifier is certain.

An ImageNet classifier (efficientnet_lite.py) computes the probabilities of 1,000 classes, which are added up along a
hierarchy of plain words (subject_words.tsv): a dog of uncertain breed is certainly a dog. People and clothes have no
word. Neither do classes that pictures without a class of their own often get: fountains for cities, cabs for streets.

Of 3,015 pictures, generated ones and photographs, 118 got a word, and a person judged 110 of these to be right.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from codec.images.io import resize

MIN_PROBABILITY: Final = 0.75  # minimum probability of a word; tests/subject_bench.py measures the precision
_TABLE: Final = Path(__file__).with_name("subject_words.tsv")
_MIN_SIDE: Final = 32  # pixels; smaller pictures have no recognizable subject


@dataclass(frozen=True)
class SubjectWord:
    """A word, its depth in the hierarchy, and the ImageNet classes that it covers."""

    word: str
    depth: int
    classes: tuple[int, ...]


def subject_words(pixels: np.ndarray) -> str | None:
    """Return the narrowest word that is at least `MIN_PROBABILITY` certain, such as "dog", or None.

    pixels: (H, W, 3) uint8 sRGB. Returns one or two words of lowercase ASCII.
    Raises ModelMissing if the classifier's weights are absent or damaged.
    """
    if min(pixels.shape[:2]) < _MIN_SIDE:
        return None
    return narrowest_word(_probabilities(pixels))


def narrowest_word(probabilities: np.ndarray) -> str | None:
    """Return the narrowest word whose classes have at least `MIN_PROBABILITY` together; `probabilities`: (1000,)."""
    certain = [word for word in words() if probabilities[list(word.classes)].sum() >= MIN_PROBABILITY]
    return max(certain, key=lambda word: word.depth).word if certain else None


@functools.cache
def words() -> tuple[SubjectWord, ...]:
    """Return the words of the table; a word covers the classes of all narrower words, too."""
    lines = _TABLE.read_text(encoding="ascii").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    wider = {word: parent for word, parent, _ in rows}
    covered: dict[str, list[int]] = {word: [] for word in wider}
    depths = {}
    for word, _, ranges in rows:
        chain = [word]
        while wider[chain[-1]] != "-":
            chain.append(wider[chain[-1]])
        depths[word] = len(chain) - 1
        for one in chain:
            covered[one] += _numbers(ranges)
    return tuple(SubjectWord(word, depths[word], tuple(classes)) for word, classes in covered.items())


def _numbers(ranges: str) -> list[int]:
    """Return the integers of "3,7-9"; none of "-"."""
    ends = [part.split("-") for part in ranges.split(",")] if ranges != "-" else []
    return [number for part in ends for number in range(int(part[0]), int(part[-1]) + 1)]


def _probabilities(pixels: np.ndarray) -> np.ndarray:
    """Return the mean probabilities, (1000,), of the whole picture and the mirror image of its central square."""
    import torch

    from codec.encoder.prompt import efficientnet_lite

    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    central = pixels[top : top + side, left : left + side]
    views = [resize(view, efficientnet_lite.SIDE, efficientnet_lite.SIDE) for view in (pixels, central)]
    stack = np.stack([views[0], views[1][:, ::-1]]).transpose(0, 3, 1, 2).astype(np.float32) / 255
    return np.asarray(efficientnet_lite.classify(torch.from_numpy(stack)).mean(0).numpy())
