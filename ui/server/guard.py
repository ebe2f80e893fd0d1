"""ASGI middleware: limits on requests, and security headers on every response.

Gradio limits the size of a file (`max_file_size`), but not the number of files in an upload, the size of event bodies
or the rate of requests, and it sends no security headers.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from email.message import Message as EmailMessage
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import codec
from ui.server.origin_check import Headers, has_foreign_host, is_cross_origin
from ui.server.rate_limit import (
    MIN_FILE_BYTES,
    ROUTE_COSTS,
    TokenBuckets,
    client_key,
    login_buckets,
    request_buckets,
    upload_buckets,
)
from ui.server.routes import classify_route
from ui.services import hf_space, logs
from ui.services.error_messages import user_message

MAX_BODY: Final = 8 << 20  # bytes of a request other than an upload; the largest drawing has about 2 MiB
MAX_UPLOAD: Final = 24 << 20  # bytes of an upload; the page sends one file of at most 20 MB
MAX_FILES: Final = 32  # of an upload
MAX_CONCURRENT: Final = 512  # open requests of a client; a tab has two or three
BODY_TIMEOUT: Final = 60.0  # s between two parts of a body

# 'unsafe-eval' is needed because Gradio runs the script of a component with Function(). No other host is allowed.
_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; media-src 'none'; object-src 'none'; "
    "worker-src 'none'; frame-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
) + (f" {hf_space.FRAME_ANCESTORS}" if hf_space.is_space() else "")
HEADERS: Final = (
    (b"content-security-policy", _CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    # this header cannot list hosts, so on a Space only frame-ancestors restricts who may frame the page
    *(() if hf_space.is_space() else ((b"x-frame-options", b"SAMEORIGIN"),)),
)

_SERVER_ERROR: Final = "The server could not process this request. Nothing was changed."
_CROSS_ORIGIN: Final = "Requests from other web pages are refused: open this page in a tab of its own."
_FOREIGN_HOST: Final = "This page is served at localhost only; start it with --public or --proxy to admit others."
_INCOMPLETE: Final = "the request ended too early"
_TOO_LARGE: Final = "the request is too large"
_TOO_MANY_REQUESTS: Final = "Too many requests. Please wait {}, then continue."
_TOO_MANY_UPLOADS: Final = "You have uploaded as much as this server stores for one visitor. Please wait {}."
_TOO_MANY_CONCURRENT: Final = "Too many requests at the same time. Please wait {}, then continue."

_log = logging.getLogger("trilayer")
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class RequestRefused(Exception):
    """A request that is answered with an error.

    status: HTTP status code; message: for the user, with {} for `retry_after`, the seconds until a retry may succeed.
    """

    def __init__(self, status: int, message: str, retry_after: float | None = None) -> None:
        self.status = status
        self.retry_after = None if retry_after is None else max(1, math.ceil(retry_after))
        self.message = message if self.retry_after is None else message.format(_duration(self.retry_after))
        super().__init__(self.message)


class Guard:
    """Middleware around an ASGI app.

    requests, uploads: the rate limits, by default those of `ui.server.rate_limit`; loopback_only: whether to refuse
    requests under a host name of another machine.
    """

    def __init__(
        self, app: Any, requests: TokenBuckets | None = None, uploads: TokenBuckets | None = None, *,
        loopback_only: bool = False,
    ) -> None:  # fmt: skip
        self._app = app
        self._loopback_only = loopback_only
        self._requests = requests if requests is not None else request_buckets()
        self._uploads = uploads if uploads is not None else upload_buckets()
        self._logins = login_buckets()
        self._open: Counter[str] = Counter()  # client -> requests that have not ended

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kind, client = classify_route(scope["path"]), client_key(scope.get("client"))
        response = Response(send)
        started = time.monotonic()
        self._open[client] += 1
        try:
            await self._respond(kind, client, scope, receive, response)
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]
            response.log(kind, scope["method"], started)

    async def _respond(self, kind: str, client: str, scope: Message, receive: Receive, response: Response) -> None:
        """Run the app, unless the request is refused, and send every error as a response."""
        body: RequestBody | None = None
        try:
            if kind == "health":
                await response.send_json(200, {"status": "ok", "version": codec.__version__})
                return
            headers = dict(scope["headers"])
            self._check(kind, client, scope["method"], headers)
            body = response.body = self._limited_body(kind, client, headers, receive)
            await self._app(scope, body, response.send)
        except Exception as error:
            # once the body was refused, ignore the app's error about the missing rest
            refused = error if isinstance(error, RequestRefused) else body.refused if body is not None else None
            if refused is None and response.status:
                if isinstance(error.__cause__, HTTPException):  # from a stream, which has already sent the reason
                    await response.end()
                    return
                raise  # closes the connection, so that the client notices that the response is incomplete
            await response.refuse(refused or _as_refusal(error))
        else:
            if body.refused is not None:
                await response.refuse(body.refused)

    def _check(self, kind: str, client: str, method: str, headers: Headers) -> None:
        """Raise `RequestRefused` if the request is not allowed."""
        if kind == "closed":
            raise RequestRefused(404, "not found")
        if wait := self._requests.take(client, ROUTE_COSTS.get(kind, 1.0)):
            raise RequestRefused(429, _TOO_MANY_REQUESTS, wait)
        if kind == "login" and (wait := self._logins.take(client, 1.0)):
            raise RequestRefused(429, _TOO_MANY_REQUESTS, wait)
        if self._open[client] > MAX_CONCURRENT:
            raise RequestRefused(429, _TOO_MANY_CONCURRENT, 5)
        if self._loopback_only and has_foreign_host(headers):
            raise RequestRefused(421, _FOREIGN_HOST)
        if is_cross_origin(method, headers):
            raise RequestRefused(403, _CROSS_ORIGIN)

    def _limited_body(self, kind: str, client: str, headers: Headers, receive: Receive) -> RequestBody:
        """Return the body with its limits. Raises `RequestRefused` if its Content-Length exceeds them."""
        content_length = headers.get(b"content-length", b"0")
        length = int(content_length) if content_length.isdigit() else 0
        if length > (MAX_UPLOAD if kind == "upload" else MAX_BODY):
            raise RequestRefused(413, _TOO_LARGE)
        if kind != "upload":
            return RequestBody(receive, MAX_BODY)
        if wait := self._uploads.take(client, length):
            raise RequestRefused(429, _TOO_MANY_UPLOADS, wait)

        def charge(size: int, files: int) -> float:
            return self._uploads.take(client, (0 if length else size) + files * MIN_FILE_BYTES)

        return RequestBody(receive, MAX_UPLOAD, _form_boundary(headers), charge)


class RequestBody:
    """The ASGI `receive` of a request with limits on its body.

    Beyond a limit, the app is told that the client has disconnected, and `refused` holds the reason.

    max_bytes: of the body; boundary: separates the files in a form; charge: called with the numbers of bytes and files
    in each part of the body, returns the seconds to wait if they exceed the client's rate, else 0.
    """

    def __init__(
        self,
        receive: Receive,
        max_bytes: int,
        boundary: bytes = b"",
        charge: Callable[[int, int], float] | None = None,
    ) -> None:
        self.refused: RequestRefused | None = None
        self._receive = receive
        self._max_bytes = max_bytes
        self._boundary = boundary
        self._charge = charge
        self._bytes = 0
        self._boundaries = 0
        self._tail = b""  # the end of the body so far, which may be the start of a boundary
        self._complete = False

    async def __call__(self) -> Message:
        if (
            self._complete and self.refused is None
        ):  # the only message left is the client's disconnect, which may come at any time
            return await self._receive()
        message: Message = {"type": "http.disconnect"}
        if self.refused is None:
            try:
                message = await asyncio.wait_for(self._receive(), BODY_TIMEOUT)
                self._check(message.get("body", b""))
            except TimeoutError:
                self.refused = RequestRefused(408, _INCOMPLETE)
            except RequestRefused as refused:
                self.refused = refused
        if self.refused is not None:
            return {"type": "http.disconnect"}
        self._complete = not message.get("more_body", False)
        return message

    def _check(self, data: bytes) -> None:
        """Count a part of the body. Raises `RequestRefused` beyond a limit."""
        self._bytes += len(data)
        boundaries = self._count_boundaries(data) if self._boundary else 0
        self._boundaries += boundaries
        if self._bytes > self._max_bytes or self._boundaries > MAX_FILES:
            raise RequestRefused(413, _TOO_LARGE)
        if self._charge is not None and (wait := self._charge(len(data), boundaries)):
            raise RequestRefused(429, _TOO_MANY_UPLOADS, wait)

    def _count_boundaries(self, data: bytes) -> int:
        """Return how many boundaries end in this part of the body; one may begin in the previous part."""
        data = self._tail + data
        self._tail = data[max(0, len(data) - len(self._boundary) + 1) :]
        return data.count(self._boundary)


class Response:
    """The ASGI `send` of a response, which adds `HEADERS`.

    status: the status code that was sent, 0 before; body: of the request, None before it is read.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.body: RequestBody | None = None

    async def send(self, message: Message) -> None:
        """Send a message of the app, unless it starts a response after the request's body was refused."""
        if not self.status and self.body is not None and self.body.refused is not None:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            names = {name for name, _ in HEADERS}
            own = [header for header in message.get("headers", ()) if header[0].lower() not in names]
            message = {**message, "headers": [*own, *HEADERS]}
        await self._send(message)

    async def send_json(self, status: int, content: dict[str, str], *headers: tuple[bytes, bytes]) -> None:
        """Send a complete response."""
        body = json.dumps(content).encode()
        all_headers = [
            (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"), *headers,
        ]  # fmt: skip
        await self.send({"type": "http.response.start", "status": status, "headers": all_headers})
        await self.send({"type": "http.response.body", "body": body})

    async def end(self) -> None:
        """End a response that was started."""
        await self._send({"type": "http.response.body", "body": b""})

    async def refuse(self, refused: RequestRefused) -> None:
        """Send the reason unless a response was started. Gradio's page shows `detail`, its client library `error`."""
        if self.status:
            return
        self.body = None
        headers = () if refused.retry_after is None else ((b"retry-after", str(refused.retry_after).encode()),)
        await self.send_json(refused.status, {"error": refused.message, "detail": refused.message}, *headers)

    def log(self, kind: str, method: str, started: float) -> None:
        """Log the request; successful requests for assets and health only at debug level."""
        level = logging.DEBUG if kind in ("asset", "health") and self.status < 400 else logging.INFO
        ms = round((time.monotonic() - started) * 1000, 1)
        logs.log_event("request", level, kind=kind, method=method[:8], status=self.status, ms=ms)


def _as_refusal(error: Exception) -> RequestRefused:
    """Return the response to an exception of the app. Gradio raises many kinds for unexpected requests."""
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return RequestRefused(404, "not found")
    if isinstance(error, OSError) and (message := user_message(error)):
        return RequestRefused(507, message)  # the disk is full
    if isinstance(error, ClientDisconnect):
        return RequestRefused(408, _INCOMPLETE)  # for the log only: the client is gone
    _log.error("request failed", exc_info=error)
    return RequestRefused(500, _SERVER_ERROR)


def _form_boundary(headers: Headers) -> bytes:
    """Return the separator of the parts of a form; b"" for other content types."""
    header = EmailMessage()
    header["content-type"] = headers.get(b"content-type", b"").decode("latin-1")
    boundary = header.get_boundary()
    return b"--" + boundary.encode("latin-1", "replace") if boundary else b""


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} second{'s' if seconds > 1 else ''}"
    return f"{math.ceil(seconds / 60)} minutes"
