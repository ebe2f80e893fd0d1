"""The detail's networks can be trained, resumed and exported, and the exported integers are what the decoder reads."""

from __future__ import annotations

import argparse
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from codec.bitstream import tables
from codec.encoder.colormap.detail_model import DetailCodec, load_codec
from codec.texture.detail_network import CHANNELS, RESIDUAL_BITS, WEIGHTS, DetailNetwork, detail_network
from codec.training import detail_data, detail_export, detail_train
from tests.samples import random_detail


def test_crops_leave_out_held_out_and_small_pictures(tmp_path: Path) -> None:
    for number in range(9):
        size = (200, 300) if number == 0 else (280, 300)
        Image.new("RGB", size, (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    crops, path = detail_data.cut_crops(detail_data.training_files(tmp_path), 0), tmp_path / "crops.npy"
    assert crops.shape == (7 * 3, 256, 256, 3) and crops.dtype == np.uint8
    assert set(crops[:, 0, 0, 0].tolist()) == {1, 2, 3, 4, 5, 6, 8}
    detail_data.main([str(tmp_path), str(path)])
    assert np.array_equal(np.load(path), crops)


def test_run_resumes_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3)).astype(np.uint8)
    clock = iter(range(1000))
    monkeypatch.setattr(detail_train.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(detail_train, "LOG_STEPS", 2)
    options = argparse.Namespace(minutes=3 / 60, rate=1e-3, crop=32, batch=2, seed=1)
    detail_train.train(tmp_path, crops, options)
    first = detail_train.Training(tmp_path)
    detail_train.train(tmp_path, crops, options)
    second = detail_train.Training(tmp_path)
    assert (first.step, second.step) == (2, 4)
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2
    name = "synthesis.first.weight"
    assert not torch.equal(first.codec.state_dict()[name], second.codec.state_dict()[name])
    exported = detail_export.load_checkpoint(tmp_path / "mean.safetensors")
    assert torch.equal(exported.state_dict()[name], second.average[name])


def test_truncated_levels_equal_their_predictions() -> None:
    levels, means = torch.full((1, CHANNELS, 2, 2), 5.0), torch.full((1, CHANNELS, 2, 2), 1.2)
    truncated = detail_train._truncated(levels, means, np.random.default_rng(0))
    assert set(truncated.flatten().tolist()) == {1.0, 5.0} and (truncated[:, :4] == 5).all()


def test_exported_integers_equal_the_shipped_ones() -> None:
    """The shipped networks, as floats, are exported to the same integers, so nothing is lost in either direction."""
    exported, shipped = detail_export.integer_tensors(load_codec()), tables.load_tensors(WEIGHTS)
    assert {name: (array.shape, array.dtype) for name, array in exported.items()} == {
        name: (array.shape, array.dtype) for name, array in shipped.items()
    }
    for name in ("mixing", "decay"):
        assert np.array_equal(exported[name], shipped[name])
    detail = random_detail(2, 4, 5)
    difference = DetailNetwork(exported).residual(detail.levels, detail.quality) - detail.residual
    assert np.abs(difference).max() < 0.02 * np.abs(detail.residual).max()


def test_integer_synthesis_is_close_to_the_floats() -> None:
    codec, detail = load_codec(), random_detail(3, 4, 5, max_level=2)
    steps = torch.from_numpy(detail_network().steps[detail.quality] / 1024).float()
    with torch.no_grad():
        floats = codec.synthesis(torch.from_numpy(detail.levels.astype(np.float32))[None] * steps[:, None, None])[0]
    difference = floats.numpy() - detail.residual / 2.0**RESIDUAL_BITS
    assert np.abs(difference).max() < 0.02


def test_export_renews_the_hashes(tmp_path: Path) -> None:
    for name in (detail_export.DECODER, detail_export.ENCODER, *detail_export.HASHED_IN):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(detail_export.ROOT / name, tmp_path / name)
    torch.manual_seed(0)
    detail_export.export(DetailCodec().requires_grad_(False), tmp_path)
    for name, users in (
        (detail_export.DECODER, detail_export.HASHED_IN[:2]),
        (detail_export.ENCODER, detail_export.HASHED_IN[2:]),
    ):
        digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        assert digest != hashlib.sha256((detail_export.ROOT / name).read_bytes()).hexdigest()
        assert all(digest in (tmp_path / user).read_text() for user in users)
