"""The page's own JavaScript: several files as one function, each in a block of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parents[1] / "static"
FILES: Final = ("page.js", "server_notices.js", "saves.js", "history.js", "prompt_undo.js")


def script() -> str:
    """Return the function that `Blocks.launch(js=)` runs once. The files share names through `window.trilayer`."""
    blocks = "\n".join(f"{{\n{(_FOLDER / name).read_text(encoding='utf-8')}}}" for name in FILES)
    return f"() => {{\nwindow.trilayer = {{}};\n{blocks}\n}}"
