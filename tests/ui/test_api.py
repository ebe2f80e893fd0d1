"""The API, called as a program calls it."""

from __future__ import annotations

import contextlib
import io
import re
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from codec import Layers, Prompt
from codec.decoders import Step
from codec.decoders.painter.painter import Painter
from codec.editing import edits, objects
from codec.errors import Cancelled
from codec.images import png_chunk
from codec.images.io import encode_png, load
from codec.summary import summarize
from tests.ui.http_tab import Tab
from ui.services.examples import START_FILE, START_PICTURE

ROOT = Path(__file__).resolve().parent.parent.parent
LAYERS = Layers.from_bytes(START_FILE.read_bytes())
TRIL = handle_file(str(START_FILE))


@pytest.fixture(scope="module")
def client(address):
    return Client(address, verbose=False)


def test_there_are_four_endpoints_with_types(client):
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {"/encode", "/decode", "/inspect", "/edit"}
    names = {name: [p["parameter_name"] for p in endpoint["parameters"]] for name, endpoint in endpoints.items()}
    assert names["/encode"] == ["picture", "prompt", "negative", "budget", "grid", "edges", "balance"]
    assert names["/edit"] == ["tril", "prompt", "negative", "mask", "other", "borrow", "cut"]
    parameters = [parameter for endpoint in endpoints.values() for parameter in endpoint["parameters"]]
    assert {p["parameter_name"] for p in parameters if not p["parameter_has_default"]} == {"picture", "tril"}
    types = {p["parameter_name"]: p["python_type"]["type"] for p in parameters}
    assert types["tril"] == "filepath" and types["budget"] == "int" and "'painter'" in types["decoder"]
    assert not client.view_api(return_format="dict")["unnamed_endpoints"]


def test_the_documented_snippet_runs(address):
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    snippet = re.search(r"```python\n(.*?)```", text, re.S)[1]
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.chdir(ROOT):
        exec(snippet.replace("http://127.0.0.1:7860/", address), {})
    size, prompt = output.getvalue().strip().splitlines()[-1].split(" ", 1)
    assert int(size) <= 400 and prompt == "a cup of tea"


def test_inspect_and_decode(client):
    assert client.predict(TRIL, api_name="/inspect") == summarize(LAYERS)
    small = LAYERS.only((1,))
    assert small.semantic
    picture = Path(client.predict(handle_file(_file(client, small)), api_name="/decode"))
    assert png_chunk.extract(picture.read_bytes()) == small.to_bytes() and picture.name == "coffee.png"
    assert load(picture).pixels.shape == (LAYERS.height, LAYERS.width, 3)


def _file(client, layers: Layers) -> str:
    path = Path(client.output_dir) / "coffee.tril"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(layers.to_bytes())
    return str(path)


def test_edit_does_what_the_codec_does(client, tmp_path):
    mask = np.zeros((LAYERS.height, LAYERS.width), bool)
    mask[100:200, 100:300] = True
    (tmp_path / "mask.png").write_bytes(encode_png(np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)))
    (tmp_path / "other.tril").write_bytes((other := LAYERS.only((2,))).to_bytes())
    tril, description = client.predict(
        TRIL, negative="blurry", mask=handle_file(str(tmp_path / "mask.png")),
        other=handle_file(str(tmp_path / "other.tril")), borrow="colors", api_name="/edit",
    )  # fmt: skip
    text = LAYERS.semantic.text
    expected = edits.swap_texture(objects.erase(edits.reprompt(LAYERS, text, "blurry"), mask), other)
    assert Path(tril).read_bytes() == expected.to_bytes()
    assert (description["negative"], description["colors"]) == ("blurry", None)


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("gray", "m.png"),
        ("white on clear", "m.png"),
        ("black on clear", "m.tiff"),
        ("gray", "m.gif"),
        ("gray", "m.bmp"),
    ],
)
def test_edit_reads_masks_of_white_and_of_opacity_alike(client, tmp_path, form, name):
    mask = np.zeros((LAYERS.height, LAYERS.width), np.uint8)
    mask[100:200, 100:300] = 255
    pixels = mask if form == "gray" else np.dstack([mask * (form == "white on clear")] * 3 + [mask])
    Image.fromarray(pixels).save(tmp_path / name)
    tril, _ = client.predict(TRIL, mask=handle_file(str(tmp_path / name)), api_name="/edit")
    assert Path(tril).read_bytes() == objects.erase(LAYERS, mask > 0).to_bytes()


def test_edit_refuses_a_mask_that_marks_nothing(client, tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    with pytest.raises(AppError, match="marks nothing"):
        client.predict(TRIL, mask=handle_file(str(tmp_path / "black.png")), api_name="/edit")


def test_an_edit_without_changes_returns_the_same_file(client):
    assert Path(client.predict(TRIL, api_name="/edit")[0]).read_bytes() == START_FILE.read_bytes()


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("/inspect", {"tril": handle_file(str(START_PICTURE))}, "This is not a Trilayer file."),
        ("/encode", {"picture": TRIL}, "is not a PNG, JPEG, WebP or AVIF picture"),
        ("/encode", {"picture": handle_file(str(START_PICTURE)), "budget": 5}, "The byte budget must be"),
        ("/encode", {"picture": None}, "A file is missing"),
        ("/decode", {"tril": TRIL, "seed": "x"}, "The seed must be"),
        ("/edit", {"tril": TRIL, "borrow": "both"}, "`other` is missing"),
        ("/edit", {"tril": TRIL, "prompt": "zq7 " * 200 + "-".join(map(str, range(300))), "cut": 64}, "bytes"),
        ("/edit", {"tril": TRIL, "prompt": "x" * 30_000}, "prompt is longer"),
    ],
)
def test_an_invalid_request_is_one_sentence(client, name, arguments, message):
    with pytest.raises(AppError) as error:
        client.predict(**arguments, api_name=name)
    assert message in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 160


@pytest.mark.parametrize("path", ["/etc/passwd", str(ROOT / "README.md")])
def test_files_of_the_server_are_not_read(address, path):
    sent = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
    call = httpx.post(f"{address}gradio_api/call/inspect", json=sent).json()["event_id"]
    answer = httpx.get(f"{address}gradio_api/call/inspect/{call}").text
    assert "event: error" in answer and "Trilayer file" not in answer


def test_a_new_prompt_is_stored_exactly(client):
    tril, _ = client.predict(TRIL, prompt="ein Tee – ☕ <b>", api_name="/edit")
    assert Layers.from_bytes(Path(tril).read_bytes()).semantic == Prompt("ein Tee – ☕ <b>")


def test_a_program_that_disconnects_ends_its_decode(address, monkeypatch):
    ended = threading.Event()

    def endless(self, layers, *, seed=None, on_step=None):
        while on_step(Step(1, 2, "round")):
            ended.wait(0.05)
        ended.set()
        raise Cancelled("stopped")

    monkeypatch.setattr(Painter, "decode", endless)
    tab = Tab(address, "vanishing")
    sent = httpx.post(f"{tab.api}upload", files={"files": ("a.tril", START_FILE.read_bytes())}).json()
    body = tab.body("decode")
    body["data"][0] = {"path": sent[0], "meta": {"_type": "gradio.FileData"}}
    assert httpx.post(f"{tab.api}queue/join", json=body).status_code == 200
    answers = tab.answers()
    while next(answers)["msg"] != "process_starts":
        pass
    assert not ended.wait(0.5)
    answers.close()
    assert ended.wait(60)
