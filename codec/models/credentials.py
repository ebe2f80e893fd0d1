"""The user's secrets for the Hub: user and password in HF_ENDPOINT, and the token.

They are sent only to the host of HF_ENDPOINT and never appear in messages.
"""

from __future__ import annotations

import base64
import os
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from codec.errors import ModelMissing

_DEFAULT_ENDPOINT: Final = "https://huggingface.co"
_MAX_TOKEN_FILE_BYTES: Final = 4096
_LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "::1")
_TRUE_VALUES: Final = {"1", "ON", "YES", "TRUE"}


@dataclass(frozen=True)
class Endpoint:
    """The Hub's address without user and password, and "user:password", which is "" if there are none."""

    address: str
    user_password: str = field(default="", repr=False)


def parse_endpoint() -> Endpoint:
    """Return the Hub's address from HF_ENDPOINT. Raises ModelMissing if it is not an http or https address."""
    text = (os.environ.get("HF_ENDPOINT") or "").strip().rstrip("/") or _DEFAULT_ENDPOINT
    try:
        parts = urllib.parse.urlsplit(text)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or "@" in text.removeprefix(f"{parts.scheme}://{parts.netloc}"):
        shown = "the given text" if "@" in text else repr(text[:60])
        raise ModelMissing(
            f"HF_ENDPOINT must start with https:// and be an address such as {_DEFAULT_ENDPOINT}, not {shown}; "
            "write / # ? @ in a password as %2F %23 %3F %40"
        )
    user_password, _, host = parts.netloc.rpartition("@")
    address = urllib.parse.urlunsplit((parts.scheme, host, parts.path, "", "")).rstrip("/")
    return Endpoint(address, urllib.parse.unquote(user_password))


def authorization(url: str) -> str:
    """Return the Authorization header of a request to `url`; "" for hosts other than the Hub's.

    Without user and password in HF_ENDPOINT, it holds the token, which is sent only over https or to the loopback.
    """
    endpoint = parse_endpoint()
    origin, hub_origin = _origin(url), _origin(endpoint.address)
    is_upgrade = origin == ("https", hub_origin[1], 443) and hub_origin[0] == "http" and hub_origin[2] == 80
    if origin != hub_origin and not is_upgrade:
        return ""
    if endpoint.user_password:
        return f"Basic {base64.b64encode(endpoint.user_password.encode()).decode()}"
    scheme, host, _ = origin
    token = read_token() if scheme == "https" or host in _LOOPBACK_HOSTS else ""
    return f"Bearer {token}" if token else ""


def read_token() -> str:
    """Return the user's token from HF_TOKEN or the file that the Hub's libraries use; "" if there is none.

    Raises ModelMissing if it contains characters that tokens cannot contain.
    """
    token = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN") or ""
    if not token and (os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN") or "").upper() not in _TRUE_VALUES:
        token = _read_token_file()
    token = token.strip()
    if not all(33 <= ord(letter) < 127 for letter in token):
        raise ModelMissing(
            "the token in HF_TOKEN or its file contains a character that tokens cannot contain: copy it again"
        )
    return token


def redact(text: str) -> str:
    """Return `text` without the user's secrets: passwords of HF_ENDPOINT and of proxies, and the token."""
    for secret in sorted(_secrets(), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _secrets() -> set[str]:
    """Return all secrets, in every form in which a library may print them."""
    addresses = [os.environ.get("HF_ENDPOINT") or "", *urllib.request.getproxies().values()]
    secrets = set()
    for address in addresses:
        before, at, _ = address.rpartition("@")
        if at:
            user_password = before.partition("://")[2] or before
            for text in (user_password, user_password.partition(":")[2]):
                decoded = urllib.parse.unquote(text)
                encoded = base64.b64encode(decoded.encode()).decode()
                secrets |= {text, decoded, repr(decoded)[1:-1], encoded}
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        secrets.add((os.environ.get(name) or "").strip())
    secrets.add(_read_token_file().strip())
    return {secret for secret in secrets if secret}


def _read_token_file() -> str:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or os.path.join(cache, "huggingface")
    path = Path(os.environ.get("HF_TOKEN_PATH") or os.path.join(home, "token")).expanduser()
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_MAX_TOKEN_FILE_BYTES)
    except (OSError, ValueError):
        return ""


def _origin(url: str) -> tuple[str, str, int]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)
