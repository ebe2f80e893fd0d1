"""Captions by tiny BLIP and BLIP-2 networks that were trained on two pictures, in the layout of the Hub."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec.encoder.prompt import caption as captions
from codec.encoder.prompt.caption import MAX_LENGTH, best, caption
from codec.encoder.prompt.find_prompt import UNKNOWN, find_prompt
from codec.errors import ModelMissing, OutOfMemory, UnknownName
from codec.images.io import Picture
from codec.models.torchvision_compat import ensure_torchvision
from codec.semantic.prompt import Prompt

with_networks = pytest.mark.skipif(find_spec("transformers") is None, reason="transformers is not installed")

RED, BLUE = (np.full((40, 52, 3), color, np.uint8) for color in ((250, 10, 10), (10, 10, 250)))
PROCESSOR = {
    "do_normalize": True, "do_resize": True, "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_processor_type": "BlipImageProcessor", "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3, "size": {"height": 32, "width": 32},
}  # fmt: skip
VISION = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
          "image_size": 32, "patch_size": 16, "initializer_range": 0.2}  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with blip/ as a pickle and blip2/ in two shards, as on the Hub, trained on RED and BLUE."""
    ensure_torchvision()
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more threads only slow down networks of this size
    root = tmp_path_factory.mktemp("models")
    write_blip(root / "blip")
    write_blip2(root / "blip2")
    yield root
    torch.set_num_threads(threads)


def write_blip(folder: Path) -> None:
    """Write the files of Salesforce/blip-image-captioning-base; as there, the tokenizer lacks the start token."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BlipConfig, BlipForConditionalGeneration

    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "blue", "square"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    BertWordPieceTokenizer(str(folder / "vocab.txt")).save(str(folder / "tokenizer.json"))
    special = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]",
               "mask_token": "[MASK]"}  # fmt: skip
    dump(folder / "special_tokens_map.json", special)
    dump(folder / "tokenizer_config.json", {"do_lower_case": True, "tokenizer_class": "BertTokenizer",
                                            "processor_class": "BlipProcessor", **special})  # fmt: skip
    dump(folder / "preprocessor_config.json", {**PROCESSOR, "processor_class": "BlipProcessor"})
    text = {"vocab_size": 11, "hidden_size": 32, "encoder_hidden_size": 32, "intermediate_size": 64,
            "num_hidden_layers": 1, "num_attention_heads": 2, "projection_dim": 16, "bos_token_id": 9,
            "eos_token_id": 2, "sep_token_id": 3, "pad_token_id": 0, "max_position_embeddings": 64}  # fmt: skip
    config = BlipConfig(text_config=text, vision_config={**VISION, "projection_dim": 16}, projection_dim=16)
    dump(folder / "config.json", config.to_dict())
    torch.manual_seed(0)
    network = BlipForConditionalGeneration(config)
    tokens = torch.tensor([[9, 5, 6, 8, 3], [9, 5, 7, 8, 3]])
    train(network, folder, tokens, tokens)
    state = dict(network.state_dict())
    state["text_decoder.bert.embeddings.position_ids"] = torch.arange(64)[None]  # as on the Hub
    torch.save(state, folder / "pytorch_model.bin")


def write_blip2(folder: Path) -> None:
    """Write the files of Salesforce/blip2-opt-2.7b; as there, a sentence ends with a newline."""
    import torch
    from safetensors.torch import save_file
    from transformers import Blip2Config, Blip2ForConditionalGeneration

    folder.mkdir()
    words = ["<s>", "<pad>", "</s>", "<unk>", "a", "\u0120red", "\u0120blue", "\u0120square", "\u010a"]
    words += sorted(set("redblusqu\u0120") - set(words))
    dump(folder / "vocab.json", {word: place for place, word in enumerate(words)})
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    dump(folder / "tokenizer_config.json", {
        "add_bos_token": True, "add_prefix_space": False, "bos_token": "</s>", "eos_token": "</s>",
        "pad_token": "<pad>", "unk_token": "</s>", "tokenizer_class": "GPT2Tokenizer",
    })  # fmt: skip
    dump(folder / "preprocessor_config.json", {**PROCESSOR, "processor_class": "Blip2Processor"})
    image = len(words)
    text = {"model_type": "opt", "vocab_size": image + 1, "hidden_size": 32, "word_embed_proj_dim": 32, "ffn_dim": 64,
            "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 64, "bos_token_id": 2,
            "eos_token_id": 8, "pad_token_id": 1, "dropout": 0.0, "init_std": 0.1}  # fmt: skip
    former = {"vocab_size": 4, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
              "num_attention_heads": 2, "encoder_hidden_size": 32, "max_position_embeddings": 8,
              "cross_attention_frequency": 1, "initializer_range": 0.2}  # fmt: skip
    config = Blip2Config(
        vision_config=VISION, qformer_config=former, text_config=text, num_query_tokens=4, image_token_index=image
    )
    dump(folder / "config.json", config.to_dict())
    torch.manual_seed(0)
    network = Blip2ForConditionalGeneration(config)
    tokens = torch.tensor([[image] * 4 + [2, 4, 5, 7, 8], [image] * 4 + [2, 4, 6, 7, 8]])
    labels = tokens.clone()
    labels[:, :5] = -100
    train(network, folder, tokens, labels)
    state = {key: value for key, value in network.state_dict().items() if key != "language_model.lm_head.weight"}
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    places = {key: names[at * 2 // len(state)] for at, key in enumerate(state)}
    for name in names:
        shard = {key: value.contiguous() for key, value in state.items() if places[key] == name}
        save_file(shard, folder / name, metadata={"format": "pt"})
    dump(folder / "model.safetensors.index.json", {"metadata": {"total_size": 1}, "weight_map": places})


def train(network: Any, folder: Path, tokens: Any, labels: Any) -> None:
    """Train the network on RED and BLUE, in less than a second."""
    import torch
    from transformers import BlipImageProcessorPil

    processor = BlipImageProcessorPil.from_pretrained(folder)
    frames = torch.cat([processor(pixels, return_tensors="pt")["pixel_values"] for pixels in (RED, BLUE)])
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    network.eval()
    for _ in range(40):
        network(pixel_values=frames, input_ids=tokens, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def dump(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def installed(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    captions.release()
    monkeypatch.setenv("TRILAYER_MODELS", str(weights))
    monkeypatch.setenv("TRILAYER_CACHE", str(weights.parent / "converted"))
    return weights


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights are installed."""
    captions.release()
    for name in ("TRILAYER_MODELS", "TRILAYER_CACHE", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))


@with_networks
@pytest.mark.parametrize("name", ["blip2", "blip"])
def test_caption_describes_the_picture(name: str, installed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert caption(RED, name) == ("a red square", name)
    assert caption(BLUE, name) == ("a blue square", name)
    assert caption(RED, name) == ("a red square", name)
    assert caption(np.asfortranarray(BLUE[:1, :1]), name) == ("a blue square", name)
    assert capfd.readouterr() == ("", "")  # no progress bars or warnings


@with_networks
def test_nothing_is_downloaded(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even without HF_HUB_OFFLINE, which all tests set."""
    connections = []

    def refuse(*address: Any, **_: Any) -> None:
        connections.append(address)
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert [caption(RED, name)[0] for name in ("blip", "blip2")] == ["a red square"] * 2
    assert connections == []


@with_networks
def test_auto_uses_the_best_installed_captioner_that_fits_into_memory(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captions, "_MIN_MEMORY", {"blip2": 0, "blip": 0})
    assert (best(), caption(RED)[1]) == ("blip2", "blip2")
    monkeypatch.setattr(captions, "_MIN_MEMORY", {"blip2": 1 << 60, "blip": 0})
    assert (best(), caption(RED)[1]) == ("blip", "blip")
    (tmp_path / "blip2").symlink_to(installed / "blip2")
    monkeypatch.setenv("TRILAYER_MODELS", str(tmp_path))
    monkeypatch.setenv("TRILAYER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert best() is None
    monkeypatch.setattr(captions, "_MIN_MEMORY", {"blip2": 0, "blip": 0})
    assert best() == "blip2"


@with_networks
def test_auto_falls_back_when_memory_runs_out(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = captions._load

    def load_blip_only(name: str, folder: Path | None) -> Any:
        if name == "blip2":
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return load(name, folder)

    monkeypatch.setattr(captions, "_MIN_MEMORY", {"blip2": 0, "blip": 0})
    monkeypatch.setattr(captions, "_load", load_blip_only)
    assert caption(RED) == ("a red square", "blip")
    with pytest.raises(OutOfMemory, match="use the captioner blip"):
        caption(RED, "blip2")


@with_networks
@pytest.mark.parametrize("name", ["blip2", "blip"])
def test_half_precision_gives_the_same_captions(name: str, installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dtype = captions._dtype
    monkeypatch.setattr(captions, "_dtype", lambda _: dtype("cuda"))
    assert [caption(pixels, name)[0] for pixels in (RED, BLUE)] == ["a red square", "a blue square"]


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize(("name", "missing"), [("blip2", "blip2"), ("blip", "blip"), ("auto", "blip")])
def test_missing_weights_are_reported_with_the_remedy(name: str, missing: str) -> None:
    assert best() is None
    with pytest.raises(ModelMissing, match=rf"{missing} is missing.* of Salesforce/.*models fetch {missing},"):
        caption(RED, name)


@pytest.mark.usefixtures("no_weights")
def test_unknown_captioner_is_rejected_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"'gpt'.*auto, blip2, blip"):
        caption(RED, "gpt")


@with_networks
def test_threads_share_one_network(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []
    load = captions._load
    monkeypatch.setattr(captions, "_load", lambda *names: loads.append(names) or load(*names))
    results: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda at=at: results.update({at: caption((RED, BLUE)[at % 2], "blip")[0]}))
        for at in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[at] for at in range(6)] == ["a red square", "a blue square"] * 3
    assert len(loads) == 1
    captions.release()
    caption(RED, "blip")
    assert len(loads) == 2


@with_networks
def test_weights_are_loaded_from_a_given_folder(weights: Path, no_weights: None) -> None:
    assert caption(RED, "blip2", weights / "blip2") == ("a red square", "blip2")


@with_networks
def test_endless_caption_is_truncated(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network never emits its end token."""
    monkeypatch.setitem(captions._GENERATE_OPTIONS, "suppress_tokens", [3])
    text, _ = caption(RED, "blip")
    assert 0 < len(text) <= MAX_LENGTH


@pytest.mark.parametrize(("raw", "text"), [
    (" a cat\n", "a cat"), ("a\tb  c\x00", "a b c"), ("\n two\nlines", "two"), ("", ""), ("half \ud800", "half"),
    ("word " * 100, ("word " * 40).strip()), ("x" * 300, "x" * 200),
])  # fmt: skip
def test_caption_is_one_short_line(raw: str, text: str) -> None:
    assert captions._clean(raw) == text


@with_networks
def test_damaged_files_are_reported(weights: Path, no_weights: None, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "blip2"
    folder.mkdir()
    for path in (weights / "blip2").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    first = folder / "model-00001-of-00002.safetensors"
    whole = load_file(first)
    removed = next(key for key in sorted(whole) if key.endswith("fc1.weight"))
    save_file({key: value for key, value in whole.items() if key != removed}, first, metadata={"format": "pt"})
    with pytest.raises(ModelMissing, match=r"lacks weights of blip2, such as .*fc1\.weight.*fetch it again"):
        caption(RED, "blip2", folder)
    save_file({**whole, removed: whole[removed][:1].clone()}, first, metadata={"format": "pt"})
    with pytest.raises(ModelMissing, match=r"blip2 cannot be used|lacks weights of blip2"):
        caption(RED, "blip2", folder)
    first.write_bytes(first.read_bytes()[:-9])
    with pytest.raises(ModelMissing, match=r"model-00001-of-00002\.safetensors"):
        caption(RED, "blip2", folder)
    save_file(whole, first, metadata={"format": "pt"})
    (folder / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelMissing, match="blip2 cannot be used"):
        caption(RED, "blip2", folder)


@with_networks
def test_missing_package_is_reported(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelMissing, match=r"blip needs the package transformers: pip install"):
        caption(RED, "blip")


@with_networks
def test_out_of_memory_is_reported_with_the_remedy(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(captions, "_load", fail)
    with pytest.raises(OutOfMemory, match=r"blip2 does not fit into memory.*blip"):
        caption(RED, "blip2")


# --- find_prompt --------------------------------------------------------------------


@with_networks
def test_prompt_is_captioned_if_there_is_no_other(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "_MIN_MEMORY", {"blip2": 0, "blip": 0})
    with_metadata, plain = Picture(RED, {"parameters": "from the file"}), Picture(RED)
    assert find_prompt(plain).source == "captioned by blip2"
    assert find_prompt(plain, negative="fog").prompt == Prompt("a red square", "fog")
    assert find_prompt(with_metadata).prompt.text == "from the file"
    assert find_prompt(plain, "mine").prompt.text == "mine"
    named = find_prompt(with_metadata, captioner="blip")
    assert (named.prompt.text, named.source) == ("a red square", "captioned by blip")
    unknown = find_prompt(plain, captioner="none")
    assert (unknown.prompt, unknown.source) == (Prompt(), UNKNOWN)


@pytest.mark.usefixtures("no_weights")
def test_named_captioner_must_be_installed() -> None:
    with pytest.raises(ModelMissing, match="models fetch blip2"):
        find_prompt(Picture(RED), captioner="blip2")
    with pytest.raises(UnknownName, match="gpt"):
        find_prompt(Picture(RED), captioner="gpt")
    assert find_prompt(Picture(RED)).source == UNKNOWN


def test_failing_captioner_is_replaced_by_the_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OutOfMemory("blip does not fit into memory: close other programs")

    monkeypatch.setattr(captions, "best", lambda: "blip")
    monkeypatch.setattr(captions, "caption", fail)
    found = find_prompt(Picture(RED))
    assert found.prompt == Prompt()
    assert found.source == "unknown: blip does not fit into memory: close other programs"
    monkeypatch.setattr(captions, "caption", lambda *_: ("", "blip"))
    assert find_prompt(Picture(RED)).source == "unknown: blip returned no caption"


@pytest.mark.parametrize(
    ("device", "free_gb", "expected"),
    [("cuda", 7.9, "blip"), ("cuda", 12, "blip2"), ("cpu", 12, "blip"), ("cpu", 24, "blip2"), ("cpu", 0.5, None)],
)
def test_captioner_is_chosen_by_the_free_memory(
    monkeypatch: pytest.MonkeyPatch, device: str, free_gb: float, expected: str | None
) -> None:
    monkeypatch.setattr(captions, "best_device", lambda: device)
    monkeypatch.setattr(captions.free_memory, "free_bytes", lambda name: int(free_gb * 1e9) if name == device else None)
    monkeypatch.setattr(captions.locate, "status", lambda name: captions.locate.Status("present", None, ""))
    assert best() == expected


def test_free_memory_of_this_machine_is_known() -> None:
    free = captions.free_memory.free_bytes("cpu")
    assert free is not None and 1 << 20 < free < 1 << 50
