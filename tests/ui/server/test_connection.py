"""Connections that say nothing, or not enough."""

from __future__ import annotations

import socket
import time

import httpx

from tests.ui.asking import Tab
from ui.server import connection


def ends(address: str, sent: list[bytes]) -> bytes:
    """What the server says until it hangs up on who sends these, bit by bit, and then no more."""
    url = httpx.URL(address)
    with socket.create_connection((url.host, url.port)) as line:
        line.settimeout(20)
        said = b""
        try:
            for part in sent:
                line.sendall(part)
            while got := line.recv(4096):
                said += got
        except ConnectionError:
            pass
        return said


HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


def test_who_never_comes_to_the_point_is_hung_up_on(address, monkeypatch):
    monkeypatch.setattr(connection, "HEAD", 0.2)
    assert ends(address, []) == b""
    assert ends(address, [HEAD, b"X: y\r\n"]) == b""
    answered = ends(address, [HEAD + b"\r\n", HEAD])
    assert answered.count(b"HTTP/1.1 200") == 1


def test_a_request_that_has_come_is_not_hurried(address, monkeypatch):
    monkeypatch.setattr(connection, "HEAD", 0.2)
    tab = Tab(address, "unhurried")
    began = time.monotonic()
    tab.ask("decode_layers")
    assert "Decoded in" in str(list(tab.answers())) and time.monotonic() - began > 0.2
