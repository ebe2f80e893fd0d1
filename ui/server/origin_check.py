"""Check the origin of requests, against cross-site request forgery and DNS rebinding."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

Headers = dict[bytes, bytes]
_SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")  # change nothing, and other origins cannot read their responses


def is_cross_origin(method: str, headers: Headers) -> bool:
    """Return whether a web page of another origin sent a request that may change something.

    Browsers say in Sec-Fetch-Site whether the origin is the same, except over plain HTTP to a network address; in that
    case, the Origin header must name the requested host. Other programs send neither header and are allowed.
    """
    if method in _SAFE_METHODS:
        return False
    site, origin = headers.get(b"sec-fetch-site", b""), headers.get(b"origin", b"")
    if site:
        return site not in (b"same-origin", b"none")
    hosts = (headers.get(b"host", b""), headers.get(b"x-forwarded-host", b""))
    return bool(origin) and _origin_host(origin) not in hosts


def _origin_host(origin: bytes) -> bytes:
    """Return host and port of an origin such as http://example.org:80; b"?" for `null` or an invalid one."""
    return origin.partition(b"://")[2].lower() or b"?"


def is_loopback(host: str) -> bool:
    """Return whether a host name or address reaches this machine only: 127.0.0.1, [::1], localhost."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def has_foreign_host(headers: Headers) -> bool:
    """Return whether the Host header is not a loopback name.

    In DNS rebinding, a page of another machine makes its own host name resolve to this machine, so that its requests
    count as same-origin.
    """
    host = headers.get(b"host", b"").decode("latin-1")
    try:
        return bool(host) and not is_loopback(urlsplit(f"//{host}").hostname or "?")
    except ValueError:
        return True
