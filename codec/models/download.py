"""Fetching files from the Hugging Face hub into its own cache: pinned, resumed, checked.

The only place of the program that reaches the network, and only when a person asks for a fetch.
Files end up where every library of the hub looks for them:

    HF_HOME/hub/models--OWNER--NAME/blobs/HASH  <-  snapshots/REVISION/PATH

The hub's own downloader starts a file of gigabytes again after each interruption, and waits for
minutes for a hub that is silent; so the bytes are fetched here, with what the standard library
has. HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and the usual proxy variables are obeyed.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from codec.errors import Cancelled, ModelMissing
from codec.models.catalogue import File, Model

PROBE_SECONDS = 2.0
_SILENCE = 10.0  # seconds without a byte that end an attempt
_ATTEMPTS = 3  # in a row that bring nothing
_CHUNK = 1 << 20
_SMALL = 64 << 20  # bytes at most of a file whose size is not listed
_TELL = 0.1  # seconds between reports
_TRUE = {"1", "ON", "YES", "TRUE"}

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far the fetch of a model is: in one file, and in all of them.

    file: its path in the repository; done, total: its bytes; checking: it is being compared with
    its hash. model_done, model_total: bytes of the whole model, about so where not all sizes are known
    """

    file: str
    done: int
    total: int
    model_done: int
    model_total: int
    checking: bool = False


OnProgress = Callable[[Progress], bool | None]
"""Called in the fetching thread, some times a second at most; returning False stops the fetch."""


@dataclass(frozen=True)
class _Remote:
    """What the hub says of one file. etag: SHA-256 of large files, Git's SHA-1 of small ones."""

    url: str
    etag: str
    size: int


# where things are


def endpoint() -> str:
    """Return the hub's address: HF_ENDPOINT, else https://huggingface.co."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def cache() -> Path:
    """Return the folder of the hub's cache, as its libraries choose it; it need not exist."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser()
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(home).expanduser() / "hub"


def repository(model: Model, folder: Path | None = None) -> Path:
    """Return the folder of a model's repository in the hub's cache, or in another one of its layout."""
    return (cache() if folder is None else folder) / f"models--{model.repo.replace('/', '--')}"


def offline() -> bool:
    """Return whether the environment forbids the network (HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE)."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in _TRUE


# fetching


def probe(model: Model, seconds: float = PROBE_SECONDS) -> str:
    """Return "" if the hub answers for this model within `seconds`, else why not, as a phrase.

    One request. Names that do not resolve, hubs that refuse and hubs that accept and stay silent
    all come back in time.
    """
    try:
        _ask(model, model.files[0], seconds)
    except ModelMissing as error:
        return str(error)
    return ""


def download(model: Model, on_progress: OnProgress | None = None, seconds: float = PROBE_SECONDS) -> Path:
    """Fetch what is missing of `model` into the hub's cache -> the folder of its snapshot.

    Files that are there are kept; a file that was begun is continued. Each new file is compared
    with its SHA-256 (the list's, else the hub's) before it takes its place. Raises ModelMissing, which
    names repository and file and says what to do; within about `seconds` if the hub does not answer
    at all. Raises Cancelled if `on_progress` returned False; what was fetched is kept.
    """
    if offline():
        raise ModelMissing(
            f"{model.repo} cannot be fetched: HF_HUB_OFFLINE forbids the network; unset it, {_by_hand(model)}"
        )
    root = repository(model)
    snapshot = root / "snapshots" / model.revision
    wanted = [file for file in model.files if not (snapshot / file.path).is_file()]
    report = _Report(model, on_progress, sum(file.size for file in model.files if file not in wanted))
    for number, file in enumerate(wanted):
        try:
            remote = _ask(model, file, seconds if number == 0 else _SILENCE)
        except _Absent:
            if file.optional:
                continue
            raise ModelMissing(f"{model.repo} has no {file.path} at revision {model.revision[:12]}") from None
        report.begin(file, remote.size)
        try:
            _fetch(model, file, remote, root, report)
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            raise ModelMissing(f"{file.path} of {model.repo} cannot be stored in {root} ({reason})") from None
    return snapshot


class _Report:
    """Turns the bytes of the file at hand into reports, not too often."""

    def __init__(self, model: Model, on_progress: OnProgress | None, done: int) -> None:
        self.model = model
        self.on_progress = on_progress
        self.before = done
        self.total = model.bytes
        self.file = ""
        self.size = 0
        self.last = 0.0

    def begin(self, file: File, size: int) -> None:
        self.before += self.size
        self.total += size - file.size
        self.file, self.size = file.path, size

    def tell(self, count: int, checking: bool = False) -> None:
        """Raises Cancelled if the caller wants to stop."""
        now = time.monotonic()
        if self.on_progress is None or (count < self.size and now < self.last + _TELL):
            return
        self.last = now
        progress = Progress(self.file, count, self.size, self.before + count, self.total, checking)
        if self.on_progress(progress) is False:
            raise Cancelled(f"the fetch of {self.model.name} was stopped; the next one continues it")


class _Absent(ModelMissing):
    """The repository answers, but has no such file."""


def _fetch(model: Model, file: File, remote: _Remote, root: Path, report: _Report) -> None:
    """Brings one file to its place in the snapshot."""
    blob = root / "blobs" / remote.etag
    blob.parent.mkdir(parents=True, exist_ok=True)
    if not blob.is_file():
        part = blob.with_name(f"{remote.etag}.trilayer")
        with _alone(part, model, file):
            have = part.stat().st_size if part.is_file() else 0
            free = shutil.disk_usage(blob.parent).free
            if free < remote.size - have:
                need = f"{(remote.size - have) / 1e9:.2f} GB more, {free / 1e9:.2f} GB are free"
                raise ModelMissing(f"{model.repo} does not fit on the disk of {root}: {file.path} needs {need}")
            with part.open("ab") as target:
                _receive(model, file, remote, target, report)
            _compare(model, file, remote, part, report)
            os.replace(part, blob)
    place = root / "snapshots" / model.revision / file.path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    try:
        place.symlink_to(os.path.relpath(blob, place.parent))
    except (OSError, NotImplementedError):  # Windows without the right to make links
        os.replace(blob, place)


def _receive(model: Model, file: File, remote: _Remote, target: BinaryIO, report: _Report) -> None:
    """Appends what is missing of the file; begins again where the connection broke."""
    idle = 0
    while (have := target.tell()) < remote.size:
        try:
            _append(remote, target, report)
            reason = "the connection was closed"
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"the hub answered {error.code}"
            if error.code == 416:  # it has other bytes than those that were begun
                _restart(target)
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            reason = _phrase(error)
        if target.tell() > remote.size:
            _restart(target)
            raise ModelMissing(f"{file.path} of {model.repo}: the hub sends more than it announced; fetch it again")
        idle = idle + 1 if target.tell() <= have else 0
        if idle == _ATTEMPTS:
            megabytes = f"{target.tell() / 1e6:.1f} of {remote.size / 1e6:.1f} MB"
            raise ModelMissing(
                f"{file.path} of {model.repo} stopped at {megabytes} ({reason}): fetch {model.name} again to go on"
            )


def _append(remote: _Remote, target: BinaryIO, report: _Report) -> None:
    have = target.tell()
    headers = {"Range": f"bytes={have}-"} if have else {}
    with _open("GET", remote.url, headers, _SILENCE, follow=True) as answer:
        if have and not (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
            _restart(target)  # the whole file comes
            have = 0
        while have <= remote.size and (chunk := answer.read(_CHUNK)):
            target.write(chunk)
            have += len(chunk)
            report.tell(min(have, remote.size))


def _restart(target: BinaryIO) -> None:
    target.seek(0)
    target.truncate()


def _compare(model: Model, file: File, remote: _Remote, part: Path, report: _Report) -> None:
    """Deletes `part` and raises ModelMissing unless it is what the list and the hub say it is."""
    large, small = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    small.update(b"blob %d\0" % remote.size)  # Git's
    with part.open("rb") as data:
        while chunk := data.read(8 * _CHUNK):
            large.update(chunk)
            small.update(chunk)
            report.tell(data.tell(), checking=True)
    digests = (large.hexdigest(), small.hexdigest())
    if remote.etag not in digests or (file.sha256 is not None and file.sha256 != digests[0]):
        part.unlink()
        raise ModelMissing(
            f"{file.path} of {model.repo} arrived with another SHA-256 than it must have and was deleted: "
            f"fetch {model.name} again"
        )


@contextmanager
def _alone(part: Path, model: Model, file: File) -> Iterator[None]:
    """Two processes that append to one file would ruin it: the second is told so."""
    with part.with_name(f"{part.name}.lock").open("w") as lock:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except OSError:
            raise ModelMissing(
                f"{file.path} of {model.repo} is being fetched by another program: wait for it"
            ) from None
        try:
            yield
        finally:
            part.with_name(f"{part.name}.lock").unlink(missing_ok=True)


# requests


def _ask(model: Model, file: File, seconds: float) -> _Remote:
    """-> what the hub says of one file, within `seconds`. Raises ModelMissing with a reason, or _Absent."""
    path = urllib.parse.quote(file.path)
    url = f"{endpoint()}/{model.repo}/resolve/{model.revision}/{path}"
    where = f"{file.path} of {model.repo} cannot be fetched"
    try:
        headers, code = _in_time(lambda: _head(url, seconds), seconds)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ModelMissing(
            f"{where}: {endpoint()} cannot be reached ({_phrase(error)}); look at the connection, proxies and "
            f"HF_ENDPOINT, {_by_hand(model)}"
        ) from None
    if code == 404 and headers.get("X-Error-Code") == "EntryNotFound":
        raise _Absent(f"{model.repo} has no {file.path}")
    if code in (401, 403, 404):
        raise ModelMissing(f"{where}: {endpoint()} says that it is gone, moved, or needs a login (answer {code})")
    if code >= 400:
        raise ModelMissing(f"{where}: {endpoint()} answered {code}; try again later")
    etag = (headers.get("X-Linked-ETag") or headers.get("ETag") or "").removeprefix("W/").strip('"')
    size = headers.get("X-Linked-Size") or headers.get("Content-Length") or ""
    if not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", etag) or not (size.isascii() and size.isdigit()):
        raise ModelMissing(f"{where}: {endpoint()} does not answer like a hub; look at HF_ENDPOINT and proxies")
    if headers.get("X-Repo-Commit", model.revision) != model.revision:
        raise ModelMissing(f"{where}: {endpoint()} has another revision than {model.revision[:12]}")
    if not _plausible(file, int(size)):
        raise ModelMissing(f"{where}: {file.path} has {size} bytes there, not {file.size or 'a few'}")
    return _Remote(url, etag, int(size))


def _plausible(file: File, size: int) -> bool:
    if not file.size:
        return size <= _SMALL
    return 0.98 * file.size <= size <= 1.02 * file.size if file.rounded else size == file.size


def _by_hand(model: Model) -> str:
    return f"or put its files in DIR/{model.name} and set TRILAYER_MODELS=DIR"


def _head(url: str, seconds: float) -> tuple[Message, int]:
    """-> headers and status. Large files are answered by a redirect, whose headers are the ones that count."""
    for _ in range(3):
        try:
            with _open("HEAD", url, {"Accept-Encoding": "identity"}, seconds, follow=False) as answer:
                return answer.headers, answer.status
        except urllib.error.HTTPError as error:
            error.close()
            target = urllib.parse.urljoin(url, error.headers.get("Location") or "")
            renamed = 300 <= error.code < 400 and urllib.parse.urlsplit(target)[:2] == urllib.parse.urlsplit(url)[:2]
            if not renamed or error.headers.get("X-Linked-ETag"):
                return error.headers, error.code
            url = target
    raise ModelMissing(f"{endpoint()} redirects in circles")


def _in_time(work: Callable[[], T], seconds: float) -> T:
    """-> what `work` returns, or raises what it raises or TimeoutError.

    It runs in a thread, since no timeout of a socket bounds the resolving of names.
    """
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if results:
        return results[0]
    raise errors[0] if errors else TimeoutError(f"no answer within {seconds:g} s")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        return None


def _open(method: str, url: str, headers: dict[str, str], seconds: float, follow: bool) -> Any:
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ModelMissing(f"HF_ENDPOINT must start with https://, not {url[:60]!r}")
    opener = urllib.request.build_opener(*([] if follow else [_NoRedirect()]))
    request = urllib.request.Request(url, method=method, headers={"User-Agent": "trilayer", **headers})  # noqa: S310
    return opener.open(request, timeout=seconds)


def _phrase(error: Exception) -> str:
    """A network error in a few words."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, TimeoutError):
        return str(inner) or "no answer"
    if isinstance(inner, ssl.SSLCertVerificationError):
        return "its certificate cannot be verified; SSL_CERT_FILE names a file of trusted ones (python -m certifi)"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner) or type(inner).__name__
