"""Patch Gradio against denial of service. Must be applied before the page is built.

Without these patches
- the value of a file component may be a URL, which Gradio downloads to disk without a limit on its size;
- a session keeps every value that was sent to it, up to hundreds of megabytes, and takes 30 ms to create. Gradio does
  this to support links to a session, which `ui.server.routes` disables;
- a session name may be megabytes long.

`tests/ui/server/test_gradio_patches.py` names every private part of Gradio, uvicorn and Starlette that this folder
depends on; requirements.txt pins Gradio to a minor version.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

MAX_SESSION_NAME: Final = 64  # characters; the page's names have about 11, those of Gradio's client 36
DOWNLOADS: Final = ("ssrf_protected_download", "save_url_to_cache", "unsafe_download")  # of gradio.processing_utils
ASYNC_DOWNLOAD: Final = "async_ssrf_protected_download"
_NO_DOWNLOADS: Final = "This server does not download files: upload the file itself."
_NAME_TOO_LONG: Final = f"a session name has at most {MAX_SESSION_NAME} characters"


def apply_gradio_patches() -> None:
    """Patch Gradio in this process. Further calls have no effect."""
    from gradio import processing_utils
    from gradio.state_holder import SessionState, StateHolder

    for name in DOWNLOADS:
        setattr(processing_utils, name, _refuse_download)
    setattr(processing_utils, ASYNC_DOWNLOAD, _refuse_download_async)
    _patch(SessionState, "__init__", _without_component_values)
    _patch(SessionState, "_update_value_in_config", _ignored)
    _patch(SessionState, "_update_config", _ignored)
    _patch(StateHolder, "__getitem__", _with_name_limit)


def _patch(owner: type, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace a method by `wrap(method)`, once."""
    method = getattr(owner, name)
    if method.__module__ != __name__:
        setattr(owner, name, wrap(method))


def _refuse_download(*_: Any, **__: Any) -> str:
    import gradio as gr

    raise gr.Error(_NO_DOWNLOADS, print_exception=False)


async def _refuse_download_async(*_: Any, **__: Any) -> str:
    return _refuse_download()


def _ignored(_: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that does nothing."""

    def method(*_: Any) -> None:
        return

    return method


def _without_component_values(init: Callable[..., None]) -> Callable[..., None]:
    """Wrap `SessionState.__init__` so that it does not copy the initial values of all components."""

    def __init__(self: Any, blocks: Any) -> None:
        init(self, SimpleNamespace(default_config=blocks.default_config, blocks={}))

    return __init__


def _with_name_limit(getitem: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `StateHolder.__getitem__`, which creates missing sessions, so that it rejects long names."""
    from fastapi import HTTPException

    def __getitem__(self: Any, name: str) -> Any:
        if len(name) > MAX_SESSION_NAME:
            raise HTTPException(400, _NAME_TOO_LONG)
        return getitem(self, name)

    return __getitem__
