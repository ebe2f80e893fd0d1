"""The header timeout."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.ui.http_tab import Tab
from ui.server import connection

HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
TIMEOUT = 0.1  # s


@pytest.fixture(autouse=True)
def short_timeout(monkeypatch):
    monkeypatch.setattr(connection, "HEADER_TIMEOUT", TIMEOUT)


@pytest.fixture
def connected(address) -> Iterator[socket.socket]:
    url = httpx.URL(address)
    with socket.create_connection((url.host, url.port)) as connected:
        connected.settimeout(20)
        yield connected


def read_to_end(connected: socket.socket) -> bytes:
    """Return what the server sends until it closes the connection."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while chunk := connected.recv(4096):
            data += chunk
    return data


@pytest.mark.parametrize("parts", [(), (HEAD, b"X: y\r\n")], ids=["nothing", "half of the headers"])
def test_connection_without_complete_headers_is_closed(connected, parts):
    for part in parts:
        connected.sendall(part)
    assert read_to_end(connected) == b""


def test_second_request_of_a_connection_has_a_timeout_of_its_own(connected):
    connected.sendall(HEAD + b"\r\n")
    response = b""
    while not response.endswith(b"}"):
        response += connected.recv(4096)
    assert response.startswith(b"HTTP/1.1 200")
    connected.sendall(HEAD)
    assert read_to_end(connected) == b""


def test_response_may_take_longer_than_the_header_timeout(address, held_decode):
    tab = Tab(address, "slow-response")
    tab.ask("decode_layers")
    messages = []
    for message in tab.answers():
        messages.append(str(message))
        if held_decode.started.wait(20) and not held_decode.released.is_set():
            assert not held_decode.stopped.wait(2 * TIMEOUT)  # the stream stays open
            held_decode.released.set()
    assert "Decoded in" in str(messages)
