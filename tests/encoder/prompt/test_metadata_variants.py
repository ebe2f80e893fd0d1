"""A hundred variants of each kind of metadata, made by generators with known answers."""

from __future__ import annotations

import itertools
import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from codec.bitstream.settings import Settings
from codec.encoder.prompt import metadata
from codec.encoder.prompt.metadata import a1111
from codec.images import exif
from codec.images.io import load
from codec.semantic.prompt import Prompt
from tests.encoder.prompt import graphs
from tests.encoder.prompt import metadata_files as files
from tests.lanes import variants


def answer(found: metadata.Metadata | None) -> dict[str, Any] | None:
    """Return what was found in the form of `graphs.ANSWER`."""
    if found is None:
        return None
    values = {key: getattr(found.settings, key) for key in ("steps", "guidance", "sampler", "model", "size")}
    return {"prompt": found.prompt.text, "negative": found.prompt.negative, "seed": found.seed, **values}


# --- infotexts ---

PROMPTS = [
    "a lighthouse", "(a lighthouse:1.2), (at dusk:1.3), (oil painting:1.1)", "a lighthouse\nat dusk, <lora:x:0.8>",
    "a poster that says \"Steps: to success\", bold", "[red:blue:0.5] barn, {a|b}", "a b c: d, e: f, g: h",
    "Schloß am See, 雪", "title: sub, mood: calm, style: oil", "a 1990s photo. Grain.",
]  # fmt: skip
NEGATIVES = ["", "blurry, text", "(blurry:1.4), (text:1.2), (logo:1.3)", "blurry\nlow quality: yes"]
EXTRAS = [
    "", 'Wildcard prompt: "cat, Steps: 99, Seed: 3, Model: wrong, Size: 8x8, Sampler: LCM"',
    'Lora hashes: "a: 0123456789ab, b: 123456789abc", TI hashes: "EasyNegative: c74b4e810b03"',
    'Civitai resources: [{"type":"checkpoint","modelVersionId":1,"modelName":"Steps: 9, Seed: 1"}], Civitai x: {}',
    'ADetailer prompt: "a \\"face\\", Seed: 4, freckles", ADetailer model: face_yolov8n.pt, ADetailer CFG scale: 3.0',
    'Hires prompt: "two\nlines, Steps: 7, Seed: 5", Hires upscale: 2, Hires steps: 12, Denoising strength: 0.4',
    "Clip skip: 2, ENSD: 31337, Variation seed: 4, Variation seed strength: 0.1, Hires CFG Scale: 1",
    'ControlNet 0: "Module: canny, Model: control [d14c016b], Weight: 1, Resize Mode: Crop, Seed: 1", Version: v1.10.1',
    "Styles: one, two, three, Pipeline: StableDiffusionPipeline, App: SD.Next, Version: 9ed1a9b",
    'Regional Prompter: {"steps": 3, "seed": [1, 2]}, RNG: CPU',
]  # fmt: skip
SETTINGS = (
    "Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 777, Size: 512x768, "
    "Model: dreamshaper_8"
)


def infotexts() -> list[tuple[str, str, str]]:
    """Return infotexts with their prompt and negative prompt."""
    made = []
    for index, (prompt, negative, extra) in enumerate(itertools.product(PROMPTS, NEGATIVES, EXTRAS)):
        rng = random.Random(index)
        pairs = SETTINGS.split(", ")
        rest = pairs[1:]
        rng.shuffle(rest)
        line = ", ".join([pairs[0], *rest])
        cut = rng.randrange(len(rest) + 1) if extra else 0
        if extra:
            line = ", ".join([pairs[0], *rest[:cut], extra, *rest[cut:]])
        parts = [prompt, *([f"Negative prompt: {negative}"] if negative else []), line]
        made.append(
            ("\n".join(parts) + rng.choice(["", "\n", "\nTemplate: a {b|c}, mood: x, Seeds: 8"]), prompt, negative)
        )
    return made


@pytest.mark.parametrize(("text", "prompt", "negative"), variants(infotexts(), 70), ids=itertools.count())
def test_infotext(text: str, prompt: str, negative: str) -> None:
    expected = graphs.ANSWER | {"prompt": prompt, "negative": negative}
    for written in (text, text.replace("\n", "\r\n")):
        assert answer(a1111.read(written)) == expected
        assert answer(a1111.read(written, is_infotext=False)) == expected


@pytest.mark.parametrize("separator", [" ", ". ", ", ", "  "])
@pytest.mark.parametrize("prompt", ["a lighthouse at dusk", "(a lighthouse:1.2), (dusk:1.1)", "Ölgemälde, 雪"])
@pytest.mark.parametrize("negative", ["", "blurry, text", "(blurry:1.3), text"])
def test_infotext_on_one_line(separator: str, prompt: str, negative: str) -> None:
    text = separator.join([prompt, *([f"Negative prompt: {negative}"] if negative else []), SETTINGS])
    found = answer(a1111.read(text))
    assert found is not None
    kept = (found.pop("prompt").rstrip("., "), found.pop("negative").rstrip("., "))
    assert kept == (prompt, negative)
    assert found == {key: value for key, value in graphs.ANSWER.items() if key not in ("prompt", "negative")}


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("negative", NEGATIVES)
def test_infotext_without_settings(prompt: str, negative: str) -> None:
    text = prompt + (f"\nNegative prompt: {negative}" if negative else "")
    found = a1111.read(text)
    assert found is not None
    assert (found.prompt, found.settings, found.seed) == (Prompt(prompt, negative), Settings(), None)


@pytest.mark.parametrize(
    ("line", "guidance"),
    [
        ("CFG scale: 1, Distilled CFG Scale: 3.5", 3.5), ("Distilled CFG Scale: 3.5, CFG scale: 1.0", 3.5),
        ("Distilled CFG Scale: 4", 4.0), ("CFG scale: 7, Hires CFG Scale: 2", 7.0),
        ("CFG scale: 1.000000, Guidance: 3.500000", 3.5), ("CFG scale: 5.000000, Guidance: 3.500000", 5.0),
        ("CFG scale: 1", 1.0),
    ],
)  # fmt: skip
def test_guidance_of_infotexts(line: str, guidance: float) -> None:
    found = a1111.read(f"a glass tower\nSteps: 20, Sampler: Euler, {line}, Seed: 777, Version: f2.0.1")
    assert found is not None
    assert found.settings.guidance == guidance


# --- EXIF ---

TEXT = "ein Schloß am See, Ölgemälde\nNegative prompt: häßlich\nSteps: 25, Sampler: Euler a, Seed: 777"
CODES = [b"UNICODE\0", b"Unicode\0", b"unicode\0", b"UNICODE ", b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8), b"",
         b"charset=Unicode ", b'charset="Unicode" ', b"UTF-8\0\0\0", b"charset=UTF-8 "]  # fmt: skip
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-16"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("code", CODES)
def test_user_comment_is_decoded_by_its_bytes(code: bytes, encoding: str, order: str) -> None:
    block = files.exif({0x9286: code + TEXT.encode(encoding)}, order)
    found = metadata.read(exif.read_texts(block))
    assert found is not None
    assert (found.prompt, found.seed) == (Prompt("ein Schloß am See, Ölgemälde", "häßlich"), 777)


@pytest.mark.parametrize("encoding", ["iso2022_jp", "shift_jis", "euc_jp", "utf-8", "utf-16-le"])
def test_japanese_user_comment(encoding: str) -> None:
    text = "湖の城、油絵\nSteps: 25, Sampler: Euler a, Seed: 777"
    found = metadata.read(exif.read_texts(files.exif({0x9286: b"JIS\0\0\0\0\0" + text.encode(encoding)})))
    assert found is not None
    assert found.prompt == Prompt("湖の城、油絵")


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_user_comment_without_ascii(order: str) -> None:
    assert exif.read_texts(files.exif({0x9286: b"UNICODE\0" + "湖畔的城堡，油画".encode(order)})) == {
        "UserComment": "湖畔的城堡，油画"
    }


@pytest.mark.parametrize("tag", [0x9C9B, 0x9C9C, 0x9C9E, 0x9C9F, 0x010E])
@pytest.mark.parametrize("kind", [1, 2, 7, 129])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-8"])
def test_other_texts_of_exif(tag: int, kind: int, encoding: str) -> None:
    block = bytearray(files.exif({tag: TEXT.encode(encoding) + b"\0\0"}, "<"))
    struct.pack_into("<H", block, 12, kind)  # the type of the first entry
    for data in (files.jpeg(bytes(block)), files.webp(bytes(block)), files.png(files.chunk(b"eXIf", bytes(block)))):
        found = metadata.read(load(data).texts)
        assert found is not None
        assert (found.prompt.text, found.prompt.negative, found.seed) == (TEXT.split("\n")[0], "häßlich", 777)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16-le"])
def test_comment_of_a_jpeg(encoding: str) -> None:
    body = TEXT.encode(encoding)
    data = files.jpeg()
    data = data[:2] + b"\xff\xfe" + struct.pack(">H", len(body) + 2) + body + data[2:]
    found = metadata.read(load(data).texts)
    assert found is not None
    assert (found.prompt.text, found.seed) == (TEXT.split("\n")[0], 777)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["exif", "APP1"])
@pytest.mark.parametrize("is_compressed", [False, True])
def test_exif_in_a_raw_profile(order: str, name: str, is_compressed: bool) -> None:
    block = b"Exif\0\0" + files.exif({0x9286: files.comment(TEXT)}, order)
    text = f"\n{name.lower()}\n{len(block):8}\n{block.hex()}\n"
    make = files.packed_chunk if is_compressed else files.text_chunk
    found = metadata.read(load(files.png(make(f"Raw profile type {name}", text))).texts)
    assert found is not None
    assert (found.prompt.negative, found.seed) == ("häßlich", 777)


# --- graphs ---


@pytest.mark.parametrize("number", variants(range(150), 40))
def test_random_graph(number: int) -> None:
    graph = graphs.random_graph(number)
    assert answer(metadata.read({"prompt": json.dumps(graph)})) == graphs.ANSWER


@pytest.mark.parametrize("in_subgraph", [False, True])
@pytest.mark.parametrize("number", variants(range(0, 1000, 10), 25))
def test_random_workflow(number: int, *, in_subgraph: bool) -> None:
    workflow = graphs.as_workflow(graphs.random_graph(number), in_subgraph=in_subgraph)
    assert answer(metadata.read({"workflow": json.dumps(workflow)})) == graphs.ANSWER


# --- tools and packs ---

# A line for each: the texts of a file as a tool or a pack of nodes writes them, and what must be found in them.
CASES = json.loads((Path(__file__).parent / "tool_cases.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_metadata_of_tools(case: dict[str, Any]) -> None:
    texts = {key: text if isinstance(text, str) else json.dumps(text) for key, text in case["texts"].items()}
    found = metadata.read(texts)
    assert found is not None
    values = json.loads(json.dumps((answer(found) or {}) | {"tool": found.tool}))
    assert {key: values[key] for key in case["expected"]} == case["expected"]


@pytest.mark.parametrize(
    "texts",
    [
        {"Title": "a city", "Software": "OpenAI"}, {"ImageDescription": "Signature: 0123456789ab=="},
        {"XML:com.adobe.xmp": "<rdf:Description dcterms:provenance='self#jumbf=/c2pa'/>"}, {"UserComment": "[1, 2]"},
        {"UserComment": '"a"'}, {"Description": "rm --verbose --all --v"},
    ],
)  # fmt: skip
def test_texts_of_cameras_and_services_are_no_prompts(texts: dict[str, str]) -> None:
    assert metadata.read(texts) is None
