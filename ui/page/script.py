"""The page's own JavaScript: one function of several files, each in a block of its own."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parents[1] / "static"
FILES = ("page.js", "lost.js", "saves.js", "history.js", "words.js")


def script() -> str:
    """What `Blocks.launch(js=)` runs once. What the files share is on `window.trilayer`."""
    blocks = "\n".join(f"{{\n{(_HERE / name).read_text(encoding='utf-8')}}}" for name in FILES)
    return f"() => {{\nwindow.trilayer = {{}};\n{blocks}\n}}"
