"""What of Gradio itself is changed before a page is built: each is a way for a stranger to use up the server.

A value of a file may be a web address, which Gradio would fetch into its folder, of any size. A session would keep
all values that were ever sent to it, some hundred megabytes of them, and beginning one would take 30 ms of everyone's
time; both are for links to a session, which `kinds` closes. And a session's name might have megabytes.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

MAX_NAME: Final = 64  # characters of a session's name: the page's have some 11, those of Gradio's client 36
_ELSEWHERE: Final = "This server fetches nothing from other addresses: send the file itself."
_NAME: Final = "a session's name has at most 64 characters"


def mend() -> None:
    """Changes them; a second time changes nothing more."""
    from gradio import processing_utils
    from gradio.state_holder import SessionState, StateHolder

    for name in ("ssrf_protected_download", "save_url_to_cache", "unsafe_download"):
        setattr(processing_utils, name, _refuse)
    processing_utils.async_ssrf_protected_download = _refuse_later
    SessionState.__init__ = _light(SessionState.__init__)
    SessionState._update_value_in_config = SessionState._update_config = _forget
    StateHolder.__getitem__ = _named(StateHolder.__getitem__)


def _refuse(*_: Any, **__: Any) -> str:
    """Raises what Gradio shows."""
    import gradio as gr

    raise gr.Error(_ELSEWHERE, print_exception=False)


async def _refuse_later(*_: Any, **__: Any) -> str:
    return _refuse()


def _forget(*_: Any) -> None:
    return


def _light(begin: Any) -> Any:
    """`begin`, which makes a session, without what each component is like at its beginning."""

    def begun(state: Any, blocks: Any) -> None:
        begin(state, SimpleNamespace(default_config=blocks.default_config, blocks={}))

    return begin if _ours(begin) else begun


def _named(find: Any) -> Any:
    """`find`, which makes a session where there is none, but not of such a name."""
    from fastapi import HTTPException

    def found(holder: Any, name: str) -> Any:
        if len(name) > MAX_NAME:
            raise HTTPException(400, _NAME)
        return find(holder, name)

    return find if _ours(find) else found


def _ours(function: Any) -> bool:
    return getattr(function, "__module__", "") == __name__
