"""Hostile texts and bombs through the page, in a real browser: nothing runs, nothing is opened before our loader."""

from __future__ import annotations

import gradio as gr
import PIL.Image
import pytest
from playwright.sync_api import expect

from codec import Layers, Prompt
from codec.bitstream.settings import Settings
from tests.bombs.files import AVIF, EPS, SVG, avif_of, webp_of
from tests.hostile import TEXTS
from ui.page import html

TOLD = [text for text in TEXTS if "\0" not in text]


def test_no_view_of_any_text_runs(visit):
    """Set as the page sets it; what ran would be a dialog, a request or an error, which fail the test."""
    made = [view(text) for text in TOLD for view in (html.status, html.unusable, html.note, html.origin)]
    made += [html.origin("", Settings(model=text[:16])) for text in TOLD]
    tags = visit.page.evaluate(
        """(made) => {
          const box = document.querySelector('#status').appendChild(document.createElement('div'));
          box.innerHTML = made.join('');
          return [...new Set([...box.querySelectorAll('*')].map((element) => element.tagName))];
        }""",
        made,
    )
    assert set(tags) == {"DIV", "P"}
    shown = visit.page.locator("#status").inner_text()
    assert "<script>alert(1)</script>" in shown


def test_no_prompt_and_no_file_name_runs(visit):
    """All of them in some ten prompts, in files whose names are hostile too."""
    prompts = [""]
    for text in TEXTS:
        if len(prompts[-1]) + len(text) > 600:
            prompts.append("")
        prompts[-1] += f"{text}\n"
    for number, prompt in enumerate(prompts):
        data = Layers(8 + number, 8, Prompt(prompt, TEXTS[-number - 1])).to_bytes()
        name = f"{TEXTS[number].replace('/', ' ')}{number}.tril"
        visit.put("open", {"name": name, "mimeType": "application/octet-stream", "buffer": data})
        visit.says(f"{8 + number} × 8")
        expect(visit.page.locator("#tally")).to_contain_text("Negative: ")
    assert visit.page.locator("img[src=x], svg[onload], iframe, video, #top script").count() == 0


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("webp.webp", webp_of(10_000), "10000 x 10000 pixels"),
        ("hidden.avif", avif_of(16, AVIF.read_bytes()), "10000 x 10000 pixels"),
        ("eps.png", EPS, "is not a PNG, JPEG, WebP or AVIF picture"),
        ("svg.png", SVG, "is not a PNG, JPEG, WebP or AVIF picture"),
    ],
)
def test_a_bomb_is_refused_by_our_loader_alone(visit, monkeypatch, name, data, line):
    opened = []
    real = PIL.Image.open
    monkeypatch.setattr(PIL.Image, "open", lambda *given, **more: opened.append(given) or real(*given, **more))
    visit.put("picture", {"name": name, "mimeType": "image/png", "buffer": data})
    visit.says(line)
    assert opened == []


def test_no_event_has_a_picture_opened_for_it(address):
    """Gradio opens what an image box sends before it calls a handler, unless told not to."""
    from ui.page.layout import build

    boxes = (gr.Image, gr.ImageSlider, gr.ImageEditor, gr.Gallery)
    events = [event for event in build().fns.values() if any(isinstance(part, boxes) for part in event.inputs)]
    assert events and not any(event.preprocess for event in events)
