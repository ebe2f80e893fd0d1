"""How the page is served: what it allows, where it keeps its files, and when these go.

Loopback by default, nothing shared, no files but its own, no error details, no calls outside.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from codec import CodecError
from ui import space

_HERE = Path(__file__).parent
MAX_AGE = 12 * 3600  # s that an upload or a decoded picture is kept
SWEEP_EVERY = 900  # s
LOOPBACK = ("127.0.0.1", "localhost", "::1")

# Set before Gradio is imported: it reads them then.
_ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_MAX_EVENTS": "200",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SHARE": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def private_folder() -> Path:
    """Makes this process's own folder for uploads and pictures, and tells Gradio of it."""
    os.environ.update(_ENVIRONMENT)
    folder = Path(tempfile.mkdtemp(prefix="trilayer-"))
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    space.prepare()
    return folder


def sweep(folder: Path, max_age: float, keep: frozenset[Path] = frozenset()) -> None:
    """Removes files older than `max_age` seconds but for `keep`, and folders that this empties."""
    oldest = time.time() - max_age
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent, name)
            try:
                if path not in keep and path.stat().st_mtime < oldest:
                    path.unlink()
            except OSError:
                continue  # another thread was faster
        if Path(parent) != folder:
            try:
                os.rmdir(parent)
            except OSError:
                continue  # not empty


def settings(host: str, port: int | None) -> dict[str, Any]:
    """The arguments of `Blocks.launch`. Raises `ValueError` for another host without a login."""
    from starlette.middleware import Middleware

    from ui.guard import Guard
    from ui.script import script
    from ui.theme import theme

    return {
        "server_name": host,
        "server_port": port,
        "share": False,
        "inbrowser": False,
        "quiet": True,
        "show_error": False,
        "allowed_paths": [],
        "max_file_size": "20mb",
        "enable_monitoring": False,
        "strict_cors": True,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "run_history": False,
        "state_session_capacity": 200,
        "footer_links": [],
        "favicon_path": str(_HERE / "favicon.png"),
        "app_kwargs": {"middleware": [Middleware(Guard)]},
        "auth": _login(host),
        "theme": theme(),
        "css": (_HERE / "page.css").read_text(encoding="utf-8"),
        "js": script(),
    }


def _login(host: str) -> tuple[str, str] | None:
    """Who may enter when the page leaves this machine: TRILAYER_LOGIN, as name:password."""
    if host in LOOPBACK or space.here():
        return None
    name, colon, password = os.environ.get("TRILAYER_LOGIN", "").partition(":")
    if not (name and colon and password):
        raise ValueError(f"to listen on {host}, set TRILAYER_LOGIN=name:password: others could use this machine")
    return name, password


def launch(host: str = "127.0.0.1", port: int | None = None) -> tuple[Any, str]:
    """Starts the server and returns (the page, its address) without waiting.

    Its files are swept while it runs, and are gone when it ends.
    """
    folder = private_folder()
    try:
        from ui.page import build

        page = build()
        page.queue(max_size=32, default_concurrency_limit=4)
        _, address, _ = page.launch(prevent_thread_lock=True, **settings(host, port))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    ended = threading.Event()
    example = frozenset(path for path in folder.rglob("*") if path.is_file())
    threading.Thread(target=_keep_clean, args=(folder, example, ended), daemon=True).start()
    page.folder, page.ended = folder, ended
    return page, address


def close(page: Any) -> None:
    """Ends the server and removes its files."""
    page.ended.set()
    page.close()
    shutil.rmtree(page.folder, ignore_errors=True)


def serve(host: str = "127.0.0.1", port: int | None = None) -> None:
    """Serves until interrupted; prints the address. Exits with one line if it cannot start."""
    if space.here():
        host, port = "0.0.0.0", port or 7860  # noqa: S104 - a container of its own, behind the hub
    try:
        page, address = launch(host, port)
    except (OSError, ValueError, CodecError) as error:
        raise SystemExit(f"Trilayer cannot start: {error}") from None
    print(f"Trilayer is at {address}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that its files go then, too
    try:
        page.block_thread()
    finally:
        close(page)


def _keep_clean(folder: Path, keep: frozenset[Path], ended: threading.Event) -> None:
    while not ended.wait(SWEEP_EVERY):
        sweep(folder, MAX_AGE, keep)
