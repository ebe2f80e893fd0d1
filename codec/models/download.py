"""Downloading models from the Hugging Face Hub into its cache: pinned, resumable, verified.

We download with the standard library because huggingface_hub deletes partial files after an
interruption, and waits for minutes for an unresponsive Hub.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from codec.errors import Cancelled, ModelMissing
from codec.models import hub
from codec.models.catalog import Model, ModelFile
from codec.models.hub import RemoteFile

PROBE_SECONDS: Final = 2.0
_TIMEOUT_SECONDS: Final = 10.0  # without a byte, after which an attempt ends
_MAX_IDLE_ATTEMPTS: Final = 3  # consecutive attempts without a new byte
_CHUNK_BYTES: Final = 1 << 20
_REPORT_SECONDS: Final = 0.1  # between progress reports


@dataclass(frozen=True)
class DownloadProgress:
    """The progress of a model's download.

    file: path in the repository; done, total: bytes of this file; checking: the file is being verified
    model_done, model_total: bytes of the whole model; approximate while some sizes are unknown
    """

    file: str
    done: int
    total: int
    model_done: int
    model_total: int
    checking: bool = False


OnProgress = Callable[[DownloadProgress], bool | None]
"""Called in the downloading thread, at most ten times a second; returning False cancels the download."""


def probe(model: Model, timeout: float = PROBE_SECONDS) -> str:
    """Return "" if the Hub answers for this model within `timeout` seconds, else the reason.

    Sends one request. Unresolvable names, refused connections and unresponsive servers return in time.
    """
    try:
        hub.query_file(model, model.files[0], timeout)
    except ModelMissing as error:
        return str(error)
    return ""


def download(model: Model, on_progress: OnProgress | None = None, timeout: float = PROBE_SECONDS) -> Path:
    """Download the missing files of `model` into the Hub's cache; return the folder of its snapshot.

    Partial files are resumed. Each new file is verified against its SHA-256, the catalog's or else the
    Hub's, before it is put in place.

    Raises ModelMissing, whose message names repository, file and remedy, within about `timeout` seconds
    if the Hub does not answer at all. Raises Cancelled if `on_progress` returned False; the downloaded
    bytes are kept.
    """
    if hub.is_offline():
        raise ModelMissing(
            f"{model.repo} cannot be fetched: HF_HUB_OFFLINE forbids network access; unset it, "
            f"{hub.manual_remedy(model)}"
        )
    snapshot = hub.snapshot_dir(model)
    missing = [file for file in model.files if not (snapshot / file.path).is_file()]
    reporter = _ProgressReporter(model, on_progress, sum(file.size for file in model.files if file not in missing))
    for number, file in enumerate(missing):
        try:
            remote = hub.query_file(model, file, timeout if number == 0 else _TIMEOUT_SECONDS)
        except hub.FileNotInRepository:
            if file.optional:
                continue
            raise ModelMissing(f"{model.repo} has no {file.path} at revision {model.revision[:12]}") from None
        reporter.begin_file(file, remote.size)
        transfer = _Transfer(model, file, remote, reporter)
        try:
            transfer.run()
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            raise ModelMissing(f"{file.path} of {model.repo} cannot be stored in {transfer.root} ({reason})") from None
    return snapshot


class _ProgressReporter:
    """Reports the progress of one model's download, at intervals of `_REPORT_SECONDS`."""

    def __init__(self, model: Model, on_progress: OnProgress | None, done: int) -> None:
        self.model = model
        self.on_progress = on_progress
        self.completed_bytes = done  # of all files before the current one
        self.total_bytes = model.total_bytes
        self.file = ""
        self.file_bytes = 0
        self.reported_at = 0.0

    def begin_file(self, file: ModelFile, size: int) -> None:
        self.completed_bytes += self.file_bytes
        self.total_bytes += size - file.size
        self.file, self.file_bytes = file.path, size

    def report(self, count: int, checking: bool = False) -> None:
        """Report that `count` bytes of the file are done. Raises Cancelled if the caller wants to stop."""
        now = time.monotonic()
        is_too_soon = count < self.file_bytes and now < self.reported_at + _REPORT_SECONDS
        if self.on_progress is None or is_too_soon:
            return
        self.reported_at = now
        progress = DownloadProgress(
            self.file, count, self.file_bytes, self.completed_bytes + count, self.total_bytes, checking
        )
        if self.on_progress(progress) is False:
            raise Cancelled(f"the fetch of {self.model.name} was stopped; the next one continues it")


@dataclass(frozen=True)
class _Transfer:
    """The download of one file: partial file -> verified blob -> link in the snapshot."""

    model: Model
    file: ModelFile
    remote: RemoteFile
    reporter: _ProgressReporter

    @property
    def root(self) -> Path:
        return hub.repository_dir(self.model)

    @property
    def name(self) -> str:
        return f"{self.file.path} of {self.model.repo}"

    def run(self) -> None:
        """Put the file into the snapshot. Raises ModelMissing, Cancelled and OSError."""
        blob = self.root / "blobs" / self.remote.etag
        blob.parent.mkdir(parents=True, exist_ok=True)
        if not blob.is_file():
            part = blob.with_name(f"{self.remote.etag}.trilayer")
            with self._lock(part):
                self._check_disk_space(part)
                with part.open("ab") as target:
                    self._receive(target)
                self._verify(part)
                os.replace(part, blob)
        self._link(blob)

    @contextmanager
    def _lock(self, part: Path) -> Iterator[None]:
        """Lock the partial file. Raises ModelMissing if another process holds the lock."""
        path = part.with_name(f"{part.name}.lock")
        with path.open("w") as lock:
            try:
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:  # Windows
                pass
            except OSError:
                raise ModelMissing(f"{self.name} is being fetched by another program: wait for it") from None
            try:
                yield
            finally:
                path.unlink(missing_ok=True)

    def _check_disk_space(self, part: Path) -> None:
        missing_bytes = self.remote.size - (part.stat().st_size if part.is_file() else 0)
        free_bytes = shutil.disk_usage(part.parent).free
        if free_bytes < missing_bytes:
            need = f"{missing_bytes / 1e9:.2f} GB more, {free_bytes / 1e9:.2f} GB are free"
            raise ModelMissing(
                f"{self.model.repo} does not fit on the disk of {self.root}: {self.file.path} needs {need}"
            )

    def _receive(self, target: BinaryIO) -> None:
        """Append the missing bytes to `target`; reconnect after each interruption.

        Raises ModelMissing after `_MAX_IDLE_ATTEMPTS` attempts in a row without a new byte.
        """
        idle_attempts = 0
        while (position := target.tell()) < self.remote.size:
            try:
                self._append(target)
                reason = "the connection was closed"
            except urllib.error.HTTPError as error:
                error.close()
                reason = f"the Hub answered {error.code}"
                if error.code == 416:  # range not satisfiable: the partial file is of another version
                    _truncate(target)
            except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
                reason = hub.describe_error(error)
            if target.tell() > self.remote.size:
                _truncate(target)
                raise ModelMissing(f"{self.name}: the Hub sends more than it announced; fetch it again")
            idle_attempts = idle_attempts + 1 if target.tell() <= position else 0
            if idle_attempts == _MAX_IDLE_ATTEMPTS:
                megabytes = f"{target.tell() / 1e6:.1f} of {self.remote.size / 1e6:.1f} MB"
                raise ModelMissing(
                    f"{self.name} stopped at {megabytes} ({reason}): fetch {self.model.name} again to continue"
                )

    def _append(self, target: BinaryIO) -> None:
        """Append the bytes of one response to `target`."""
        position = target.tell()
        headers = {"Range": f"bytes={position}-"} if position else {}
        with hub.open_url("GET", self.remote.url, headers, _TIMEOUT_SECONDS, follow_redirects=True) as response:
            content_range = response.headers.get("Content-Range") or ""
            if position and not content_range.startswith(f"bytes {position}-"):  # the server ignored the range
                _truncate(target)
                position = 0
            while position <= self.remote.size and (chunk := response.read(_CHUNK_BYTES)):
                target.write(chunk)
                position += len(chunk)
                self.reporter.report(min(position, self.remote.size))

    def _verify(self, part: Path) -> None:
        """Compare the file with the Hub's hash and the catalog's. Deletes it and raises ModelMissing if it differs."""
        sha256, git_sha1 = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
        git_sha1.update(b"blob %d\0" % self.remote.size)  # Git hashes a blob with this header
        with part.open("rb") as data:
            while chunk := data.read(8 * _CHUNK_BYTES):
                sha256.update(chunk)
                git_sha1.update(chunk)
                self.reporter.report(data.tell(), checking=True)
        is_as_announced = self.remote.etag in (sha256.hexdigest(), git_sha1.hexdigest())
        is_as_listed = self.file.sha256 in (None, sha256.hexdigest())
        if not (is_as_announced and is_as_listed):
            part.unlink()
            raise ModelMissing(f"{self.name} has the wrong SHA-256 and was deleted: fetch {self.model.name} again")

    def _link(self, blob: Path) -> None:
        path = hub.snapshot_dir(self.model) / self.file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        try:
            path.symlink_to(os.path.relpath(blob, path.parent))
        except (OSError, NotImplementedError):  # Windows without the privilege to create links
            os.replace(blob, path)


def _truncate(target: BinaryIO) -> None:
    target.seek(0)
    target.truncate()
