"""The HTML that the page generates, and the status box's value."""

from __future__ import annotations

import pytest

from codec import Layers, Prompt
from codec.bitstream.settings import Settings
from ui.page import html
from ui.page.responses import status_value
from ui.services.status import STOPPED, Status, StatusCode

HOSTILE = "<b>&\"'${x}{{y}}"
VIEWS = [html.status(Status.bad(HOSTILE)), html.prompt_source(HOSTILE), html.prompt_source("", Settings(model=HOSTILE))]


@pytest.mark.parametrize("view", VIEWS)
def test_texts_are_escaped(view):
    assert "<b>" not in view and "&lt;b&gt;&amp;" in view


def test_the_source_of_the_prompt_is_shown_with_the_settings():
    assert html.prompt_source("") == html.prompt_source("", None) == ""
    assert html.prompt_source("Prompt from here") == '<p class="tl-note">Prompt from here</p>'
    settings = Settings(30, 7.5, "euler_a", "dreamshaper_8", (512, 768))
    line = "Prompt from here. Made with dreamshaper_8, 512 x 768, 30 steps, guidance 7.5, euler a."
    assert html.prompt_source("Prompt from here", settings) == f'<p class="tl-note">{line}</p>'


def test_the_readout_adds_up():
    layers = Layers(512, 512, Prompt("a cat on a mat"), seed=5)
    size = len(layers.to_bytes())
    view = html.readout(layers, 600)
    assert f"<strong>{size}</strong>" in view and f"{600 - size} of 600 bytes left" in view
    assert f"{size - 10} bytes over the budget of 10" in html.readout(layers, 10)
    assert ">1 byte over the budget" in html.readout(layers, size - 1)
    prompt, structure, colors = html.layer_sizes(layers)
    assert f"{layers.sizes().semantic} bytes · " in prompt and 'title="Prompt: ' in prompt
    assert ">none<" in structure and ">none<" in colors


def test_the_browser_sends_back_what_a_status_is_about():
    assert StatusCode.parse(status_value(STOPPED)) is StatusCode.STOPPED
    assert StatusCode.parse(status_value(Status.invalid_input("x"))) is StatusCode.INVALID_INPUT
    for value in (status_value(Status("x")), None, "stopped", {"code": "other"}, {"code": ["stopped"]}):
        assert StatusCode.parse(value) is StatusCode.OTHER


def test_missing_weights_are_escaped_and_the_remedy_is_set_apart():
    view = html.missing("a is missing: <b>; run python -m codec models fetch a, then choose it again")
    assert "<b>" not in view and "A is missing: &lt;b&gt;." in view and 'role="status"' in view
    assert "Run <code>python -m codec models fetch a</code>, then choose it again." in view
