"""Metadata of other tools: the real format of each tool, unusual documents, and hostile ones."""

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
from codec.encoder.prompt.metadata import a1111, comfyui, graph_reader, graph_walk, nodes
from codec.encoder.prompt.metadata.values import MAX_JSON, model_name, parse_json, sampler_name
from codec.images import exif, lsb_text
from codec.images.io import load
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from tests.encoder.prompt import graphs, hostile_graphs
from tests.encoder.prompt import metadata_files as files

FILES = files.files()
COMMON = {"steps": 30, "guidance": 7.0, "sampler": "dpmpp_2m_karras", "model": "dreamshaper_8", "size": (512, 768)}
# by the name of the file: settings that differ from the common ones
DIFFERENT = {
    "civitai": {"model": None},
    "invokeai 2": {"sampler": "dpmpp_2m"},
    "invokeai 1": {"sampler": "lms", "model": None},
    "novelai": {"sampler": "euler_a_karras", "model": "Stable Diffusion XL 7BCCAA2C"},
    "novelai stealth": {"sampler": "euler_a_karras", "model": "Stable Diffusion XL 7BCCAA2C"},
    "novelai 1": {"sampler": "euler_a", "model": "Stable Diffusion 1D44365E", "size": None},
    "fooocus": {"sampler": "dpmpp_2m_sde_karras", "model": "juggernautXL_v8Rundiffusion", "size": (768, 1280)},
    "swarmui": {"model": "sd_xl_base_1.0", "size": (1024, 1024)},
    "draw things": {"model": "flux_1_dev_q8p"},
}
DIFFERENT["fooocus jpeg"], DIFFERENT["swarmui jpeg"] = DIFFERENT["fooocus"], DIFFERENT["swarmui"]
DIFFERENT["draw things jpeg"] = DIFFERENT["draw things exif"] = DIFFERENT["draw things"]
REPLACED = {
    "a1111 zTXt": ("雪", "snow"),
    "a1111 jpeg, ascii": ("café 雪", "caf? ?"),
}  # not in these charsets


def read_graph(graph: dict) -> metadata.Metadata | None:
    return metadata.read({"prompt": json.dumps(graph)})


@pytest.mark.parametrize("name", FILES)
def test_file_of_each_tool_is_read(name):
    tool, data = FILES[name]
    found = metadata.read(load(data).texts)
    assert found.tool == tool
    assert found.prompt == Prompt(files.PROMPT.replace(*REPLACED.get(name, ("", ""))), files.NEGATIVE)
    assert (found.seed, found.settings) == (files.SEED, Settings(**(COMMON | DIFFERENT.get(name, {}))))


@pytest.mark.parametrize("name", ["comfyui", "novelai stealth", "swarmui jpeg", "draw things"])
def test_metadata_are_stored_in_the_file(name):
    tool, data = FILES[name]
    found = find_prompt(load(data), captioner="none")
    assert found.source == f"from the picture's {tool} metadata"
    layers = Layers(64, 64, found.prompt, seed=found.seed, settings=found.settings)
    back = Layers.from_bytes(layers.to_bytes())
    assert (back.semantic.text, back.seed) == (files.PROMPT, files.SEED)
    assert back.settings == Settings(**(COMMON | DIFFERENT.get(name, {})))


def test_settings_take_few_bytes():
    """At most 12 bytes for all these tools, with the chunk's type and length; a seed of 32 bits takes 6 more."""
    sizes = [2 + len(metadata.read(load(data).texts).settings.to_bytes()) for _, data in FILES.values()]
    assert max(sizes) <= 12 and sorted(sizes)[len(sizes) // 2] == 9


# --- AUTOMATIC1111 ---


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("just a prompt", Prompt("just a prompt")),
        ("a prompt\nNegative prompt: bad", Prompt("a prompt", "bad")),
        ("Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 4", Prompt()),
        ("steps: are mentioned, here: too", Prompt("steps: are mentioned, here: too")),
        ("two\r\nlines\r\nSteps: 20, Sampler: Euler", Prompt("two\nlines")),
        ("a\tb\x00\x1b[31mc\x9f\ud800", Prompt("a\tb[31mc?")),
        ("a\nSteps: 20, Sampler: Euler, Seed: 4\nTemplate: more, of: this, and: that", Prompt("a")),
    ],
)
def test_prompts_of_infotexts(text, prompt):
    assert a1111.read(text).prompt == prompt


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("Steps: 20, Sampler: Euler a", Settings(steps=20, sampler="euler_a")),
        ("Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras", Settings(steps=20, sampler="dpmpp_2m_karras")),
        ("Steps: 20, Sampler: DPM++ 2M, Schedule type: Odd", Settings(steps=20, sampler="dpmpp_2m")),
        ("Steps: 20, Sampler: PLMS", Settings(steps=20, sampler="pndm")),
        ("Steps: 20, Sampler: unheard of", Settings(steps=20)),
        ("Steps: 20, CFG scale: 7.1", Settings(steps=20, guidance=7.0)),
        ("Steps: 999, CFG scale: 99, Model: ok", Settings(model="ok")),
        ("Steps: 20, CFG scale: nan, Model: " + "m" * 80, Settings(steps=20, model="m" * 64)),
        ('Steps: 20, Model: "a, quoted: name"', Settings(steps=20, model="a, quoted: name")),
        ("Steps: 99999999999999999999999, Seed: -1", Settings()),
        ("Steps: 20, Size: 513x770", Settings(steps=20, size=(512, 768))),
        ("Steps: 20, Size: 0x5, Model hash: 6ce0161689", Settings(steps=20, model="sha256:6ce0161689")),
        ("Steps: 20, Model: " + "m" * 30 + ", Model hash: 6ce0161689", Settings(steps=20, model="sha256:6ce0161689")),
        ("Steps: 20, Model: Deliberate_V2, Model hash: 9aba26abdf", Settings(steps=20, model="deliberate_v2")),
        ("Steps: 20, Model hash: zz, Size: x", Settings(steps=20)),
    ],
)
def test_valid_settings_of_infotexts_are_kept(line, settings):
    assert a1111.read(f"a\n{line}").settings == settings


def test_seed_out_of_range_is_ignored():
    assert a1111.read(f"a\nSteps: 2, Seed: {2**64 - 1}, Size: 1x1").seed == 2**64 - 1
    for seed in (2**64, "-1", "x", "1.5", "١٢", "9" * 5000):
        assert a1111.read(f"a\nSteps: 2, Seed: {seed}, Size: 1x1").seed is None


def test_long_prompt_is_truncated():
    found = a1111.read("猫" * 5000 + "\nNegative prompt: " + "n" * 5000 + "\nSteps: 20, Sampler: Euler")
    assert found.prompt == Prompt("猫" * 1365, "n" * 4096)


def test_comment_of_a_camera_is_not_a_prompt():
    for text in ("taken on holiday", "", "ASCII", "{}", '{"prompt": 5}', "a: b, c: d"):
        data = files.jpeg(files.exif({0x9286: files.comment(text), 0x010F: b"Canon\0", 0x010E: b"a beach\0"}))
        assert metadata.read(load(data).texts) is None


# --- ComfyUI ---


def test_graph_of_flux():
    found = read_graph(files.comfy_flux())
    assert (found.prompt, found.seed) == (Prompt("a red fox in the snow"), 219670278747233)
    assert found.settings == Settings(20, 3.5, "euler_simple", "flux1-dev", (1024, 768))


def test_graph_of_sdxl():
    """Both texts and a concatenated one, through a ControlNet; seed and model of the base, not of the preview."""
    found = read_graph(files.comfy_sdxl())
    assert (found.prompt, found.seed) == (Prompt("a red fox, snow, fur, at dusk", files.NEGATIVE), 77)
    assert found.settings == Settings(25, 8.0, "euler", "sd_xl_base_1.0", (1024, 1024))


def test_unusual_paths_through_a_graph():
    graph = files.comfy()
    graph["20"] = files.node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["21", 0])
    graph["21"] = files.node("ControlNetApply", conditioning=["22", 0], control_net=["4", 0], strength=1)
    graph["22"] = files.node("CLIPTextEncode", text=["23", 0], clip=["4", 1])
    graph["23"] = files.node("ImpactWildcardProcessor", wildcard_text="__x__", populated_text="a moon", seed=3)
    graph["3"]["inputs"] |= {"positive": ["20", 0], "negative": ["24", 0], "seed": ["25", 0], "steps": ["26", 0]}
    graph["24"] = files.node("ConditioningZeroOut", conditioning=["20", 0])
    graph["25"] = files.node("Seed (rgthree)", seed=12)
    graph["26"] = files.node("PrimitiveInt", value=11)
    found = read_graph(graph)
    assert (found.prompt, found.seed) == (Prompt(f"{files.PROMPT}, a moon"), 12)
    assert found.settings.steps == 11
    loader = files.node("Efficient Loader", ckpt_name="a/b.ckpt", positive="a dog", negative="a cat", clip_skip=-1,
                       empty_latent_width=640, empty_latent_height=512)  # fmt: skip
    sampler = files.node("KSampler (Efficient)", seed=1, steps=5, cfg=2, sampler_name="euler", scheduler="normal",
                        model=["1", 0], positive=["1", 1], negative=["1", 2], latent_image=["1", 3])  # fmt: skip
    found = read_graph({"1": loader, "2": sampler, "3": files.node("SaveImage", images=["2", 5])})
    assert (found.prompt, found.settings) == (Prompt("a dog", "a cat"), Settings(5, 2.0, "euler", "b", (640, 512)))


def test_graph_with_cycles():
    graph = files.comfy()
    graph["6"]["inputs"]["text"] = ["30", 0]
    graph["30"] = files.node("StringConcatenate", string_a=["31", 0], string_b="a fox", delimiter=5)
    graph["31"] = files.node("StringConcatenate", string_a=["30", 0], string_b=["31", 0], delimiter=" ")
    graph["4"]["inputs"]["model"] = ["3", 0]
    graph["7"] = files.node("ConditioningCombine", conditioning_1=["7", 0], conditioning_2=["3", 0])
    found = read_graph(graph)
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


def test_novelai_prompt_with_characters():
    texts = files.NOVELAI_TEXTS | {"Comment": json.dumps(files.NOVELAI4)}
    assert metadata.read(texts).prompt == Prompt(f"{files.PROMPT} | a fox | a bird", files.NEGATIVE)


# --- names ---


@pytest.mark.parametrize(
    ("name", "schedule", "known"),
    [
        ("Euler a", "Automatic", "euler_a"), ("DPM2 a Karras", None, "dpm2_a_karras"), ("k_dpm_2", None, "dpm2"),
        ("dpmpp_3m_sde_gpu", "exponential", "dpmpp_3m_sde_exponential"), ("UniPC", "SGM Uniform", "unipc_sgm_uniform"),
        ("kdpm_2_a_k", None, "dpm2_a_karras"), ("uni_pc_bh2", "normal", "unipc"),
        ("DPM++ SDE Karras", None, "dpmpp_sde_karras"),
        ("DPM++ 2M Trailing", None, "dpmpp_2m"), ("Euler A AYS", None, "euler_a"), ("ddim", "ddim_uniform", "ddim"),
        (None, None, None), (7, "karras", None), ("x" * 10**6, "karras", None), ("", "karras", None),
    ],
)  # fmt: skip
def test_names_of_samplers(name, schedule, known):
    assert sampler_name(name, schedule) == known


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("models\\SDXL/SD_XL_base_1.0.safetensors", "sd_xl_base_1.0"), ("v1-5-pruned.ckpt [e1441589a6]", "v1-5-pruned"),
        ("a/b/c.gguf", "c"), ("my.model.v2", "my.model.v2"), (".ckpt", None), ("", None),
        (5, None), ([], None), ("/", None),
    ],
)  # fmt: skip
def test_names_of_models(name, known):
    assert model_name(name) == known


# --- hostile metadata ---


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
