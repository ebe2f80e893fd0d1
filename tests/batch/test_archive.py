"""Parquet archives: rows, parts, continued runs, queries, entries as files. The encoder is `tests.canned`."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

import codec.encoder.extract
from codec import CodecError, EncodeOptions, Layers
from codec.batch import archive, archive_run
from codec.batch.archive_query import parse_condition, summarize_archive
from codec.batch.archive_run import ArchiveTask, fill_archive
from codec.batch.entries import Entry
from codec.batch.folders import process_folder
from codec.batch.tasks import DecodeTask, EncodeTask
from codec.cli.main import main
from codec.images.io import encode_png, load
from tests import canned
from tests.pictures import disc

pytest.importorskip("pyarrow")
TASK = EncodeTask(EncodeOptions(budget=400, seed=5, negative="blur"))
PICTURES = [encode_png(disc(number, 32)) for number in range(3)]


@pytest.fixture(autouse=True)
def canned_encoder(monkeypatch):
    monkeypatch.setattr(codec.encoder.extract, "extract", canned.extract)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = tmp_path / "in"
    (out / "sub").mkdir(parents=True)
    for number in range(9):
        (out / f"{number}.png").write_bytes(PICTURES[number % 3])
    (out / "sub" / "ä.png").write_bytes(PICTURES[0])
    (out / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (out / "captions.tsv").write_text("1.png\ta red car\n2.png\tit's a Red Cart\n3.png\ta cat\n")
    return out


def rows_of(target: Path) -> dict[str, archive.Row]:
    rows = list(archive.scan(target, archive.schema().names))
    assert len({row["path"] for row in rows}) == len(rows), "no path stands twice"
    return {row["path"]: row for row in rows}


def test_rows_hold_the_files_and_what_is_known_of_them(folder, tmp_path):
    target = tmp_path / "a.parquet"
    assert fill_archive(TASK, folder, target) == (10, 1)
    rows = rows_of(target)
    assert len(rows) == 11
    row = rows["1.png"]
    layers = Layers.from_bytes(row["tril"])
    assert (layers.semantic.text, row["prompt"], row["negative"], row["seed"]) == ("a red car", "a red car", "blur", 5)
    assert row["sha256"] == hashlib.sha256(PICTURES[1]).hexdigest() and (row["width"], row["height"]) == (32, 32)
    assert row["bytes"] == len(row["tril"]) == sum(row[name] for name in archive.LAYER_COLUMNS)
    assert rows["broken.jpg"]["error"] and rows["broken.jpg"]["tril"] is None
    assert rows["sub/ä.png"]["error"] == ""


def test_other_programs_open_the_folder_of_parts_as_it_is(folder, tmp_path):
    pandas = pytest.importorskip("pandas")
    target = tmp_path / "a.parquet"
    fill_archive(TASK, folder, target)
    (target / ".left.over.part").write_bytes(b"half")
    table = pandas.read_parquet(target)
    assert len(table) == 11 and Layers.from_bytes(table[table.path == "3.png"].tril.item()).semantic.text == "a cat"


def test_a_second_run_does_what_is_new_failed_or_changed_and_nothing_twice(folder, tmp_path):
    target = tmp_path / "a.parquet"
    fill_archive(TASK, folder, target)
    parts = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    (folder / "broken.jpg").unlink()
    assert fill_archive(TASK, folder, target) == (10, 0)
    assert {path: path.stat().st_mtime_ns for path in target.iterdir()} == parts

    (folder / "broken.jpg").write_bytes(PICTURES[0])
    (folder / "new.png").write_bytes(PICTURES[1])
    (folder / "captions.tsv").write_text("1.png\ta blue car\n2.png\tit's a Red Cart\n3.png\ta cat\n")
    before = rows_of(target)
    assert fill_archive(TASK, folder, target) == (12, 0)
    after = rows_of(target)
    assert after["1.png"]["prompt"] == "a blue car" and after["broken.jpg"]["error"] == "" and "new.png" in after
    same = set(before) - {"1.png", "broken.jpg"}
    assert all(before[name] == after[name] for name in same)  # seconds, too: they were not made anew


@pytest.mark.parametrize("stop_after", range(0, 11, 2))
def test_a_run_that_is_killed_goes_on_with_nothing_lost_or_doubled(folder, tmp_path, monkeypatch, stop_after):
    target = tmp_path / "a.parquet"
    encoded = []

    class Killed(BaseException):
        pass

    def extract(source, options, **more):
        if len(encoded) == stop_after:
            raise Killed
        encoded.append(source)
        return canned.extract(source, options, **more)

    monkeypatch.setattr(codec.encoder.extract, "extract", extract)
    with pytest.raises(Killed):
        fill_archive(TASK, folder, target)
    kept = set(rows_of(target))
    monkeypatch.setattr(codec.encoder.extract, "extract", canned.extract)
    assert fill_archive(TASK, folder, target) == (10, 1)
    assert len(rows_of(target)) == 11 and kept <= set(rows_of(target))


def test_doubles_of_a_run_killed_before_it_removed_them_are_removed(folder, tmp_path, monkeypatch):
    target = tmp_path / "a.parquet"
    fill_archive(TASK, folder, target)
    (folder / "captions.tsv").write_text("1.png\ta blue car\n")
    monkeypatch.setattr(archive, "remove_rows", lambda *given: None)
    fill_archive(TASK, folder, target)
    monkeypatch.undo()
    monkeypatch.setattr(codec.encoder.extract, "extract", canned.extract)
    assert archive.read_entry(target, "1.png") == archive.read_entry(target, "1.png")
    fill_archive(TASK, folder, target)
    assert rows_of(target)["1.png"]["prompt"] == "a blue car" and len(rows_of(target)) == 11


def test_first_blocks_are_small_and_tasks_are_drawn_as_needed(folder, tmp_path):
    drawn = []

    def items():
        for number in range(10_000):
            drawn.append(number)
            yield archive_run.ArchiveItem(Entry(str(number), folder / "1.png"))

    blocks = archive_run._make_blocks(items())
    assert len(next(blocks)) == 1 and len(drawn) == 1
    sizes = [len(block) for block in blocks]
    assert max(sizes) == 64 and sum(sizes) == 9_999


def test_a_full_disk_is_one_clear_error_and_finished_parts_stay(folder, tmp_path, monkeypatch):
    target = tmp_path / "a.parquet"
    write = archive.write_part

    def fill(folder, *given):
        if len(list(folder.iterdir())) == 2:
            raise OSError(28, "No space left on device")
        write(folder, *given)

    monkeypatch.setattr(archive, "write_part", fill)
    with pytest.raises(CodecError, match=r"a.parquet cannot be written: No space left on device; run again to go on"):
        fill_archive(TASK, folder, target)
    kept = rows_of(target)
    monkeypatch.setattr(archive, "write_part", write)
    fill_archive(TASK, folder, target)
    assert len(kept) == 3 and all(rows_of(target)[name] == row for name, row in kept.items())


@pytest.mark.parametrize(
    ("condition", "paths"),
    [
        ("prompt contains 'red car'", {"1.png", "2.png"}),
        ("prompt CONTAINS 'it''s' AND width = 32", {"2.png"}),
        ("prompt = 'a cat'", {"3.png"}),
        ("error != ''", {"broken.jpg"}),
        ("tril is null", {"broken.jpg"}),
        ("bytes > 100000", set()),
        ("path = 'sub/ä.png' and seed = 5 and seconds < 1000.5", {"sub/ä.png"}),
    ],
)
def test_conditions(folder, tmp_path, condition, paths):
    target = tmp_path / "a.parquet"
    fill_archive(TASK, folder, target)
    assert {row["path"] for row in archive.scan(target, ["path"], parse_condition(condition))} == paths


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("", "cannot be read at ''"),
        ("prompt", "cannot be read"),
        ("nothing = 1", "no column nothing; there are path, sha256"),
        ("prompt = 5", "a text in single quotes"),
        ("bytes = 'x'", "a number"),
        ("bytes contains 5", "contains is for texts"),
        ("bytes = 5 or bytes = 6", "join conditions with and"),
        ("__import__('os') = 1", "cannot be read"),
        ("prompt = 'open", "cannot be read"),
        ("bytes = 1 and ", "cannot be read"),
    ],
)
def test_conditions_that_cannot_be_read(condition, message):
    with pytest.raises(CodecError, match=message):
        parse_condition(condition)


def test_the_command_line_writes_inspects_and_opens_entries(folder, tmp_path, capsys):
    target = str(tmp_path / "a.parquet")
    assert main(["encode", str(folder), "-o", target, "--budget", "400", "--jobs", "1"]) == 1
    message = capsys.readouterr().err
    assert "10 of 11 files" in message and "1 failed" in message
    assert main(["inspect", target]) == 0
    text = capsys.readouterr().out
    assert "texture" in text and "failed: 1" in text and "error       1 x" in text
    assert main(["inspect", target, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary == summarize_archive(Path(target)) and summary["pictures"] == 11
    assert main(["inspect", target, "--where", "prompt contains 'red car'"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["1.png", "2.png"]
    assert main(["inspect", f"{target}#1.png"]) == 0
    assert "a red car" in capsys.readouterr().out
    picture = tmp_path / "one.png"
    assert main(["decode", f"{target}#sub/ä.png", "-o", str(picture), "--decoder", "painter-preview"]) == 0
    assert load(picture).pixels.shape == (32, 32, 3)
    for entry, message in (("none.png", "has no entry none.png"), ("broken.jpg", "was not encoded: ")):
        assert main(["inspect", f"{target}#{entry}"]) == 1
        assert message in capsys.readouterr().err


def test_foreign_files_are_left_alone_and_damaged_ones_named(folder, tmp_path, capsys):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    (tmp_path / "file.parquet").write_bytes(b"PAR1 nothing")
    (tmp_path / "other.parquet").mkdir()
    parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "other.parquet" / "x.parquet")
    for name, message in (
        ("file", "is not an archive of this program"),
        ("other", "is not an archive of this program"),
    ):
        assert main(["encode", str(folder), "-o", str(tmp_path / f"{name}.parquet"), "--jobs", "1"]) == 1
        assert message in capsys.readouterr().err
        assert main(["inspect", str(tmp_path / f"{name}.parquet")]) == 1
        error = capsys.readouterr().err
        assert "is not an archive of this program" in error and error.count("\n") == 1
    assert (tmp_path / "file.parquet").read_bytes() == b"PAR1 nothing"


def test_blocks_cross_process_borders(folder, tmp_path):
    """What is sent to a worker and back is small and can be pickled and written as JSON."""
    (tmp_path / "a.parquet").mkdir()
    item = archive_run.ArchiveItem(Entry("1.png", folder / "1.png"))
    for _ in range(2):  # the second time as if the block came back from a lost machine
        result = ArchiveTask(TASK, tmp_path / "a.parquet", 5)((item,))
        assert json.loads(json.dumps(result)) == {"failed": 0, "written": 1, "replaced": False}
    assert len(archive.part_files(tmp_path / "a.parquet")) == 1


def test_an_archive_is_decoded_to_a_folder(folder, tmp_path, capsys):
    target, out = tmp_path / "a.parquet", tmp_path / "painted"
    fill_archive(TASK, folder, target)
    command = ["decode", str(target), "-o", str(out), "--decoder", "painter-preview", "--jobs", "1"]
    assert main(command) == 0
    names = {path.relative_to(out).as_posix() for path in out.rglob("*.png")}
    assert names == {*(f"{number}.png.png" for number in range(9)), "sub/ä.png.png"}
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    capsys.readouterr()
    assert main(command) == 0
    assert "10 of 10 files" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == times


@pytest.mark.parametrize("path", ["../../x", "/etc/x", "a/../../x", "..\\..\\x", "C:\\x", "", "..", "a\0b"])
def test_paths_of_a_hostile_archive_stay_in_the_output_folder(tmp_path, path):
    target, out = tmp_path / "a.parquet", tmp_path / "deep" / "out"
    target.mkdir()
    row = {"path": path, "error": "", **archive.describe(canned.samples.example())}
    archive.write_part(target, archive.part_name(1, 1), [row])
    before = set(tmp_path.rglob("*"))
    assert process_folder(DecodeTask("painter-preview"), target, out) == (1, 0)
    made = {found for found in set(tmp_path.rglob("*")) - before if found.is_file()}
    assert len(made) == 2 and all(found.is_relative_to(out) for found in made)


def test_without_pyarrow_the_remedy_is_named(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    target = tmp_path / "a.parquet"
    assert main(["encode", str(folder), "-o", str(target), "--jobs", "1"]) == 1
    assert capsys.readouterr().err == "trilayer: Parquet archives need pyarrow: pip install pyarrow\n"
    assert not target.exists()


def test_an_archive_in_one_file_opens_everywhere_and_is_continued(folder, tmp_path, capsys):
    pandas = pytest.importorskip("pandas")
    target = tmp_path / "a.parquet"
    command = ["encode", str(folder), "-o", str(target), "--budget", "400", "--jobs", "1"]
    assert main([*command, "--one-file"]) == 1  # one picture is broken
    first = rows_of(target)
    assert target.is_file() and len(first) == 11 and len(pandas.read_parquet(target)) == 11
    assert main(["inspect", f"{target}#1.png"]) == 0
    (folder / "new.png").write_bytes(PICTURES[1])
    (folder / "broken.jpg").write_bytes(PICTURES[0])
    assert main(command) == 0  # stays one file without the option
    rows = rows_of(target)
    assert target.is_file() and len(rows) == 12 and rows["broken.jpg"]["error"] == ""
    assert all(row == rows[name] for name, row in first.items() if name != "broken.jpg")
    assert {path.name for path in tmp_path.iterdir()} == {"in", "a.parquet"}
    assert main(["decode", str(target), "-o", str(tmp_path / "p.parquet"), "--decoder", "painter-preview", "--one-file",
                 "--jobs", "1"]) == 0  # fmt: skip
    assert len(pandas.read_parquet(tmp_path / "p.parquet")) == 12
    for output, message in (("memory://b/a.parquet", "is remote"), ("out", "--one-file is for archives")):
        capsys.readouterr()
        assert main(["encode", str(folder), "-o", output, "--one-file", "--jobs", "1"]) == 1
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("stop_after", ["open", "rows", "write", "unlink"])
def test_a_single_file_survives_a_run_that_is_killed_anywhere(folder, tmp_path, monkeypatch, stop_after):
    """Before the copy of the file, after a part, before the new file is there, and while parts are removed."""
    target = tmp_path / "a.parquet"
    fill_archive(TASK, folder, target, one_file=True)
    (folder / "captions.tsv").write_text("1.png\ta blue car\n")
    (folder / "new.png").write_bytes(PICTURES[1])
    before = rows_of(target)

    class Killed(BaseException):
        pass

    def kill(*given, **more):
        raise Killed

    if stop_after == "open":
        archive_run.parts_folder(target).mkdir()
    else:
        name = {"rows": "_stale_rows", "write": "close_parts"}.get(stop_after)
        monkeypatch.setattr(*((archive_run, name, kill) if name else (Path, "rmdir", kill)))
        with pytest.raises(Killed):
            fill_archive(TASK, folder, target)
        monkeypatch.undo()
        monkeypatch.setattr(codec.encoder.extract, "extract", canned.extract)
    kept = rows_of(target)
    assert kept == before or stop_after == "unlink"
    assert fill_archive(TASK, folder, target) == (11, 1)
    rows = rows_of(target)
    assert len(rows) == 12 and rows["1.png"]["prompt"] == "a blue car" and not archive_run.parts_folder(target).exists()
    assert all(
        row == rows[name] for name, row in before.items() if name not in ("1.png", "2.png", "3.png", "broken.jpg")
    )


def test_a_full_disk_keeps_the_single_file_and_the_parts(folder, tmp_path, monkeypatch):
    target = tmp_path / "a.parquet"
    fill_archive(TASK, folder, target, one_file=True)
    (folder / "new.png").write_bytes(PICTURES[1])
    before = target.read_bytes()

    def fail(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive_run, "close_parts", fail)
    with pytest.raises(
        CodecError, match=r"a.parquet cannot be written: No space .*all pictures are in a.parquet.parts"
    ):
        fill_archive(TASK, folder, target)
    assert target.read_bytes() == before
    assert len({row["path"] for row in archive.scan(archive_run.parts_folder(target), ["path"])}) == 12


def test_a_recipe_has_its_column(tmp_path):
    from dataclasses import replace

    from codec.bitstream.recipe import Recipe

    row = archive.describe(replace(canned.samples.example(), recipe=Recipe("a1111", clip_skip=2)))
    assert json.loads(row["recipe"])["clip_skip"] == 2 and archive.schema().field("recipe").type == "string"


@pytest.mark.slow
def test_processes_write_their_parts_themselves(tmp_path):
    """Two real processes and the real encoder; every picture is there once."""
    folder, target = tmp_path / "in", tmp_path / "a.parquet"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.png").write_bytes(PICTURES[number % 3])
    assert fill_archive(EncodeTask(EncodeOptions(budget=250)), folder, target, jobs=2) == (4, 0)
    assert len(rows_of(target)) == 4 and len(archive.part_files(target)) >= 2


def test_the_histogram_is_a_picture_that_replaces_no_file(folder, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    target, picture = tmp_path / "a.parquet", tmp_path / "sizes.png"
    fill_archive(TASK, folder, target)
    assert main(["inspect", str(target), "--histogram", str(picture)]) == 0
    assert load(picture).pixels.shape[1] > 600
    assert sum(summarize_archive(target)["histogram"]["counts"]) == 10
    assert main(["inspect", str(target), "--histogram", str(picture)]) == 1
    assert "sizes.png exists already" in capsys.readouterr().err


def test_many_small_parts_become_one_and_nothing_changes(folder, tmp_path, monkeypatch):
    target = tmp_path / "a.parquet"
    monkeypatch.setattr(archive_run, "_BLOCK", 1)
    monkeypatch.setattr(archive_run, "_MIN_MERGED", 4)
    monkeypatch.setattr(archive_run, "_MERGED", 4)
    monkeypatch.setattr(archive_run.storage, "remove", lambda where: None)  # stopped halfway: rows are there twice
    fill_archive(TASK, folder, target)
    assert len(list(archive.scan(target, ["path"]))) == 11 + 8
    monkeypatch.undo()
    monkeypatch.setattr(codec.encoder.extract, "extract", canned.extract)
    assert fill_archive(TASK, folder, target) == (10, 1)
    assert len(rows_of(target)) == 11 and len(archive.part_files(target)) <= 6
