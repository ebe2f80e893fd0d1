"""What every answer of the server carries, and how large a request may be. Plain ASGI.

Gradio limits uploads (`max_file_size`) but not the bodies of its events, and sets no policy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ui import space

MAX_BODY = 8 << 20  # bytes of a request that is no upload: the largest drawing has about 2 MiB

# Gradio runs a component's script with Function(), hence 'unsafe-eval'. No host but this one.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'none'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
) + (f" {space.FRAMES}" if space.here() else "")
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Guard:
    """Middleware around an ASGI app."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in HEADERS}
                own = [header for header in message.get("headers", ()) if header[0].lower() not in names]
                message = {**message, "headers": [*own, *HEADERS]}
            await send(message)

        if scope["path"].rstrip("/").endswith("/upload"):
            await self._app(scope, receive, send_with_headers)
        elif _announced(scope) > MAX_BODY:
            await _refuse(send_with_headers)
        else:
            await self._app(scope, _limited(receive), send_with_headers)


def _announced(scope: Message) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


def _limited(receive: Receive) -> Receive:
    """For a body of unannounced length: past the limit the client counts as gone."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if seen > MAX_BODY else message

    return limited


async def _refuse(send: Send) -> None:
    body = b'{"error": "the request is too large"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
