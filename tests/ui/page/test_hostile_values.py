"""Hostile texts and image bombs in a real browser: no text runs, and only the codec's loader opens pictures."""

from __future__ import annotations

import re

import gradio as gr
import PIL.Image
from playwright.sync_api import expect

from codec import Layers, Prompt
from codec.bitstream.settings import Settings
from tests.bombs.files import AVIF, EPS, SVG, avif_of, webp_of
from tests.hostile import TEXTS
from tests.ui.visit import TRIL_TYPE
from ui.page import html
from ui.services.status import Status

SHOWN_TEXTS = [text for text in TEXTS if "\0" not in text]


def test_texts_in_generated_html_do_not_run(visit):
    """Anything that runs causes a dialog, a request or an error, each of which fails the test."""
    views = [html.note, html.prompt_source, lambda text: html.status(Status(text, details=(text,)))]
    parts = [view(text) for text in SHOWN_TEXTS for view in views]
    parts += [html.prompt_source("", Settings(model=text[:16])) for text in SHOWN_TEXTS]
    tags = visit.page.evaluate(
        """(parts) => {
          const box = document.querySelector('#status').appendChild(document.createElement('div'));
          box.id = 'hostile';
          box.innerHTML = parts.join('');
          return [...new Set([...box.querySelectorAll('*')].map((element) => element.tagName))];
        }""",
        parts,
    )
    assert set(tags) == {"DIV", "P"}
    text = visit.page.locator("#status").inner_text()
    assert "<script>alert(1)</script>" in text
    visit.page.evaluate("document.querySelector('#hostile').remove()")


def test_a_status_with_template_syntax_is_shown_as_text(visit):
    """Gradio renders the status box with a JavaScript template."""
    text = "${alert(1)} {{constructor}} `"
    visit.page.route("**/component_server**", lambda route: route.fulfill(json={"error": text}))
    visit.tool("cell")
    visit.do("finer")
    visit.says(text)


def test_prompts_and_file_names_do_not_run(visit):
    prompts = [""]
    for text in TEXTS:
        if len(prompts[-1]) + len(text) > 2000:
            prompts.append("")
        prompts[-1] += f"{text}\n"
    for number, prompt in enumerate(prompts):
        data = Layers(8 + number, 8, Prompt(prompt, TEXTS[-number - 1])).to_bytes()
        name = f"{TEXTS[number].replace('/', ' ')}{number}.tril"
        visit.put("open", {"name": name, "mimeType": TRIL_TYPE, "buffer": data})
        visit.says(f"{8 + number} × 8")
        expect(visit.page.locator("#tally p")).to_have_attribute("title", re.compile("Negative: "))
    assert visit.page.locator("img[src=x], svg[onload], iframe, video, #top script").count() == 0


def test_only_the_codecs_loader_opens_pictures(visit, monkeypatch):
    opened = []
    open_image = PIL.Image.open
    monkeypatch.setattr(PIL.Image, "open", lambda *args, **kwargs: opened.append(args) or open_image(*args, **kwargs))
    for name, data, message in (
        ("webp.webp", webp_of(10_000), "10000 x 10000 pixels"),
        ("eps.png", EPS, "is not a PNG, JPEG, WebP or AVIF picture"),
        ("hidden.avif", avif_of(16, AVIF.read_bytes()), "10000 x 10000 pixels"),
        ("svg.png", SVG, "is not a PNG, JPEG, WebP or AVIF picture"),
    ):
        visit.put("picture", {"name": name, "mimeType": "image/png", "buffer": data})
        visit.says(message)
        assert opened == [], name


def test_no_event_preprocesses_pictures(address):
    """Gradio would open a picture that is sent before it calls a handler."""
    from ui.page.layout import build

    boxes = (gr.Image, gr.ImageSlider, gr.ImageEditor, gr.Gallery)
    events = [event for event in build().fns.values() if any(isinstance(part, boxes) for part in event.inputs)]
    assert events and not any(event.preprocess for event in events)
