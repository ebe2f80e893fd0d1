"""A file holds any subset of the three layers, and equal layers give equal bytes."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec import Layers, Prompt
from codec.bitstream import container
from codec.bitstream.settings import Settings
from codec.errors import CodecError, Corrupt, FormatError, InvalidLayer
from codec.layers import default_budget
from tests import samples
from tests.samples import example, settings

EXAMPLE = example().to_bytes()


@hypothesis.settings(max_examples=40)
@given(samples.layers)
def test_round_trip(content: Layers) -> None:
    data = content.to_bytes()
    assert Layers.from_bytes(data) == content
    assert Layers.from_bytes(data).to_bytes() == data
    assert content.sizes().total == len(data)


@given(settings)
def test_settings_round_trip(content: Settings) -> None:
    if content != Settings():
        assert Settings.from_bytes(content.to_bytes()) == content


@given(st.binary(max_size=12))
def test_any_bytes_are_settings_or_rejected(payload: bytes) -> None:
    with contextlib.suppress(Corrupt):
        assert Settings.from_bytes(payload).to_bytes() == payload


@pytest.mark.parametrize(
    "values",
    [
        {"steps": 0},
        {"steps": 256},
        {"guidance": 0.1},
        {"guidance": 64},
        {"guidance": -1},
        {"sampler": "magic"},
        {"model": ""},
        {"model": "x" * 65},
        {"size": (0, 8)},
        {"size": (512, 510)},
        {"size": (512, 2056)},
        {"size": (512,)},
        {"size": 512},
        {"size": (512.0, 512)},
    ],
)
def test_invalid_settings_are_rejected(values: dict) -> None:
    with pytest.raises(InvalidLayer):
        Settings(**values)


def test_well_known_settings_take_few_bytes() -> None:
    """The usual settings of a picture: model, sampler, steps and guidance take 5 bytes, the size 2 more."""
    usual = Settings(30, 7.5, "dpmpp_2m_karras", "dreamshaper_8", (512, 768))
    assert usual.to_bytes().hex() == "57" + "1e" + "1e" + "0a" + "3f5f" + "36"
    assert len(replace(usual, size=None).to_bytes()) == 5
    assert Settings(model="sha256:0123abcdef").to_bytes().hex() == "20" + "0123abcdef"
    assert Settings(model="sha256:0123ABCDEF").to_bytes()[:1] == b"\x08"


@pytest.mark.parametrize("payload", ["8001", "180136", "300136", "10d1", "0800ff", "20aabb", "400101ff", "10", ""])
def test_non_canonical_settings_are_rejected(payload: str) -> None:
    with pytest.raises(Corrupt):
        Settings.from_bytes(bytes.fromhex(payload))


def test_model_name_that_has_a_shorter_form_is_rejected() -> None:
    for payload in (b"\x08dreamshaper_8", b"\x08sha256:0123abcdef"):
        with pytest.raises(Corrupt):
            Settings.from_bytes(payload)


def test_every_subset_of_the_layers_is_a_file() -> None:
    layers = example()
    for count in range(4):
        for which in itertools.combinations((1, 2, 3), count):
            part = layers.only(which)
            decoded = Layers.from_bytes(part.to_bytes())
            present = [decoded.semantic, decoded.structure, decoded.texture]
            assert [layer is not None for layer in present] == [n in which for n in (1, 2, 3)]


def test_empty_prompt_counts_as_absent() -> None:
    assert Layers(8, 8, Prompt("")) == Layers(8, 8)


def test_only_a_layer_makes_layers_not_empty() -> None:
    layers = example()
    assert layers.only(()).is_empty and Layers(8, 8, seed=7, settings=Settings(20)).is_empty
    assert not any(layers.only((number,)).is_empty for number in (1, 2, 3))


def test_sizes_add_up_to_the_file() -> None:
    sizes = example().sizes()
    assert sizes.semantic == len(example().semantic.to_bytes())
    assert sizes.total == len(example().to_bytes())
    assert sizes.overhead == 14  # 12, plus 3 for the size, minus 1 since the structure layer has under 128 bytes
    assert sizes.extensions > 0
    assert replace(example(), seed=None, settings=None).sizes().extensions == 0
    for seed, cost in ((0, 2), (1, 2), (255, 2), (256, 4)):
        assert replace(example(), seed=seed, settings=None).sizes().extensions == cost


def test_default_budget_is_under_two_hundredths_of_a_bit_per_pixel() -> None:
    assert default_budget(512, 512) == 654
    for size in ((512, 512), (768, 512), (1024, 1024), (4096, 4096), (1000, 333)):
        assert default_budget(*size) * 8 / (size[0] * size[1]) < 0.02
    assert default_budget(1, 1) == 160


@pytest.mark.parametrize("name", ["semantic", "structure", "texture"])
def test_salvage_returns_the_undamaged_layers(name: str) -> None:
    layers = example()
    data = bytearray(layers.to_bytes())
    start = data.index(getattr(layers, name).to_bytes())
    data[start + 1] ^= 0x10
    with pytest.raises(Corrupt) as error:
        Layers.from_bytes(bytes(data))
    assert error.value.layers == (name,)
    salvaged, lost = Layers.salvage(bytes(data))
    assert lost == (name,)
    assert salvaged == replace(layers, seed=None, settings=None, **{name: None})


@given(st.data())
def test_salvage_returns_layers_or_raises_format_error(data: st.DataObject) -> None:
    damaged = bytearray(EXAMPLE)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    try:
        salvaged, lost = Layers.salvage(bytes(damaged))
    except FormatError:
        return
    assert Layers.from_bytes(salvaged.to_bytes()) == salvaged
    assert all(getattr(salvaged, name) is None for name in lost)


@given(st.binary(max_size=80))
def test_random_bytes_raise_codec_error(data: bytes) -> None:
    for start in (b"", b"\xb3\x4c\x21"):
        with pytest.raises(CodecError):
            Layers.from_bytes(start + data + b"\0")


@pytest.mark.parametrize("values", [{"width": 0}, {"height": 4097}, {"seed": -1}, {"seed": 2**64}])
def test_values_that_a_file_cannot_hold_are_rejected(values: dict) -> None:
    with pytest.raises(InvalidLayer):
        replace(example(), **values)


@pytest.mark.parametrize(
    "values", [{"seed": 1.5}, {"width": 512.5}, {"height": None}, {"extra": ((0x300, b""),)}, {"extra": ((0xC1, b""),)}]
)
def test_values_of_the_wrong_type_and_invalid_extensions_are_rejected(values: dict) -> None:
    with pytest.raises(InvalidLayer):
        replace(example(), **values)


def test_any_integer_type_and_any_order_of_extensions_are_accepted() -> None:
    extra = ((0xDF, b"b"), (0x80, b"a"))
    content = replace(example(), width=np.int64(200), seed=np.uint8(5), extra=extra)
    assert Layers.from_bytes(content.to_bytes()) == content


def test_salvage_drops_an_invalid_extension() -> None:
    layers = replace(example(), seed=None, settings=None)
    data = container.pack(replace(container.unpack(layers.to_bytes()), chunks=((0xC1, b"\0\1"),)))
    with pytest.raises(Corrupt, match="non-canonical encoding of the seed"):
        Layers.from_bytes(data)
    assert Layers.salvage(data) == (layers, ())
