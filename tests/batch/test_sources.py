"""Sources of every kind, local and at remote addresses: names, captions, content, errors, and that listing is lazy."""

from __future__ import annotations

import io
import itertools
import json
import random
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

import codec.encoder.extract
from codec import CodecError, EncodeOptions
from codec.batch import archive, storage, unique_names
from codec.batch.archive_run import fill_archive
from codec.batch.entries import close_files
from codec.batch.find_files import PICTURE_SUFFIXES
from codec.batch.sources import Source, is_source
from codec.batch.storage import Remote, StorageError, place
from codec.batch.tasks import DecodeTask, EncodeTask
from codec.cli.main import main
from codec.images.io import encode_png, load
from tests import canned, samples
from tests.pictures import disc

pa = pytest.importorskip("pyarrow")
fsspec = pytest.importorskip("fsspec")
parquet = pytest.importorskip("pyarrow.parquet")
PICTURES = [encode_png(disc(number, 32)) for number in range(3)]
TASK = EncodeTask(EncodeOptions(budget=400))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The canned encoder, no pauses between tries, and an empty memory:// afterwards."""
    monkeypatch.setattr(codec.encoder.extract, "extract", canned.extract)
    monkeypatch.setattr(storage, "PAUSES", (0.0, 0.0))
    yield
    close_files()
    fsspec.filesystem("memory").store.clear()
    fsspec.filesystem("memory").pseudo_dirs[:] = [""]


def make_tar(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return file.getvalue()


def make_parquet(columns: dict[str, list], **options: int) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file, **options)
    return file.getvalue()


WEB_DATASET = make_tar(
    {
        "a/0.png": PICTURES[0],
        "a/0.txt": b"a red car\n",
        "a/1.json": json.dumps({"caption": "a cat"}).encode(),
        "a/1.png": PICTURES[1],
        "a/2.png": PICTURES[2],
        "a/3.cls": b"7",
        "a/.hidden.png": b"",
    }
)
HF_ROWS = {
    "image": [{"bytes": data, "path": f"{number}.png"} for number, data in enumerate(PICTURES)],
    "label": [1, 2, 3],
    "text": ["a red car", "a cat", None],
}
PLAIN_ROWS = {"jpg": PICTURES, "caption": ["a red car", "a cat", None]}
CAPTIONS = ["a red car", "a cat", None]


def put(where: str, tmp_path: Path, name: str, data: bytes) -> str:
    """Write a file and return its address."""
    if where == "path":
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)
    if where == "file":
        return (put("path", tmp_path, name, data) and (tmp_path / name)).as_uri()
    fsspec.filesystem("memory").pipe_file(f"/bucket/{name}", data)
    return f"memory://bucket/{name}"


def make_source(kind: str, where: str, tmp_path: Path) -> tuple[str, list[str]]:
    """Return the address of a source that holds `PICTURES` with `CAPTIONS`, and the expected names."""
    if kind == "tar":
        return put(where, tmp_path, "in/s.tar", WEB_DATASET), ["a/0.png", "a/1.png", "a/2.png"]
    if kind == "tars":
        first = put(where, tmp_path, "in/s-000.tar", WEB_DATASET)
        return first.replace("000", "{000..000}"), [f"s-000/a/{number}.png" for number in range(3)]
    if kind == "parquet":
        return put(where, tmp_path, "in/p.parquet", make_parquet(PLAIN_ROWS)), [f"p-0000000{n}" for n in range(3)]
    if kind == "hugging face":
        data = make_parquet(HF_ROWS, row_group_size=2)
        return put(where, tmp_path, "in/train-0.parquet", data), ["0.png", "1.png", "2.png"]
    for number, data in enumerate(PICTURES):
        address = put(where, tmp_path, f"in/deep/{number}.png", data)
    base = address.rpartition("/deep/")[0]
    if kind == "list":
        lines = "# comment\ndeep/0.png\ta red car\n\ndeep/1.png\ta cat\ndeep/2.png\ndeep/2.png\n"
        return put(where, tmp_path, "in/all.txt", lines.encode()), [f"deep/{number}.png" for number in range(3)]
    if kind == "pattern":
        return f"{base}/**/*.png", [f"deep/{number}.png" for number in range(3)]
    put(where, tmp_path, "in/captions.tsv", b"deep/0.png\ta red car\ndeep/1.png\ta cat\n")
    return base, [f"deep/{number}.png" for number in range(3)]


KINDS = ["folder", "pattern", "list", "tar", "tars", "parquet", "hugging face"]


@pytest.mark.parametrize(("kind", "where"), [*itertools.product(KINDS, ["path", "file", "memory"])])
def test_every_source_gives_names_captions_and_content(tmp_path, kind, where):
    address, names = make_source(kind, where, tmp_path)
    assert is_source(address) or where == "file"  # a local folder's address
    entries = list(Source(address, PICTURE_SUFFIXES).entries())
    assert [entry.name for entry in entries] == names
    assert [entry.read() for entry in entries] == PICTURES
    assert [entries[index].read() for index in (2, 0, 1)] == [PICTURES[2], PICTURES[0], PICTURES[1]]
    if kind != "pattern":
        assert [entry.caption for entry in entries] == CAPTIONS


@pytest.mark.parametrize(("kind", "target"), [*itertools.product(KINDS, ["path", "memory"])])
def test_every_source_fills_an_archive_that_is_decoded_to_another(tmp_path, kind, target):
    address, names = make_source(kind, "memory", tmp_path)
    encoded = f"{tmp_path if target == 'path' else 'memory://bucket'}/a.parquet"
    for _ in range(2):  # the second run finds everything done
        assert fill_archive(TASK, address, encoded) == (3, 0)
    rows = list(archive.scan(place(encoded), ["path", "prompt", "tril"]))
    assert sorted(row["path"] for row in rows) == names
    assert archive.read_entry(place(encoded), names[0]) == next(row["tril"] for row in rows if row["path"] == names[0])
    painted = f"{tmp_path if target == 'path' else 'memory://bucket'}/p.parquet"
    assert fill_archive(DecodeTask("painter-preview"), encoded, painted) == (3, 0)
    for row in archive.scan(place(painted), ["path", "image", "width", "error"]):
        assert row["error"] == "" and load(row["image"]["bytes"]).pixels.shape == (32, row["width"], 3)
    again = [entry.name for entry in Source(painted, PICTURE_SUFFIXES).entries()]  # is itself a source
    assert sorted(name.rpartition("/")[2] for name in again) == [name.rpartition("/")[2] for name in names]


def test_tars_and_lists_are_decoded_to_a_folder(tmp_path, capsys):
    tril = samples.example().to_bytes()
    tar = put("path", tmp_path, "in/t.tar", make_tar({"x/a.tril": tril, "../b.tril": tril, "c.txt": b""}))
    names = put("path", tmp_path, "in/t.txt", b"one.tril\n")
    put("path", tmp_path, "in/one.tril", tril)
    for source, expected in ((tar, ["b.tril.png", "x/a.tril.png"]), (names, ["one.tril.png"])):
        out = tmp_path / f"out{len(expected)}"
        for _ in range(2):
            assert main(["decode", source, "-o", str(out), "--decoder", "painter-preview", "--jobs", "1"]) == 0
        assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png")) == expected


def test_single_remote_files_and_entries_are_read(tmp_path, capsys):
    picture = put("memory", tmp_path, "one.png", PICTURES[0])
    assert main(["encode", picture, "-o", str(tmp_path / "one.tril"), "--budget", "400"]) == 0
    remote = put("memory", tmp_path, "one.tril", (tmp_path / "one.tril").read_bytes())
    assert main(["inspect", remote]) == 0
    put("memory", tmp_path, "in/a.png", PICTURES[0])
    assert main(["encode", "memory://bucket/in", "-o", "memory://bucket/a.parquet", "--jobs", "1"]) == 0
    assert main(["inspect", "memory://bucket/a.parquet#a.png"]) == 0
    assert main(["inspect", "memory://bucket/a.parquet"]) == 0
    capsys.readouterr()
    assert main(["encode", "memory://bucket/in", "-o", "memory://bucket/out", "--jobs", "1"]) == 1
    assert capsys.readouterr().err.endswith("a remote output is an archive: -o memory://bucket/out.parquet\n")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.tar", b"no tar", "x.tar is not a tar"),
        ("x.tar", WEB_DATASET[:700], "there is no .png|x.tar is not a tar"),
        ("x.parquet", b"PAR1 nothing PAR1", "x.parquet is not an archive"),
        ("x.parquet", make_parquet({"label": [1]}), "x.parquet has no picture column"),
        ("x.txt", b"\xff\xfe\xff", "is not"),
        ("x.txt", b"", "there is no .png"),
        ("x.txt", b"a" * 70_000, "is not a list of files"),
    ],
)
def test_sources_that_cannot_be_used_are_one_clear_error(tmp_path, name, data, message):
    with pytest.raises(CodecError, match=message) as caught:
        fill_archive(TASK, put("path", tmp_path, name, data), str(tmp_path / "a.parquet"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", range(100))
def test_damaged_containers_never_crash(tmp_path, seed):
    """Bytes are changed or cut anywhere: there are entries, or one of our errors, never another exception."""
    rng = random.Random(seed)
    name, data = rng.choice([("x.tar", WEB_DATASET), ("x.parquet", make_parquet(HF_ROWS))])
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    source = put("path", tmp_path, name, bytes(damaged[: rng.choice([len(data), rng.randrange(len(data))])]))
    try:
        for entry in Source(source, PICTURE_SUFFIXES).entries():
            try:
                entry.read()
            except (CodecError, OSError):
                close_files()
    except CodecError as error:
        assert "\n" not in str(error)


def test_missing_pictures_of_a_list_are_rows_with_an_error(tmp_path):
    source = put("path", tmp_path, "in/all.txt", b"gone.png\nmemory://bucket/gone.png\nhere.png\n")
    put("path", tmp_path, "in/here.png", PICTURES[0])
    assert fill_archive(TASK, source, str(tmp_path / "a.parquet")) == (1, 2)
    errors = {row["path"]: row["error"] for row in archive.scan(tmp_path / "a.parquet", ["path", "error"])}
    assert errors["here.png"] == "" and errors["gone.png"] and errors["bucket/gone.png"]


class Denied(Exception):
    """Like an error of a cloud's library."""


@pytest.mark.parametrize(
    ("error", "tries", "message"),
    [
        (Denied("An error occurred (403): Forbidden"), 1, "memory://bucket/in: access denied: .*Forbidden"),
        (PermissionError(13, "Permission denied"), 1, "access denied"),
        (OSError("Connection reset"), 3, "no answer after 3 tries: Connection reset; run again to go on"),
    ],
)
def test_a_bucket_that_denies_or_fails_is_one_line_after_few_tries(tmp_path, monkeypatch, error, tries, message):
    calls = []

    def fail(self, *given, **more):
        calls.append(given)
        raise error

    address, _ = make_source("folder", "memory", tmp_path)
    monkeypatch.setattr(type(fsspec.filesystem("memory")), "cat_file", fail)
    with pytest.raises(StorageError, match=message.replace("bucket/in:", "bucket/in/captions.tsv:")):
        fill_archive(TASK, address, str(tmp_path / "a.parquet"))
    assert len(calls) == tries


def test_a_bucket_that_stalls_is_given_up(monkeypatch):
    import threading

    monkeypatch.setattr(storage, "TIMEOUT", 0.01)
    forever = threading.Event()
    with pytest.raises(StorageError, match=r"memory://x: no answer after 3 tries: no answer within 0.01 s"):
        storage.attempt(Remote("memory://x"), lambda fs, path: forever.wait())
    forever.set()


def test_a_bucket_that_denies_while_pictures_are_read_ends_the_run_and_a_later_one_goes_on(tmp_path, monkeypatch):
    source, _ = make_source("list", "memory", tmp_path)
    read = type(fsspec.filesystem("memory")).cat_file

    def deny(self, path, **more):
        if path.endswith("1.png"):
            raise PermissionError("denied")
        return read(self, path, **more)

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "cat_file", deny)
    target = tmp_path / "a.parquet"
    with pytest.raises(StorageError, match=r"1.png: access denied"):
        fill_archive(TASK, source, target)
    assert [row["path"] for row in archive.scan(target, ["path"])] == ["deep/0.png"]
    monkeypatch.undo()
    monkeypatch.setattr(codec.encoder.extract, "extract", canned.extract)
    assert fill_archive(TASK, source, target) == (3, 0)


@pytest.mark.parametrize("address", ["nosuch://x/y.tar", "s3:/", "gs://", "http://127.0.0.1:9/x.tar"])
def test_addresses_of_no_use_are_one_line(tmp_path, address, capsys):
    assert main(["encode", address, "-o", str(tmp_path / "a.parquet"), "--jobs", "1"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_listing_is_lazy(tmp_path):
    """The first entry of a long list comes before its end is read, which is damaged here."""
    source = put(
        "path", tmp_path, "long.txt", b"a.png\n" * 1 + b"".join(b"%d.png\n" % n for n in range(99_999)) + b"\xff\xff"
    )
    entries = Source(source, PICTURE_SUFFIXES).entries()
    assert next(entries).name == "a.png"
    with pytest.raises(CodecError):
        list(entries)


@pytest.mark.parametrize("kind", [FileNotFoundError, PermissionError, OSError, ValueError])
@pytest.mark.parametrize("secret", ["hunter2", "p%40ss%2Fword", "hf_abcdef"])
def test_logins_of_addresses_are_in_no_message(monkeypatch, kind, secret):
    monkeypatch.setenv("HF_ENDPOINT", f"https://me:{secret}@mirror.example")
    monkeypatch.setenv("HF_TOKEN", secret)
    where = place(f"https://me:{secret}@host.example/a.png")

    def fail(_fs, _path):
        raise kind(f"401 for https://me:{secret}@host.example/a.png with {secret}")

    monkeypatch.setattr(storage, "_file_system", lambda address: (None, address))
    with pytest.raises((StorageError, FileNotFoundError)) as error:
        storage.attempt(where, fail)
    assert "host.example/a.png" in str(error.value)
    for text in (str(error.value), repr(error.value), str(where), repr(where), Source(where.address, ()).key):
        assert secret not in text


def test_logins_of_a_list_are_not_in_the_names_of_entries(tmp_path):
    (tmp_path / "list.txt").write_text("https://me:hunter2@host.example/a.png\n")
    (entry,) = Source(str(tmp_path / "list.txt"), PICTURE_SUFFIXES).entries()
    assert entry.name == "host.example/a.png" and "hunter2" not in repr(entry)


def test_names_that_come_twice_are_found_in_bounded_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(unique_names, "_CACHE_KIB", 64)  # so that most of them are in the temporary file
    names = unique_names.UniqueNames()
    assert all(names.add(f"{number}.png") for number in range(20_000))
    assert not any(names.add(f"{number}.png") for number in range(0, 20_000, 100)) and names.add("new.png")
    twice = put("path", tmp_path, "t.parquet", make_parquet({"image": PICTURES, "path": ["a.png", "b.png", "a.png"]}))
    assert [entry.name for entry in Source(twice, PICTURE_SUFFIXES).entries()] == ["a.png", "b.png", "a.png~2"]


@pytest.mark.parametrize(
    ("start", "size", "expected"), [(0, -1, b"0123456789"), (3, 4, b"3456"), (8, 99, b"89"), (4, -1, b"456789")]
)
def test_ranges_are_read_through_pyarrow(tmp_path, monkeypatch, start, size, expected):
    """As of s3:// and gs:// where s3fs and gcsfs are missing."""
    from pyarrow import fs

    (tmp_path / "x").write_bytes(b"0123456789")
    monkeypatch.setattr(fs, "FileSystem", SimpleNamespace(from_uri=lambda uri: (fs.LocalFileSystem(), "")))
    arrow = storage._arrow_file_system("s3", "bucket", "no s3fs")
    monkeypatch.setattr(storage, "_file_system", lambda address: (arrow, str(tmp_path / "x")))
    assert storage.read(Remote("s3://bucket/x"), start, size) == expected
