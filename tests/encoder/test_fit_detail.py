"""The detail that the encoder finds for a picture and its base colors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec import Colormap
from codec.encoder.colormap import detail_model, detail_search
from codec.encoder.colormap.fit_detail import fit_detail, longer_cells
from codec.images.io import resize_area
from codec.texture import rdoq


@pytest.fixture(scope="module")
def base(photo: np.ndarray) -> Colormap:
    return rdoq.quantize(resize_area(photo, 8, 8), 36)


@pytest.fixture(scope="module")
def fitted(photo: np.ndarray, base: Colormap) -> Colormap:
    return fit_detail(photo, base, 400)


def error(photo: np.ndarray, texture: Colormap) -> float:
    picture = texture.small_picture(16, 16).astype(float)
    small = resize_area(photo, picture.shape[1], picture.shape[0])
    return float(((picture - small) ** 2).mean())


def test_detail_fills_its_bytes_and_brings_the_picture_closer(
    photo: np.ndarray, base: Colormap, fitted: Colormap
) -> None:
    assert 0.9 * 400 <= len(fitted.to_bytes()) <= 400
    assert fitted.detail is not None and (fitted.detail.rows, fitted.detail.cols) == (16, 16)
    assert np.array_equal(fitted.cells, base.cells)
    assert error(photo, fitted) < 0.4 * error(photo, base)
    assert Colormap.from_bytes(fitted.to_bytes()) == fitted


def test_same_picture_gives_the_same_detail(photo: np.ndarray, base: Colormap, fitted: Colormap) -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    assert fit_detail(photo.copy(), base, 400).to_bytes() == fitted.to_bytes()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_more_bytes_bring_the_picture_closer(photo: np.ndarray, base: Colormap, fitted: Colormap) -> None:
    fewer = fit_detail(photo, base, 250)
    assert len(fewer.to_bytes()) <= 250
    assert error(photo, fewer) > error(photo, fitted)


def test_base_is_returned_if_no_detail_fits(photo: np.ndarray, base: Colormap) -> None:
    assert fit_detail(photo, base, len(base.to_bytes()) + 1) is base


def test_flat_picture_has_no_detail() -> None:
    flat = np.full((200, 100, 3), 90, np.uint8)
    base = rdoq.quantize(flat[:8, :4], 10)
    assert fit_detail(flat, base, 300) is base


@pytest.mark.parametrize("shape", [(1, 1), (3, 300), (40, 17)])
def test_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert len(fit_detail(pixels, rdoq.quantize(resize_area(pixels, 4, 4), 40), 220).to_bytes()) <= 220


def test_grid_grows_with_the_bytes_and_stops_at_the_pixels() -> None:
    assert [longer_cells(size, 512) for size in (200, 500, 1000, 5000)] == [14, 16, 20, 24]
    assert longer_cells(5000, 60) == 8 and longer_cells(5000, 1) == 2


def test_float_synthesis_agrees_with_the_decoders_integers(fitted: Colormap) -> None:
    detail = fitted.detail
    assert detail is not None
    codec = detail_model.load_codec()
    anchors = codec.anchor_weights(torch.tensor([detail.quality / 9]))
    latents = torch.from_numpy(detail.levels.astype(np.float32))[None] * (-codec.log_gains(anchors)).exp()
    residual = codec.synthesis(latents)[0].numpy()
    assert np.abs(residual - detail.residual / 2.0**14).max() < 0.02


def test_ms_ssim_is_1_for_equal_pictures_and_less_for_others() -> None:
    a = torch.rand(2, 48, 64, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(detail_search.ms_ssim(a, a), torch.ones(2), atol=1e-5)
    assert (detail_search.ms_ssim(a, a.flip(1)) < 0.5).all()
