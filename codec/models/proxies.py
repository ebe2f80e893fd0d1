"""Choose the proxy for a request from HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY."""

from __future__ import annotations

import urllib.parse
import urllib.request

from codec.errors import ModelMissing


def for_url(url: str) -> dict[str, str]:
    """Return the proxy for `url` as an argument for urllib's ProxyHandler; empty for a direct connection.

    Raises ModelMissing for a SOCKS proxy, which the standard library does not support.
    """
    parts = urllib.parse.urlsplit(url)
    known = urllib.request.getproxies()
    address = known.get(parts.scheme) or known.get("all") or ""
    if not address or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return {}
    kind = address.partition("://")[0].lower() if "://" in address else "http"
    if kind not in ("http", "https"):
        raise ModelMissing(
            f"the proxy variables name a {kind[:8]} proxy, which is not supported: set HTTPS_PROXY to an http proxy, "
            "or unset ALL_PROXY and HTTPS_PROXY"
        )
    return {parts.scheme: address}
