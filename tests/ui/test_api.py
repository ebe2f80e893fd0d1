"""The endpoints for programs, called as a program does."""

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

from codec import Layers, Prompt
from codec.decoders import Step
from codec.decoders.painter.painter import Painter
from codec.editing import edits
from codec.errors import Cancelled
from codec.images import png_chunk
from codec.images.io import encode_png, load
from codec.summary import facts
from tests.ui.asking import Tab
from ui.page.layout import EXAMPLE, EXAMPLE_PICTURE

ROOT = Path(__file__).resolve().parent.parent.parent
LAYERS = Layers.from_bytes(EXAMPLE.read_bytes())
TRIL = handle_file(str(EXAMPLE))


@pytest.fixture(scope="module")
def client(address):
    return Client(address, verbose=False)


def test_there_are_these_four_with_types(client):
    given = client.view_api(return_format="dict")["named_endpoints"]
    assert set(given) == {"/encode", "/decode", "/inspect", "/edit"}
    names = {name: [p["parameter_name"] for p in about["parameters"]] for name, about in given.items()}
    assert names["/encode"] == ["picture", "prompt", "negative", "budget", "grid", "edges"]
    assert names["/edit"] == ["tril", "prompt", "negative", "mask", "other", "borrow", "cut"]
    every = [parameter for about in given.values() for parameter in about["parameters"]]
    assert {p["parameter_name"] for p in every if not p["parameter_has_default"]} == {"picture", "tril"}
    types = {p["parameter_name"]: p["python_type"]["type"] for p in every}
    assert types["tril"] == "filepath" and types["budget"] == "int" and "'painter'" in types["decoder"]
    assert not client.view_api(return_format="dict")["unnamed_endpoints"]


def test_the_readme_snippet_runs(address):
    snippet = re.search(r"## From another program.*?```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.chdir(ROOT):
        exec(snippet.replace("http://127.0.0.1:7860/", address), {})
    size, words = said.getvalue().strip().splitlines()[-1].split(" ", 1)
    assert int(size) <= 400 and words == "a cup of tea"


def test_inspect_and_decode(client):
    assert client.predict(TRIL, api_name="/inspect") == facts(LAYERS)
    small = LAYERS.only((1,))
    assert small.semantic
    picture = Path(client.predict(handle_file(_file(client, small)), api_name="/decode"))
    assert png_chunk.take(picture.read_bytes()) == small.to_bytes() and picture.name == "coffee.png"
    assert load(picture).pixels.shape == (LAYERS.height, LAYERS.width, 3)


def _file(client, layers: Layers) -> str:
    path = Path(client.output_dir) / "coffee.tril"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(layers.to_bytes())
    return str(path)


def test_edit_is_what_the_codec_does(client, tmp_path):
    mask = np.zeros((LAYERS.height, LAYERS.width), bool)
    mask[100:200, 100:300] = True
    (tmp_path / "mask.png").write_bytes(encode_png(np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)))
    (tmp_path / "other.tril").write_bytes((other := LAYERS.only((2,))).to_bytes())
    tril, told = client.predict(
        TRIL, negative="blurry", mask=handle_file(str(tmp_path / "mask.png")),
        other=handle_file(str(tmp_path / "other.tril")), borrow="colors", api_name="/edit",
    )  # fmt: skip
    words = LAYERS.semantic.text
    expected = edits.swap_texture(edits.erase(edits.reprompt(LAYERS, words, "blurry"), mask), other)
    assert Path(tril).read_bytes() == expected.to_bytes()
    assert (told["negative"], told["colors"]) == ("blurry", None)


def test_nothing_asked_gives_the_same_file(client):
    assert Path(client.predict(TRIL, api_name="/edit")[0]).read_bytes() == EXAMPLE.read_bytes()


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("/inspect", {"tril": handle_file(str(EXAMPLE_PICTURE))}, "This is not a Trilayer file."),
        ("/encode", {"picture": TRIL}, "is not a PNG, JPEG, WebP or AVIF picture"),
        ("/encode", {"picture": handle_file(str(EXAMPLE_PICTURE)), "budget": 5}, "The byte budget must be"),
        ("/encode", {"picture": None}, "A file is missing"),
        ("/decode", {"tril": TRIL, "seed": "x"}, "The seed must be"),
        ("/edit", {"tril": TRIL, "borrow": "both"}, "Give the file to borrow from"),
        ("/edit", {"tril": TRIL, "prompt": "zq7 " * 200 + "-".join(map(str, range(300))), "cut": 64}, "bytes"),
        ("/edit", {"tril": TRIL, "prompt": "x" * 30_000}, "prompt is longer"),
    ],
)
def test_what_cannot_be_is_one_sentence(client, name, given, says):
    with pytest.raises(AppError) as error:
        client.predict(**given, api_name=name)
    assert says in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 160


@pytest.mark.parametrize("path", ["/etc/passwd", str(ROOT / "README.md")])
def test_no_file_of_the_server_is_read(address, path):
    sent = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
    call = httpx.post(f"{address}gradio_api/call/inspect", json=sent).json()["event_id"]
    answer = httpx.get(f"{address}gradio_api/call/inspect/{call}").text
    assert "event: error" in answer and "Trilayer file" not in answer


def test_a_prompt_comes_back(client):
    tril, _ = client.predict(TRIL, prompt="ein Tee – ☕ <b>", api_name="/edit")
    assert Layers.from_bytes(Path(tril).read_bytes()).semantic == Prompt("ein Tee – ☕ <b>")


def test_a_program_that_vanishes_ends_its_decode(address, monkeypatch):
    ended = threading.Event()

    def endless(self, layers, *, seed=None, on_step=None):
        while on_step(Step(1, 2, "round")):
            ended.wait(0.05)
        ended.set()
        raise Cancelled("stopped")

    monkeypatch.setattr(Painter, "decode", endless)
    tab = Tab(address, "vanishing")
    sent = httpx.post(f"{tab.api}upload", files={"files": ("a.tril", EXAMPLE.read_bytes())}).json()
    body = tab.body("decode")
    body["data"][0] = {"path": sent[0], "meta": {"_type": "gradio.FileData"}}
    assert httpx.post(f"{tab.api}queue/join", json=body).status_code == 200
    answers = tab.answers()
    while next(answers)["msg"] != "process_starts":
        pass
    assert not ended.wait(0.5)
    answers.close()
    assert ended.wait(60)
