"""Download models from the Hugging Face Hub into its cache: pinned, resumable, verified.

We download with the standard library because huggingface_hub deletes partial files after an
interruption, and waits for minutes for an unresponsive Hub.
"""

from __future__ import annotations

import contextlib
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

QUERY_SECONDS: Final = 10.0  # for the Hub to answer a query about a file
_QUERY_ATTEMPTS: Final = 3
_RETRY_SECONDS: Final = 1.0  # before another attempt
_TIMEOUT_SECONDS: Final = 10.0  # without a byte until an attempt ends
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
"""Called in the downloading thread, at most ten times per second; returning False cancels the download."""


def download(
    model: Model,
    on_progress: OnProgress | None = None,
    timeout: float = QUERY_SECONDS,
    full_precision: bool = False,
) -> Path:
    """Download the missing files of `model` into the Hub's cache; return the folder of its snapshot.

    Half-precision weights are preferred, unless `full_precision`.

    Partial files are resumed. Each new file is verified against the SHA-256 of the catalog, or else of the Hub,
    before it is moved into place.

    Raises ModelMissing, whose message names repository, file and remedy; if the Hub does not answer, that happens
    after three attempts of `timeout` seconds. Raises Cancelled if `on_progress` returned False; the downloaded
    bytes are kept.
    """
    if hub.is_offline():
        raise ModelMissing(
            f"{model.repo} cannot be fetched: HF_HUB_OFFLINE forbids network access; unset it, "
            f"{hub.manual_remedy(model)}"
        )
    snapshot = hub.snapshot_dir(model)
    missing, done = [], 0
    for file in model.files:
        choices = [file] if full_precision or file.fp16 is None else [file.fp16, file]
        present = next((choice for choice in choices if (snapshot / choice.path).is_file()), None)
        if present is None:
            missing.append(choices)
        done += present.size if present else 0
    total = done + sum(choices[0].size for choices in missing)
    reporter = _ProgressReporter(model, on_progress, done, total)
    for choices in missing:
        available = _query_first(model, choices, timeout)
        if available is None:  # optional
            continue
        file, remote = available
        reporter.begin_file(file, remote.size - choices[0].size, remote.size)
        transfer = _Transfer(model, file, remote, reporter)
        try:
            transfer.run()
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            raise ModelMissing(f"{file.path} of {model.repo} cannot be stored in {transfer.root} ({reason})") from None
    return snapshot


def _query_first(model: Model, choices: list[ModelFile], timeout: float) -> tuple[ModelFile, RemoteFile] | None:
    """Return the first of the files that exists in the repository; None if there is none and the file is optional."""
    for file in choices:
        with contextlib.suppress(hub.FileNotInRepository):
            return file, _query_file(model, file, timeout)
    if choices[-1].optional:
        return None
    raise ModelMissing(f"{model.repo} has no {choices[-1].path} at revision {model.revision[:12]}")


def _query_file(model: Model, file: ModelFile, timeout: float) -> RemoteFile:
    """Query the Hub about a file; try again if it does not answer."""
    for _ in range(_QUERY_ATTEMPTS - 1):
        try:
            return hub.query_file(model, file, timeout)
        except hub.HubUnreachable:
            time.sleep(_RETRY_SECONDS)
    return hub.query_file(model, file, timeout)


class _ProgressReporter:
    """Reports the progress of one model's download, at intervals of `_REPORT_SECONDS`."""

    def __init__(self, model: Model, on_progress: OnProgress | None, done: int, total: int) -> None:
        self.model = model
        self.on_progress = on_progress
        self.completed_bytes = done  # of all files before the current one
        self.total_bytes = total
        self.file = ""
        self.file_bytes = 0
        self.reported_at = 0.0

    def begin_file(self, file: ModelFile, correction: int, size: int) -> None:
        """Begin a file of `size` bytes. `correction`: its size minus the size that the total includes for it."""
        self.completed_bytes += self.file_bytes
        self.total_bytes += correction
        self.file, self.file_bytes = file.path, size

    def report(self, count: int, checking: bool = False) -> None:
        """Report that `count` bytes of the file are done. Raises Cancelled if the callback returns False."""
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
        blobs = self.root / "blobs"
        blobs.mkdir(parents=True, exist_ok=True)
        digest = self.file.sha256 or self.remote.etag  # the name of the finished file, if known in advance
        blob = blobs / digest
        if not digest or not blob.is_file():
            part = blobs / f"{digest or hashlib.sha256(self.remote.url.encode()).hexdigest()}.trilayer"
            with self._lock(part):
                self._check_disk_space(part)
                with part.open("ab") as target:
                    self._receive(target)
                blob = blobs / self._verify(part)
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
        with hub.open_url("GET", self.remote.url, headers, _TIMEOUT_SECONDS) as response:
            content_range = response.headers.get("Content-Range") or ""
            if position and not content_range.startswith(f"bytes {position}-"):  # the server ignored the range
                _truncate(target)
                position = 0
            while position <= self.remote.size and (chunk := response.read(_CHUNK_BYTES)):
                target.write(chunk)
                position += len(chunk)
                self.reporter.report(min(position, self.remote.size))

    def _verify(self, part: Path) -> str:
        """Compare the file with the catalog's digest, or else the server's; return the name of its blob.

        Deletes it and raises ModelMissing if it differs.
        """
        digests = {name: hashlib.new(name, usedforsecurity=False) for name in ("sha256", "sha1", "md5")}
        git_sha1 = hashlib.sha1(b"blob %d\0" % self.remote.size, usedforsecurity=False)  # Git's header of a blob
        with part.open("rb") as data:
            while chunk := data.read(8 * _CHUNK_BYTES):
                for digest in (*digests.values(), git_sha1):
                    digest.update(chunk)
                self.reporter.report(data.tell(), checking=True)
        known = {digest.hexdigest() for digest in (*digests.values(), git_sha1)}
        if (self.file.sha256 or self.remote.etag or git_sha1.hexdigest()) not in known:
            part.unlink()
            raise ModelMissing(f"{self.name} has the wrong SHA-256 and was deleted: fetch {self.model.name} again")
        sha256 = digests["sha256"].hexdigest()
        return sha256 if sha256 in (self.file.sha256, self.remote.etag) else git_sha1.hexdigest()

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
