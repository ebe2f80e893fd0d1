"""The Hugging Face Hub: its cache folders on this machine, and HTTP requests to it.

Files are kept where all the Hub's libraries look for them:

    HF_HOME/hub/models--OWNER--NAME/blobs/HASH  <-  snapshots/REVISION/PATH

`open_url` is the only function of the program that opens a network connection, and only `codec models
fetch` calls it. Obeyed are HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and the usual proxy variables.
"""

from __future__ import annotations

import http.client
import os
import re
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, Final, TypeVar

from codec.errors import ModelMissing
from codec.models.catalog import Model, ModelFile

_MAX_UNLISTED_BYTES: Final = 64 << 20  # of a file whose size the catalog does not give
_MAX_REDIRECTS: Final = 3
_TRUE_VALUES: Final = {"1", "ON", "YES", "TRUE"}

T = TypeVar("T")


# --- folders ----------------------------------------------------------------------------------------


def cache_dir() -> Path:
    """Return the folder of the Hub's cache, chosen as the Hub's libraries do; it may not exist."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser()
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(home).expanduser() / "hub"


def repository_dir(model: Model, root: Path | None = None) -> Path:
    """Return the folder of a model's repository under `root`, the Hub's cache by default."""
    return (cache_dir() if root is None else root) / f"models--{model.repo.replace('/', '--')}"


def snapshot_dir(model: Model, root: Path | None = None) -> Path:
    """Return the folder of the pinned revision's files under `root`, the Hub's cache by default."""
    return repository_dir(model, root) / "snapshots" / model.revision


# --- requests ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RemoteFile:
    """What the Hub says about a file. etag: SHA-256 of large files, Git's SHA-1 of small ones; size: in bytes."""

    url: str
    etag: str
    size: int


class FileNotInRepository(ModelMissing):
    """The repository exists, but has no such file."""


def is_offline() -> bool:
    """Return whether the environment forbids network access (HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE)."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in _TRUE_VALUES


def endpoint() -> str:
    """Return the Hub's address: HF_ENDPOINT, else https://huggingface.co."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def manual_remedy(model: Model) -> str:
    """Return the part of an error message that says how to supply a model by hand."""
    return f"or put its files in DIR/{model.name} and set TRILAYER_MODELS=DIR"


def query_file(model: Model, file: ModelFile, timeout: float) -> RemoteFile:
    """Ask the Hub for the URL, hash and size of a file; takes at most about `timeout` seconds.

    Raises FileNotInRepository, or ModelMissing with the reason: unreachable, refused, another
    revision or another size than in the catalog.
    """
    url = f"{endpoint()}/{model.repo}/resolve/{model.revision}/{urllib.parse.quote(file.path)}"
    failure = f"{file.path} of {model.repo} cannot be fetched"
    try:
        headers, status = _call_with_timeout(lambda: _head(url, timeout), timeout)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ModelMissing(
            f"{failure}: {endpoint()} cannot be reached ({describe_error(error)}); check the connection, proxies and "
            f"HF_ENDPOINT, {manual_remedy(model)}"
        ) from None
    if status == 404 and headers.get("X-Error-Code") == "EntryNotFound":
        raise FileNotInRepository(f"{model.repo} has no {file.path}")
    if status in (401, 403, 404):
        raise ModelMissing(
            f"{failure}: {endpoint()} answered {status}; the repository was removed or renamed, or needs a login"
        )
    if status >= 400:
        raise ModelMissing(f"{failure}: {endpoint()} answered {status}; try again later")
    etag = (headers.get("X-Linked-ETag") or headers.get("ETag") or "").removeprefix("W/").strip('"')
    size = headers.get("X-Linked-Size") or headers.get("Content-Length") or ""
    if not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", etag) or not (size.isascii() and size.isdigit()):
        raise ModelMissing(
            f"{failure}: {endpoint()} does not answer like the Hugging Face Hub; check HF_ENDPOINT and proxies"
        )
    if headers.get("X-Repo-Commit", model.revision) != model.revision:
        raise ModelMissing(f"{failure}: {endpoint()} has another revision than {model.revision[:12]}")
    if not _is_expected_size(file, int(size)):
        expected = file.size or f"at most {_MAX_UNLISTED_BYTES}"
        raise ModelMissing(f"{failure}: {file.path} has {size} bytes there, not {expected}")
    return RemoteFile(url, etag, int(size))


def open_url(
    method: str, url: str, headers: dict[str, str], timeout: float, follow_redirects: bool
) -> http.client.HTTPResponse:
    """Send a request and return the open response. Raises urllib's errors; ModelMissing for other schemes."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ModelMissing(f"HF_ENDPOINT must start with https://, not {url[:60]!r}")
    opener = urllib.request.build_opener(*([] if follow_redirects else [_NoRedirect()]))
    request = urllib.request.Request(url, method=method, headers={"User-Agent": "trilayer", **headers})  # noqa: S310
    response: http.client.HTTPResponse = opener.open(request, timeout=timeout)
    return response


def describe_error(error: Exception) -> str:
    """Return a network error as a short phrase."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "no answer" if str(cause) in ("", "timed out") else str(cause)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "its certificate cannot be verified; set SSL_CERT_FILE to a file of trusted ones (python -m certifi)"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__


def _is_expected_size(file: ModelFile, size: int) -> bool:
    if not file.size:
        return size <= _MAX_UNLISTED_BYTES
    return 0.98 * file.size <= size <= 1.02 * file.size if file.approximate else size == file.size


def _head(url: str, timeout: float) -> tuple[Message, int]:
    """Return headers and status of a HEAD request.

    The Hub answers for a large file with a redirect to its storage; the redirect's own headers describe
    the file. Redirects within the Hub, such as those of renamed repositories, are followed.
    """
    for _ in range(_MAX_REDIRECTS):
        try:
            with open_url("HEAD", url, {"Accept-Encoding": "identity"}, timeout, follow_redirects=False) as response:
                return response.headers, response.status
        except urllib.error.HTTPError as error:
            error.close()
            target = urllib.parse.urljoin(url, error.headers.get("Location") or "")
            is_same_host = urllib.parse.urlsplit(target)[:2] == urllib.parse.urlsplit(url)[:2]
            is_internal = 300 <= error.code < 400 and is_same_host
            if not is_internal or error.headers.get("X-Linked-ETag"):
                return error.headers, error.code
            url = target
    raise ModelMissing(f"{endpoint()} redirects in circles")


def _call_with_timeout(function: Callable[[], T], timeout: float) -> T:
    """Return what `function` returns, raise what it raises, or raise TimeoutError after `timeout` seconds.

    It runs in a thread, because socket timeouts do not cover name resolution.
    """
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(function())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout)
    if results:
        return results[0]
    raise errors[0] if errors else TimeoutError(f"no answer within {timeout:g} s")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        return None
