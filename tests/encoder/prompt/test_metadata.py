"""What other tools wrote into their pictures: each tool's real format, odd ones, and hostile ones."""

from __future__ import annotations

import copy
import json
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.bitstream.settings import Settings
from codec.encoder.encode_options import EncodeOptions
from codec.encoder.extract import extract
from codec.encoder.prompt import metadata
from codec.encoder.prompt.metadata import a1111, comfyui, nodes
from codec.encoder.prompt.metadata.values import MAX_JSON, model_name, parse_json, sampler_name
from codec.images import exif, lsb_text
from codec.images.io import load
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from tests.encoder.prompt import metadata_files as made

FILES = made.files()
# by the file's name: what differs from 30 steps, guidance 7, dpmpp_2m_karras, dreamshaper_8, 512 x 768
OTHER = {
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
OTHER["fooocus jpeg"], OTHER["swarmui jpeg"] = OTHER["fooocus"], OTHER["swarmui"]
OTHER["draw things jpeg"] = OTHER["draw things exif"] = OTHER["draw things"]
USUAL = {"steps": 30, "guidance": 7.0, "sampler": "dpmpp_2m_karras", "model": "dreamshaper_8", "size": (512, 768)}
PLAINER = {"a1111 zTXt": ("雪", "snow"), "a1111 jpeg, ascii": ("café 雪", "caf? ?")}  # what these forms cannot hold


def graph(said: dict) -> metadata.Metadata | None:
    return metadata.read({"prompt": json.dumps(said)})


@pytest.mark.parametrize("name", FILES)
def test_each_tools_file(name):
    tool, data = FILES[name]
    found = metadata.read(load(data).texts)
    assert found.tool == tool
    assert found.prompt == Prompt(made.PROMPT.replace(*PLAINER.get(name, ("", ""))), made.NEGATIVE)
    assert (found.seed, found.settings) == (made.SEED, Settings(**(USUAL | OTHER.get(name, {}))))


@pytest.mark.parametrize("name", ["comfyui", "novelai stealth", "swarmui jpeg", "draw things"])
def test_it_goes_into_the_file_and_comes_back(name):
    tool, data = FILES[name]
    found = extract(data, EncodeOptions(captioner="none"))
    assert found.prompt_source.startswith(f"from the picture's {tool} metadata")
    back = Layers.from_bytes(found.layers.to_bytes())
    assert (back.semantic.text, back.seed) == (made.PROMPT, made.SEED)
    assert back.settings == Settings(**(USUAL | OTHER.get(name, {})))


def test_settings_take_few_bytes():
    """Of all these tools: at most 12 bytes with the chunk's type and length; a seed of 32 bits has 6 of its own."""
    sizes = [2 + len(metadata.read(load(data).texts).settings.to_bytes()) for _, data in FILES.values()]
    assert max(sizes) <= 12 and sorted(sizes)[len(sizes) // 2] == 9


def test_a_name_too_long_for_the_budget_stays_out():
    text = f"a fox\nSteps: 20, Sampler: Euler a, Seed: 4, Size: 512x512, Model: {'m' * 60}"
    data = made.png(made.text_chunk("parameters", text))
    assert extract(data, EncodeOptions(budget=900)).layers.settings.model == "m" * 60
    assert extract(data, EncodeOptions(budget=160)).layers.settings == Settings(20, sampler="euler_a", size=(512, 512))


# AUTOMATIC1111's text


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
def test_forms_of_the_text(text, prompt):
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
def test_settings_that_make_sense_are_kept(line, settings):
    assert a1111.read(f"a\n{line}").settings == settings


def test_a_seed_out_of_range_is_left_out():
    assert a1111.read(f"a\nSteps: 2, Seed: {2**64 - 1}, Size: 1x1").seed == 2**64 - 1
    for seed in (2**64, "-1", "x", "1.5", "١٢", "9" * 5000):
        assert a1111.read(f"a\nSteps: 2, Seed: {seed}, Size: 1x1").seed is None


def test_a_long_prompt_is_cut_to_what_a_prompt_holds():
    found = a1111.read("猫" * 5000 + "\nNegative prompt: " + "n" * 5000 + "\nSteps: 20, Sampler: Euler")
    assert found.prompt == Prompt("猫" * 1365, "n" * 4096)


def test_a_cameras_comment_is_no_prompt():
    for text in ("taken on holiday", "", "ASCII", "{}", '{"prompt": 5}', "a: b, c: d"):
        data = made.jpeg(made.exif({0x9286: made.comment(text), 0x010F: b"Canon\0", 0x010E: b"a beach\0"}))
        assert metadata.read(load(data).texts) is None


# ComfyUI's graphs


def test_a_graph_of_flux():
    found = graph(made.comfy_flux())
    assert (found.prompt, found.seed) == (Prompt("a red fox in the snow"), 219670278747233)
    assert found.settings == Settings(20, 3.5, "euler_simple", "flux1-dev", (1024, 768))


def test_a_graph_of_sdxl():
    """Both texts and what is concatenated, through a ControlNet; seed and model of the base; no preview's."""
    found = graph(made.comfy_sdxl())
    assert (found.prompt, found.seed) == (Prompt("a red fox, snow, fur, at dusk", made.NEGATIVE), 77)
    assert found.settings == Settings(25, 8.0, "euler", "sd_xl_base_1.0", (1024, 1024))


def test_ways_that_a_graph_may_go():
    said = made.comfy()
    said["20"] = made.node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["21", 0])
    said["21"] = made.node("ControlNetApply", conditioning=["22", 0], control_net=["4", 0], strength=1)
    said["22"] = made.node("CLIPTextEncode", text=["23", 0], clip=["4", 1])
    said["23"] = made.node("ImpactWildcardProcessor", wildcard_text="__x__", populated_text="a moon", seed=3)
    said["3"]["inputs"] |= {"positive": ["20", 0], "negative": ["24", 0], "seed": ["25", 0], "steps": ["26", 0]}
    said["24"] = made.node("ConditioningZeroOut", conditioning=["20", 0])
    said["25"] = made.node("Seed (rgthree)", seed=12)
    said["26"] = made.node("PrimitiveInt", value=11)
    found = graph(said)
    assert (found.prompt, found.seed) == (Prompt(f"{made.PROMPT}, a moon"), 12)
    assert found.settings.steps == 11
    loader = made.node("Efficient Loader", ckpt_name="a/b.ckpt", positive="a dog", negative="a cat", clip_skip=-1,
                       empty_latent_width=640, empty_latent_height=512)  # fmt: skip
    sampler = made.node("KSampler (Efficient)", seed=1, steps=5, cfg=2, sampler_name="euler", scheduler="normal",
                        model=["1", 0], positive=["1", 1], negative=["1", 2], latent_image=["1", 3])  # fmt: skip
    found = graph({"1": loader, "2": sampler, "3": made.node("SaveImage", images=["2", 5])})
    assert (found.prompt, found.settings) == (Prompt("a dog", "a cat"), Settings(5, 2.0, "euler", "b", (640, 512)))


def test_a_graph_that_turns_in_circles():
    said = made.comfy()
    said["6"]["inputs"]["text"] = ["30", 0]
    said["30"] = made.node("StringConcatenate", string_a=["31", 0], string_b="a fox", delimiter=5)
    said["31"] = made.node("StringConcatenate", string_a=["30", 0], string_b=["31", 0], delimiter=" ")
    said["4"]["inputs"]["model"] = ["3", 0]
    said["7"] = made.node("ConditioningCombine", conditioning_1=["7", 0], conditioning_2=["3", 0])
    found = graph(said)
    assert found.prompt == Prompt("a fox")


def test_a_long_graph_is_walked_and_a_longer_one_is_not():
    for length, text in ((3000, "a fox"), (5000, None)):
        said = made.comfy()
        for number in range(length):
            said[f"c{number}"] = made.node("ConditioningSetArea", conditioning=[f"c{number + 1}", 0])
        said[f"c{length}"] = made.node("CLIPTextEncode", text="a fox", clip=["4", 1])
        said["3"]["inputs"]["positive"] = ["c0", 0]
        found = comfyui.read(said)
        assert (found and found.prompt.text) == text


class Counted(dict):
    """A graph that counts how often a node is looked at."""

    looks = 0

    def __getitem__(self, name):
        self.looks += 1
        return super().__getitem__(name)


def linked(count, **also):
    """Nodes in a row, each linked to the one before."""
    return {str(n): nodes.Node("Any", {"seed": [str(n - 1), 0], **also}) for n in range(count)}


SAMPLER = nodes.Node("KSampler", {"positive": ["text", 0], "steps": 3, "noise": ["3899", 0], "guider": ["3899", 0]})


@pytest.mark.parametrize(
    ("graph", "text"),
    [
        (linked(3900), None),  # every one an end, without a sampler behind it
        (linked(3900) | {"k": SAMPLER, "text": nodes.Node("CLIPTextEncode", {"text": "a fox"})}, "a fox"),
        (linked(3900, clip=0, text=["3899", 0]) | {"k": SAMPLER, "text": nodes.Node("", {"a": ["3899", 0]})}, None),
    ],
)
def test_no_graph_is_walked_for_ever(graph, text):
    graph = Counted(graph)
    found = comfyui.GraphReader(graph).metadata()
    assert (found and found.prompt.text) == text
    assert graph.looks < 2 * comfyui.MAX_STEPS


def test_texts_of_a_graph_do_not_grow():
    said = made.comfy() | {
        f"t{n}": made.node("Text", text=f"fox {n}", value=[f"t{n + 1}", 0], delimiter="x" * 400_000) for n in range(2)
    }
    said |= {f"t{n}": made.node("Text", text=f"fox {n}", value=[f"t{n + 1}", 0]) for n in range(2, 3000)}
    said["6"]["inputs"]["text"] = ["t0", 0]
    tracemalloc.start()
    try:
        found = comfyui.read(said)
        assert found.prompt.text.startswith("fox 0xxx")
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_a_novelai_prompt_of_characters():
    texts = made.NOVELAI_TEXTS | {"Comment": json.dumps(made.NOVELAI4)}
    assert metadata.read(texts).prompt == Prompt(f"{made.PROMPT} | a fox | a bird", made.NEGATIVE)


# names


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


# nothing is trusted


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
def test_hostile_texts_say_nothing_or_a_prompt(text):
    for key in KEYS:
        for wrapped in (text, f"prompt:{text}", f"<exif:UserComment><rdf:li>{text}</rdf:li>"):
            found = metadata.read({key: wrapped, "Software": "NovelAI"})
            assert found is None or len(found.prompt.text.encode()) <= 4096
    for wrapped in (f'{{"1": {text}}}', f'{{"1": {{"class_type": "KSampler", "inputs": {text}}}}}'):
        assert metadata.read({"prompt": wrapped, "workflow": text}) is None


def test_json_has_limits():
    assert parse_json("[" * 64 + "]" * 64) is not None and parse_json("[" * 65 + "]" * 65) is None
    assert parse_json('["' + "[" * 100 + '\\"{"]') == ["[" * 100 + '"{']
    assert (
        parse_json("[1, NaN]") == [1, None]
        and parse_json("[" + " " * MAX_JSON + "]") is None
        and parse_json("7") is None
    )


PARTS = ["a", "a:", 'a:"', "Steps: 1", "a: b, ", "\\", "Negative prompt:\n", "x\n", ":,", "[", " ", '"', " [", "-s 3 "]


@pytest.mark.parametrize("part", [*PARTS, "&#x", "<rdf:li", "{", '{"', "\n\n"])
def test_a_megabyte_of_anything_is_read(part):
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
DOCUMENTS = {
    "parameters": [made.FOOOCUS, made.SWARM, made.DRAW], "prompt": [made.comfy(), made.comfy_flux(), made.comfy_sdxl()],
    "workflow": [made.comfy_workflow()], "Comment": [made.NOVELAI, made.NOVELAI4], "sd-metadata": [made.INVOKE2],
    "invokeai_metadata": [made.INVOKE3],
}  # fmt: skip


def places(value: object) -> list[tuple[object, object]]:
    """Every container in a document, and a key into it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *places(value[key]))]


@given(st.data())
def test_changed_documents_say_nothing_or_something_that_fits(data):
    key = data.draw(st.sampled_from(sorted(DOCUMENTS)))
    document = copy.deepcopy(data.draw(st.sampled_from(DOCUMENTS[key])))
    for _ in range(data.draw(st.integers(1, 4))):
        if found := places(document):
            holder, at = data.draw(st.sampled_from(found))
            other, there = data.draw(st.sampled_from(found))
            holder[at] = copy.deepcopy(other[there]) if data.draw(st.booleans()) else data.draw(VALUES)
    text = json.dumps(document)
    start, cut = data.draw(st.integers(0, 9)), data.draw(st.integers(0, len(text)))
    for said in (text, text[:cut], text[start:], text[:cut] + text[max(cut - 5, 0) :]):
        found = metadata.read({key: said})
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
def test_any_bytes_are_exif(data, start):
    for text in exif.read_texts(start + data).values():
        assert text and text.encode("utf-8", "strict") is not None


@given(st.integers(0, 400), st.integers(0, 255), st.sampled_from(["a1111 jpeg", "a1111 jpeg, little"]))
def test_changed_exif_is_read(at, value, name):
    order = ">" if name == "a1111 jpeg" else "<"
    block = bytearray(made.exif({0x9286: made.comment(made.INFOTEXT), 0x010F: b"prompt:{}"}, order))
    block[at % len(block)] = value
    metadata.read(exif.read_texts(bytes(block)))


def test_exif_that_points_nowhere():
    block = made.exif({0x9286: made.comment("a" * 50)})
    for place in range(0, len(block), 2):
        changed = block[:place] + b"\xff\xff" + block[place + 2 :]
        assert sum(map(len, exif.read_texts(changed).values())) <= 200
    assert exif.read_texts(block[:30]) == {} and exif.read_texts(b"") == {} and exif.read_texts(b"Exif\0\0") == {}


@pytest.mark.parametrize("signature", ["stealth_pngcomp", "stealth_pnginfo", "stealth_rgbcomp", "stealth_rgbinfo"])
def test_hidden_texts(signature):
    assert load(made.hidden("a fox, 雪", signature)).texts == {lsb_text.KEY: "a fox, 雪"}


def test_hidden_bombs_and_lies_are_passed_over():
    head, bomb = b"stealth_pngcomp", zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = bomb.compress(bytes(4 << 20)) + bomb.flush()
    for size, payload in ((8 * len(bomb), bomb), (2**32 - 1, b"x"), (0, b""), (80, b"not gzip at all")):
        data = head + size.to_bytes(4, "big") + payload
        bits = np.unpackbits(np.frombuffer(data, np.uint8))
        alpha = np.full(200 * 400, 255, np.uint8)
        alpha[: len(bits)] = 254 | bits
        assert lsb_text.read_text(np.zeros((400, 200, 3), np.uint8), alpha.reshape(200, 400).T) == ""
    assert lsb_text.read_text(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8)) == ""


def test_a_picture_with_nonsense_in_it_is_still_a_picture():
    bomb = b"parameters\0\0" + zlib.compress(bytes(20 << 20))
    wide = b"prompt\0\1\0\0\0" + zlib.compress(b"[" * (10 << 20))
    data = made.png(
        made.chunk(b"zTXt", bomb), made.chunk(b"iTXt", wide), made.chunk(b"iTXt", b"Comment\0\1"),
        made.text_chunk("workflow", "{" * 1000), made.chunk(b"eXIf", made.exif({0x9286: b"UNICODE\0\xd8\0" * 40})),
        made.text_chunk("XML:com.adobe.xmp", "<exif:UserComment><rdf:li>&#xD800;{</rdf:li>"),
    )  # fmt: skip
    found = extract(data, EncodeOptions(captioner="none"))
    assert found.prompt_source == "described from its colors" and found.layers.settings is found.layers.seed is None
