"""Weights: only the pinned bytes are accepted, and messages name the remedy for others."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
from safetensors.numpy import save

from codec.decoders.painter import real_esrgan
from codec.errors import ModelMissing
from codec.models import weights
from tests.fuzz.mutator import mutate


def write_pinned(folder, data):
    (folder / "net.safetensors").write_bytes(data)
    return weights.WeightFile("net.safetensors", hashlib.sha256(data).hexdigest())


def test_tensors_are_loaded_as_stored(tmp_path):
    tensors = {"a.weight": np.arange(6, dtype=np.float16).reshape(2, 3), "a.bias": np.ones(2, np.float32)}
    loaded = weights.load(write_pinned(tmp_path, save(tensors)), tmp_path)
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        np.testing.assert_array_equal(loaded[name], tensor)


def test_missing_file_is_named_with_its_remedy(tmp_path):
    with pytest.raises(ModelMissing, match=r"gone\.safetensors.*convert\.py"):
        weights.load(weights.WeightFile("gone.safetensors", "0" * 64), tmp_path)


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: bytes([d[0] ^ 1]) + d[1:]])
def test_other_bytes_are_rejected(tmp_path, damage):
    data = save({"w": np.ones(4, np.float32)})
    file = write_pinned(tmp_path, data)
    (tmp_path / file.name).write_bytes(damage(data))
    with pytest.raises(ModelMissing, match="damaged"):
        weights.load(file, tmp_path)


def test_pinned_file_that_is_not_safetensors_is_rejected(tmp_path):
    with pytest.raises(ModelMissing, match="not safetensors"):
        weights.load(write_pinned(tmp_path, b"\x80\x04pickle?" * 9), tmp_path)


@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.fuzz)])
def test_mutated_file_is_loaded_or_rejected_with_a_clear_error(tmp_path, count):
    rng, rejections = random.Random(5), 0
    data = save({"a": np.zeros((3, 4), np.float32), "b": np.ones(5, np.int64)}, {"made": "here"})
    for _ in range(count):
        file = write_pinned(tmp_path, mutate(rng, data))
        for read in (lambda file: weights.validate(tmp_path / file.name), lambda file: weights.load(file, tmp_path)):
            try:
                read(file)
            except ModelMissing:
                rejections += 1
    assert count < rejections < 2 * count


@pytest.mark.parametrize("file", [real_esrgan.SRVGG, real_esrgan.RRDB], ids=lambda file: file.name)
def test_shipped_weights_are_the_pinned_ones(file):
    tensors = weights.load(file)
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"float16", "float32"}
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


def test_weights_of_another_network_are_rejected():
    with pytest.raises(ModelMissing, match="do not fit"):
        real_esrgan.Upscaler(real_esrgan.Srvgg(), real_esrgan.RRDB)
