"""The painter's network: pairs hold what the decoder has, training starts at the pretrained weights and resumes."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from codec.decoders.painter import real_esrgan
from codec.models import weights
from codec.training import upscaler_data, upscaler_train


def pair(seed: int) -> dict[str, np.ndarray]:
    """A pair whose source and lines are the enlarged small picture and its red channel."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (128, 128, 3)).astype(np.uint8)
    source = small.repeat(4, 0).repeat(4, 1)
    return {"small": small, "cut": small // 2, "lines": source[..., 0], "source": source}


@pytest.fixture
def pairs(tmp_path: Path) -> upscaler_train.Pairs:
    folder = tmp_path / "pairs"
    folder.mkdir()
    for seed in range(2):
        np.savez(folder / f"{seed}.npz", **pair(seed))
    return upscaler_train.Pairs(folder)


def test_pairs_are_what_a_decoder_has_of_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: np.ndarray
) -> None:
    monkeypatch.setattr(upscaler_data, "SIDE", 128)
    monkeypatch.setattr(upscaler_data, "SMALL_SIDE", 32)
    monkeypatch.setattr(upscaler_data, "MIN_SIDE", 100)
    pictures, folder = tmp_path / "pictures", tmp_path / "pairs"
    pictures.mkdir()
    Image.fromarray(photo[:200, :200]).save(pictures / "a.png")
    Image.new("RGB", (64, 64)).save(pictures / "small.png")
    upscaler_data.main([str(pictures), str(folder)])
    assert [path.name for path in folder.iterdir()] == ["a.npz"]
    with np.load(folder / "a.npz") as made:
        assert {name: made[name].shape for name in made.files} == {
            "source": (128, 128, 3),
            "small": (32, 32, 3),
            "cut": (32, 32, 3),
            "lines": (128, 128),
        }
        shrunk = made["source"].reshape(32, 4, 32, 4, 3).mean((1, 3))
        errors = [np.abs(made[name] - shrunk).mean() for name in ("small", "cut")]
        assert errors[0] < errors[1] < 25 and made["lines"].max() > 128


def test_crops_of_small_picture_lines_and_source_belong_together(pairs: upscaler_train.Pairs) -> None:
    inputs, source = pairs.batch(40, np.random.default_rng(0))
    assert inputs.shape == (40, 19, 32, 32) and source.shape == (40, 3, 128, 128)
    shrunk = torch.nn.functional.avg_pool2d(source, 4)
    is_whole = torch.isclose(inputs[:, :3], shrunk, atol=1e-6).flatten(1).all(1)
    has_lines = inputs[:, 3:].flatten(1).any(1)
    assert 24 <= is_whole.sum() < 40 and 24 <= has_lines.sum() < 40
    assert torch.allclose(inputs[has_lines, 3], shrunk[has_lines, 0], atol=1e-6)


def test_training_starts_as_the_pretrained_network() -> None:
    picture = torch.rand(1, 3, 8, 8)
    guided = torch.cat([picture, torch.rand(1, 16, 8, 8)], 1)
    plain = real_esrgan.Upscaler.srvgg().network
    expected = plain.enlarge(*plain.features(picture))
    with torch.no_grad():
        actual = upscaler_train.enlarge(upscaler_train.pretrained_network(), guided)
    assert torch.allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("adversarial", [0.0, 0.1])
def test_run_resumes_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pairs: upscaler_train.Pairs, adversarial: float
) -> None:
    monkeypatch.setattr(upscaler_train, "shallow_features", lambda pictures: [pictures])
    monkeypatch.setattr(upscaler_train, "BATCH", 1)
    monkeypatch.setattr(upscaler_train, "LOG_STEPS", 2)
    clock = iter(range(100))
    monkeypatch.setattr(upscaler_train.time, "monotonic", lambda: next(clock))
    run = tmp_path / "run"
    options = argparse.Namespace(minutes=3 / 60, rate=1e-3, adversarial=adversarial, seed=1)
    upscaler_train.train(run, pairs, options)
    first = upscaler_train.Training(run, 1e-3)
    assert not torch.equal(first.network.body[0].weight, upscaler_train.pretrained_network().body[0].weight)
    upscaler_train.train(run, pairs, options)
    second = upscaler_train.Training(run, 1e-3)
    assert not torch.equal(first.network.body[0].weight, second.network.body[0].weight)
    assert len((run / "log.jsonl").read_text().splitlines()) == 2
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    upscaler_train.export(run)
    exported = load_file(tmp_path / real_esrgan.LAYERED.name)
    assert exported.keys() == second.average.keys()
    assert all(torch.equal(value, second.average[name].half()) for name, value in exported.items())


def test_features_are_compared_at_random_places(monkeypatch: pytest.MonkeyPatch) -> None:
    places = set()

    def note_place(pictures: torch.Tensor) -> list[torch.Tensor]:
        places.add(int(pictures[0, 0, 0, 0]))
        return [pictures]

    monkeypatch.setattr(upscaler_train, "shallow_features", note_place)
    numbered, rng = torch.arange(3 * 24 * 24.0).reshape(1, 3, 24, 24), np.random.default_rng(0)
    for _ in range(1000):
        upscaler_train.losses(numbered, numbered, rng)
    assert places == {24 * top + left for top in range(8) for left in range(8)}
