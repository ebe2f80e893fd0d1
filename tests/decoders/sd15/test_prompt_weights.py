"""Weights in prompts: the tools' documented examples, chunks, and the embeddings."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
import torch

from codec.decoders.diffusion import base_options, prompt_weights, text_encoder
from codec.decoders.diffusion.device import Device
from codec.decoders.diffusion.prompt_weights import encode, parse_comfyui, parse_web_ui
from codec.decoders.sd15 import networks
from tests import tiny


@pytest.fixture(scope="module")
def clip():
    base = tiny.models_dir() / "sd15"
    return networks.load_tokenizer(base), networks.load_text_encoder(base, Device("cpu", torch.float32))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("normal text", [("normal text", 1)]),
        ("an (important) word", [("an ", 1), ("important", 1.1), (" word", 1)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [("a ", 1), ("house", 1.573), (" ", 1.1), ("on", 1), (" a ", 1.1), ("hill", 0.55), (", sun, ", 1.1),
             ("sky", 1.4641), (".", 1.1)],
        ),
        ("a BREAK b", [("a", 1), ("BREAK", -1), ("b", 1)]),
        ("", [("", 1)]),
        ("(a:1.2.3)", [("a:1.2.3)", 1.1)]),
    ],
)  # fmt: skip
def test_web_ui_syntax(text, parts):
    """The examples of modules/prompt_parser.py, and others."""
    found = parse_web_ui(text)
    assert [part for part, _ in found] == [part for part, _ in parts]
    np.testing.assert_allclose([weight for _, weight in found], [weight for _, weight in parts], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("normal text", [("normal text", 1)]),
        ("an (important) word", [("an ", 1), ("important", 1.1), (" word", 1)]),
        ("(a (b:1.5) c:1.2)", [("a ", 1.2), ("b", 1.5), (" c", 1.2)]),
        ("((a))", [("a", 1.21)]),
        (r"\(literal\)", [("(literal)", 1)]),
        ("[not special]", [("[not special]", 1)]),
        ("(unbalanced", [("(unbalanced", 1)]),
    ],
)
def test_comfyui_syntax(text, parts):
    found = parse_comfyui(text)
    assert [part for part, _ in found] == [part for part, _ in parts]
    np.testing.assert_allclose([weight for _, weight in found], [weight for _, weight in parts], rtol=1e-6)


@pytest.mark.parametrize("seed", range(100))
def test_any_text_is_parsed(seed):
    rng = random.Random(seed)
    text = "".join(rng.choice(("(", ")", "[", "]", ":", "1.2", "\\", " a", " BREAK ", ",", "é")) for _ in range(60))
    for parse in (parse_web_ui, parse_comfyui):
        assert all(abs(weight) <= 1000 for _, weight in parse(text))


@pytest.mark.parametrize("text", ["(" * 4096, "(" * 2048 + ")" * 2048, "((a:2)" * 682, "[(" * 2048, "(a:1e9)" * 500])
def test_hostile_text_takes_bounded_time(text):
    started_at = time.process_time()
    for parse in (parse_web_ui, parse_comfyui):
        parse(text)
    assert time.process_time() - started_at < 10


@pytest.mark.parametrize("syntax", base_options.WEIGHTS)
@pytest.mark.parametrize("text", ["", "a red hill", "a red hill, " * 30])
def test_without_weights_embeddings_are_those_of_clip(clip, syntax, text):
    """Of short texts; longer ones have chunks that the tools cut at different places."""
    found = encode(*clip, text, syntax)
    expected = text_encoder.encode(*clip, [text])
    assert found.shape[2] == expected.shape[2] and found.shape[1] % 77 == 0
    if expected.shape[1] == 77 or syntax == "none":
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_web_ui_multiplies_and_restores_the_mean(clip):
    tokenizer = clip[0]
    plain, weighted = (encode(*clip, text, "a1111") for text in ("a b", "a (b:1.5)"))
    position = 1 + len(tokenizer("a", add_special_tokens=False).input_ids)
    factors = torch.ones(77)
    factors[position : position + len(tokenizer("b", add_special_tokens=False).input_ids)] = 1.5
    expected = plain * factors[None, :, None]
    np.testing.assert_allclose(weighted, expected * plain.mean() / expected.mean(), atol=1e-5)
    np.testing.assert_allclose(weighted.mean(), plain.mean(), atol=1e-5)


def test_comfyui_moves_away_from_the_empty_prompt_and_keeps_the_rest(clip):
    plain, weighted, empty = (encode(*clip, text, "comfyui") for text in ("a b", "a (b:1.5)", ""))
    changed = (plain - weighted).abs().amax((0, 2)) > 1e-7
    assert changed.sum() == len(clip[0]("b", add_special_tokens=False).input_ids)
    np.testing.assert_allclose(weighted[:, changed], (empty + 1.5 * (plain - empty))[:, changed], atol=1e-6)


@pytest.mark.parametrize("skip", [1, 2, 3, 12])
def test_clip_skip_takes_an_earlier_layer(clip, skip):
    tokenizer, encoder = clip
    ids = tokenizer("a red hill", padding="max_length", max_length=77, return_tensors="pt").input_ids
    states = encoder(ids, output_hidden_states=True).hidden_states
    norm = getattr(encoder, "text_model", encoder).final_layer_norm
    with torch.inference_mode():
        expected = norm(states[max(len(states) - skip, 0)])
    np.testing.assert_allclose(encode(tokenizer, encoder, "a red hill", "a1111", skip), expected, atol=1e-6)


def tokens_of(chunks):
    return [[token for token, _ in chunk] for chunk in chunks]


def test_web_ui_ends_chunks_at_commas_and_breaks(clip):
    tokenizer = clip[0]
    comma = tokenizer.convert_tokens_to_ids(",</w>")
    chunks = tokens_of(prompt_weights._chunk_web_ui(tokenizer, "a " * 65 + ", " + "b " * 20))
    assert [len(chunk) for chunk in chunks] == [66, 20] and chunks[0][-1] == comma
    chunks = tokens_of(prompt_weights._chunk_web_ui(tokenizer, ", " + "a " * 85))
    assert [len(chunk) for chunk in chunks] == [75, 11]
    assert [len(chunk) for chunk in prompt_weights._chunk_web_ui(tokenizer, "a BREAK b c")] == [1, 2]


def test_comfyui_keeps_words_in_one_chunk(clip):
    tokenizer = clip[0]
    word = next(text for text in ("red", "hill", "blue") if 1 < len(tokenizer(text).input_ids) - 2 < 8)
    length = len(tokenizer(word, add_special_tokens=False).input_ids)
    chunks = prompt_weights._chunk_comfyui(tokenizer, "a " * (76 - length) + word)
    assert [len(chunk) for chunk in chunks] == [76 - length, length]
    chunks = prompt_weights._chunk_comfyui(tokenizer, "a " * 70 + "x" * 30)
    assert len(chunks[0]) == 75
