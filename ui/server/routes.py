"""Classify requests by their paths. The kind determines a request's limits, its cost and its name in the log."""

from __future__ import annotations

import re
from typing import Final

_API: Final = "(?:/gradio_api)?"
_ROUTES: Final = tuple(
    (kind, re.compile(pattern, re.DOTALL))
    for kind, pattern in (
        ("health", "/health"),
        ("page", rf"/|{_API}/(?:config|info|openapi\.json)/?"),  # each response describes the whole page
        ("asset", "/(?:assets|static|svelte)/.*"),
        ("asset", rf"{_API}/(?:theme\.css|favicon\.ico|manifest\.json|robots\.txt|custom_component/.*)"),
        ("login", "/(?:login|logout)/?"),
        ("upload", f"{_API}/upload/?"),
        ("canvas", f"{_API}/component_server/?"),
        ("event", f"{_API}/(?:queue/join|cancel/?|(?:run|api|call)/(?:v2/)?[^/]*/?)"),
        ("stream", f"{_API}/(?:queue/data|heartbeat/.*|upload_progress|call/.*)"),
        ("file", f"{_API}/file[=/].*"),
        # unused endpoints of Gradio that write files, send requests or reveal internals
        ("closed", rf"{_API}/(?:proxy=|deep_link|dev/|stream/|vibe-|undo-vibe-|process_recording|profiling|runs?\b).*"),
        ("closed", rf"{_API}/(?:run-history|monitoring|docs|redoc|pwa_icon).*"),
    )
)


def classify_route(path: str) -> str:
    """Return the kind of a request with this path: one of the names in `_ROUTES`, or "other"."""
    return next((kind for kind, pattern in _ROUTES if pattern.fullmatch(path)), "other")
