"""The recipe: one encoding of each, and nothing else is accepted."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from codec import Layers, Prompt, Settings, edits
from codec.bitstream import container
from codec.bitstream.recipe import NOISES, TOOLS, Recipe
from codec.errors import Corrupt, FormatError, InvalidLayer
from tests import samples

FULL = Recipe("a1111", "cpu", 12, True, 733, 31337, "webui:81761151")


@pytest.mark.parametrize("seed", range(100))
def test_recipe_is_read_back(seed: int) -> None:
    rng = random.Random(seed)
    recipe = Recipe(
        rng.choice(TOOLS),
        rng.choice(NOISES),
        rng.randint(1, 12),
        rng.random() < 0.5,
        rng.choice((None, 1, 733, 6399)),
        rng.choice((0, 1, 31337, (1 << 24) - 1)),
        rng.choice((None, "sha256:0123456789", "webui:81761151")),
    )
    assert Recipe.from_bytes(recipe.to_bytes()) == recipe and len(recipe.to_bytes()) <= 12


def test_a_usual_recipe_takes_few_bytes() -> None:
    settings = Settings(30, 7.0, "dpmpp_2m_karras", "dreamshaper_8", (512, 768))
    recipe = Recipe("a1111", "cuda", 2, checkpoint="sha256:879db523c3")
    prompt = Layers(512, 768, Prompt("a red fox"))
    whole = Layers(512, 768, Prompt("a red fox"), seed=2253955223, settings=settings, recipe=recipe)
    assert len(whole.to_bytes()) - len(prompt.to_bytes()) <= 26


@pytest.mark.parametrize(
    "changes",
    [{"tool": "paint"}, {"noise": "mps"}, {"clip_skip": 0}, {"clip_skip": 13}, {"clip_skip": 1.0}, {"guidance": 0},
     {"guidance": 700}, {"guidance": 6401}, {"noise_delta": -1}, {"noise_delta": 1 << 24}, {"checkpoint": "x"},
     {"checkpoint": "sha256:0123"}, {"checkpoint": "webui:012345678"}, {"half_alphas": 1}, {"clip_skip": True}],
)  # fmt: skip
def test_other_values_are_rejected(changes: dict) -> None:
    with pytest.raises(InvalidLayer):
        Recipe(**{"tool": "a1111", **changes})


def test_what_is_accepted_is_canonical() -> None:
    """All values of the first two bytes, with any fields after them."""
    rng = random.Random(0)
    accepted = 0
    for first in range(256):
        for length in range(13):
            payload = bytes((first, rng.randrange(16))) + rng.randbytes(length)
            try:
                recipe = Recipe.from_bytes(payload)
            except Corrupt:
                continue
            accepted += 1
            assert recipe.to_bytes() == payload
    assert accepted >= 20
    for length in range(len(FULL.to_bytes())):
        with pytest.raises(Corrupt):
            Recipe.from_bytes(FULL.to_bytes()[:length])
    with pytest.raises(Corrupt):
        Recipe.from_bytes(FULL.to_bytes() + b"\0")


def test_damaged_recipe_does_not_cost_the_layers() -> None:
    content = container.unpack(Layers(64, 64, Prompt("x")).to_bytes())
    data = container.pack(container.Container(64, 64, content.payloads, ((0x83, bytes((3, 0))),)))
    with pytest.raises(FormatError):
        Layers.from_bytes(data)
    salvaged, lost = Layers.salvage(data)
    assert (salvaged.semantic, salvaged.recipe, lost) == (Prompt("x"), None, ())


def test_edits_of_strokes_and_colors_drop_the_recipe() -> None:
    layers = replace(samples.example(), recipe=FULL)
    assert edits.reprompt(layers, "a green hill").recipe == FULL
    assert edits.cut(layers, len(layers.to_bytes()) - 20).recipe is None
