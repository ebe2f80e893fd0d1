"""How much one client may ask for: token buckets, in memory of a fixed bound."""

from __future__ import annotations

import ipaddress
import math
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

RATE: Final = 100.0  # a second: fast drawing needs some 10, and fifty people may share an address
BURST: Final = 10  # s of the rate, saved up...
LEAST_BURST: Final = 50.0  # ...but no less than a page needs to come up
# of one request, 1 where nothing is said: a page takes 20 to 40 ms to write and comes with some 100 assets
COSTS: Final = {"health": 0.0, "asset": 0.1, "file": 0.2, "stream": 0.5, "upload": 2.0, "page": 5.0}
LOGINS: Final = 30.0  # at once...
LOGINS_RATE: Final = 0.2  # ...and a second: passwords are guessed slowly
UPLOADS: Final = 400 << 20  # bytes of files that one client may leave at once...
UPLOADS_RATE: Final = UPLOADS / (12 * 3600)  # ...and again in the time that the server keeps them
LEAST_FILE: Final = 64 << 10  # bytes that any file counts for, so that their number is bounded, too
_CLIENTS: Final = 10_000  # buckets that are kept; those of whoever was away longest go


class Buckets:
    """A bucket for each client: it holds `burst` tokens and gets `rate` a second. For one event loop."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst, self._now = rate, burst, now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> tokens, when

    def __len__(self) -> int:
        return len(self._left)

    def take(self, client: str, cost: float) -> float:
        """Takes the tokens -> 0; or, where there are too few, none -> seconds until there will be."""
        if not self.rate or not cost:
            return 0.0
        now = self._now()
        left, when = self._left.get(client, (self.burst, now))
        left = min(self.burst, left + (now - when) * self.rate)
        enough = left >= min(cost, self.burst)
        self._left[client] = (left - cost if enough else left, now)
        self._left.move_to_end(client)
        while len(self._left) > _CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if enough else (min(cost, self.burst) - left) / self.rate


def requests() -> Buckets:
    """The buckets for requests: TRILAYER_RATE a second, 0 for no limit. Raises `ValueError`."""
    said = os.environ.get("TRILAYER_RATE", "").strip() or str(RATE)
    try:
        rate = float(said)
    except ValueError:
        rate = math.nan
    if not 0 <= rate < math.inf:
        raise ValueError(f"TRILAYER_RATE must be a number of requests a second, 0 for no limit, not {said!r}")
    return Buckets(rate, max(BURST * rate, LEAST_BURST))


def logins() -> Buckets:
    """The buckets for logins, whatever the rate of requests."""
    return Buckets(LOGINS_RATE, LOGINS)


def uploads() -> Buckets:
    """The buckets for bytes of uploads."""
    return Buckets(UPLOADS_RATE, UPLOADS)


def client(address: object) -> str:
    """Whose bucket: the address that a connection comes from; of IPv6 the network, as one client has a whole one."""
    host = str(address[0])[:64] if isinstance(address, (tuple, list)) and address else ""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return host
    if ip.version == 6 and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(ip) & ~((1 << 64) - 1), 64)))
    return host
