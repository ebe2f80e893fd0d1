"""The middleware: security headers, limits on requests, and responses to errors.

Most tests call it as an ASGI app around a small one; tests with `address` send requests to the running page.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import codec
from ui.server import guard, rate_limit
from ui.server.guard import MAX_BODY, MAX_FILES, MAX_UPLOAD, Guard
from ui.server.rate_limit import TokenBuckets

UNLIMITED = {"requests": TokenBuckets(0, 0), "uploads": TokenBuckets(0, 0)}
MEBIBYTE = b" " * (1 << 20)
PATHS = ("/", "/x", "/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/proxy=x", "/assets/x.js", "/login")
UPLOAD = "/gradio_api/upload"


async def count_bytes(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body())})


def guarded_app(**limits) -> Guard:
    """Return an app whose responses state the size of the request's body."""
    app = Starlette(routes=[Route(path, count_bytes, methods=["GET", "POST"]) for path in PATHS])
    return Guard(app, **(UNLIMITED | limits))


def send(app, *requests: tuple, client: str = "192.0.2.1") -> list[httpx.Response]:
    """Send (method, path, {options}) one after the other; return the responses."""

    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(client, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            return [await http.request(method, path, **dict(*options)) for method, path, *options in requests]

    with ThreadPoolExecutor() as threads:  # this thread may have the browser's event loop
        return threads.submit(asyncio.run, run()).result()


def statuses(responses: list[httpx.Response]) -> list[int]:
    return [response.status_code for response in responses]


async def chunked(mebibytes: int) -> AsyncIterator[bytes]:
    """Yield a body without a Content-Length."""
    for _ in range(mebibytes):
        yield MEBIBYTE


def form(files: int, size: int = 10) -> dict:
    return {"files": [("files", (f"{n}.png", b"x" * size)) for n in range(files)]}


# Headers.


@pytest.mark.parametrize(
    "path", ["", "health", "gradio_api/proxy=http://x", "gradio_api/file=/etc/passwd", "gradio_api/queue/join"]
)
def test_every_response_has_security_headers(address, path):
    headers = httpx.get(address + path).headers
    policy = dict(rule.strip().split(" ", 1) for rule in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["connect-src"] == policy["frame-ancestors"] == "'self'"
    assert policy["object-src"] == policy["worker-src"] == policy["frame-src"] == "'none'"
    assert "*" not in str(policy) and "http" not in str(policy)
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Referrer-Policy"] == "no-referrer" and "camera=()" in headers["Permissions-Policy"]


def test_health_reports_the_version(address):
    assert httpx.get(f"{address}health").json() == {"status": "ok", "version": codec.__version__}


# Routes and origins.


@pytest.mark.parametrize(
    "path", ["proxy=http://127.0.0.1/", "deep_link?session_hash=x", "vibe-code", "runs", "stream/x"]
)
def test_unused_endpoints_of_gradio_are_closed(address, path):
    response = httpx.get(f"{address}gradio_api/{path}")
    assert response.status_code == 404 and response.json()["error"] == "not found"


def test_cross_origin_requests_are_refused(address):
    evil = {"Origin": "https://evil.example"}
    plain = evil | {"Content-Type": "text/plain"}
    request = '{"session_hash": "a", "component_id": 1, "fn_name": "x", "data": 1}'
    refused = httpx.post(f"{address}gradio_api/upload", **form(1), headers=evil)
    assert refused.status_code == 403 and "other web pages" in refused.json()["detail"]
    assert httpx.post(f"{address}gradio_api/component_server/", content=request, headers=plain).status_code == 403
    preflight = evil | {"Access-Control-Request-Method": "POST"}
    response = httpx.options(f"{address}gradio_api/queue/join", headers=preflight)
    assert response.headers.get("access-control-allow-origin") != evil["Origin"]
    assert "access-control-allow-origin" not in httpx.get(address, headers=evil).headers


@pytest.mark.parametrize(("host", "status"), [("localhost:1", 200), ("evil.example", 421)])
def test_private_page_refuses_foreign_host_names(host, status):
    private = guarded_app(loopback_only=True)
    (response,) = send(private, ("GET", "/x", {"headers": {"Host": host}}))
    assert response.status_code == status
    assert status == 200 or "--public" in response.json()["detail"]
    assert send(guarded_app(), ("GET", "/x", {"headers": {"Host": host}}))[0].status_code == 200


def test_page_on_loopback_is_private(address):
    assert httpx.get(f"{address}gradio_api/queue/status", headers={"Host": "evil.example"}).status_code == 421


# Bodies.


@pytest.mark.parametrize("path", ["/x", "/gradio_api/queue/join"])
@pytest.mark.parametrize("with_length", [True, False])
def test_body_has_a_maximum_size(path, with_length):
    limit = MAX_BODY // len(MEBIBYTE)
    fits, large = ({"content": MEBIBYTE * n if with_length else chunked(n)} for n in (limit, limit + 1))
    accepted, refused = send(guarded_app(), ("POST", path, fits), ("POST", path, large))
    assert accepted.json() == {"bytes": MAX_BODY}
    assert refused.status_code == 413 and refused.json()["error"] == "the request is too large"


def test_running_page_refuses_large_bodies(address):
    for content in (MEBIBYTE * 9, (MEBIBYTE for _ in range(9))):
        try:
            assert httpx.post(f"{address}gradio_api/queue/join", content=content).status_code == 413
        except httpx.TransportError:
            continue  # it closed the connection before all was sent


def test_response_of_an_app_that_misses_the_refused_rest_is_dropped():
    async def app(scope, receive, send):
        while (await receive())["type"] == "http.request":
            pass
        await JSONResponse({}, 400)(scope, receive, send)

    assert send(Guard(app, **UNLIMITED), ("POST", "/x", {"content": chunked(9)}))[0].status_code == 413


def test_stalled_body_times_out(monkeypatch):
    monkeypatch.setattr(guard, "BODY_TIMEOUT", 0.01)

    async def stalling() -> AsyncIterator[bytes]:
        yield MEBIBYTE
        await asyncio.Event().wait()

    assert send(guarded_app(), ("POST", "/x", {"content": stalling()}))[0].status_code == 408


def test_response_after_the_body_may_take_longer_than_the_timeout(monkeypatch):
    monkeypatch.setattr(guard, "BODY_TIMEOUT", 0.01)
    received = []

    async def app(scope, receive, send):
        while (await receive())["more_body"]:
            pass
        disconnect = asyncio.create_task(receive())
        done, _ = await asyncio.wait([disconnect], timeout=0.05)
        received.append(len(done))
        disconnect.cancel()
        await JSONResponse({})(scope, receive, send)

    assert send(Guard(app, **UNLIMITED), ("POST", "/x"))[0].status_code == 200 and received == [0]


# Uploads.


def test_upload_has_a_maximum_size_and_number_of_files():
    half = {"content": chunked(MAX_UPLOAD // 2 // len(MEBIBYTE))}
    uploads = [half, form(MAX_FILES - 1), form(1, MAX_UPLOAD), form(MAX_FILES + 1)]
    responses = send(guarded_app(), *(("POST", UPLOAD, upload) for upload in uploads))
    assert statuses(responses) == [200, 200, 413, 413]


def test_running_page_limits_the_files_of_an_upload(address):
    assert len(httpx.post(f"{address}gradio_api/upload", **form(3)).json()) == 3
    assert httpx.post(f"{address}gradio_api/upload", **form(MAX_FILES + 1)).status_code == 413


@pytest.mark.parametrize("size", range(1, 9))
def test_files_are_counted_however_the_body_is_split(size):
    body, data = guard.RequestBody(None, 1000, b"--b1"), b"--b1\r\n" * 5
    assert sum(body._count_boundaries(data[n : n + size]) for n in range(0, len(data), size)) == 5


def test_a_client_may_upload_a_limited_number_of_files():
    uploads = TokenBuckets(1000.0, 10 * rate_limit.MIN_FILE_BYTES, lambda: 0.0)
    # an upload of two files has three boundaries
    assert statuses(send(guarded_app(uploads=uploads), *[("POST", UPLOAD, form(2))] * 4)) == [200, 200, 200, 429]


def test_a_client_may_upload_a_limited_number_of_bytes():
    now = [0.0]
    app = guarded_app(uploads=TokenBuckets(1000.0, (5 << 20) // 2, lambda: now[0]))
    upload, without_length = ("POST", UPLOAD, form(1, 1 << 20)), ("POST", UPLOAD, {"content": chunked(1)})
    responses = send(app, upload, without_length, upload)
    assert statuses(responses) == [200, 200, 429]
    assert int(responses[2].headers["Retry-After"]) > 60 and "minutes" in responses[2].json()["error"]
    assert statuses(send(app, ("POST", UPLOAD, {"content": chunked(1)}))) == [429]
    assert statuses(send(app, upload, client="192.0.2.2")) == [200]
    now[0] = 1050.0
    assert statuses(send(app, upload)) == [200]


# Rates.


def test_a_client_has_a_limited_rate_of_requests():
    now = [0.0]
    app = guarded_app(requests=TokenBuckets(0.5, 3, lambda: now[0]))
    responses = send(app, *[("GET", "/x")] * 4)
    assert statuses(responses) == [200, 200, 200, 429]
    refused = responses[3]
    assert refused.headers["Retry-After"] == "2" and "wait 2 seconds" in refused.json()["error"]
    assert refused.json()["detail"] == refused.json()["error"] and "Content-Security-Policy" in refused.headers
    assert statuses(send(app, ("GET", "/x"), client="192.0.2.2")) == [200]
    assert statuses(send(app, ("GET", "/health"))) == [200]
    now[0] = 2.0
    assert statuses(send(app, *[("GET", "/x")] * 2)) == [200, 429]


def test_logins_are_limited_whatever_the_rate():
    responses = send(guarded_app(), *[("POST", "/login")] * 31, ("GET", "/x"))
    assert statuses(responses) == [200] * 30 + [429, 200]
    assert int(responses[30].headers["Retry-After"]) in (4, 5)


def test_a_page_costs_more_than_an_asset():
    burst = {"requests": TokenBuckets(0.001, 16)}
    assert statuses(send(guarded_app(**burst), ("GET", "/"), *[("GET", "/assets/x.js")] * 100)) == [200] * 101
    burst = {"requests": TokenBuckets(0.001, 16)}
    assert statuses(send(guarded_app(**burst), *[("GET", "/")] * 4)) == [200, 200, 200, 429]


def test_a_client_has_a_limited_number_of_open_requests(monkeypatch):
    """While a first request is open, two more are sent with limits of 2 and 1, and one of another client."""
    monkeypatch.setattr(guard, "MAX_CONCURRENT", 2)
    inner_statuses = []

    async def app(scope, receive, send):
        if scope["path"] == "/first":
            inner_statuses.extend(await inner_requests())
        await JSONResponse({})(scope, receive, send)

    guarded = Guard(app, **UNLIMITED)

    async def inner_requests() -> list[int]:
        own, other = (httpx.ASGITransport(guarded, client=(f"192.0.2.{n}", 1)) for n in (1, 2))
        async with httpx.AsyncClient(transport=own, base_url="http://test") as http:
            found = [(await http.get("/x")).status_code]
            guard.MAX_CONCURRENT = 1
            found.append((await http.get("/x")).status_code)
        async with httpx.AsyncClient(transport=other, base_url="http://test") as http:
            return [*found, (await http.get("/x")).status_code]

    assert statuses(send(guarded, ("GET", "/first"))) == [200]
    assert inner_statuses == [200, 429, 200] and not guarded._open


def test_forwarded_addresses_are_not_trusted_without_a_proxy(monkeypatch, address):
    keys = []

    def client_key(client: object) -> str:
        keys.append(rate_limit.client_key(client))
        return keys[-1]

    monkeypatch.setattr(guard, "client_key", client_key)
    httpx.get(f"{address}health", headers={"X-Forwarded-For": "192.0.2.1"})
    assert set(keys) == {"127.0.0.1"}


# Errors of the app.


def failing_app(error: Exception) -> Guard:
    def app(*_) -> NoReturn:
        raise error

    return Guard(app, **UNLIMITED)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyError("secret"), 500, "Nothing was changed"),
        (OSError(errno.ENAMETOOLONG, "File name too long"), 404, "not found"),
        (OSError(errno.ENOSPC, "No space left on device"), 507, "full (No space left on device)"),
        (OSError(errno.EFBIG, "File too large"), 507, "full (File too large)"),
        (ClientDisconnect(), 408, "ended too early"),
    ],
)
def test_errors_of_the_app_become_responses(error, status, message):
    (response,) = send(failing_app(error), ("POST", UPLOAD))
    assert response.status_code == status and message in response.json()["error"]
    assert response.json()["detail"] == response.json()["error"] and "secret" not in response.text


def test_only_defects_are_logged_as_errors(caplog):
    send(failing_app(ClientDisconnect()), ("POST", UPLOAD))
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    send(failing_app(KeyError("secret")), ("GET", "/x"))
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == ["request failed"]


def test_requests_that_gradio_fails_at_get_one_response_with_security_headers(address):
    """Gradio raises for missing functions, for NaN, and for names longer than those of files."""
    json = {"content-type": "application/json"}
    bodies = [
        b'{"session_hash": "a", "fn_index": 9999, "data": []}',
        b'{"session_hash": "a", "fn_index": NaN, "data": []}',
    ]
    responses = [httpx.post(f"{address}gradio_api/queue/join", content=body, headers=json) for body in bodies]
    responses.append(httpx.post(f"{address}gradio_api/call/v2/inspect", json={"x": 1}))
    responses.append(httpx.get(f"{address}assets/{'a' * 3000}"))
    assert statuses(responses) == [500, 500, 500, 404]
    for response in responses:
        assert "Content-Security-Policy" in response.headers
        assert response.json()["detail"] == response.json()["error"]


@pytest.mark.parametrize("path", ["queue/data?session_hash=nobody", "call/inspect/none"])
def test_stream_of_an_unknown_session_reports_an_error_and_ends(address, path):
    response = httpx.get(f"{address}gradio_api/{path}")
    assert response.status_code == 200 and "404" in response.text
