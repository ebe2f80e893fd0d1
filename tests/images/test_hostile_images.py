"""200 hostile texts as prompts, file names, metadata and words on the page are treated as plain text."""

from __future__ import annotations

import contextlib
import json
import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from codec import Layers, Prompt
from codec.bitstream.settings import Settings
from codec.cli.inspection import format_summary
from codec.cli.main import main
from codec.images.io import encode_png, load
from codec.images.text_card import text_card
from codec.summary import summarize
from tests.hostile import TEXTS
from ui.page import html
from ui.services import canvas_state, import_layers
from ui.services.status import Status


def test_there_are_200_hostile_texts() -> None:
    assert len(set(TEXTS)) >= 200


def test_hostile_prompt_is_stored_exactly_and_printed_escaped() -> None:
    for text in TEXTS:
        layers = Layers(8, 8, Prompt(text, text[::-1]))
        assert Layers.from_bytes(layers.to_bytes()) == layers
        summary = summarize(layers)
        assert all(line.isprintable() for line in format_summary(summary).split("\n"))
        printed = json.dumps(summary, indent=1)
        assert json.loads(printed)["prompt"] == text
        assert all(line.isascii() and line.isprintable() for line in printed.split("\n"))


def test_inspect_prints_hostile_prompts_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.tril"
    for text in TEXTS[::20]:
        path.write_bytes(Layers(8, 8, Prompt(text)).to_bytes())
        for options in ([], ["--json"]):
            assert main(["inspect", str(path), *options]) == 0
            shown = capsys.readouterr()
            assert shown.err == "" and all(line.isprintable() for line in shown.out.split("\n"))


def test_hostile_file_name_is_printed_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = 0
    data = Layers(8, 8, Prompt("a cat")).to_bytes()
    for number, text in enumerate(TEXTS):
        text = text.replace("\0", "")  # a command line cannot hold it
        short = text.replace("/", "_")[:80]
        for name in (text, short) if number % 10 == 0 else (short,):
            path = os.path.join(tmp_path, name)
            code = main(["inspect", "--", path])
            shown = capsys.readouterr()
            assert shown.out == "" and code == 1 and shown.err.count("\n") == 1
            assert shown.err.removesuffix("\n").isprintable()
        with contextlib.suppress(OSError, ValueError):
            Path(path).write_bytes(data)
            written += 1
            assert main(["inspect", "--", path]) == 0
            assert all(line.isprintable() for line in capsys.readouterr().out.split("\n"))
            os.unlink(path)
    assert written > 180


def test_hostile_metadata_is_read_as_text() -> None:
    for text in TEXTS:
        found = load(encode_png(text_card(text, 16, 16), {"parameters": text})).texts.get("parameters", "")
        assert found == text or "\0" in text or "\r" in text


class TextAndTags(HTMLParser):
    """Collects the text of a document and the names of its tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.tags = "", set()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"class", "role"}


@pytest.mark.parametrize(
    "view",
    [
        lambda text: html.status(Status(text)),
        lambda text: html.status(Status.invalid_input(text)),
        html.note,
        html.prompt_source,
        lambda text: html.prompt_source("", Settings(model=text[:16])),
    ],
)
def test_hostile_text_is_escaped_on_the_page(view) -> None:
    for text in TEXTS:
        if "\0" not in text:  # HTML cannot hold it
            parser = TextAndTags()
            parser.feed(view(text))
            parser.close()
            assert parser.tags <= {"div", "p"} and text[:16].strip() in parser.text


def test_hostile_file_name_becomes_a_safe_download_name() -> None:
    for text in TEXTS:
        stem = canvas_state.file_stem(text)
        assert 1 <= len(stem) <= 60 and len(stem.encode()) <= 180
        assert stem.isprintable() and not stem.startswith((".", "-", " "))
        assert not set(stem) & set("/\\:*?\"'<>|&;$`!#%{}~^")
        assert len(import_layers.display_name(text)) <= import_layers.MAX_NAME_CHARS
