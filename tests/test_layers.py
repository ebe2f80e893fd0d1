"""Three layers and one file: the same content, the same bytes, any subset."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec import Layers, Prompt
from codec.bitstream import container
from codec.bitstream.settings import Settings
from codec.errors import CodecError, Corrupt, FormatError, InvalidLayer
from codec.layers import default_budget
from tests.samples import example, layers, settings


@given(layers)
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
def test_any_bytes_are_settings_or_corrupt(payload: bytes) -> None:
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
def test_settings_refuse(values: dict) -> None:
    with pytest.raises(InvalidLayer):
        Settings(**values)


def test_well_known_settings_take_few_bytes() -> None:
    """What a picture mostly comes with: model, sampler, steps and guidance in 5 bytes, and 2 for another size."""
    known = Settings(30, 7.5, "dpmpp_2m_karras", "dreamshaper_8", (512, 768))
    assert known.to_bytes().hex() == "57" + "1e" + "1e" + "0a" + "3f5f" + "36"
    assert len(replace(known, size=None).to_bytes()) == 5
    assert Settings(model="sha256:0123abcdef").to_bytes().hex() == "20" + "0123abcdef"
    assert Settings(model="sha256:0123ABCDEF").to_bytes()[:1] == b"\x08"


@pytest.mark.parametrize("payload", ["8001", "180136", "300136", "10d1", "0800ff", "20aabb", "400101ff", "10", ""])
def test_settings_not_in_their_one_form(payload: str) -> None:
    with pytest.raises(Corrupt):
        Settings.from_bytes(bytes.fromhex(payload))


def test_a_known_model_has_no_other_form() -> None:
    for payload in (b"\x08dreamshaper_8", b"\x08sha256:0123abcdef"):
        with pytest.raises(Corrupt):
            Settings.from_bytes(payload)


def test_every_subset_is_a_file() -> None:
    whole = example()
    for count in range(4):
        for which in itertools.combinations((1, 2, 3), count):
            part = whole.only(which)
            found = Layers.from_bytes(part.to_bytes())
            present = [found.semantic, found.structure, found.texture]
            assert [layer is not None for layer in present] == [n in which for n in (1, 2, 3)]


def test_an_empty_prompt_is_an_absent_one() -> None:
    assert Layers(8, 8, Prompt("")) == Layers(8, 8)


def test_sizes_add_up() -> None:
    sizes = example().sizes()
    assert sizes.semantic == len(example().semantic.to_bytes())
    assert sizes.total == len(example().to_bytes())
    assert sizes.overhead == 14  # 12, 3 for the size, and a structure layer of under 128 bytes
    assert sizes.extensions > 0
    assert replace(example(), seed=None, settings=None).sizes().extensions == 0
    for seed, cost in ((0, 2), (1, 2), (255, 2), (256, 4)):
        assert replace(example(), seed=seed, settings=None).sizes().extensions == cost


def test_the_default_budget_is_under_two_hundredths_of_a_bit() -> None:
    assert default_budget(512, 512) == 654
    for size in ((512, 512), (768, 512), (1024, 1024), (4096, 4096), (1000, 333)):
        assert default_budget(*size) * 8 / (size[0] * size[1]) < 0.02
    assert default_budget(1, 1) == 160


@pytest.mark.parametrize("name", ["semantic", "structure", "texture"])
def test_salvage_keeps_the_undamaged(name: str) -> None:
    whole = example()
    data = bytearray(whole.to_bytes())
    at = data.index(getattr(whole, name).to_bytes())
    data[at + 1] ^= 0x10
    with pytest.raises(Corrupt) as error:
        Layers.from_bytes(bytes(data))
    assert error.value.layers == (name,)
    found, lost = Layers.salvage(bytes(data))
    assert lost == (name,)
    assert found == replace(whole, seed=None, settings=None, **{name: None})


@given(st.data())
def test_salvage_of_any_damage_gives_layers_or_a_clear_error(data: st.DataObject) -> None:
    broken = bytearray(example().to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    broken = broken[: data.draw(st.integers(0, len(broken)))]
    try:
        found, lost = Layers.salvage(bytes(broken))
    except FormatError:
        return
    assert Layers.from_bytes(found.to_bytes()) == found
    assert all(getattr(found, name) is None for name in lost)


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_with_our_errors(data: bytes) -> None:
    for start in (b"", b"\xb3\x4c\x21"):
        with pytest.raises(CodecError):
            Layers.from_bytes(start + data + b"\0")


@pytest.mark.parametrize("values", [{"width": 0}, {"height": 4097}, {"seed": -1}, {"seed": 2**64}])
def test_refuses_what_a_file_cannot_hold(values: dict) -> None:
    with pytest.raises(InvalidLayer):
        replace(example(), **values)


@pytest.mark.parametrize(
    "values", [{"seed": 1.5}, {"width": 512.5}, {"height": None}, {"extra": ((0x300, b""),)}, {"extra": ((0xC1, b""),)}]
)
def test_refuses_what_is_no_whole_number_or_extension(values: dict) -> None:
    with pytest.raises(InvalidLayer):
        replace(example(), **values)


def test_any_kind_of_integer_and_order_of_extensions_will_do() -> None:
    extra = ((0xDF, b"b"), (0x80, b"a"))
    content = replace(example(), width=np.int64(200), seed=np.uint8(5), extra=extra)
    assert Layers.from_bytes(content.to_bytes()) == content


def test_salvage_goes_on_without_an_extension_that_holds_nonsense() -> None:
    whole = replace(example(), seed=None, settings=None)
    data = container.pack(replace(container.unpack(whole.to_bytes()), chunks=((0xC1, b"\0\1"),)))
    with pytest.raises(Corrupt):
        Layers.from_bytes(data)
    assert Layers.salvage(data) == (whole, ())
