"""How the page is served: what it allows, where it keeps its files, and when these go.

Loopback by default, nothing shared, no files but its own, no error details, no calls outside.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import codec
from codec import CodecError
from ui.server import gradio_patches, origin_check, rate_limit, temp_dir
from ui.server.housekeeping import Keeper
from ui.services import hf_space, logs, malloc
from ui.services.jobs import stop_all

_HERE = Path(__file__).parents[1] / "static"
GRACE: Final = 5.0  # s that a decode has to come to its next step, and an answer to its end, when the server ends
MANY: Final = 16_384  # files and connections open at once; `guard` lets one client have 512 of them

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
    malloc.limit_arenas()
    own = temp_dir.make()
    os.environ["GRADIO_TEMP_DIR"] = str(own)
    hf_space.prepare()
    return own


def many_files() -> None:
    """Lets this process have more files and connections open than the 1,024 that are usual, if it may."""
    try:
        import resource
    except ImportError:  # not on Windows, which has no such limit
        return
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = MANY if most == resource.RLIM_INFINITY else min(MANY, most)
    if few != resource.RLIM_INFINITY and few < enough:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (enough, most))


@dataclass(frozen=True)
class Door:
    """Where the page listens, and who may enter.

    host, port: the address; the first free port from 7860 where it is None
    login: "name:password", or None for TRILAYER_LOGIN, or nobody is asked where that is not set either
    public: whoever reaches this machine may enter without a login
    proxies: addresses and networks, with commas between, whose X-Forwarded-For tells who asks
    """

    host: str = "127.0.0.1"
    port: int | None = None
    login: str | None = None
    public: bool = False
    proxies: str = ""

    def auth(self) -> tuple[str, str] | None:
        """Name and password. Raises `ValueError` for a login that is none, and where one is missing."""
        said = self.login if self.login is not None else os.environ.get("TRILAYER_LOGIN", "")
        name, _, password = said.partition(":")
        if not (name and password) and (said or self.login is not None):
            raise ValueError("a login is NAME:PASSWORD")
        if said:
            return name, password
        if not (self.public or hf_space.is_space() or origin_check.loopback(self.host)):
            raise ValueError(
                f"to listen on {self.host or 'every address'}, set TRILAYER_LOGIN=NAME:PASSWORD (or --auth), or give "
                "--public to let in whoever reaches this machine"
            )
        return None

    def private(self) -> bool:
        """True while nobody but this machine is to reach it, under this machine's own names."""
        return origin_check.loopback(self.host) and not (
            self.auth() or self.public or self.proxies or hf_space.is_space()
        )


def settings(door: Door) -> dict[str, Any]:
    """The arguments of `Blocks.launch`. Raises `ValueError` for another host without a login."""
    auth = door.auth()
    guard: Any = {"requests": rate_limit.requests(), "uploads": rate_limit.uploads(), "private": door.private()}
    from starlette.middleware import Middleware

    from ui.page.script import script
    from ui.page.theme import theme
    from ui.server.guard import Guard

    return {
        "server_name": door.host,
        "server_port": door.port,
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
        "app_kwargs": {"middleware": [Middleware(Guard, **guard)]},
        "auth": auth,
        "theme": theme(),
        "css": (_HERE / "page.css").read_text(encoding="utf-8"),
        "js": script(),
    }


def launch(door: Door = Door()) -> tuple[Any, str]:
    """Starts the server and returns (the page, its address) without waiting.

    Its files are swept while it runs, and are gone when it ends.
    """
    door.auth()  # what is wrong with either is said before anything is made
    rate_limit.requests()
    # uvicorn reads it: by itself it would believe whoever asks from this machine
    os.environ["FORWARDED_ALLOW_IPS"] = door.proxies or (hf_space.PROXY_NETWORKS if hf_space.is_space() else "")
    own = private_folder()
    try:
        from ui import api
        from ui.page.layout import build
        from ui.server.connection import Connection

        gradio_patches.mend()
        page = build(api.add_endpoints)
        page.queue(max_size=32, default_concurrency_limit=4, api_open=False)
        _, address, _ = page.launch(prevent_thread_lock=True, **settings(door))
    except BaseException:
        temp_dir.remove(own)
        raise
    page.server.config.timeout_graceful_shutdown = GRACE
    page.server.config.http_protocol_class = Connection
    page.folder = own
    page.upkeep = Keeper(page, own, keep=frozenset(path for path in own.rglob("*") if path.is_file()))
    return page, address


def close(page: Any) -> bool:
    """Stops the decodes, ends the server and removes its files; -> True if all work has come to its end."""
    page.upkeep.end()
    stop_all(GRACE)
    page.close(verbose=False)
    ended = stop_all(GRACE)  # some may have begun since
    temp_dir.remove(page.folder)
    return ended


def serve(door: Door, level: str = "info") -> None:
    """Serves until SIGINT or SIGTERM; prints the address. Exits with one line if it cannot start."""
    if hf_space.is_space():
        door = Door("0.0.0.0", door.port or 7860, door.login)  # noqa: S104 - a container of its own, behind the hub
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # a second one changes nothing: the end has its bound
        signal.signal(number, lambda *_: stop.set())
    many_files()
    try:
        log = logs.log_to_stderr(level)
        page, address = launch(door)
    except (OSError, ValueError, CodecError) as error:
        raise SystemExit(f"Trilayer cannot start: {error}") from None
    with log:
        tempfile.tempdir = str(page.folder)  # Gradio leaves some there
        print(f"Trilayer is at {address}", flush=True)
        logs.log_event("started", version=codec.__version__, login=page.auth is not None)
        while page.server.thread.is_alive() and not stop.wait(1.0):
            pass
        logs.log_event("stopped", clean=close(page))
    _leave(page.folder, 0 if stop.is_set() else 1)


def _leave(own: Path, code: int) -> None:
    """Ends the process now: what a thread still computes, it computes for nobody, and it must write no more files."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    temp_dir.remove(own)
    os._exit(code)
