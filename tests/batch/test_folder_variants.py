"""Folders as people have them, by a generator: captions of any program, names that collide, files of systems.

The encoder is `tests.canned`; what is tested surrounds it.
"""

from __future__ import annotations

import codecs
import hashlib
import random
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

import codec.encoder.extract
from codec import CodecError, EncodeOptions, Layers
from codec.batch.captions import Captions, read_captions
from codec.batch.find_files import PICTURE_SUFFIXES, find_files, format_unknown
from codec.batch.folders import process_folder
from codec.batch.manifest import MANIFEST, read_manifest
from codec.batch.outputs import assign_names, write_output
from codec.batch.tasks import DecodeTask, EncodeTask
from codec.cli.main import main
from codec.images.io import encode_png
from tests import canned, samples
from tests.lanes import variants
from tests.pictures import disc

ENCODE = EncodeTask(EncodeOptions(budget=400))
PREVIEW = DecodeTask("painter-preview")
PICTURES = [encode_png(disc(number, 32)) for number in range(4)]

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
    "gb18030": b"\x84\x31\x95\x33",
}
TEXTS = [
    "a harbor at night\u2028with small boats", "a\u2029b", "a\x85b", "a\x0bb", "a\x0cb", "a\x1cb\x1d\x1e", "tab\tin it",
    'she said "no"', '"all of it"', "二匹の猫 🙂", "line\nbreak", "5\" by 6\"", "x, y; z", "'quoted'", " spaces ",
]  # fmt: skip
NAMES = ["a.png", "sub/b c.png", "e\u0301te\u0301.png", "日本語 (1).png", "deep/er/x.y.png", "été2.png"]


@pytest.fixture(autouse=True)
def canned_encoder(monkeypatch):
    monkeypatch.setattr(codec.encoder.extract, "extract", canned.extract)


def quoted(text: str, rng: random.Random) -> str:
    """Quote a field as spreadsheets do: where it is needed, and sometimes where it is not."""
    if any(c in text for c in '\t\r\n"') or rng.random() < 0.3:
        return '"' + text.replace('"', '""') + '"'
    return text


@pytest.mark.parametrize("seed", variants(range(100), 20))
def test_captions_of_any_program_are_read(tmp_path, seed):
    rng = random.Random(seed)
    expected = {name: rng.choice(TEXTS) for name in rng.sample(NAMES, rng.randint(1, len(NAMES)))}
    end = rng.choice(["\n", "\r\n", "\r"])
    written = {}
    for name, text in expected.items():
        name = unicodedata.normalize(rng.choice(["NFC", "NFD"]), name)
        name = name.replace("/", rng.choice(["/", "\\"]))
        written[rng.choice(["", "./"]) + name] = text
    header = rng.choice(["", f"file\tcaption{end}", f"file_name\ttext{end}"])
    lines = [f"{quoted(name, rng)}\t{quoted(text, rng)}{rng.choice(['', end])}" for name, text in written.items()]
    encoding = rng.choice(list(ENCODINGS))
    data = ENCODINGS[encoding] + (header + end.join(lines) + rng.choice(["", end])).encode(encoding)
    (tmp_path / "captions.tsv").write_bytes(data)
    captions = read_captions(tmp_path)
    form = rng.choice(["NFC", "NFD"])
    assert {name: captions.get(unicodedata.normalize(form, name)) for name in NAMES if name in expected} == {
        name: expected[name] for name in NAMES if name in expected
    }
    assert captions.unused_names(4) == (0, []) and len(captions) == len(expected)


def test_captions_with_quotes_that_no_spreadsheet_wrote():
    captions = Captions(
        'a.png\t"Hello" said the man\nb.png\t5" tall\nc.png\t"open\nd.png\tend"\ne.png\t\n\nf.png\tx\t\t'
    )
    assert dict(captions) == {
        "a.png": '"Hello" said the man', "b.png": '5" tall', "c.png": '"open', "d.png": 'end"', "f.png": "x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("a.png\tcafé\n".encode("cp1252"), r"captions.tsv is not UTF-8 text \(line 1\): save it as UTF-8"),
        ("a.png\tok\nb.png\tcafé".encode("latin-1"), "line 2"),
        ("a.png\ta harbor".encode("utf-16-le"), "null characters: save it as UTF-8"),
        (b"\xff\xfea", "not UTF-16-LE"),
        (b"a.png\tx\na.png\ty\n", "two captions for a.png, in lines 1 and 2"),
        (b"b.png\tx\nc.png\ty\n", "names no file of in: b.png, c.png"),
        (b"a.png,a disc\n", "no tab in line 1"),
        (b"a.png\tx\n\nstray words\n", "no tab in line 3"),
    ],
)
def test_captions_that_cannot_be_used_are_one_clear_error(tmp_path, data, message):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(PICTURES[0])
    (folder / "captions.tsv").write_bytes(data)
    with pytest.raises(CodecError, match=message) as caught:
        process_folder(ENCODE, folder, tmp_path / "out")
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def test_names_without_a_picture_are_said_and_the_rest_is_used(tmp_path):
    (tmp_path / "a.png").write_bytes(PICTURES[0])
    (tmp_path / "captions.tsv").write_text("a.png\tx\na.png\tx\ngone.png\ty\n")
    notices = []
    assert process_folder(ENCODE, tmp_path, tmp_path / "out", on_notice=notices.append) == (1, 0)
    assert notices == ["captions.tsv: 1 of 2 names are no files here: gone.png"]


STEMS = ["a", "A", "a.png", "a.png.2", "é", "e\u0301", "b.tril"]
SUFFIXES = [".png", ".jpg", ".PNG", ".jfif", ".png.png"]


@pytest.mark.parametrize("seed", variants(range(100), 20))
def test_every_file_gets_one_output_and_nothing_is_lost(tmp_path, seed):
    """Encode and decode in place, with files of other programs where the outputs would go; twice."""
    rng = random.Random(seed)
    names = {stem + suffix for stem in STEMS for suffix in SUFFIXES}
    foreign = {f"{stem}{suffix}" for stem in STEMS for suffix in (".tril", ".png.tril", ".PNG.tril")}
    before = {name: rng.choice(PICTURES) for name in rng.sample(sorted(names), 5)}
    before |= {name: samples.example().to_bytes() for name in rng.sample(sorted(foreign), 3)}
    for name, data in before.items():
        (tmp_path / name).write_bytes(data)
    pictures = [name for name in before if Path(name).suffix.lower() in PICTURE_SUFFIXES]
    assert process_folder(ENCODE, tmp_path, tmp_path) == (len(pictures), 0)
    rows = list(read_manifest(tmp_path / MANIFEST))
    outputs = [row["output"] for row in rows]
    assert sorted(row["file"] for row in rows) == sorted(pictures)
    assert len({output.casefold() for output in outputs}) == len(outputs) and not set(outputs) & set(before)
    assert all((tmp_path / name).read_bytes() == data for name, data in before.items())

    files = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.name != MANIFEST}
    process_folder(ENCODE, tmp_path, tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.name != MANIFEST} == files


def snapshot(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_encode_and_decode_in_one_folder_keep_the_photo(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(PICTURES[0])
    options = ["-o", str(tmp_path), "--jobs", "1"]
    assert main(["encode", str(tmp_path), *options]) == 0
    assert main(["decode", str(tmp_path), *options, "--decoder", "painter-preview"]) == 0
    assert (tmp_path / "a.png").read_bytes() == PICTURES[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.tril", "a.tril.png", MANIFEST]
    assert "a.tril -> a.tril.png" in capsys.readouterr().err
    before = snapshot(tmp_path)
    assert main(["decode", str(tmp_path), *options, "--decoder", "painter-preview"]) == 0
    after = snapshot(tmp_path)
    assert {**after, MANIFEST: ""} == {**before, MANIFEST: ""}  # the manifest of both runs is kept
    assert {row["file"] for row in read_manifest(tmp_path / MANIFEST)} == {"a.png", "a.tril"}


def test_changed_captions_and_options_make_a_file_anew_but_edited_outputs_stay(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.png").write_bytes(PICTURES[number])
    (folder / "captions.tsv").write_text("0.png\tone\n1.png\ttwo\n")
    steps = []

    def run(budget: int = 400) -> list[str]:
        steps.clear()
        task = EncodeTask(EncodeOptions(budget=budget))
        assert process_folder(task, folder, out, on_progress=lambda *step: steps.append(step[2])) == (2, 0)
        return steps

    assert run() == ["0.png", "1.png"] and run() == []
    (folder / "captions.tsv").write_text("0.png\tanother\n1.png\ttwo\n")
    assert run() == ["0.png"]
    assert Layers.from_bytes((out / "0.tril").read_bytes()).semantic.text == "another"
    (folder / "captions.tsv").unlink()
    assert run() == ["0.png", "1.png"] and run(500) == ["0.png", "1.png"]
    (out / "0.tril").write_bytes(b"edited by hand")
    assert run(600) == ["0.png", "1.png"]
    assert (out / "0.tril").read_bytes() == b"edited by hand"
    assert sorted(path.name for path in out.iterdir()) == ["0.png.tril", "0.tril", "1.tril", MANIFEST]
    (folder / "0.png").write_bytes(b"broken")
    process_folder(ENCODE, folder, out)
    (folder / "0.png").write_bytes(PICTURES[0])
    assert run(400) == ["0.png"] and len(list(out.iterdir())) == 4


def test_two_folders_into_one_do_not_replace_each_other(tmp_path):
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "a.png").write_bytes(PICTURES[number])
        (folder / "captions.tsv").write_text(f"a.png\tpicture {number}\n")
        process_folder(ENCODE, folder, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png.tril", "a.tril", MANIFEST]
    (tmp_path / "0").rename(tmp_path / "moved")
    steps = []
    process_folder(ENCODE, tmp_path / "1", tmp_path / "out", on_progress=lambda *step: steps.append(step))
    assert steps == []


def test_a_crash_before_the_manifest_leaves_no_double(tmp_path):
    (tmp_path / "a.png").write_bytes(PICTURES[0])
    process_folder(ENCODE, tmp_path, tmp_path / "out")
    (tmp_path / "out" / MANIFEST).unlink()
    process_folder(ENCODE, tmp_path, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.tril", MANIFEST]


def test_names_stay_when_files_are_added():
    first = assign_names(["a.png"], ".tril", {})
    assert first == {"a.png": ("a.tril", "a.png.tril")}
    names = assign_names(["a.jpg", "a.png", "a.png.png"], ".tril", {"a.png": "a.tril"})
    assert [names[name].first for name in ("a.png", "a.jpg", "a.png.png")] == ["a.tril", "a.jpg.tril", "a.png.tril"]
    assert len({name for pair in names.values() for name in pair}) == 6


def test_output_never_replaces_links_and_folders(tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"photo")
    (tmp_path / "link.tril").symlink_to(photo)
    (tmp_path / "dangling.tril").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder.tril").mkdir()
    for stem in ("link", "dangling", "folder"):
        path = write_output(tmp_path / f"{stem}.tril", f"{stem}.png.tril", b"data", "")
        assert path.name == f"{stem}.png.tril" and path.read_bytes() == b"data"
    assert photo.read_bytes() == b"photo" and not (tmp_path / "nothing").exists()


HIDDEN = [
    "._a.png", ".hidden.png", "__MACOSX/a.png", "@eaDir/a.png", ".ipynb_checkpoints/a.png", "Thumbs.db", "desktop.ini",
    "$RECYCLE.BIN/a.png", "~$a.png", "System Volume Information/a.png", "#recycle/a.png", "lost+found/a.png",
    ".DS_Store", "deep/__MACOSX/._b.png", "THUMBS.DB", ".git/a.png",
]  # fmt: skip


def test_files_of_systems_are_skipped_and_unknown_endings_named(tmp_path):
    seen = ["a.png", "b.jfif", "c.JPE", "deep/d.pjpeg", "e.apng", "f.avifs", "g.avif"]
    for name in (*HIDDEN, *seen, "h.heic", "i.heic", "j.psd", "README", "k.tril", "captions.tsv", "dir.png/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    unknown: Counter[str] = Counter()
    found = [path.relative_to(tmp_path).as_posix() for path in find_files(tmp_path, PICTURE_SUFFIXES, unknown)]
    assert sorted(found) == sorted(seen)
    assert format_unknown(unknown) == "skipped, not a supported file: 2 .heic, 1 without ending, 1 .psd, 1 .txt"


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".pjpeg", ".apng"])
def test_other_endings_of_the_formats_are_encoded(tmp_path, suffix, capsys):
    (tmp_path / f"only{suffix}").write_bytes(PICTURES[0])
    (tmp_path / "notes.doc").write_bytes(b"")
    assert main(["encode", str(tmp_path), "-o", str(tmp_path / "out"), "--jobs", "1"]) == 0
    assert (tmp_path / "out" / "only.tril").exists() and "1 .doc" in capsys.readouterr().err
