"""The Hugging Face Hub: its cache folders on this machine, and HTTP requests to it.

Files are stored where the Hub's libraries look for them:

    HF_HOME/hub/models--OWNER--NAME/blobs/HASH  <-  snapshots/REVISION/PATH

This is the only module of the program that opens network connections, and only `codec models fetch` uses it.
It respects HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and the usual proxy variables.
"""

from __future__ import annotations

import contextlib
import glob
import http.client
import ipaddress
import os
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Final

from codec.errors import ModelMissing
from codec.models import credentials, proxies
from codec.models.catalog import Model, ModelFile
from codec.models.deadline import call_with_timeout

_MAX_UNLISTED_BYTES: Final = 64 << 20  # of a file whose size is not in the catalog
_MAX_REDIRECTS: Final = 5
_REDIRECT_CODES: Final = (301, 302, 303, 307, 308)
_PASSING_STATUSES: Final = (408, 429, 500, 502, 503, 504)
_TRUE_VALUES: Final = {"1", "ON", "YES", "TRUE"}
_ADDRESS_CHARACTERS: Final = "%!#$&'()*+,/:;=?@[]~"  # not to be escaped

_HANDLERS: Final = (
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
)


# --- folders ----------------------------------------------------------------------------------------


def cache_dir() -> Path:
    """Return the folder of the Hub's cache, as the Hub's libraries choose it; it may not exist."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser()
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(home).expanduser() / "hub"


def repository_dir(model: Model, root: Path | None = None) -> Path:
    """Return the folder of a model's repository under `root`, the Hub's cache by default."""
    return (cache_dir() if root is None else root) / f"models--{model.repo.replace('/', '--')}"


def alias_dirs(model: Model, root: Path | None = None) -> list[Path]:
    """Return the folders of other repositories that may hold the weights: aliases, and those of the same name."""
    base = cache_dir() if root is None else root
    names = {f"models--{alias.replace('/', '--')}" for alias in model.aliases}
    with contextlib.suppress(OSError):
        names |= {path.name for path in base.glob(f"models--*--{glob.escape(model.repo.partition('/')[2])}")}
    own = repository_dir(model, root)
    return [base / name for name in sorted(names) if base / name != own]


def snapshot_dir(model: Model, root: Path | None = None) -> Path:
    """Return the folder of the pinned revision's files under `root`, the Hub's cache by default."""
    return repository_dir(model, root) / "snapshots" / model.revision


# --- requests ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository as the Hub describes it.

    url: of the file at the Hub; etag: a hex digest (the SHA-256 of large files, Git's SHA-1 of small ones; SHA-1 or MD5
    from other servers), or "" if the server sends none; size: in bytes
    """

    url: str
    etag: str
    size: int


class FileNotInRepository(ModelMissing):
    """The repository exists, but has no such file."""


class HubUnreachable(ModelMissing):
    """The Hub did not answer, or reported a temporary error; another attempt may succeed."""


def is_offline() -> bool:
    """Return whether the environment forbids network access (HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE)."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in _TRUE_VALUES


def endpoint() -> str:
    """Return the Hub's address, without user and password: HF_ENDPOINT, else https://huggingface.co.

    Raises ModelMissing if HF_ENDPOINT is not an http or https address.
    """
    return credentials.parse_endpoint().address


def manual_remedy(model: Model) -> str:
    """Return the part of an error message that says how to install a model by hand."""
    return f"or put its files in DIR/{model.name} and set TRILAYER_MODELS=DIR"


def query_file(model: Model, file: ModelFile, timeout: float) -> RemoteFile:
    """Ask the Hub for the URL, digest and size of a file; takes at most about `timeout` seconds.

    Raises FileNotInRepository, HubUnreachable, or ModelMissing with the reason, such as denied access, or a revision or
    size that differs from the catalog.
    """
    address = endpoint()
    url = f"{address}/{model.repo}/resolve/{model.revision}/{urllib.parse.quote(file.path)}"
    failure = f"{file.path} of {model.repo} cannot be fetched"
    try:
        headers, status = call_with_timeout(lambda: _head(url, timeout), timeout)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise HubUnreachable(
            f"{failure}: {address} cannot be reached ({describe_error(error)}); check the connection, proxies and "
            f"HF_ENDPOINT, {manual_remedy(model)}"
        ) from None
    _check_status(model, file, headers, status, failure)
    if headers.get("X-Repo-Commit", model.revision) != model.revision:
        raise ModelMissing(f"{failure}: {address} has another revision than {model.revision[:12]}")
    etag, size = _parse_etag(headers), _parse_size(headers, file)
    is_expected = size is not None and _is_expected_size(file, size)
    if size is None or not (etag or (is_expected and _can_be_unverified(file, headers))):
        raise ModelMissing(
            f"{failure}: {address} does not answer like the Hugging Face Hub; check HF_ENDPOINT and proxies"
        )
    if not is_expected:
        expected = file.size or f"at most {_MAX_UNLISTED_BYTES}"
        raise ModelMissing(f"{failure}: {file.path} has {size} bytes there, not {expected}")
    return RemoteFile(url, etag, size)


def open_url(method: str, url: str, headers: dict[str, str], timeout: float) -> http.client.HTTPResponse:
    """Send a request, follow redirects and return the open response.

    At most `_MAX_REDIRECTS` redirects are followed, to https addresses, on the same host or on the loopback only. The
    Hub's credentials are sent only to the Hub's host. Raises urllib's errors, and ModelMissing for a forbidden
    redirect or an unsupported kind of proxy.
    """
    for _ in range(_MAX_REDIRECTS + 1):
        try:
            return _send(method, url, headers, timeout)
        except urllib.error.HTTPError as error:
            if error.code not in _REDIRECT_CODES:
                raise
            error.close()
            url = _redirect_target(url, error.headers)
    raise ModelMissing(f"{endpoint()} redirects more than {_MAX_REDIRECTS} times; check HF_ENDPOINT")


def describe_error(error: Exception) -> str:
    """Return a network error as a short phrase, without passwords and tokens."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "no answer" if str(cause) in ("", "timed out") else str(cause)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "its certificate cannot be verified; set SSL_CERT_FILE to a file of trusted ones (python -m certifi)"
    if isinstance(cause, OSError) and cause.strerror:
        return credentials.redact(cause.strerror)
    return credentials.redact(str(cause) or type(cause).__name__)


def _check_status(model: Model, file: ModelFile, headers: Message, status: int, failure: str) -> None:
    """Raise the error that corresponds to an HTTP status; return if the request succeeded."""
    address = endpoint()
    if status == 404 and headers.get("X-Error-Code") == "EntryNotFound":
        raise FileNotInRepository(f"{model.repo} has no {file.path}")
    if status == 403 and headers.get("X-Error-Code") == "GatedRepo":
        raise ModelMissing(
            f"{failure}: accept its license at {address}/{model.repo}, then set HF_TOKEN and fetch again"
        )
    if status in (401, 403) and credentials.authorization(f"{address}/"):
        raise ModelMissing(f"{failure}: {address} answered {status} to your token or password; renew or unset it")
    if status in (401, 403, 404):
        raise ModelMissing(
            f"{failure}: {address} answered {status}; the repository was removed or renamed, or needs a login: "
            "set HF_TOKEN"
        )
    if status == 407:
        raise ModelMissing(f"{failure}: the proxy asks for a user and password; add them to HTTPS_PROXY")
    if status in _PASSING_STATUSES:
        raise HubUnreachable(f"{failure}: {address} answered {status}; try again later")
    if status >= 400:
        raise ModelMissing(f"{failure}: {address} answered {status}; try again later")


def _parse_etag(headers: Message) -> str:
    """Return the digest in the entity tag: 64, 40 or 32 lowercase hex digits; "" if the tag has another form.

    Web servers add a suffix such as -gzip to the tag of a compressed response.
    """
    text = headers.get("X-Linked-ETag") or headers.get("ETag") or ""
    text = text.strip().removeprefix("W/").strip('" ').lower()
    match = re.fullmatch(r"(?:sha256:)?([0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})(?:[-;:]\w+)?", text)
    if match is None or re.fullmatch(r"[0-9a-f]{32}-\d+", text):  # the latter is S3's tag of a multipart upload
        return ""
    return match[1]


def _parse_size(headers: Message, file: ModelFile) -> int | None:
    """Return the file's size in bytes: the Hub's, or else the catalog's; None if neither is known."""
    size = (headers.get("X-Linked-Size") or headers.get("Content-Length") or "").strip()
    if size.isascii() and size.isdigit() and len(size) < 16:
        return int(size)
    return file.size if file.size and not file.approximate else None


def _can_be_unverified(file: ModelFile, headers: Message) -> bool:
    """Return whether a file is accepted without a digest from the server.

    It is if the catalog has its digest, or if it holds no weights and the server is a Hub or the size is known.
    """
    if file.sha256 is not None:
        return True
    holds_weights = file.is_pickle or file.path.endswith(".safetensors")
    return not holds_weights and (file.size > 0 or "X-Repo-Commit" in headers)


def _is_expected_size(file: ModelFile, size: int) -> bool:
    if not file.size:
        return size <= _MAX_UNLISTED_BYTES
    return 0.98 * file.size <= size <= 1.02 * file.size if file.approximate else size == file.size


def _head(url: str, timeout: float) -> tuple[Message, int]:
    """Return headers and status of a HEAD request.

    For a large file, the Hub answers with a redirect to its storage, and the headers of that answer describe the
    file. Other redirects, as from renamed repositories and mirrors, are followed.
    """
    commit = ""
    headers: Message
    for _ in range(_MAX_REDIRECTS + 1):
        try:
            with _send("HEAD", url, {"Accept-Encoding": "identity"}, timeout) as response:
                headers, status = response.headers, response.status
        except urllib.error.HTTPError as error:
            error.close()
            headers, status = error.headers, error.code
        commit = commit or headers.get("X-Repo-Commit") or ""
        if status not in _REDIRECT_CODES or headers.get("X-Linked-ETag"):
            if commit and "X-Repo-Commit" not in headers:
                headers["X-Repo-Commit"] = commit
            return headers, status
        url = _redirect_target(url, headers)
    raise ModelMissing(f"{endpoint()} redirects more than {_MAX_REDIRECTS} times; check HF_ENDPOINT")


def _send(method: str, url: str, headers: dict[str, str], timeout: float) -> http.client.HTTPResponse:
    """Send one request, with the Hub's credentials if it goes to the Hub's host; follow no redirect."""
    authorization = credentials.authorization(url)
    all_headers = {"User-Agent": "trilayer", **headers} | ({"Authorization": authorization} if authorization else {})
    request = urllib.request.Request(url, method=method, headers=all_headers)  # noqa: S310  # http or https only
    opener = urllib.request.OpenerDirector()  # without urllib's redirects, which send credentials to other hosts
    for handler in _HANDLERS:
        opener.add_handler(handler())
    opener.add_handler(urllib.request.ProxyHandler(proxies.for_url(url)))
    response: http.client.HTTPResponse = opener.open(request, timeout=timeout)
    return response


def _redirect_target(url: str, headers: Message) -> str:
    """Return the address that a response redirects to. Raises ModelMissing if it is forbidden."""
    try:
        target = urllib.parse.urljoin(url, _quote_location(headers.get("Location") or ""))
        old, new = urllib.parse.urlsplit(url), urllib.parse.urlsplit(target)
        stays_on_host = (old.scheme, old.hostname, old.port) == (new.scheme, new.hostname, new.port)
        stays_local = old.scheme == new.scheme == "http" and _is_loopback(old.hostname) and _is_loopback(new.hostname)
        is_allowed = bool(new.hostname) and (new.scheme == "https" or stays_on_host or stays_local)
        host = new.hostname or ""
        netloc = f"[{host}]" if ":" in host else host
        netloc += f":{new.port}" if new.port else ""
    except ValueError:
        is_allowed = False
    if not is_allowed:
        raise ModelMissing(f"{endpoint()} redirects to an address that is not https; check HF_ENDPOINT")
    return urllib.parse.urlunsplit(new._replace(netloc=netloc))  # without user and password


def _quote_location(location: str) -> str:
    """Return an address that a server may have written with spaces or letters of any script, percent-encoded."""
    return urllib.parse.quote(location.strip().encode("latin-1", "replace"), safe=_ADDRESS_CHARACTERS)


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
