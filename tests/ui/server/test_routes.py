"""Classification of requests by their path."""

from __future__ import annotations

import pytest

from ui.server.routes import classify_route


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "page"), ("/health", "health"), ("/assets/index.js", "asset"), ("/gradio_api/theme.css", "asset"),
        ("/login", "login"), ("/gradio_api/upload", "upload"), ("/gradio_api/upload/", "upload"),
        ("/gradio_api/component_server/", "canvas"), ("/gradio_api/queue/join", "event"),
        ("/gradio_api/run/predict", "event"), ("/gradio_api/call/inspect", "event"),
        ("/gradio_api/call/inspect/17", "stream"), ("/gradio_api/queue/data", "stream"),
        ("/gradio_api/heartbeat/x", "stream"), ("/gradio_api/file=/tmp/a\nb.png", "file"),
        ("/gradio_api/proxy=http://x", "closed"), ("/monitoring/summary", "closed"), ("/gradio_api/runs", "closed"),
        ("/gradio_api/info", "page"), ("/config", "page"), ("/openapi.json", "page"), ("/configs", "other"),
        ("/gradio_api/queue/status", "other"), ("/x/upload", "other"), ("/healthy", "other"),
    ],
)  # fmt: skip
def test_path_is_classified(path, kind):
    assert classify_route(path) == kind
