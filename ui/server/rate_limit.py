"""Rate limits for each client: token buckets in bounded memory."""

from __future__ import annotations

import ipaddress
import math
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

REQUEST_RATE: Final = 100.0  # tokens per s; fast drawing takes about 10, and fifty people may share an address
BURST_SECONDS: Final = 10  # a bucket holds the tokens of this time
MIN_BURST: Final = 50.0  # minimum size of a bucket: the tokens for loading the page
# Tokens per request by kind; 1 for other kinds. Rendering the page takes 20 to 40 ms; it loads about 100 assets.
ROUTE_COSTS: Final = {"health": 0.0, "asset": 0.1, "file": 0.2, "stream": 0.5, "upload": 2.0, "page": 5.0}
LOGIN_BURST: Final = 30.0
LOGIN_RATE: Final = 0.2  # per s; slows down the guessing of passwords
UPLOAD_BURST: Final = 400 << 20  # bytes
UPLOAD_RATE: Final = UPLOAD_BURST / (12 * 3600)  # bytes per s; refills the bucket in the time that files are kept
MIN_FILE_BYTES: Final = 64 << 10  # minimum charge for a file, which also bounds the number of files
_MAX_CLIENTS: Final = 10_000


class TokenBuckets:
    """A token bucket for each client, which holds `burst` tokens and gains `rate` per second; a rate of 0 is unlimited.

    Beyond `_MAX_CLIENTS`, the least recently seen clients are dropped. Not thread-safe: for use in one event loop.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> tokens, time of the update

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str, cost: float) -> float:
        """Take tokens and return 0. If there are too few, take none and return the seconds until there will be enough.

        A cost above `burst` waits for a full bucket and leaves the balance negative.
        """
        if not self.rate or not cost:
            return 0.0
        now = self._clock()
        tokens, updated = self._buckets.get(client, (self.burst, now))
        tokens = min(self.burst, tokens + (now - updated) * self.rate)
        missing = min(cost, self.burst) - tokens
        self._buckets[client] = (tokens if missing > 0 else tokens - cost, now)
        self._buckets.move_to_end(client)
        while len(self._buckets) > _MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return max(0.0, missing / self.rate)


def request_buckets() -> TokenBuckets:
    """Return the buckets for requests, at TRILAYER_RATE tokens per second. Raises `ValueError` for an invalid rate."""
    setting = os.environ.get("TRILAYER_RATE", "").strip() or str(REQUEST_RATE)
    try:
        rate = float(setting)
    except ValueError:
        rate = math.nan
    if not 0 <= rate < math.inf:
        raise ValueError(f"TRILAYER_RATE must be a number of requests per second, 0 for no limit, not {setting!r}")
    return TokenBuckets(rate, max(BURST_SECONDS * rate, MIN_BURST))


def login_buckets() -> TokenBuckets:
    """Return the buckets for logins, which do not depend on TRILAYER_RATE."""
    return TokenBuckets(LOGIN_RATE, LOGIN_BURST)


def upload_buckets() -> TokenBuckets:
    """Return the buckets for uploaded bytes."""
    return TokenBuckets(UPLOAD_RATE, UPLOAD_BURST)


def client_key(address: object) -> str:
    """Return the client of an ASGI `client` (host, port): its IPv4 address or its IPv6 /64 network; "" if unknown."""
    host = str(address[0])[:64] if isinstance(address, (tuple, list)) and address else ""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return host
    if ip.version == 6 and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(ip) & ~((1 << 64) - 1), 64)))
    return host
