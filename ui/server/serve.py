"""Start and stop the server.

By default it listens on loopback only, creates no public link, serves only its own files, shows no error details and
makes no outgoing connections.
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
from typing import TYPE_CHECKING, Any, Final, NoReturn

import codec
from codec import CodecError
from ui.server import rate_limit, temp_dir
from ui.server.gradio_patches import apply_gradio_patches
from ui.server.housekeeping import CleanupThread
from ui.server.origin_check import is_loopback
from ui.services import hf_space, logs, malloc, share
from ui.services.jobs import stop_all

if TYPE_CHECKING:
    import gradio as gr

_STATIC = Path(__file__).parents[1] / "static"
SHUTDOWN_TIMEOUT: Final = 5  # s, for decodes to reach their next step, and for responses to finish
MAX_OPEN_FILES: Final = 16_384  # files and connections; `guard` allows a client 512 requests

# Read by Gradio and huggingface_hub when they are imported.
_ENVIRONMENT: Final = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_MAX_EVENTS": "200",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SHARE": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


@dataclass(frozen=True)
class ServerConfig:
    """The address of the server, and who may use it.

    host, port: the address; without a port, the first free one from 7860
    login: "name:password"; None for the variable TRILAYER_LOGIN, without which no login is required
    public: whether everyone who can reach the host may use the page without a login
    proxies: comma-separated addresses and networks whose X-Forwarded-For header is trusted
    """

    host: str = "127.0.0.1"
    port: int | None = None
    login: str | None = None
    public: bool = False
    proxies: str = ""

    def credentials(self) -> tuple[str, str] | None:
        """Return name and password, or None if no login is required.

        Raises `ValueError` for a malformed login, and for a host that others can reach without a login or `public`.
        """
        login = self.login if self.login is not None else os.environ.get("TRILAYER_LOGIN", "")
        name, _, password = login.partition(":")
        if not (name and password) and (login or self.login is not None):
            raise ValueError("a login must be NAME:PASSWORD")
        if login:
            return name, password
        if not (self.public or hf_space.is_space() or is_loopback(self.host)):
            raise ValueError(
                f"to listen on {self.host or 'all addresses'}, set TRILAYER_LOGIN=NAME:PASSWORD (or --auth), or pass "
                "--public to allow everyone who can reach this machine"
            )
        return None

    def is_private(self) -> bool:
        """Return whether only this machine may use the page, under its loopback names."""
        is_open = self.credentials() or self.public or self.proxies or hf_space.is_space()
        return is_loopback(self.host) and not is_open


@dataclass(frozen=True)
class RunningServer:
    """A server that runs in threads of this process.

    page: the `gr.Blocks`; address: its URL; folder: its temporary files, removed by `close`
    """

    page: gr.Blocks
    address: str
    folder: Path
    cleanup: CleanupThread

    def is_alive(self) -> bool:
        """Return whether the HTTP server still runs."""
        return bool(self.page.server.thread.is_alive())

    def close(self) -> bool:
        """Stop all decodes and the server and remove its files; return whether all decodes have ended."""
        self.cleanup.stop()
        stop_all(SHUTDOWN_TIMEOUT)
        self.page.close(verbose=False)
        all_ended = stop_all(SHUTDOWN_TIMEOUT)  # including decodes that started before the server stopped
        temp_dir.remove(self.folder)
        return all_ended


def launch(config: ServerConfig = ServerConfig()) -> RunningServer:
    """Start the server and return without waiting for its end.

    Raises `ValueError` for an invalid configuration and `OSError` for a port that is in use.
    """
    config.credentials()  # report errors before anything is created
    rate_limit.request_buckets()
    # uvicorn reads this variable; without it, it trusts the X-Forwarded-For header of every local client
    os.environ["FORWARDED_ALLOW_IPS"] = config.proxies or (hf_space.PROXY_NETWORKS if hf_space.is_space() else "")
    folder = prepare_process()
    try:
        from ui import api
        from ui.page.layout import build
        from ui.server.connection import HeaderTimeoutProtocol

        apply_gradio_patches()
        page = build(api.add_endpoints)
        page.queue(max_size=32, default_concurrency_limit=4, api_open=False)
        _, address, _ = page.launch(prevent_thread_lock=True, **launch_arguments(config))
    except BaseException:
        temp_dir.remove(folder)
        raise
    page.server.config.timeout_graceful_shutdown = SHUTDOWN_TIMEOUT
    page.server.config.http_protocol_class = HeaderTimeoutProtocol
    keep = frozenset(path for path in folder.rglob("*") if path.is_file())
    return RunningServer(page, address, folder, CleanupThread(page, folder, keep))


def prepare_process() -> Path:
    """Set up this process before Gradio and torch are imported; return a new directory for temporary files."""
    os.environ.update(_ENVIRONMENT)
    malloc.limit_arenas()
    folder = temp_dir.create()
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    hf_space.prepare()
    return folder


def launch_arguments(config: ServerConfig) -> dict[str, Any]:
    """Return the arguments of `gr.Blocks.launch`. Raises `ValueError` for an invalid configuration."""
    from starlette.middleware import Middleware

    from ui.page.script import script
    from ui.page.theme import theme
    from ui.server.guard import Guard

    requests, uploads = rate_limit.request_buckets(), rate_limit.upload_buckets()
    # mypy has no signature for a middleware class with keyword arguments
    guard: Any = Middleware(Guard, requests=requests, uploads=uploads, loopback_only=config.is_private())
    return {
        "server_name": config.host,
        "server_port": config.port,
        "auth": config.credentials(),
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
        "favicon_path": str(_STATIC / "favicon.png"),
        "app_kwargs": {"middleware": [guard]},
        "theme": theme(),
        "css": (_STATIC / "page.css").read_text(encoding="utf-8"),
        "js": script(),
    }


def raise_file_limit() -> None:
    """Raise this process's limit of open files and connections, usually 1,024, as far as the system allows."""
    try:
        import resource
    except ImportError:  # on Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MAX_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def serve(config: ServerConfig, log_level: str = "info", file: str | None = None) -> NoReturn:
    """Print the address, serve until SIGINT or SIGTERM, and exit. Exits with a one-line message if it cannot start.

    file: a `.tril` file or an entry of an archive, to which a link is printed, too.
    """
    if hf_space.is_space():
        config = ServerConfig("0.0.0.0", config.port or 7860, config.login)  # noqa: S104 - in a container of its own
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # a second signal is ignored, because the shutdown time is bounded
        signal.signal(number, lambda *_: stop.set())
    raise_file_limit()
    try:
        log = logs.log_to_stderr(log_level)
        link = share.file_link(file) if file else ""
        server = launch(config)
    except (OSError, ValueError, CodecError) as error:
        raise SystemExit(f"Trilayer cannot start: {error}") from None
    with log:
        tempfile.tempdir = str(server.folder)  # some of Gradio's files ignore GRADIO_TEMP_DIR
        print(f"Trilayer is at {server.address}", flush=True)
        if link:
            print(f"{file} is at {server.address}#t={link}", flush=True)
        logs.log_event("started", version=codec.__version__, login=config.credentials() is not None)
        while server.is_alive() and not stop.wait(1.0):
            pass
        logs.log_event("stopped", clean=server.close())
    _exit(server.folder, 0 if stop.is_set() else 1)


def _exit(folder: Path, code: int) -> NoReturn:
    """Exit without waiting for threads that are still computing; they must not write further files."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    temp_dir.remove(folder)
    os._exit(code)
