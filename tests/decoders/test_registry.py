"""Decoders by name, and the base classes that all of them share."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import codec
from codec.decoders import Strengths, base, get, names, registry
from codec.decoders.sd15.options import Options
from codec.errors import Cancelled, InvalidLayer, UnknownName
from codec.layers import Layers
from codec.semantic.prompt import Prompt


def test_package_can_be_imported_by_its_name():
    """`codec.decode` is the public function, and the package is another name."""
    code = "import codec.decoders as d; print(d.get, d.names()); import codec; assert callable(codec.decode)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "painter-preview" in result.stdout


def test_listing_the_names_loads_nothing_heavy():
    code = (
        "import sys; from codec.decoders import names; print(*names());"
        "assert not {'torch', 'cv2', 'safetensors'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["painter", "painter-preview", "sd15", "sdxl"]


def test_decoder_is_built_once():
    for name in names():
        assert get(name) is get(name)
        assert get(name).name == name


def test_options_give_another_decoder_with_the_same_weights():
    plain, weighted = get("painter-preview"), get("painter-preview", Strengths(0.5, 1.5))
    assert weighted.strengths == Strengths(0.5, 1.5) and plain.strengths == Strengths()
    assert weighted.upscaler is plain.upscaler
    assert get("sd15", Options(preset="fast")).options.preset == "fast"


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownName, match=r"'oil'.*painter, painter-preview"):
        get("oil")


@pytest.mark.parametrize(("name", "options"), [("painter", Options()), ("sd15", Strengths())])
def test_options_of_another_decoder_are_rejected(name, options):
    with pytest.raises(UnknownName, match=f"the decoder {name} takes options of type"):
        get(name, options)


def test_a_registered_decoder_is_found_by_its_name(monkeypatch):
    """The steps that registry.py describes are enough."""

    class Gray:
        name = "gray"

        def decode(self, layers, *, seed=None, on_step=None):
            base.require_layers(layers)
            reporter = base.StepReporter(1, on_step)
            picture = np.full((layers.height, layers.width, 3), 128, np.uint8)
            reporter.step("done", picture)
            return picture

        def with_options(self, options):
            return self

    monkeypatch.setitem(registry._REGISTRY, "gray", registry._Entry(Strengths, Gray))
    monkeypatch.setattr(registry, "_built", {})
    layers, steps = Layers(6, 4, Prompt("x")), []
    assert names()[-1] == "gray"
    assert (codec.decode(layers, decoder="gray", on_step=steps.append) == 128).all()
    assert get("gray", Strengths(0.5)).name == "gray"
    assert [(step.index, step.total, step.label) for step in steps] == [(1, 1, "done")]
    with pytest.raises(InvalidLayer, match="nothing to decode"):
        codec.decode(Layers(6, 4), decoder="gray")


def test_only_false_cancels():
    for answer in (None, True, 0):
        base.StepReporter(1, lambda step, answer=answer: answer).step("x")
    with pytest.raises(Cancelled):
        base.StepReporter(1, lambda step: False).step("x")


@pytest.mark.parametrize("strengths", [(-0.1, 1), (1, 2.1), (float("nan"), 1)])
def test_strengths_out_of_range_are_rejected(strengths):
    with pytest.raises(InvalidLayer, match="from 0 to 2"):
        Strengths(*strengths)
