"""Metadata that are hostile or damaged: limited work, and a valid prompt or none."""

from __future__ import annotations

import copy
import json
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.bitstream.settings import Settings
from codec.encoder.prompt import metadata
from codec.encoder.prompt.find_prompt import UNKNOWN, find_prompt
from codec.encoder.prompt.metadata import comfyui, graph_reader, graph_walk, nodes
from codec.encoder.prompt.metadata.values import MAX_JSON, parse_json
from codec.images import exif, lsb_text
from codec.images.io import load
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from tests.encoder.prompt import graphs, hostile_graphs
from tests.encoder.prompt import metadata_files as files


def test_graph_with_cycles():
    graph = files.comfy()
    graph["6"]["inputs"]["text"] = ["30", 0]
    graph["30"] = files.node("StringConcatenate", string_a=["31", 0], string_b="a fox", delimiter=5)
    graph["31"] = files.node("StringConcatenate", string_a=["30", 0], string_b=["31", 0], delimiter=" ")
    graph["4"]["inputs"]["model"] = ["3", 0]
    graph["7"] = files.node("ConditioningCombine", conditioning_1=["7", 0], conditioning_2=["3", 0])
    found = metadata.read({"prompt": json.dumps(graph)})
    assert found.prompt == Prompt("a fox")


def test_graph_with_too_many_nodes_is_ignored():
    for length, text in ((3000, "a fox"), (5000, None)):
        graph = files.comfy()
        for number in range(length):
            graph[f"c{number}"] = files.node("ConditioningSetArea", conditioning=[f"c{number + 1}", 0])
        graph[f"c{length}"] = files.node("CLIPTextEncode", text="a fox", clip=["4", 1])
        graph["3"]["inputs"]["positive"] = ["c0", 0]
        found = comfyui.read(graph)
        assert (found and found.prompt.text) == text


class CountingGraph(dict):
    """A graph that counts how often a node is read."""

    reads = 0

    def __getitem__(self, name):
        self.reads += 1
        return super().__getitem__(name)


def linked_nodes(count, **inputs):
    """Return nodes in a row, each linked to the one before."""
    return {str(n): nodes.Node("Any", {"seed": [str(n - 1), 0], **inputs}) for n in range(count)}


SAMPLER = nodes.Node("KSampler", {"positive": ["text", 0], "steps": 3, "noise": ["3899", 0], "guider": ["3899", 0]})


@pytest.mark.parametrize(
    ("graph", "text"),
    [
        (linked_nodes(3900), None),  # every node is an end without a sampler upstream
        (linked_nodes(3900) | {"k": SAMPLER, "text": nodes.Node("CLIPTextEncode", {"text": "a fox"})}, "a fox"),
        (
            linked_nodes(3900, clip=0, text=["3899", 0]) | {"k": SAMPLER, "text": nodes.Node("", {"a": ["3899", 0]})},
            None,
        ),
    ],
)
def test_steps_through_a_graph_are_limited(graph, text):
    graph = CountingGraph(graph)
    budget = graph_walk.StepBudget()
    found = graph_reader.read_graph(graph, "ComfyUI", budget)
    assert (found and found.prompt.text) == text
    assert graph.reads < graph_walk.MAX_STEPS


def test_text_of_a_graph_is_limited_in_memory():
    graph = files.comfy() | {
        f"t{n}": files.node("Text", text=f"fox {n}", value=[f"t{n + 1}", 0], delimiter="x" * 400_000) for n in range(2)
    }
    graph |= {f"t{n}": files.node("Text", text=f"fox {n}", value=[f"t{n + 1}", 0]) for n in range(2, 3000)}
    graph["6"]["inputs"]["text"] = ["t0", 0]
    tracemalloc.start()
    try:
        found = comfyui.read(graph)
        assert found.prompt.text.startswith("fox 0xxx")
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


HOSTILE = [
    "[" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, "{" + '"a":1,' * 100_000 + '"b":2}',
    '{"seed": ' + "9" * 5000 + "}",
    '{"c": NaN}', '{"c": Infinity, "uc": -Infinity}', '{"sui_image_params": []}', "null", "[]", "{}",
    '"' * 9999, "\\" * 9999, "&#" + "1" * 5000 + ";", "&#x" + "1" * 5000 + ";",
    '{"prompt": {"1": {"class_type": [], "inputs": 7}, "2": 3}}', '{"sui_image_params": {"prompt": {}, "seed": 1e400}}',
    '{"c": "x", "steps": true, "scale": [], "size": "x", "seed": -1, "sampler": {}, "model": 3}', "\ud800{}", "{\0}",
    '{"nodes": {}, "links": [[1,2],3,[[],{},null,0]]}', '{"nodes": [[], {"type": "KSampler", "id": {}, "inputs": {}}]}',
]  # fmt: skip


KEYS = ("parameters", "prompt", "workflow", "Comment", "Dream", "sd-metadata", "invokeai_metadata", "UserComment",
        "Make", "XML:com.adobe.xmp", "stealth", "Description")  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_give_nothing_or_a_valid_prompt(text):
    for key in KEYS:
        for wrapped in (text, f"prompt:{text}", f"<exif:UserComment><rdf:li>{text}</rdf:li>"):
            found = metadata.read({key: wrapped, "Software": "NovelAI"})
            assert found is None or len(found.prompt.text.encode()) <= 4096
    for wrapped in (f'{{"1": {text}}}', f'{{"1": {{"class_type": "KSampler", "inputs": {text}}}}}'):
        assert metadata.read({"prompt": wrapped, "workflow": text}) is None


def test_json_is_limited():
    assert parse_json("[" * 64 + "]" * 64) is not None and parse_json("[" * 65 + "]" * 65) is None
    assert parse_json('["' + "[" * 100 + '\\"{"]') == ["[" * 100 + '"{']
    assert (
        parse_json("[1, NaN]") == [1, None]
        and parse_json("[" + " " * MAX_JSON + "]") is None
        and parse_json("7") is None
    )


HOSTILE_INFOTEXTS = {
    "escaped quotes in an open string": 'a: ["' + '\\"' * 32_000,
    "settings without names": ("x Steps: 1" + "," * 2000) * 32,
    "open brackets": "a: [," * 60 + "[]," * 21_000,
    "brackets in brackets": ("x Steps: 1, a: [" + "{" * 63 + "[]" * 900 + " ") * 30,
    "spaces after a quote": ('x Steps: 1, a: "x"' + " " * 2000 + "b,") * 32,
}


@pytest.mark.parametrize("name", HOSTILE_INFOTEXTS)
def test_work_for_hostile_infotexts_is_limited(name):
    """A text without an end takes 40 seconds where a failed match is tried again at each of its quotes."""
    assert count_calls({"parameters": f"a fox\nSteps: 1, {HOSTILE_INFOTEXTS[name]}"}) < 300_000


def count_calls(texts: dict[str, str]) -> int:
    """Return how many functions are called to read the texts of a file: a measure of work that no clock disturbs."""
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        found = metadata.read(texts)
    finally:
        sys.setprofile(None)
    assert found is None or len(found.prompt.text.encode()) <= 4096
    return calls


@pytest.mark.slow
@pytest.mark.parametrize("name", hostile_graphs.hostile_texts())
def test_work_for_hostile_graphs_is_limited(name):
    texts = hostile_graphs.hostile_texts()[name]
    assert all(len(text) <= MAX_JSON for text in texts.values())
    assert count_calls(texts) < 2_000_000


@given(st.integers(0, 10**6), st.integers(0, 40), st.data())
@settings(max_examples=60)
def test_rewired_graphs_are_read(number, changes, data):
    """Links of a random graph lead anywhere, also in circles."""
    graph = graphs.random_graph(number)
    names = list(graph)
    for _ in range(changes):
        inputs = graph[data.draw(st.sampled_from(names))]["inputs"]
        if inputs:
            inputs[data.draw(st.sampled_from(sorted(inputs)))] = [data.draw(st.sampled_from(names)), 0]
    for texts in ({"prompt": json.dumps(graph)}, {"workflow": json.dumps(graphs.as_workflow(graph, in_subgraph=True))}):
        assert count_calls(texts) < 50_000


PARTS = ["a", "a:", 'a:"', "Steps: 1", "a: b, ", "\\", "Negative prompt:\n", "x\n", ":,", "[", " ", '"', " [", "-s 3 "]


@pytest.mark.parametrize("part", [*PARTS, "&#x", "<rdf:li", "{", '{"', "\n\n"])
def test_a_megabyte_of_anything_is_read_quickly(part):
    text = part * ((1 << 20) // len(part))
    for key in KEYS:
        found = metadata.read({key: text, "Software": "NovelAI"})
        assert found is None or len(found.prompt.text.encode()) <= 4096
    found = metadata.read({"Dream": f'"a fox [{text[:50_000]}]" -s 3'})
    assert found.prompt.text.startswith("a fox") and found.settings.steps == 3


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("6"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


TOOLS = json.loads((Path(__file__).parent / "tool_cases.json").read_text("utf-8"))


DOCUMENTS = {
    "parameters": [files.FOOOCUS, files.SWARM, files.DRAW],
    "prompt": [files.comfy(), files.comfy_flux(), files.comfy_sdxl()],
    "workflow": [files.comfy_workflow()], "Comment": [files.NOVELAI, files.NOVELAI4], "sd-metadata": [files.INVOKE2],
    "invokeai_metadata": [files.INVOKE3],
    "prompt of packs": [case["texts"]["prompt"] for case in TOOLS if isinstance(case["texts"].get("prompt"), dict)],
    "workflow of packs": [case["texts"]["workflow"] for case in TOOLS if "workflow" in case["texts"]],
    "invokeai_graph": [case["texts"]["invokeai_graph"] for case in TOOLS if "invokeai_graph" in case["texts"]],
}  # fmt: skip


def places(value: object) -> list[tuple[object, object]]:
    """Return every container in a document, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *places(value[key]))]


@settings(max_examples=25)
@given(st.data())
def test_mutated_documents_give_nothing_or_valid_layers(data):
    key = data.draw(st.sampled_from(sorted(DOCUMENTS)))
    document = copy.deepcopy(data.draw(st.sampled_from(DOCUMENTS[key])))
    for _ in range(data.draw(st.integers(1, 4))):
        if found := places(document):
            holder, at = data.draw(st.sampled_from(found))
            other, there = data.draw(st.sampled_from(found))
            holder[at] = copy.deepcopy(other[there]) if data.draw(st.booleans()) else data.draw(VALUES)
    text = json.dumps(document)
    start, cut = data.draw(st.integers(0, 9)), data.draw(st.integers(0, len(text)))
    for mutated in (text, text[:cut], text[start:], text[:cut] + text[max(cut - 5, 0) :]):
        found = metadata.read({key.removesuffix(" of packs"): mutated})
        if found is not None:
            fits = Layers(8, 8, found.prompt, seed=found.seed, settings=found.settings)
            assert (Layers.from_bytes(fits.to_bytes()).settings or Settings()) == found.settings


STARTS = ["", "Steps: 3, ", '{"c":"', '"']


BLOCKS = [b"", b"MM\0*\0\0\0\x08", b"II*\0\x08\0\0\0", b"Exif\0\0MM\0*\0\0\0\x08\0\x02"]


@given(st.sampled_from(sorted(KEYS)), st.text(st.characters(), max_size=300), st.sampled_from(STARTS))
def test_any_text_is_read(key, text, start):
    found = metadata.read({key: start + text})
    assert found is None or isinstance(found.prompt, Prompt)


@given(st.binary(max_size=200), st.sampled_from(BLOCKS))
def test_any_bytes_are_read_as_exif(data, start):
    for text in exif.read_texts(start + data).values():
        assert text and text.encode("utf-8", "strict") is not None


@given(st.integers(0, 400), st.integers(0, 255), st.sampled_from(["a1111 jpeg", "a1111 jpeg, little"]))
def test_mutated_exif_is_read(at, value, name):
    order = ">" if name == "a1111 jpeg" else "<"
    block = bytearray(files.exif({0x9286: files.comment(files.INFOTEXT), 0x010F: b"prompt:{}"}, order))
    block[at % len(block)] = value
    metadata.read(exif.read_texts(bytes(block)))


def test_exif_with_invalid_offsets_is_read():
    block = files.exif({0x9286: files.comment("a" * 50)})
    for place in range(0, len(block), 2):
        changed = block[:place] + b"\xff\xff" + block[place + 2 :]
        assert sum(map(len, exif.read_texts(changed).values())) <= 200
    assert exif.read_texts(block[:30]) == {} and exif.read_texts(b"") == {} and exif.read_texts(b"Exif\0\0") == {}


@pytest.mark.parametrize("signature", ["stealth_pngcomp", "stealth_pnginfo", "stealth_rgbcomp", "stealth_rgbinfo"])
def test_hidden_texts_are_read(signature):
    assert load(files.hidden("a fox, 雪", signature)).texts == {lsb_text.KEY: "a fox, 雪"}


def test_invalid_hidden_texts_are_ignored():
    head, bomb = b"stealth_pngcomp", zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = bomb.compress(bytes(4 << 20)) + bomb.flush()
    for size, payload in ((8 * len(bomb), bomb), (2**32 - 1, b"x"), (0, b""), (80, b"not gzip at all")):
        data = head + size.to_bytes(4, "big") + payload
        bits = np.unpackbits(np.frombuffer(data, np.uint8))
        alpha = np.full(200 * 400, 255, np.uint8)
        alpha[: len(bits)] = 254 | bits
        assert lsb_text.read_text(np.zeros((400, 200, 3), np.uint8), alpha.reshape(200, 400).T) == ""
    assert lsb_text.read_text(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8)) == ""


def test_invalid_metadata_are_ignored():
    bomb = b"parameters\0\0" + zlib.compress(bytes(20 << 20))
    wide = b"prompt\0\1\0\0\0" + zlib.compress(b"[" * (10 << 20))
    data = files.png(
        files.chunk(b"zTXt", bomb), files.chunk(b"iTXt", wide), files.chunk(b"iTXt", b"Comment\0\1"),
        files.text_chunk("workflow", "{" * 1000), files.chunk(b"eXIf", files.exif({0x9286: b"UNICODE\0\xd8\0" * 40})),
        files.text_chunk("XML:com.adobe.xmp", "<exif:UserComment><rdf:li>&#xD800;{</rdf:li>"),
    )  # fmt: skip
    found = find_prompt(load(data), captioner="none")
    assert found.source == UNKNOWN and found.settings is found.seed is None
