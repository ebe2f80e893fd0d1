"""A picture becomes three layers within its budget, whatever picture it is."""

from __future__ import annotations

import numpy as np
import pytest

import codec
from codec.encoder.encode_options import EncodeOptions
from codec.encoder.extract import extract
from codec.errors import BudgetTooSmall, ImageError, InvalidLayer, ModelMissing, UnknownName
from codec.images.io import encode_png
from codec.layers import default_budget


def test_three_layers_within_the_default_budget(photo: np.ndarray) -> None:
    layers = codec.encode(photo, prompt="portrait of an astronaut")
    assert len(layers.to_bytes()) <= default_budget(256, 256)
    assert layers.semantic.text == "portrait of an astronaut"
    assert layers.structure.strokes and layers.texture
    assert codec.Layers.from_bytes(layers.to_bytes()) == layers


@pytest.mark.parametrize("budget", [90, 160, 300, 654, 2000])
def test_the_budget_is_kept_and_used(photo: np.ndarray, budget: int) -> None:
    size = len(codec.encode(photo, prompt="an astronaut", budget=budget).to_bytes())
    assert budget * 0.9 <= size <= budget


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 7), (64, 64)])
@pytest.mark.parametrize("kind", ["flat", "noise"])
def test_any_picture(size: tuple[int, int], kind: str) -> None:
    rng = np.random.default_rng(1)
    pixels = np.full((size[1], size[0], 3), 90, np.uint8)
    if kind == "noise":
        pixels = rng.integers(0, 256, pixels.shape, dtype=np.uint8)
    layers = codec.encode(pixels)
    assert (layers.width, layers.height) == size
    assert len(layers.to_bytes()) <= default_budget(*size)
    assert codec.Layers.from_bytes(layers.to_bytes()) == layers


def test_the_grid_can_be_chosen(photo: np.ndarray) -> None:
    wide = photo[:128]
    assert _grid(codec.encode(wide, grid=12)) == (6, 12)
    assert _grid(codec.encode(wide, grid=(8, 10))) == (8, 10)
    with pytest.raises(InvalidLayer):
        codec.encode(wide, grid=(1, 8))


def test_where_there_are_few_lines_the_colors_get_a_finer_grid() -> None:
    x, y = np.meshgrid(np.linspace(0, 7, 256), np.linspace(0, 5, 256))
    hills = np.stack([np.sin(x) * np.sin(y), np.sin(x + 1) * np.sin(y + 2), np.cos(y)], 2)
    layers = codec.encode((127 + 60 * hills).astype(np.uint8), budget=600)
    assert layers.sizes().structure < 200
    assert _grid(layers) > (20, 20)  # 26 % of the bytes would be worth 14


def _grid(layers: codec.Layers) -> tuple[int, int]:
    return layers.texture.rows, layers.texture.cols


def test_the_prompts_origin_is_told(photo: np.ndarray) -> None:
    parameters = "a moon base\nNegative prompt: fog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42"
    file = encode_png(photo, {"parameters": parameters})
    found = extract(file)
    assert found.layers.semantic == codec.Prompt("a moon base", "fog")
    assert (found.layers.seed, found.layers.settings.steps) == (42, 20)
    assert found.prompt_source == "from the picture's AUTOMATIC1111 metadata"
    assert extract(file, EncodeOptions(prompt="mine")).layers.semantic.text == "mine"
    assert extract(photo).layers.semantic.text  # an honest description
    assert extract(photo).prompt_source != extract(file).prompt_source
    assert extract(file, EncodeOptions(seed=9)).layers.seed == 9


def test_a_prompt_over_the_budget_is_said_so(photo: np.ndarray) -> None:
    noise = "".join(map(chr, np.random.default_rng(0).integers(33, 126, 600)))
    with pytest.raises(BudgetTooSmall, match="prompt"):
        codec.encode(photo, prompt=noise, budget=200)


def test_a_long_prompt_from_metadata_is_shortened_to_fit(photo: np.ndarray) -> None:
    words = ", ".join(f"word{i * i}" for i in range(300))
    found = extract(encode_png(photo, {"parameters": f"{words}\nNegative prompt: fog"}), EncodeOptions(budget=300))
    assert words.startswith(found.layers.semantic.text) and len(found.layers.semantic.text) > 100
    assert len(found.layers.to_bytes()) <= 300
    assert "shortened" in found.prompt_source


@pytest.mark.parametrize("budget", [0, 1, 13, 20])
def test_hopeless_budgets_are_refused(photo: np.ndarray, budget: int) -> None:
    with pytest.raises(BudgetTooSmall):
        codec.encode(photo, prompt="x", budget=budget)


def test_bad_input_is_refused(photo: np.ndarray) -> None:
    with pytest.raises(ImageError):
        codec.encode(b"no picture")
    with pytest.raises(ImageError):
        codec.encode(np.zeros((4, 4), np.uint8))
    with pytest.raises(ImageError):
        codec.encode(np.zeros((0, 4, 3), np.uint8))
    with pytest.raises(ImageError):
        codec.encode(np.zeros((1, 4097, 3), np.uint8))
    with pytest.raises(UnknownName, match="canny"):
        codec.encode(photo, edges="magic")


def test_the_same_picture_gives_the_same_file(photo: np.ndarray) -> None:
    assert codec.encode(photo).to_bytes() == codec.encode(photo.copy()).to_bytes()


def test_a_pose_goes_where_the_sketch_would(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    from codec.encoder.sketch import annotators
    from tests.samples import pose

    asked: list[int] = []
    monkeypatch.setattr(annotators, "people", lambda pixels, most: asked.append(most) or pose())
    layers = codec.encode(photo, prompt="an astronaut", edges="openpose", budget=300)
    assert layers.structure == pose() and layers.texture
    assert 100 < asked[0] < 300 and len(layers.to_bytes()) <= 300


@pytest.mark.parametrize("options", [{"edges": "openpose"}, {"edges": "pidinet"}, {"captioner": "blip"}])
def test_missing_weights_are_said_with_the_remedy(photo: np.ndarray, options: dict) -> None:
    from codec.encoder.prompt import caption
    from codec.encoder.sketch import annotators

    annotators.release()  # of what other tests loaded
    caption.release()
    with pytest.raises(ModelMissing, match="python -m codec models fetch"):
        codec.encode(photo, **options)
