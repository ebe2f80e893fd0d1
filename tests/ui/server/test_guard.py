"""What every answer carries, how large a request may be, and how often one client may ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import codec
from ui.server import guard, origin_check, rate_limit, routes
from ui.server.guard import MAX_BODY, MAX_FILES, MAX_UPLOAD, Guard
from ui.server.rate_limit import Buckets

FREE = {"requests": Buckets(0, 0), "uploads": Buckets(0, 0)}
PIECE = b" " * (1 << 20)


async def measured(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body())})


def app(**given: Buckets) -> Guard:
    paths = ("/", "/x", "/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/proxy=x", "/assets/x.js", "/login")
    return Guard(Starlette(routes=[Route(path, measured, methods=["GET", "POST"]) for path in paths]), **(FREE | given))


def ask(asked, *requests: tuple, **more) -> list[httpx.Response]:
    """The answers of an ASGI app to (method, path, {options}), one after the other; from `client`, if that is given."""

    async def run() -> list[httpx.Response]:
        client = (more.get("client", "192.0.2.1"), 1234)
        transport = httpx.ASGITransport(asked, raise_app_exceptions=False, client=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            return [await http.request(method, path, **dict(*options)) for method, path, *options in requests]

    with ThreadPoolExecutor() as threads:  # the browser's own event loop is in this one
        return threads.submit(asyncio.run, run()).result()


async def pieces(count: int) -> AsyncIterator[bytes]:
    """A body of unannounced length."""
    for _ in range(count):
        yield PIECE


# headers


def test_every_answer_has_the_policy(address):
    for path in ("", "health", "gradio_api/proxy=http://x", "gradio_api/file=/etc/passwd", "gradio_api/queue/join"):
        headers = httpx.get(address + path).headers
        policy = dict(rule.strip().split(" ", 1) for rule in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["connect-src"] == policy["frame-ancestors"] == "'self'"
        assert policy["object-src"] == policy["worker-src"] == policy["frame-src"] == "'none'"
        assert "*" not in str(policy) and "http" not in str(policy)
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "SAMEORIGIN"
        assert headers["Referrer-Policy"] == "no-referrer" and "camera=()" in headers["Permissions-Policy"]


def test_what_the_page_does_not_use_is_not_there(address):
    for path in ("proxy=http://127.0.0.1/", "deep_link?session_hash=x", "vibe-code", "runs", "stream/x"):
        assert httpx.get(f"{address}gradio_api/{path}").json()["error"] == "not found"


def test_what_the_app_fails_at_is_one_answer_with_the_policy(address):
    """Gradio fails at functions and components that there are not, at NaN, and at names longer than a disk's."""
    json = {"content-type": "application/json"}
    bodies = [
        b'{"session_hash": "a", "fn_index": 9999, "data": []}',
        b'{"session_hash": "a", "fn_index": NaN, "data": []}',
    ]
    answers = [httpx.post(f"{address}gradio_api/queue/join", content=body, headers=json) for body in bodies]
    answers.append(httpx.post(f"{address}gradio_api/call/v2/inspect", json={"x": 1}))
    assert {answer.status_code for answer in answers} == {500}
    answers.append(httpx.get(f"{address}assets/{'a' * 3000}"))
    assert answers[-1].status_code == 404
    for answer in answers:
        assert "Content-Security-Policy" in answer.headers and answer.json()["detail"] == answer.json()["error"]
    assert "nothing was changed" in answers[0].json()["error"]


@pytest.mark.parametrize("path", ["queue/data?session_hash=nobody", "call/inspect/none"])
def test_a_stream_of_nothing_says_so_and_ends(address, path):
    answer = httpx.get(f"{address}gradio_api/{path}")
    assert answer.status_code == 200 and "404" in answer.text


# who asks

FROM = [  # a method, what a browser says with it, and whether another page asks
    ("POST", {}, False),
    ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "https://named.example"}, False),
    ("POST", {"Sec-Fetch-Site": "none"}, False),
    ("POST", {"Sec-Fetch-Site": "same-site", "Origin": "http://test:1"}, True),
    ("POST", {"Sec-Fetch-Site": "cross-site"}, True),
    ("PUT", {"Origin": "https://evil.example"}, True),
    ("POST", {"Origin": "null"}, True),
    ("POST", {"Origin": "https://test"}, False),
    ("POST", {"Origin": "https://named.example", "X-Forwarded-Host": "named.example"}, False),
    ("GET", {"Sec-Fetch-Site": "cross-site"}, False),
]


@pytest.mark.parametrize(("method", "headers", "foreign"), FROM)
def test_another_page_may_not_ask_in_a_visitors_name(method, headers, foreign):
    (answer,) = ask(app(), (method, "/x", {"headers": headers}))
    assert (answer.status_code == 403) is foreign
    assert not foreign or "in your name" in answer.json()["detail"]


def test_the_server_takes_nothing_from_another_page(address):
    evil = {"Origin": "https://evil.example"}
    plain = evil | {"Content-Type": "text/plain"}
    asked = '{"session_hash": "a", "component_id": 1, "fn_name": "x", "data": 1}'
    assert httpx.post(f"{address}gradio_api/upload", **files(1), headers=evil).status_code == 403
    assert httpx.post(f"{address}gradio_api/component_server/", content=asked, headers=plain).status_code == 403


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:7860", True), ("localhost", True), ("LOCALHOST:1", True), ("[::1]:7860", True),
        ("a.localhost:1", True), ("evil.example:7860", False), ("127.0.0.1.evil.example", False), ("[::1", False),
        ("192.0.2.1", False), ("localhost@evil.example", False), ("?", False),
    ],
)  # fmt: skip
def test_a_private_page_is_under_no_name_that_leads_here(host, ours):
    """Else a page of another machine could make its name lead here, and read and change what only this one may."""
    given = {"headers": {"Host": host}}
    assert origin_check.elsewhere({b"host": host.encode()}) is not ours
    private = Guard(app()._app, **FREE, private=True)
    if host.isprintable():
        (answer,) = ask(private, ("GET", "/x", given))
        assert (answer.status_code == 421) is not ours and (ours or "--public" in answer.json()["detail"])
    assert ask(app(), ("GET", "/x", given))[0].status_code == 200


# bodies


@pytest.mark.parametrize("path", ["/x", "/gradio_api/queue/join"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_large_body_is_refused(path, announced):
    most = MAX_BODY // len(PIECE)
    fits, large = ({"content": PIECE * n if announced else pieces(n)} for n in (most, most + 1))
    answers = ask(app(), ("POST", path, fits), ("POST", path, large))
    assert answers[0].json() == {"bytes": MAX_BODY}
    assert answers[1].status_code == 413 and answers[1].json()["error"] == "the request is too large"


def test_the_server_refuses_large_bodies(address):
    for content in (PIECE * 9, (PIECE for _ in range(9))):
        try:
            assert httpx.post(f"{address}gradio_api/queue/join", content=content).status_code == 413
        except httpx.TransportError:
            continue  # it hung up before all was sent


def test_an_app_that_answers_before_it_has_the_body_is_not_heard():
    async def hasty(scope, receive, send):
        while (await receive())["type"] == "http.request":
            pass
        await JSONResponse({}, 400)(scope, receive, send)

    asked = Guard(hasty, **FREE)
    assert ask(asked, ("POST", "/x", {"content": pieces(9)}))[0].status_code == 413


def test_a_body_that_does_not_end_is_given_up(monkeypatch):
    monkeypatch.setattr(guard, "STALLED", 0.01)

    async def stalling() -> AsyncIterator[bytes]:
        yield PIECE
        await asyncio.Event().wait()

    assert ask(app(), ("POST", "/x", {"content": stalling()}))[0].status_code == 408


def test_an_answer_after_the_body_may_take_its_time(monkeypatch):
    """What comes after a body is only that the client leaves."""
    monkeypatch.setattr(guard, "STALLED", 0.01)
    got = []

    async def streaming(scope, receive, send):
        while (await receive())["more_body"]:
            pass
        waiting = asyncio.create_task(receive())
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        got.append(len(done))
        waiting.cancel()
        await JSONResponse({})(scope, receive, send)

    assert ask(Guard(streaming, **FREE), ("POST", "/x"))[0].status_code == 200 and got == [0]


def files(count: int, size: int = 10) -> dict:
    return {"files": [("files", (f"{n}.png", b"x" * size)) for n in range(count)]}


def test_an_upload_has_a_bound_of_bytes_and_of_files():
    path, half = "/gradio_api/upload", {"content": pieces(MAX_UPLOAD // 2 // len(PIECE))}
    large, many = files(1, MAX_UPLOAD), files(MAX_FILES + 1)
    answers = ask(app(), *(("POST", path, sent) for sent in (half, files(MAX_FILES - 1), large, many)))
    assert [answer.status_code for answer in answers] == [200, 200, 413, 413]


def test_the_server_keeps_a_bounded_number_of_files_of_an_upload(address):
    assert len(httpx.post(f"{address}gradio_api/upload", **files(3)).json()) == 3
    assert httpx.post(f"{address}gradio_api/upload", **files(MAX_FILES + 1)).status_code == 413


def test_files_are_counted_however_their_form_is_cut():
    form = b"--b1\r\n" * 5
    for size in range(1, 9):
        body = guard.Body(None, 1000, b"--b1")
        assert sum(body._parts(form[n : n + size]) for n in range(0, len(form), size)) == 5


def test_one_client_leaves_a_bounded_number_of_bytes_and_of_files():
    path, small, big = "/gradio_api/upload", files(2), files(1, 1 << 20)
    now = [0.0]
    of_files = Buckets(1000.0, 10 * rate_limit.LEAST_FILE, lambda: now[0])
    answers = ask(app(uploads=of_files), *[("POST", path, small)] * 4)  # two files and the end of the form: 3 each
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    of_bytes = Buckets(1000.0, (5 << 20) // 2, lambda: now[0])
    asked = app(uploads=of_bytes)
    sent = [("POST", path, big), ("POST", path, {"content": pieces(1)}), ("POST", path, big)]
    answers = ask(asked, *sent)
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["Retry-After"]) > 60 and "minutes" in answers[2].json()["error"]
    assert ask(asked, ("POST", path, {"content": pieces(1)}))[0].status_code == 429
    assert ask(asked, sent[2], client="192.0.2.2")[0].status_code == 200
    now[0] = 1050.0
    assert ask(asked, sent[2])[0].status_code == 200


# how often


def test_one_client_asks_so_often():
    now = [0.0]
    asked = app(requests=Buckets(0.5, 3, lambda: now[0]))
    answers = ask(asked, *[("GET", "/x")] * 4)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[3]
    assert refused.headers["Retry-After"] == "2" and "wait 2 seconds" in refused.json()["error"]
    assert refused.json()["detail"] == refused.json()["error"] and "Content-Security-Policy" in refused.headers
    assert ask(asked, ("GET", "/x"), client="192.0.2.2")[0].status_code == 200
    assert ask(asked, ("GET", "/health"))[0].status_code == 200
    now[0] = 2.0
    assert [answer.status_code for answer in ask(asked, *[("GET", "/x")] * 2)] == [200, 429]


def test_passwords_are_guessed_slowly_whatever_the_rate():
    answers = ask(app(), *[("POST", "/login")] * 31, ("GET", "/x"))
    assert [answer.status_code for answer in answers] == [200] * 30 + [429, 200]
    assert int(answers[30].headers["Retry-After"]) in (4, 5)


def test_a_page_with_its_hundred_assets_is_not_often():
    answers = ask(app(requests=Buckets(0.001, 16)), ("GET", "/"), *[("GET", "/assets/x.js")] * 100)
    assert {answer.status_code for answer in answers} == {200}


def test_pages_which_take_long_to_write_are_soon_too_many():
    answers = ask(app(requests=Buckets(0.001, 16)), *[("GET", "/")] * 4)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


def test_fifty_people_behind_one_address_come_at_once():
    """Each loads the page with its assets, its settings, two pictures and two streams."""
    buckets = Buckets(rate_limit.RATE, rate_limit.BURST * rate_limit.RATE, lambda: 0.0)
    first = ["page", *["asset"] * 100, "other", "event", "file", "file", "stream", "stream"]
    assert not any(buckets.take("fifty", rate_limit.COSTS.get(kind, 1.0)) for _ in range(50) for kind in first)


def test_who_leaves_amid_an_upload_is_no_error(caplog):
    async def leaving(scope, receive, send):
        raise ClientDisconnect

    assert ask(Guard(leaving, **FREE), ("POST", "/gradio_api/upload"))[0].status_code == 408
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert ask(Guard(lambda *_: fail(), **FREE), ("GET", "/x"))[0].status_code == 500
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == ["a request failed"]


def fail() -> None:
    raise KeyError("secret")


def test_fast_drawing_and_fifty_people_behind_one_address_are_not_refused():
    """Ten minutes of them: each stroke is a request, an event, a stream and two pictures."""
    now = [0.0]
    buckets = Buckets(rate_limit.RATE, rate_limit.BURST * rate_limit.RATE, lambda: now[0])
    stroke = [rate_limit.COSTS.get(kind, 1.0) for kind in ("canvas", "event", "event", "stream", "file", "file")]
    waits = set()
    for _ in range(600):
        now[0] += 1
        waits |= {buckets.take("drawing", cost) for _ in range(10) for cost in stroke}
        waits |= {buckets.take("fifty", cost) for _ in range(25) for cost in stroke}
    assert waits == {0.0}
    assert any(buckets.take("flood", 1.0) for _ in range(2000))


def test_memory_of_clients_is_bounded(monkeypatch):
    monkeypatch.setattr(rate_limit, "_CLIENTS", 10)
    buckets = Buckets(0.001, 1)
    assert not buckets.take("last", 1)
    for n in range(9):
        buckets.take(str(n), 1)
    assert buckets.take("last", 1) and len(buckets) == 10
    for n in range(100):
        buckets.take(str(n), 1)
    assert len(buckets) == 10


def test_a_client_is_an_address_or_a_network_of_ipv6():
    assert rate_limit.client(("192.0.2.7", 1)) == "192.0.2.7"
    assert rate_limit.client(("2001:db8::7", 1)) == rate_limit.client(("2001:db8::8", 2)) == "2001:db8::/64"
    assert rate_limit.client(("::ffff:192.0.2.7", 1)) != rate_limit.client(("::ffff:192.0.2.8", 1))
    assert rate_limit.client(None) == "" and len(rate_limit.client(("x" * 10_000, 1))) == 64


def test_the_rate_is_set_from_outside(monkeypatch):
    monkeypatch.setenv("TRILAYER_RATE", "7.5")
    assert (rate_limit.requests().rate, rate_limit.requests().burst) == (7.5, 75)
    monkeypatch.setenv("TRILAYER_RATE", "0.1")
    assert rate_limit.requests().burst == rate_limit.LEAST_BURST  # a page comes up at any rate
    monkeypatch.setenv("TRILAYER_RATE", "0")
    assert not any(rate_limit.requests().take("one", 1) for _ in range(1000))
    for bad in ("x", "-1", "nan", "inf"):
        monkeypatch.setenv("TRILAYER_RATE", bad)
        with pytest.raises(ValueError, match="TRILAYER_RATE must be a number"):
            rate_limit.requests()


def test_one_client_has_so_many_requests_under_way(monkeypatch):
    monkeypatch.setattr(guard, "MAX_OPEN", 2)
    statuses = []

    async def holding(scope, receive, send):
        """Answers when three more were asked."""
        statuses.extend([answer.status_code for answer in await inner()] if scope["path"] == "/first" else [])
        await JSONResponse({})(scope, receive, send)

    asked = Guard(holding, **FREE)

    async def inner() -> list[httpx.Response]:
        ours, theirs = (httpx.ASGITransport(asked, client=(f"192.0.2.{n}", 1)) for n in (1, 2))
        async with httpx.AsyncClient(transport=ours, base_url="http://t") as http:
            found = [await http.get("/x")]
            guard.MAX_OPEN = 1
            found.append(await http.get("/x"))
        async with httpx.AsyncClient(transport=theirs, base_url="http://t") as http:
            return [*found, await http.get("/x")]

    assert ask(asked, ("GET", "/first"))[0].status_code == 200
    assert statuses == [200, 429, 200] and not asked._open


# health, and the names of paths


def test_health_says_that_it_lives_and_what_it_is(address):
    assert httpx.get(f"{address}health").json() == {"status": "ok", "version": codec.__version__}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "page"), ("/health", "health"), ("/assets/index.js", "asset"), ("/gradio_api/theme.css", "asset"),
        ("/login", "login"), ("/gradio_api/upload", "upload"), ("/gradio_api/upload/", "upload"),
        ("/gradio_api/component_server/", "canvas"), ("/gradio_api/queue/join", "event"),
        ("/gradio_api/run/predict", "event"), ("/gradio_api/call/inspect", "event"),
        ("/gradio_api/call/inspect/17", "stream"), ("/gradio_api/queue/data", "stream"),
        ("/gradio_api/heartbeat/x", "stream"), ("/gradio_api/file=/tmp/a\nb.png", "file"),
        ("/gradio_api/proxy=http://x", "closed"), ("/monitoring/summary", "closed"), ("/gradio_api/runs", "closed"),
        ("/gradio_api/info", "page"), ("/config", "page"), ("/openapi.json", "page"), ("/configs", "other"),
        ("/gradio_api/queue/status", "other"), ("/x/upload", "other"), ("/healthy", "other"),
    ],
)  # fmt: skip
def test_a_path_has_a_kind(path, kind):
    assert routes.of(path) == kind
