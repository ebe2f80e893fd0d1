"""LPIPS, DISTS and the CLIP score with random networks agree with their packages; missing files are one-line errors."""

from __future__ import annotations

import hashlib
import json
import pickle
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from codec.bench import learned, measures, run
from codec.errors import ModelMissing
from codec.images.io import encode_png
from codec.models import locate
from codec.models.torchvision_compat import ensure_torchvision
from tests import tiny
from tests.pictures import disc

pytestmark = pytest.mark.bench

SAME, OTHER = disc(4, 64), np.ascontiguousarray(disc(5, 64)[::-1])


@pytest.fixture(autouse=True)
def isolated_caches(tmp_path, monkeypatch):
    """Hide this machine's own weights, and one test's weights from the next."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("TRILAYER_CACHE", str(tmp_path / "ours"))
    monkeypatch.setenv("TRILAYER_MODELS", str(tmp_path / "models"))
    (tmp_path / "torch" / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "models").mkdir()
    clear_network_caches()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more threads would only wait for one another
    yield
    torch.set_num_threads(threads)
    clear_network_caches()


def clear_network_caches() -> None:
    for loader in (learned._lpips_network, learned._dists_weights, learned._clip):
        loader.cache_clear()


@pytest.fixture(scope="module")
def networks():
    """The convolutions of AlexNet and VGG16 with random weights."""
    ensure_torchvision()
    from torchvision import models as torchvision

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        alexnet = torchvision.alexnet(num_classes=1).features
        vgg16 = torchvision.vgg.make_layers(torchvision.vgg.cfgs["D"])
    return SimpleNamespace(alexnet=alexnet, vgg16=vgg16)


@pytest.fixture
def write_weights(tmp_path, monkeypatch, networks):
    """A function that writes a network's weights under torchvision's kind of name, which is then searched for."""

    def write(name: str, folder: str = "torch/hub/checkpoints") -> Path:
        part = tmp_path / "part"
        torch.save({f"features.{key}": value for key, value in getattr(networks, name).state_dict().items()}, part)
        digits = hashlib.sha256(part.read_bytes()).hexdigest()[:8]
        monkeypatch.setattr(learned, {"alexnet": "ALEXNET", "vgg16": "VGG16"}[name], f"{name}-{digits}.pth")
        return part.rename(tmp_path / folder / f"{name}-{digits}.pth")

    return write


def to_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.tensor(pixels / 255, dtype=torch.float32).permute(2, 0, 1)[None]


def package_file(package: str, name: str) -> Path:
    return Path(find_spec(package).origin).parent / name


@pytest.mark.filterwarnings("ignore:::torchvision")
def test_lpips_agrees_with_its_package(write_weights, networks):
    from lpips import LPIPS

    write_weights("alexnet")
    known = LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False)
    heads = torch.load(package_file("lpips", "weights/v0.1/alex.pth"), map_location="cpu", weights_only=True)
    known.load_state_dict(heads, strict=False)
    for number in range(1, 6):
        getattr(known.net, f"slice{number}").load_state_dict(networks.alexnet.state_dict(), strict=False)
    with torch.inference_mode():
        expected = float(known(to_tensor(SAME), to_tensor(OTHER), normalize=True))
    assert learned.lpips(SAME, OTHER) == pytest.approx(expected, rel=1e-4) and expected > 1e-4
    assert learned.lpips(SAME, SAME) == 0
    assert learned.lpips(SAME[:31], OTHER[:31]) is None


def test_dists_agrees_with_its_package(write_weights, networks, monkeypatch):
    from torchvision import models as torchvision

    write_weights("vgg16", "models")
    monkeypatch.setattr(torchvision, "vgg16", lambda pretrained: networks)
    networks.features = networks.vgg16
    from DISTS_pytorch.DISTS_pt import DISTS

    known = DISTS(load_weights=False)
    weights = torch.load(package_file("DISTS_pytorch", "weights.pt"), map_location="cpu", weights_only=True)
    known.alpha.data, known.beta.data = weights["alpha"], weights["beta"]
    for a, b in ((SAME, OTHER), (SAME[:37], OTHER[:37]), (SAME[:1, :1], OTHER[:1, :1])):
        assert learned.dists(a, b) == pytest.approx(known(to_tensor(a), to_tensor(b)).item(), abs=1e-5)
    assert learned.dists(SAME, OTHER) > 0.01
    assert learned.dists(SAME, SAME) == pytest.approx(0, abs=1e-5)


def test_weights_are_converted_once(write_weights, monkeypatch):
    write_weights("vgg16")
    first = learned.dists(SAME, OTHER)
    clear_network_caches()
    monkeypatch.setattr(learned.convert_pickle, "convert", pytest.fail)
    assert learned.dists(SAME, OTHER) == first


@pytest.mark.parametrize("name", ["LPIPS", "DISTS"])
def test_missing_weights_are_a_one_line_error(name, monkeypatch):
    measure, file = {"LPIPS": (learned.lpips, learned.ALEXNET), "DISTS": (learned.dists, learned.VGG16)}[name]
    with pytest.raises(ModelMissing) as raised:
        measure(SAME, OTHER)
    message = str(raised.value)
    assert "\n" not in message and "pip" not in message
    assert f"/{file} into {learned._torch_hub_folder()}" in message and "TRILAYER_MODELS" in message
    monkeypatch.setattr(learned.importlib.util, "find_spec", lambda name: None)
    here, absent = measures.available_measures()
    assert name not in here and absent[name].startswith("pip install ") and absent[name].endswith(f", and {message}")


def test_file_with_another_digest_or_a_hostile_pickle_is_rejected(write_weights, tmp_path, monkeypatch):
    path = write_weights("alexnet")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelMissing, match="not the file that its name says"):
        learned.lpips(SAME, OTHER)
    hostile = pickle.dumps({"features.0.weight": print}, protocol=2)
    digits = hashlib.sha256(hostile).hexdigest()[:8]
    (tmp_path / "models" / f"vgg16-{digits}.pth").write_bytes(hostile)
    monkeypatch.setattr(learned, "VGG16", f"vgg16-{digits}.pth")
    with pytest.raises(ModelMissing, match="refused"):
        learned.dists(SAME, OTHER)


def test_weights_of_another_network_are_rejected(write_weights, networks, monkeypatch):
    monkeypatch.setattr(networks, "alexnet", networks.vgg16)
    write_weights("alexnet")
    with pytest.raises(ModelMissing, match="do not fit their network"):
        learned.lpips(SAME, OTHER)


# --- CLIP -----------------------------------------------------------------------------------------


@pytest.fixture
def clip(tmp_path) -> Path:
    """A tiny CLIP with the files of openai/clip-vit-base-patch32, its weights pickled."""
    ensure_torchvision()
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    folder = tmp_path / "models" / "clip"
    folder.mkdir()
    tiny.write_tokenizer(folder)
    CLIPTokenizer.from_pretrained(folder).save_pretrained(folder)  # tokenizer.json
    tiny.write_tokenizer(folder)  # restore the old files
    pictures = {
        "crop_size": 32, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 32,
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures))
    vision = {**tiny.TINY["text"], "image_size": 32, "patch_size": 8, "initializer_range": 0.2}
    del vision["vocab_size"]
    text = tiny.text_config({**tiny.TINY["text"], "initializer_range": 0.2, "initializer_factor": 10.0})
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=32)
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.save(CLIPModel(config).state_dict(), folder / "pytorch_model.bin")
    assert {file.path for file in locate.get_model("clip").files} <= {path.name for path in folder.iterdir()}
    return folder


def test_clip_score_agrees_with_transformers(clip):
    from transformers import CLIPModel, CLIPTokenizer

    network = CLIPModel.from_pretrained(locate.locate("clip"), local_files_only=True)
    square = np.ascontiguousarray(SAME[:32, :32])  # the network's input size: no scaling or cropping
    mean, deviation = np.array([[0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]])
    pixels = torch.tensor((square / 255 - mean) / deviation, dtype=torch.float32).permute(2, 0, 1)[None]
    expected = {}
    for text in ("the cat", "a dog", "rain", "x" * 300):
        tokens = CLIPTokenizer.from_pretrained(clip)(text, return_tensors="pt", truncation=True, max_length=77)
        with torch.inference_mode():
            found = network(**tokens, pixel_values=pixels)
        expected[text] = max((100 * found.logits_per_image / network.logit_scale.exp()).item(), 0)
        assert learned.clip_score(SAME, square, text) == pytest.approx(expected[text], abs=1e-3)
    assert len(set(expected.values())) > 2 and 0 in expected.values()
    assert learned.clip_score(SAME, square, None) is None


def test_clip_with_missing_weights_is_rejected(clip):
    state = torch.load(clip / "pytorch_model.bin", weights_only=True)
    del state["visual_projection.weight"]
    torch.save(state, clip / "pytorch_model.bin")
    with pytest.raises(ModelMissing, match=r"lacks weights of clip, such as visual_projection\.weight"):
        learned.clip_score(SAME, OTHER, "a")


def test_benchmark_uses_the_installed_networks(write_weights, clip, tmp_path):
    write_weights("alexnet")
    write_weights("vgg16")
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"{number}.png").write_bytes(encode_png(disc(number, 48)))
    (folder / "captions.tsv").write_text("1.png\tthe disc\n")
    captioned, uncaptioned = run.read_results(run.run(folder, tmp_path / "out", (655,), ["WebP"]))
    assert all(float(row[name]) > 0 for row in (captioned, uncaptioned) for name in ("LPIPS", "DISTS"))
    assert captioned["CLIP score"] and not uncaptioned["CLIP score"]
