"""Whether another page in the visitor's browser asks: such a request is made in the visitor's name, and not by them."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

Headers = dict[bytes, bytes]
_READS: Final = ("GET", "HEAD", "OPTIONS")  # these change nothing, and no other page sees what they answer


def foreign(method: str, headers: Headers) -> bool:
    """True for a request that would change something and comes from a page of another origin.

    Browsers say so in Sec-Fetch-Site, to all but plain HTTP on a network; there the origin must be the host that was
    asked. What is no browser says nothing and may ask.
    """
    if method in _READS:
        return False
    site, origin = headers.get(b"sec-fetch-site", b""), headers.get(b"origin", b"")
    if site:
        return site not in (b"same-origin", b"none")
    return bool(origin) and _place(origin) not in (headers.get(b"host", b""), headers.get(b"x-forwarded-host", b""))


def _place(origin: bytes) -> bytes:
    """http://example.org:80 -> example.org:80; b"?" for null and what is no origin."""
    return origin.partition(b"://")[2].lower() or b"?"


def loopback(host: str) -> bool:
    """True for addresses and names that only this machine reaches: 127.0.0.1, [::1], localhost."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def elsewhere(headers: Headers) -> bool:
    """True for a request under a name that is not this machine's.

    A page of such a name came from another machine, which then made the name lead here, to ask as if it were ours.
    """
    host = headers.get(b"host", b"").decode("latin-1")
    try:
        return bool(host) and not loopback(urlsplit(f"//{host}").hostname or "?")
    except ValueError:
        return True
