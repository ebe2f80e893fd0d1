"""The benchmark against other codecs: its measurements, its reports, and how it continues an earlier run."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace

import numpy as np
import pytest

import codec
from codec.batch import workers
from codec.batch.captions import read_captions
from codec.bench import blind, measures, report, run
from codec.bench.contenders import PIXEL_CODECS, TRILAYER, UPSCALED_CODECS, Trilayer, find_contenders
from codec.bench.measures import available_measures
from codec.cli.main import main
from codec.errors import CodecError, UnknownName
from codec.images.io import encode_png, load
from tests import photos, samples
from tests.pictures import disc

SOME = ["Trilayer, painter", "WebP", "JPEG"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("pictures")
    for seed in (1, 2):
        (out / f"{seed}.png").write_bytes(encode_png(disc(seed)))
    (out / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (out / "captions.tsv").write_text("1.png\ta disc\n")
    return out


def quick_measures():
    """Return the measures without networks, as `available_measures` does."""
    return {name: measures.MEASURES[name].function for name in ("ΔE 16x16", "MS-SSIM")}, {}


def canned_layers(pixels: np.ndarray, *, prompt: str | None, budget: int) -> codec.Layers:
    """Return layers of the right size without an encode."""
    height, width = pixels.shape[:2]
    return replace(samples.example(), width=width, height=height, seed=None, settings=None)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Measure without networks, as the command does, too."""
    for module in (measures, run):
        monkeypatch.setattr(module, "available_measures", quick_measures)


@pytest.fixture(scope="module")
def measured(folder, tmp_path_factory):
    """The folder of results of a run with canned layers."""
    out = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "encode", canned_layers)
        patch.setattr(run, "available_measures", quick_measures)
        patch.setattr(measures, "available_measures", quick_measures)
        arguments = ["bench", str(folder), "-o", str(out), "--rates", "200", "655", "--codecs", *SOME, "--jobs", "1"]
        assert main(arguments) == 0
    return out


def test_every_picture_rate_and_codec_has_a_row_within_its_bytes(measured):
    rows = run.read_results(measured / "results.csv")
    assert len(rows) == 3 * 2 * 3
    for row in rows:
        if row["image"] == "broken.png":
            assert row["error"] and not row["bytes"]
        elif row["bytes"]:
            assert int(row["bytes"]) <= int(row["rate"]) and 0 <= float(row["MS-SSIM"]) <= 1
        else:
            assert row["error"] == f"cannot be {row['rate']} bytes"
    assert {row["bytes"] for row in rows if row["codec"] == "Trilayer, painter"} != {""}


def test_table_curves_and_sheet_are_written(measured):
    table = (measured / "table.md").read_text()
    assert "**" in table and all(f"| {name} |" in table for name in SOME)
    assert "2 of 3" in table  # the broken picture is counted
    assert (measured / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (measured / "sheet.jpg").read_bytes().startswith(b"\xff\xd8")


def test_stopped_run_is_continued(measured, folder, monkeypatch):
    file = measured / "results.csv"
    text = file.read_text()
    tasks = []
    monkeypatch.setattr(run, "measure", lambda task: tasks.append(task) or [])
    run.run(folder, measured, (200, 655), SOME)
    assert not tasks and file.read_text() == text
    try:
        file.write_text(text[:-20])  # stopped while writing the last line
        run.run(folder, measured, (200, 655), SOME)
        last = list(csv.DictReader(text.splitlines()))[-1]
        assert [task.pairs for task in tasks] == [((int(last["rate"]), last["codec"]),)]
    finally:
        file.write_text(text)


def test_results_without_a_later_measure_are_kept(measured, folder, tmp_path):
    rows = run.read_results(measured / "results.csv")
    with (tmp_path / "results.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, [name for name in run.COLUMNS if name != "LPIPS"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    run.run(folder, tmp_path, (655, 700), ["WebP"])
    found = run.read_results(tmp_path / "results.csv")
    assert found[: len(rows)] == rows and [row["rate"] for row in found[len(rows) :]] == ["700"] * 3


@pytest.mark.slow
def test_several_processes_give_the_same_results(folder, measured, tmp_path):
    run.run(folder, tmp_path, (655,), ["WebP"], jobs=2)
    fixed = ("image", "rate", "codec", "bytes", "MS-SSIM", "error")
    found, known = (
        {tuple(row[name] for name in fixed) for row in run.read_results(out / "results.csv")}
        for out in (tmp_path, measured)
    )
    assert len(found) == 3 and found <= known


@pytest.mark.parametrize(
    "contender",
    [contender for contender in PIXEL_CODECS if not contender.remedy()],
    ids=lambda contender: contender.name,
)
def test_pixel_codec_returns_the_best_file_that_fits(contender):
    pixels = disc(3, 64)
    small, large = (contender.encode(pixels, None, max_bytes) for max_bytes in (900, 4000))
    assert large is not None and len(large) <= 4000
    shown = contender.decode(large, 64, 64)
    assert shown.shape == pixels.shape and shown.dtype == np.uint8
    if small is not None:
        assert len(small) <= 900
        assert measures.ms_ssim(pixels, contender.decode(small, 64, 64)) <= measures.ms_ssim(pixels, shown) + 0.02


@pytest.mark.bench
def test_trilayer_keeps_to_its_bytes_and_names_what_it_lacks():
    painter, diffusion = TRILAYER
    data = painter.encode(disc(1), "a disc", 300)
    assert len(data) <= 300 and painter.encode(disc(1), "a disc", 5) is None
    assert painter.decode(data, 96, 96).shape == (96, 96, 3)
    assert painter.remedy() is None and "models fetch sd15" in diffusion.remedy()


def test_without_matplotlib_the_curves_are_skipped_in_one_line(measured, folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    curves = measured / "curves.png"
    written = curves.stat().st_mtime_ns
    assert main(["bench", str(folder), "-o", str(measured), "--rates", "655", "--codecs", *SOME, "--jobs", "1"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "curves.png is skipped: pip install matplotlib"
    assert curves.stat().st_mtime_ns == written


@pytest.mark.bench
def test_measures_tell_equal_pictures_from_different_ones():
    same, other = disc(4), np.ascontiguousarray(disc(5)[::-1])
    for name, measure in available_measures()[0].items():
        if name != "BRISQUE":  # depends on the decoded picture alone
            best = 1 if measures.MEASURES[name].better == "high" else 0
            assert measure(same, same, None) == pytest.approx(best, abs=1e-4)
        assert measure(same, same, None) != measure(same, other, None)


def test_best_of_the_codecs_that_encoded_every_picture_is_bold():
    row = {"image": "a", "sha256": "a", "rate": "655", "edge F": "0.5", "ΔE 16x16": "1", "MS-SSIM": "0.5"}
    row |= dict.fromkeys(("features", "LPIPS", "DISTS", "CLIP score", "BRISQUE"), "")
    row |= {"encode s": "1", "decode s": "1", "error": ""}
    rows = [row | {"codec": "WebP", "bytes": "600"}, row | {"codec": "JPEG", "bytes": "650", "MS-SSIM": "0.6"}]
    rows += [row | {"codec": name, "sha256": "b", "bytes": ""} for name in ("AVIF", "JPEG XL")]
    table = report.format_table(rows).splitlines()
    assert "| MS-SSIM ↑ | encode |" in table[0]  # a measure without values has no column
    assert "| JPEG | 1 of 1 | 650 | **0.500** | **1.00** | **0.600** |" in table[2]
    assert "| AVIF | 0 of 1 | - | - | - | - | - | - |" in table[4]


def test_photographs_are_squares_with_captions(tmp_path):
    photos.write(tmp_path)
    sizes = {path.name: load(path).pixels.shape for path in tmp_path.glob("*.png")}
    assert set(sizes) == set(read_captions(tmp_path)) and len(sizes) == len(photos.CAPTIONS)
    assert all(height == width <= 512 for height, width, _ in sizes.values())


def test_wrong_usage_is_an_error(tmp_path, folder, capsys):
    assert main(["bench", str(tmp_path), "-o", str(tmp_path / "out")]) == 1
    assert "no pictures" in capsys.readouterr().err
    for wrong in (["--rates", "0"], ["--jobs", "0"], ["--jobs", "1000"], ["--codecs", "GIF"]):
        assert main(["bench", str(folder), "-o", str(tmp_path / "out"), *wrong]) == 1
    assert not (tmp_path / "out" / "results.csv").exists()
    with pytest.raises(UnknownName, match="painter"):
        find_contenders(["GIF"])


def test_default_number_of_processes_is_one_for_stable_diffusion(folder, tmp_path, monkeypatch):
    job_counts, out = [], tmp_path / "out"
    monkeypatch.setattr(workers, "default_job_count", lambda: 5)
    monkeypatch.setattr(run, "run", lambda *given: job_counts.append(given[4]) or out / "none.csv")
    out.mkdir()
    assert main(["bench", str(folder), "-o", str(out)]) == 0
    assert main(["bench", str(folder), "-o", str(out), "--jobs", "2"]) == 0
    monkeypatch.setattr(Trilayer, "remedy", lambda self: None)  # as if its weights were installed
    assert main(["bench", str(folder), "-o", str(out)]) == 0
    assert main(["bench", str(folder), "-o", str(out), "--codecs", *SOME]) == 0
    assert job_counts == [5, 2, 1, 5]


# the blind comparison


@pytest.fixture(scope="module")
def blind_folder(measured, tmp_path_factory):
    """The folder of a blind comparison over the measured pictures."""
    out = tmp_path_factory.mktemp("blind") / "sheets"
    rows = run.read_results(measured / "results.csv")
    message = blind.compare(rows, measured / "pictures", out)
    assert message.startswith("2 rows in sheets")
    return out


def test_blind_sheets_show_numbers_and_the_key_is_apart(blind_folder):
    assert sorted(path.name for path in blind_folder.iterdir()) == ["answers.csv", "key.csv", "sheet01.png"]
    key = list(csv.DictReader((blind_folder / "key.csv").open()))
    assert [row["row"] for row in key] == ["1", "2"]
    assert all(blind.OURS in (row["A"], row["B"]) for row in key)
    assert {row["A"] for row in key} | {row["B"] for row in key} == set(SOME)  # each rival has its turn
    sheet = load(blind_folder / "sheet01.png").pixels
    assert sheet.shape[1] > 3 * blind.PICTURE_SIDE


def test_blind_answers_are_counted_for_ours_on_either_side(blind_folder, tmp_path):
    key = list(csv.DictReader((blind_folder / "key.csv").open()))
    answers = []
    for pair in key:
        side, other = ("A", "B") if pair["A"] == blind.OURS else ("B", "A")
        answers.append(
            {"row": pair["row"], "faithful": side.lower(), "subject": other, "looks": "tie", "recognizable": "both"}
        )
    counts = blind.count_answers(key, answers)
    assert set(counts) == set(SOME) - {blind.OURS}
    for questions in counts.values():
        assert questions["faithful"]["ours"] == questions["subject"]["theirs"] == questions["looks"]["tie"] == 1
        assert questions["recognizable"] == {"ours": 1, "theirs": 1, "rows": 1}
    assert "| WebP | 1 : 0 : 0 | 0 : 1 : 0 | 0 : 0 : 1 | 1, 1 of 1 |" in blind.format_count(counts)
    with pytest.raises(CodecError, match="looks is one of A, B, tie"):
        blind.count_answers(key, [answers[0] | {"looks": "ours"}])


def test_blind_comparison_needs_two_codecs(measured, tmp_path):
    rows = [row for row in run.read_results(measured / "results.csv") if row["codec"] == blind.OURS]
    with pytest.raises(CodecError, match="needs 'Trilayer, painter' and another codec"):
        blind.compare(rows, measured / "pictures", tmp_path)


def test_upscaled_codec_decodes_the_same_file_to_a_sharper_picture():
    pixels = disc(1)
    (upscaled,) = UPSCALED_CODECS
    data = upscaled.encode(pixels, None, 655)
    assert data == upscaled.codec.encode(pixels, None, 655) and len(data) <= 655
    picture = upscaled.decode(data, *pixels.shape[:2])
    assert picture.shape == pixels.shape and picture.dtype == np.uint8
    assert measures.ms_ssim(pixels, picture) > 0.7
