"""Take the README's picture of the page: `python -m tests.screenshot [OUT.jpg]`.

Starts the page on a free port, decodes the example that is open, and saves a screenshot of 1400 x 900 pixels.
"""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.load.server import start_server

ROOT = Path(__file__).resolve().parent.parent
SIZE: ViewportSize = {"width": 1400, "height": 900}
CHROMIUM = "/usr/bin/chromium"
WAIT = 180_000  # ms


@contextmanager
def open_page(address: str, size: ViewportSize) -> Iterator[Page]:
    """Open the page in Chromium with long timeouts; closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=size)
        page.set_default_timeout(WAIT)
        page.goto(address)
        yield page
        browser.close()


def screenshot(address: str) -> bytes:
    """Return a PNG of the page after one decode."""
    with open_page(address, SIZE) as page:
        page.get_by_role("button", name="Decode", exact=True).click()
        page.get_by_text(re.compile(r"^Decoded", re.IGNORECASE)).first.wait_for()
        return page.screenshot()


def main() -> None:
    """Start the page and take its picture."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshot", description="Take a picture of the page.")
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "assets" / "page.jpg")
    out = parser.parse_args().out
    with start_server() as server:
        png = screenshot(server.address)
    Image.open(io.BytesIO(png)).convert("RGB").save(out, quality=82, optimize=True)


if __name__ == "__main__":
    main()
