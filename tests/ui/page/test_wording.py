"""The page uses the field's words: none of the older ones is left."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

UI = Path(__file__).resolve().parents[3] / "ui"
SOURCES = [path for path in UI.rglob("*") if path.suffix in (".py", ".js", ".mjs", ".html", ".css")]
REPLACED = (
    "in a few hundred bytes", "no captioner is installed", "Compare 1, 2", "Split of the bytes", "Pin the",
    "As the budget", "Extract again", "Cut to fit", "Slide back", "All there is", "Put first",
    "Take away", "Erase masked", "Borrow…",
    "Nobody", "Rub out", "Mark what", "what is masked", "tremor", "Give up", "Put the tool", "Lifted",
    "empty picture of",
    "is back as it was", "It is the image", "the rest is here", "go on now", "olour", "grey", "sd15 cannot",
)  # fmt: skip


def shown_text(source: str) -> str:
    """Return a source without comments and docstrings."""
    source = re.sub(r'""".*?"""', "", source, flags=re.DOTALL)
    return re.sub(r"^\s*(?:#|//|\*|/\*).*$|<!--.*?-->", "", source, flags=re.MULTILINE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_page_has_none_of_the_replaced_words(path):
    text = shown_text(path.read_text(encoding="utf-8"))
    assert [words for words in REPLACED if words in text] == []
