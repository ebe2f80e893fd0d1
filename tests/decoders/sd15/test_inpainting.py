"""Decoding a region of a picture again, and the masks for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec.decoders.diffusion import masks
from codec.editing import edits
from codec.errors import Cancelled, CodecError
from codec.semantic.prompt import Prompt
from tests import samples

pytestmark = pytest.mark.usefixtures("shared_networks")

LAYERS = samples.example()
EDITED = replace(LAYERS, semantic=Prompt("something quite different"))
MASK = np.zeros((120, 200), bool)
MASK[30:90, 50:130] = True


@pytest.fixture(scope="module")
def previous(make_decoder, shared_networks):
    return make_decoder().decode_full(LAYERS)


# --- decoding -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["paper", "quality", "fast"])
def test_latents_and_pixels_outside_the_mask_stay(make_decoder, difference, preset):
    """With the trajectory of the decode before, with its latents only, and with another schedule."""
    decoder = make_decoder(preset=preset, steps=3)
    before = decoder.decode_full(LAYERS)
    latents_only = replace(before, trajectory=(), schedule=None)
    latent_mask = masks.to_latent_mask(MASK, 80, 48)
    assert before.latents.shape == (4, 6, 10)
    for steps, state in ((3, before), (3, latents_only), (2, before)):
        after = make_decoder(preset=preset, steps=steps).redecode(EDITED, state, MASK, seed=9)
        np.testing.assert_array_equal(after.latents[:, ~latent_mask], before.latents[:, ~latent_mask])
        np.testing.assert_array_equal(after.pixels[~MASK], before.pixels[~MASK])
        assert np.abs(after.latents - before.latents)[:, latent_mask].mean() > 0.01
        assert difference(after.pixels[MASK], before.pixels[MASK]) > 0.3


def test_result_can_be_inpainted_again(make_decoder, previous):
    second = make_decoder().redecode(EDITED, previous, MASK, seed=1)
    third = make_decoder().redecode(LAYERS, second, MASK[::-1], seed=2)
    np.testing.assert_array_equal(third.pixels[~MASK[::-1]], second.pixels[~MASK[::-1]])


def test_full_mask_is_a_complete_decode(make_decoder, previous):
    whole = make_decoder().redecode(EDITED, previous, np.ones_like(MASK), seed=9)
    np.testing.assert_array_equal(whole.pixels, make_decoder().decode(EDITED, seed=9))


def test_empty_mask_returns_the_previous_result(make_decoder, previous):
    assert make_decoder().redecode(EDITED, previous, np.zeros_like(MASK), seed=9) is previous


def test_same_layers_and_seed_give_the_same_picture(make_decoder):
    decoder = make_decoder(steps=3)
    before = decoder.decode_full(LAYERS, seed=3)
    again = decoder.redecode(LAYERS, before, MASK, seed=3)
    np.testing.assert_array_equal(again.latents, before.latents)
    np.testing.assert_array_equal(again.pixels, before.pixels)


def test_other_sizes_are_rejected(make_decoder, previous):
    with pytest.raises(CodecError, match="one size"):
        make_decoder().redecode(LAYERS, previous, MASK[1:])
    with pytest.raises(CodecError, match="one size"):
        make_decoder().redecode(replace(LAYERS, width=100), previous, MASK[:, :100])
    with pytest.raises(CodecError, match="another size"):
        make_decoder(size=72).redecode(LAYERS, previous, MASK)


def test_cancellation(make_decoder, previous):
    with pytest.raises(Cancelled):
        make_decoder().redecode(EDITED, previous, MASK, on_step=lambda step: step.index < 3)


# --- the region that an edit changes ------------------------------------------------------------------


def test_unedited_layers_change_no_region():
    assert not masks.changed_region(LAYERS, LAYERS).any()
    assert not masks.changed_region(LAYERS, replace(LAYERS, seed=99)).any()


def test_new_line_changes_its_surroundings():
    line = np.array([[20.0, 20], [60, 20]])
    mask = masks.changed_region(LAYERS, edits.draw(LAYERS, line))
    assert (mask.shape, mask.dtype) == ((120, 200), bool)
    assert mask[20, 20:60].all()
    assert not mask[60:].any() and not mask[:, 90:].any()
    np.testing.assert_array_equal(mask, masks.changed_region(edits.draw(LAYERS, line), LAYERS))


def test_painted_cell_changes_its_block():
    mask = masks.changed_region(LAYERS, edits.paint(LAYERS, 5, 9, (255, 255, 0)))
    rows, cols = np.nonzero(mask)
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (100, 119, 180, 199)
    assert mask[100:, 180:].all()


@pytest.mark.parametrize(
    "other",
    [
        replace(LAYERS, semantic=Prompt("something else")),
        replace(LAYERS, texture=None),
        replace(LAYERS, width=100),
    ],
    ids=["prompt", "no colors", "size"],
)
def test_some_edits_change_everything(other):
    assert masks.changed_region(LAYERS, other).all()
    assert masks.changed_region(other, LAYERS).all()


# --- masks --------------------------------------------------------------------------------------------


def test_latent_mask_has_every_cell_that_the_mask_touches():
    mask = np.zeros((100, 100), bool)
    mask[37, 50] = True
    cells = masks.to_latent_mask(mask, 64, 64)
    assert cells.shape == (8, 8)
    assert cells.sum() == 1 or cells.sum() == 2
    assert cells[int(37.5 * 8 / 100), int(50.5 * 8 / 100)]
    assert masks.to_latent_mask(np.ones((7, 3), bool), 64, 128).all()
    assert masks.to_latent_mask(np.ones((7, 3), bool), 64, 128).shape == (16, 8)
    assert not masks.to_latent_mask(np.zeros((600, 600), bool), 512, 512).any()
    corner = np.zeros((3, 3), bool)
    corner[2, 2] = True
    np.testing.assert_array_equal(np.argwhere(masks.to_latent_mask(corner, 64, 64))[0], [5, 5])


def test_composite_keeps_the_outside_and_feathers_the_inside():
    old, new = np.full((120, 120, 3), 10, np.uint8), np.full((120, 120, 3), 250, np.uint8)
    mask = np.zeros((120, 120), bool)
    mask[30:90, 30:90] = True
    result = masks.composite(old, new, mask)
    assert (result[~mask] == 10).all()
    assert (result[40:80, 40:80] == 250).all()
    ramp = result[60, 28:34, 0].astype(int)
    assert (np.diff(ramp) >= 0).all() and 10 < ramp[2] < 250
    thin = np.zeros((120, 120), bool)
    thin[60] = True
    assert (masks.composite(old, new, thin)[60] > 150).all()
    np.testing.assert_array_equal(masks.composite(old, new, np.ones((120, 120), bool)), new)
