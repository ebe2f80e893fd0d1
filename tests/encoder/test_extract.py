"""Extraction of three layers within a budget, from any picture."""

from __future__ import annotations

import numpy as np
import pytest

import codec
from codec import EncodeOptions, Layers, Prompt, Settings
from codec.encoder.encode_options import DEFAULT_OPTIONS
from codec.encoder.extract import EMBEDDED, Extraction, extract, shorten_prompt
from codec.encoder.prompt.find_prompt import GIVEN, FoundPrompt
from codec.errors import BudgetTooSmall, ImageError, ModelMissing, UnknownName
from codec.images import png_chunk
from codec.images.io import encode_png
from codec.layers import default_budget
from tests.encoder.conftest import PROMPT
from tests.samples import example, pose

INFOTEXT = "a moon base\nNegative prompt: fog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42"


def test_three_layers_fit_into_the_default_budget(extraction: Extraction) -> None:
    layers = extraction.layers
    assert 0.9 * default_budget(256, 256) <= len(layers.to_bytes()) <= default_budget(256, 256)
    assert layers.semantic.text == PROMPT
    assert layers.structure.strokes and layers.texture
    assert Layers.from_bytes(layers.to_bytes()) == layers
    assert extraction.prompt_source == GIVEN


def test_same_picture_gives_the_same_file(photo: np.ndarray, extraction: Extraction) -> None:
    assert codec.encode(photo.copy(), prompt=PROMPT).to_bytes() == extraction.layers.to_bytes()


def test_reserved_bytes_stay_free(photo: np.ndarray, fast_encoder: None) -> None:
    options = EncodeOptions(prompt="an astronaut", budget=200)
    assert len(extract(photo, options, reserved_bytes=50).layers.to_bytes()) <= 150


@pytest.mark.parametrize("size", [(1, 1), (300, 7)])
def test_flat_pictures_of_any_size_are_encoded(size: tuple[int, int]) -> None:
    check_default_encode(np.full((size[1], size[0], 3), 90, np.uint8))


@pytest.mark.parametrize("size", [(2, 300), (24, 16)])
def test_noise_of_any_size_is_encoded(size: tuple[int, int]) -> None:
    check_default_encode(np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def check_default_encode(pixels: np.ndarray) -> None:
    layers = codec.encode(pixels)
    height, width = pixels.shape[:2]
    assert (layers.width, layers.height) == (width, height)
    assert len(layers.to_bytes()) <= default_budget(width, height)
    assert Layers.from_bytes(layers.to_bytes()) == layers


@pytest.mark.parametrize(("grid", "shape"), [(12, (6, 12)), ((8, 10), (8, 10))])
def test_grid_can_be_chosen(
    photo: np.ndarray, fast_encoder: None, grid: int | tuple[int, int], shape: tuple[int, int]
) -> None:
    assert grid_of(codec.encode(photo[:128], grid=grid)) == shape


def test_colors_get_a_finer_grid_if_there_are_few_lines(fast_encoder: None) -> None:
    x, y = np.meshgrid(np.linspace(0, 7, 256), np.linspace(0, 5, 256))
    hills = np.stack([np.sin(x) * np.sin(y), np.sin(x + 1) * np.sin(y + 2), np.cos(y)], 2)
    layers = codec.encode((127 + 60 * hills).astype(np.uint8), budget=600, balance="structure")
    assert layers.sizes().structure < 200
    assert grid_of(layers) > (20, 20)  # 14 cells a side would be typical of the share that colors get at first


@pytest.fixture(scope="module")
def detailed(photo: np.ndarray) -> Layers:
    return codec.encode(photo, prompt="an astronaut", budget=600)


def test_picture_balance_stores_a_small_sketch_base_colors_and_detail(detailed: Layers) -> None:
    sizes = detailed.sizes()
    assert grid_of(detailed) == (8, 8) and detailed.texture.detail is not None
    assert 0 < sizes.structure <= 0.2 * 600 and sizes.texture > 0.75 * 600
    assert 0.9 * 600 <= sizes.total <= 600
    assert Layers.from_bytes(detailed.to_bytes()) == detailed


def test_structure_balance_and_poses_store_no_detail(
    photo: np.ndarray, fast_encoder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codec.encoder.sketch import annotators

    assert codec.encode(photo, budget=400, balance="structure").texture.detail is None
    monkeypatch.setattr(annotators, "extract_pose", lambda pixels, max_bytes: pose())
    assert codec.encode(photo, budget=400, edges="openpose").texture.detail is None
    assert codec.encode(photo, budget=400, edges="openpose", balance="picture").texture.detail is not None


def test_small_budgets_store_no_detail(photo: np.ndarray, fast_encoder: None) -> None:
    assert codec.encode(photo, prompt="an astronaut", budget=200, balance="picture").texture.detail is None


def test_grid_can_be_chosen_beside_detail(photo: np.ndarray, fast_encoder: None) -> None:
    layers = codec.encode(photo, prompt="x", budget=500, grid=(4, 6))
    assert grid_of(layers) == (4, 6) and layers.texture.detail is not None


def grid_of(layers: Layers) -> tuple[int, int]:
    return layers.texture.rows, layers.texture.cols


def test_prompt_seed_and_settings_come_from_metadata(photo: np.ndarray, fast_encoder: None) -> None:
    extraction = extract(encode_png(photo, {"parameters": INFOTEXT}))
    assert extraction.layers.semantic == Prompt("a moon base", "fog")
    assert (extraction.layers.seed, extraction.layers.settings.steps) == (42, 20)
    assert extraction.prompt_source == "from the picture's AUTOMATIC1111 metadata"
    back = Layers.from_bytes(extraction.layers.to_bytes())
    assert (back.semantic, back.seed, back.settings) == (
        extraction.layers.semantic, 42, Settings(20, 7.0, "euler_a"),
    )  # fmt: skip


def test_given_prompt_and_seed_replace_those_of_the_metadata(photo: np.ndarray, fast_encoder: None) -> None:
    layers = codec.encode(encode_png(photo, {"parameters": INFOTEXT}), prompt="mine", seed=9, budget=120)
    assert (layers.semantic, layers.seed) == (Prompt("mine"), 9)


def test_embedded_layers_are_returned_unless_options_are_given(photo: np.ndarray, fast_encoder: None) -> None:
    png = png_chunk.embed(encode_png(photo), example().to_bytes())
    embedded = extract(png)
    assert (embedded.layers, embedded.prompt_source) == (example(), EMBEDDED)
    assert extract(png, EncodeOptions(captioner="none")).layers == example()
    assert extract(png, EncodeOptions(prompt="mine", budget=100)).layers != example()
    assert extract(png, DEFAULT_OPTIONS, reserved_bytes=60).layers != example()


def test_prompt_that_exceeds_the_budget_is_rejected(photo: np.ndarray) -> None:
    noise = "".join(map(chr, np.random.default_rng(0).integers(33, 126, 600)))
    with pytest.raises(BudgetTooSmall, match="prompt alone"):
        codec.encode(photo, prompt=noise, budget=200)


@pytest.mark.parametrize("budget", [-1, 0, 1, 13, 20])
def test_hopeless_budgets_are_rejected(photo: np.ndarray, fast_encoder: None, budget: int) -> None:
    with pytest.raises(BudgetTooSmall):
        codec.encode(photo, prompt="x", budget=budget)


def test_long_prompt_from_metadata_is_shortened() -> None:
    words = ", ".join(f"word{i * i}" for i in range(300))
    found = shorten_prompt(FoundPrompt(Prompt(words, "fog"), "from a file"), 300)
    assert words.startswith(found.prompt.text) and len(found.prompt.text) > 100
    assert found.prompt.negative == "" and len(found.prompt.to_bytes()) <= 150
    assert found.source == "from a file, shortened to fit"
    given = FoundPrompt(Prompt(words, "fog"), GIVEN)
    assert shorten_prompt(given, 300) == given


def test_long_model_name_is_dropped_if_the_budget_is_small() -> None:
    settings = Settings(20, sampler="euler_a", size=(512, 512), model="m" * 60)
    found = FoundPrompt(Prompt("a fox"), GIVEN, settings=settings)
    assert shorten_prompt(found, 900).settings == settings
    assert shorten_prompt(found, 160).settings == Settings(20, sampler="euler_a", size=(512, 512))


@pytest.mark.parametrize(
    "source",
    [
        b"no picture",
        np.zeros((4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, 4097, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
    ids=["bytes", "gray", "empty", "too wide", "float"],
)
def test_invalid_pictures_are_rejected(source: bytes | np.ndarray) -> None:
    with pytest.raises(ImageError):
        codec.encode(source)


def test_unknown_edge_detector_is_rejected_with_the_known_ones(photo: np.ndarray) -> None:
    with pytest.raises(UnknownName, match="canny"):
        codec.encode(photo, edges="magic")


def test_pose_replaces_the_sketch(photo: np.ndarray, fast_encoder: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from codec.encoder.sketch import annotators

    budgets: list[int] = []
    monkeypatch.setattr(annotators, "extract_pose", lambda pixels, max_bytes: budgets.append(max_bytes) or pose())
    layers = codec.encode(photo, prompt="an astronaut", edges="openpose", budget=300)
    assert layers.structure == pose() and layers.texture
    assert 100 < budgets[0] < 300 and len(layers.to_bytes()) <= 300


@pytest.mark.parametrize("options", [{"edges": "openpose"}, {"edges": "pidinet"}, {"captioner": "blip"}])
def test_missing_weights_are_reported_with_the_remedy(photo: np.ndarray, options: dict) -> None:
    from codec.encoder.prompt import caption
    from codec.encoder.sketch import annotators

    annotators.release()  # of networks that other tests loaded
    caption.release()
    with pytest.raises(ModelMissing, match="python -m codec models fetch"):
        codec.encode(photo, **options)
