"""What every answer of the server carries, and what a request must keep to. Plain ASGI.

Gradio limits files (`max_file_size`), but neither the number of them in an upload nor the bodies of its events, nor
how often one asks; and it sets no policy.
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
from email.message import Message as Header
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import codec
from ui.server import origin_check, rate_limit, routes
from ui.services import hf_space, logs
from ui.services.error_messages import user_message

MAX_BODY = 8 << 20  # bytes of a request that is no upload: the largest drawing has about 2 MiB
MAX_UPLOAD = 24 << 20  # of an upload, all its files: the page sends one of at most 20 MB
MAX_FILES = 32  # of an upload
MAX_OPEN = 512  # requests of one client under way; a tab holds two or three
STALLED = 60.0  # s between two parts of a body

# Gradio runs a component's script with Function(), hence 'unsafe-eval'. No host but this one.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; media-src 'none'; object-src 'none'; "
    "worker-src 'none'; frame-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
) + (f" {hf_space.FRAME_ANCESTORS}" if hf_space.is_space() else "")
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    # it knows no list of hosts: on a Space, frame-ancestors alone says who frames the page
    *(() if hf_space.is_space() else ((b"x-frame-options", b"SAMEORIGIN"),)),
)

_log = logging.getLogger("trilayer")
_FAILED: Final = "The server cannot make sense of that request, or failed at it; nothing was changed."
_FOREIGN: Final = "another page asks that in your name; open this one in a tab of its own"
_ELSEWHERE: Final = "This page is for its own machine, as localhost; with --public or --proxy it lets others in."
_CUT: Final = "the request did not come to its end"
_TOO_LARGE: Final = "the request is too large"
_TOO_OFTEN: Final = "You ask faster than this server answers one visitor; please wait {}, then go on."
_TOO_MANY_BYTES: Final = "You have sent as many files as this server keeps of one visitor; please wait {}, then go on."
_TOO_MANY_OPEN: Final = "You have more requests under way than this server allows; please wait {}, then go on."

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Refused(Exception):
    """status: of the answer; text: a sentence; wait: s after which it may be tried again, if it may."""

    def __init__(self, status: int, text: str, wait: float | None = None) -> None:
        self.status, self.wait = status, None if wait is None else max(1, math.ceil(wait))
        self.text = text if self.wait is None else text.format(_duration(self.wait))
        super().__init__(self.text)


class Guard:
    """Middleware around an ASGI app. `requests` and `uploads`: what each client may; `private`: for this machine."""

    def __init__(
        self, app: Any, requests: rate_limit.Buckets | None = None, uploads: rate_limit.Buckets | None = None, *,
        private: bool = False,
    ) -> None:  # fmt: skip
        self._app, self._private = app, private
        self._requests = requests if requests is not None else rate_limit.requests()
        self._uploads = uploads if uploads is not None else rate_limit.uploads()
        self._logins = rate_limit.logins()
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kind, client = routes.of(scope["path"]), rate_limit.client(scope.get("client"))
        answer = Answer(send)
        began = time.monotonic()
        self._open[client] += 1
        try:
            await self._served(kind, client, scope, receive, answer)
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]
            answer.log(kind, scope["method"], began)

    async def _served(self, kind: str, client: str, scope: Message, receive: Receive, answer: Answer) -> None:
        body: Body | None = None
        try:
            if kind == "health":
                await answer.json(200, {"status": "ok", "version": codec.__version__})
                return
            if kind == "closed":
                raise Refused(404, "not found")
            if wait := self._requests.take(client, rate_limit.COSTS.get(kind, 1.0)):
                raise Refused(429, _TOO_OFTEN, wait)
            if kind == "login" and (wait := self._logins.take(client, 1.0)):
                raise Refused(429, _TOO_OFTEN, wait)
            if self._open[client] > MAX_OPEN:
                raise Refused(429, _TOO_MANY_OPEN, 5)
            headers = dict(scope["headers"])
            if self._private and origin_check.elsewhere(headers):
                raise Refused(421, _ELSEWHERE)
            if origin_check.foreign(scope["method"], headers):
                raise Refused(403, _FOREIGN)
            body = answer.body = self._body(kind, client, headers, receive)
            await self._app(scope, body, answer.send)
        except Exception as error:
            # once the body is refused, what the app makes of the missing rest is of no account
            refused = error if isinstance(error, Refused) else body.refused if body is not None else None
            if refused is None and answer.status:
                if isinstance(error.__cause__, HTTPException):  # a stream has said why it ends
                    await answer.end()
                    return
                raise  # the connection is cut, so that the half is not taken for the whole
            await answer.refuse(refused or _of(error))
        else:
            if body.refused is not None:
                await answer.refuse(body.refused)

    def _body(self, kind: str, client: str, headers: dict[bytes, bytes], receive: Receive) -> Body:
        """Raises `Refused` where the announced length says enough."""
        announced = headers.get(b"content-length", b"0")
        length = int(announced) if announced.isdigit() else 0
        if length > (MAX_UPLOAD if kind == "upload" else MAX_BODY):
            raise Refused(413, _TOO_LARGE)
        if kind != "upload":
            return Body(receive, MAX_BODY)
        if wait := self._uploads.take(client, length):
            raise Refused(429, _TOO_MANY_BYTES, wait)

        def charge(size: int, files: int) -> float:
            return self._uploads.take(client, (0 if length else size) + files * rate_limit.LEAST_FILE)

        return Body(receive, MAX_UPLOAD, _boundary(headers), charge)


class Body:
    """A request's body as it comes; past a limit the client counts as gone, and `refused` says why.

    most: bytes; boundary: what parts the files; charge(bytes, files) -> s to wait, 0 if they may come.
    """

    def __init__(
        self, receive: Receive, most: int, boundary: bytes = b"", charge: Callable[[int, int], float] | None = None
    ) -> None:
        self.refused: Refused | None = None
        self._receive, self._most, self._boundary, self._charge = receive, most, boundary, charge
        self._seen, self._files, self._tail, self._ended = 0, 0, b"", False

    async def __call__(self) -> Message:
        if self.refused is None and self._ended:  # what comes now is that the client leaves, at some time
            return await self._receive()
        try:
            if self.refused is not None:
                raise self.refused
            message = await asyncio.wait_for(self._receive(), STALLED)
            self._count(message.get("body", b""))
        except TimeoutError:
            self.refused = Refused(408, _CUT)
        except Refused as refused:
            self.refused = refused
        if self.refused is not None:
            return {"type": "http.disconnect"}
        self._ended = not message.get("more_body", False)
        return message

    def _count(self, data: bytes) -> None:
        self._seen += len(data)
        files = self._parts(data) if self._boundary else 0
        self._files += files
        if self._seen > self._most or self._files > MAX_FILES:
            raise Refused(413, _TOO_LARGE)
        if self._charge is not None and (wait := self._charge(len(data), files)):
            raise Refused(429, _TOO_MANY_BYTES, wait)

    def _parts(self, data: bytes) -> int:
        """How many more boundaries have come, one in two pieces included."""
        data = self._tail + data
        self._tail = data[max(0, len(data) - len(self._boundary) + 1) :]
        return data.count(self._boundary)


class Answer:
    """What goes back, with the headers that all answers have."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0  # none was sent
        self.body: Body | None = None

    async def send(self, message: Message) -> None:
        """Passes it on; but for what an app that starts to answer says of a body that was refused."""
        if not self.status and self.body is not None and self.body.refused is not None:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            names = {name for name, _ in HEADERS}
            own = [header for header in message.get("headers", ()) if header[0].lower() not in names]
            message = {**message, "headers": [*own, *HEADERS]}
        await self._send(message)

    async def json(self, status: int, said: dict[str, str], *more: tuple[bytes, bytes]) -> None:
        """A whole answer."""
        body = json.dumps(said).encode()
        headers = [
            (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"), *more,
        ]  # fmt: skip
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    async def end(self) -> None:
        """Of an answer that has begun."""
        await self._send({"type": "http.response.body", "body": b""})

    async def refuse(self, why: Refused) -> None:
        """Says why, unless the app has begun to answer. Gradio's page shows `detail`, its programs `error`."""
        if self.status:
            return
        self.body = None
        more = () if why.wait is None else ((b"retry-after", str(why.wait).encode()),)
        await self.json(why.status, {"error": why.text, "detail": why.text}, *more)

    def log(self, kind: str, method: str, began: float) -> None:
        """Writes the line; for what the page itself is made of only where it failed."""
        level = logging.DEBUG if kind in ("asset", "health") and self.status < 400 else logging.INFO
        ms = round((time.monotonic() - began) * 1000, 1)
        logs.log_event("request", level, kind=kind, method=method[:8], status=self.status, ms=ms)


def _of(error: Exception) -> Refused:
    """What is said of an app that failed before it answered. Gradio fails at much that it does not expect."""
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return Refused(404, "not found")
    if isinstance(error, OSError) and (known := user_message(error)):
        return Refused(507, known)  # an upload found the disk full
    if isinstance(error, ClientDisconnect):
        return Refused(408, _CUT)  # nobody hears it, but the log tells
    _log.error("a request failed", exc_info=error)
    return Refused(500, _FAILED)


def _boundary(headers: dict[bytes, bytes]) -> bytes:
    """What stands before each part of a form, b"" for anything else."""
    header = Header()
    header["content-type"] = headers.get(b"content-type", b"").decode("latin-1")
    found = header.get_boundary()
    return b"--" + found.encode("latin-1", "replace") if found else b""


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} second{'s' if seconds > 1 else ''}"
    return f"{math.ceil(seconds / 60)} minutes"
