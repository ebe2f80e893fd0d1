"""What a request is for, told from its path alone: what it may send, what it costs, and how the log names it."""

from __future__ import annotations

import re
from typing import Final

_API: Final = "(?:/gradio_api)?"
_KINDS: Final = tuple(
    (kind, re.compile(pattern, re.DOTALL))
    for kind, pattern in (
        ("health", "/health"),
        ("page", rf"/|{_API}/(?:config|info|openapi\.json)/?"),  # all that is on it, in one form or another
        ("asset", "/(?:assets|static|svelte)/.*"),
        ("asset", rf"{_API}/(?:theme\.css|favicon\.ico|manifest\.json|robots\.txt|custom_component/.*)"),
        ("login", "/(?:login|logout)/?"),
        ("upload", f"{_API}/upload/?"),
        ("canvas", f"{_API}/component_server/?"),
        ("event", f"{_API}/(?:queue/join|cancel/?|(?:run|api|call)/(?:v2/)?[^/]*/?)"),
        ("stream", f"{_API}/(?:queue/data|heartbeat/.*|upload_progress|call/.*)"),
        ("file", f"{_API}/file[=/].*"),
        # of Gradio's, what this page does not use: it writes files, fetches from elsewhere, or tells of the server
        ("closed", rf"{_API}/(?:proxy=|deep_link|dev/|stream/|vibe-|undo-vibe-|process_recording|profiling|runs?\b).*"),
        ("closed", rf"{_API}/(?:run-history|monitoring|docs|redoc|pwa_icon).*"),
    )
)


def of(path: str) -> str:
    """One of the names above, or "other"."""
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(path)), "other")
