"""Cross-origin requests and foreign host names."""

from __future__ import annotations

import pytest

from ui.server.origin_check import has_foreign_host, is_cross_origin, is_loopback


@pytest.mark.parametrize(
    ("method", "headers", "cross_origin"),
    [
        ("POST", {}, False),
        ("POST", {b"sec-fetch-site": b"same-origin", b"origin": b"https://named.example"}, False),
        ("POST", {b"sec-fetch-site": b"none"}, False),
        ("POST", {b"sec-fetch-site": b"same-site", b"origin": b"http://test:1"}, True),
        ("POST", {b"sec-fetch-site": b"cross-site"}, True),
        ("PUT", {b"origin": b"https://evil.example"}, True),
        ("POST", {b"origin": b"null"}, True),
        ("POST", {b"origin": b"https://test"}, False),
        ("POST", {b"origin": b"https://named.example", b"x-forwarded-host": b"named.example"}, False),
        ("GET", {b"sec-fetch-site": b"cross-site"}, False),
    ],
)
def test_requests_of_other_origins_are_recognized(method, headers, cross_origin):
    assert is_cross_origin(method, headers | {b"host": b"test"}) is cross_origin


@pytest.mark.parametrize(
    ("host", "foreign"),
    [
        (b"127.0.0.1:7860", False), (b"localhost", False), (b"LOCALHOST:1", False), (b"[::1]:7860", False),
        (b"a.localhost:1", False), (b"", False), (b"evil.example:7860", True), (b"127.0.0.1.evil.example", True),
        (b"[::1", True), (b"192.0.2.1", True), (b"localhost@evil.example", True), (b"?", True),
    ],
)  # fmt: skip
def test_only_loopback_names_are_not_foreign(host, foreign):
    assert has_foreign_host({b"host": host}) is foreign


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.1.2.3", True), ("::1", True), ("[::1]", True), ("0.0.0.0", False), ("::", False), ("", False)],
)
def test_loopback_addresses_are_recognized(host, loopback):
    assert is_loopback(host) is loopback
