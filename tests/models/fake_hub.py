"""A Hub on the loopback that redirects, disconnects, lies or does not respond, as a test wants it."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
from urllib.parse import urlsplit

import torch
from safetensors.torch import save

REVISION = "0123456789abcdef0123456789abcdef01234567"
CONFIG = b'{"channels": [8]}'
WEIGHTS = save({"w": torch.arange(1_000_000.0)})
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class FakeHub(http.server.ThreadingHTTPServer):
    """Answers like the Hub: small files directly, large ones after a redirect to another address."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"config.json": CONFIG, "net.safetensors": WEIGHTS}
        self.requests: list[tuple[str, str, str]] = []  # method, path, Range
        self.disconnect_after = 0  # bytes of the next large response
        self.is_honest = True  # whether the content is what the headers say
        self.supports_ranges = True
        self.commit = REVISION
        self.status = 0
        self.passing_errors = 0  # responses with status 503 before the first proper one
        self.hop_status = 307  # of redirects within this hub: /hop3/x leads to /hop2/x, /hop1/x and /x
        self.stall_after = 0  # bytes of the next large response, which then goes on only when the test ends
        self.lies_about_range = False  # in the next response to a request for a range
        self.released = threading.Event()
        self.redirect: tuple[int, str] | None = None  # status and address of another hub, for every request
        self.etag: str | None = None  # in place of the Hub's, of small files
        self.sends_commit = True
        self.authorizations: list[str] = []  # "" for requests without

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def ranges_of(self, method: str, suffix: str) -> list[str]:
        """Return the Range headers of the requests for a path."""
        return [header for sent, path, header in self.requests if sent == method and path.endswith(suffix)]


class Handler(http.server.BaseHTTPRequestHandler):
    server: FakeHub

    def log_message(self, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        hub, path = self.server, urlsplit(self.path).path
        hub.requests.append((self.command, path, self.headers.get("Range", "")))
        hub.authorizations.append(self.headers.get("Authorization", ""))
        start = f"/owner/net/resolve/{REVISION}/"
        name = path.removeprefix(start).removeprefix("/cdn/")
        if hub.passing_errors:
            hub.passing_errors -= 1
            self.head(503)
        elif hub.redirect:
            self.head(hub.redirect[0], {"Location": hub.redirect[1] + path})
        elif hub.status:
            self.head(hub.status)
        elif hop := re.match(r"/hop(\d+)(/.*)", path):
            number = int(hop[1]) - 1
            self.head(hub.hop_status, {"Location": f"/hop{number}{hop[2]}" if number else hop[2]})
        elif path.startswith("/old/"):
            self.head(307, {"Location": path.replace("/old/", "/owner/")})
        elif name not in hub.files:
            self.head(404, {"X-Error-Code": "EntryNotFound"})
        elif path.startswith("/cdn/"):
            self.body(hub.files[name])
        elif len(hub.files[name]) > 10_000:
            data = hub.files[name]
            digest, size = hashlib.sha256(data).hexdigest(), str(len(data))
            linked = {"X-Linked-ETag": f'"{digest}"', "X-Linked-Size": size, "X-Repo-Commit": hub.commit}
            self.head(302, {"Location": f"/cdn/{name}", "ETag": '"xet"', **linked})
        else:
            self.body(hub.files[name])

    def head(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": "0", **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()

    def body(self, data: bytes) -> None:
        hub, first = self.server, 0
        headers = {"ETag": f'W/"{git_sha1(data)}"' if hub.etag is None else hub.etag}
        headers |= {"X-Repo-Commit": hub.commit} if hub.sends_commit else {}
        if hub.supports_ranges and (sent := self.headers.get("Range")):
            first = int(sent.removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
            if hub.lies_about_range:
                hub.lies_about_range, first = False, 0
                headers["Content-Range"] = f"bytes 0-{len(data) - 1}/{len(data)}"
        self.head(206 if first else 200, {**headers, "Content-Length": str(len(data) - first)})
        if self.command == "GET":
            data = data if hub.is_honest else bytes(len(data))
            end = None
            if hub.disconnect_after and len(data) > 10_000:
                end, hub.disconnect_after = first + hub.disconnect_after, 0
            if hub.stall_after and len(data) > 10_000:
                end, hub.stall_after = first + hub.stall_after, 0
                self.wfile.write(data[first:end])
                hub.released.wait(30)
                return
            self.wfile.write(data[first:end])
