"""The benchmark against other codecs: what it measures, keeps, goes on with and says."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from codec.batch import workers
from codec.batch.folders import captions
from codec.bench import measures, report, run
from codec.bench.contenders import FORMATS, Trilayer, contenders
from codec.cli.main import main
from codec.errors import UnknownName
from codec.images.io import encode_png, load
from tests import photos

SOME = ["Trilayer, painter", "WebP", "JPEG"]


def picture(seed: int, side: int = 96) -> np.ndarray:
    """A disc before a slope of colors."""
    y, x = np.mgrid[:side, :side] / side
    colors = np.random.default_rng(seed).integers(0, 256, (3, 3))
    pixels = colors[0] * x[..., None] + colors[1] * (1 - x[..., None])
    pixels[np.hypot(x - 0.5, y - 0.4) < 0.25] = colors[2]
    return pixels.astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("pictures")
    for seed in (1, 2):
        (out / f"{seed}.png").write_bytes(encode_png(picture(seed)))
    (out / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (out / "captions.tsv").write_text("1.png\ta disc\n")
    return out


@pytest.fixture(scope="module")
def measured(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("bench")
    assert main(["bench", str(folder), "-o", str(out), "--rates", "200", "655", "--codecs", *SOME]) == 0
    return out


def test_every_picture_rate_and_codec_has_a_row_and_keeps_to_its_bytes(measured):
    rows = run.read(measured / "results.csv")
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
    assert "2 of 3" in table  # the broken one is not passed over in silence
    assert (measured / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (measured / "sheet.jpg").read_bytes().startswith(b"\xff\xd8")


def test_a_run_goes_on_where_it_was_stopped(measured, folder, monkeypatch):
    file = measured / "results.csv"
    whole = file.read_text()
    tasks = []
    monkeypatch.setattr(run, "measure", lambda task: tasks.append(task) or [])
    run.run(folder, measured, (200, 655), SOME)
    assert not tasks and file.read_text() == whole
    try:
        file.write_text(whole[:-20])  # stopped within the last line
        run.run(folder, measured, (200, 655), SOME)
        last = list(csv.DictReader(whole.splitlines()))[-1]
        assert [task.wanted for task in tasks] == [((int(last["rate"]), last["codec"]),)]
    finally:
        file.write_text(whole)


def test_results_of_before_a_measure_was_known_are_kept(measured, folder, tmp_path):
    rows = run.read(measured / "results.csv")
    with (tmp_path / "results.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, [name for name in run.COLUMNS if name != "LPIPS"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    run.run(folder, tmp_path, (655, 700), ["WebP"])
    found = run.read(tmp_path / "results.csv")
    assert found[: len(rows)] == rows and [row["rate"] for row in found[len(rows) :]] == ["700"] * 3


def test_processes_find_the_same(folder, measured, tmp_path):
    run.run(folder, tmp_path, (655,), ["WebP"], jobs=2)
    fixed = ("image", "rate", "codec", "bytes", "MS-SSIM", "error")
    found, known = (
        {tuple(row[name] for name in fixed) for row in run.read(out / "results.csv")} for out in (tmp_path, measured)
    )
    assert len(found) == 3 and found <= known


@pytest.mark.parametrize("one", [one for one in FORMATS if not one.missing()], ids=lambda one: one.name)
def test_a_format_takes_the_best_file_that_fits(one):
    pixels = picture(3, 64)
    small, large = (one.encode(pixels, None, most) for most in (900, 4000))
    assert large is not None and len(large) <= 4000
    shown = one.decode(large, 64, 64)
    assert shown.shape == pixels.shape and shown.dtype == np.uint8
    if small is not None:
        assert len(small) <= 900
        assert measures.ms_ssim(pixels, one.decode(small, 64, 64)) <= measures.ms_ssim(pixels, shown) + 0.02


def test_measures_know_the_same_from_another():
    same, other = picture(4), np.ascontiguousarray(picture(5)[::-1])
    for name, measure in measures.available()[0].items():
        if name != "BRISQUE":  # looks at one picture alone
            best = 1 if measures.MEASURES[name][1] == "high" else 0
            assert measure(same, same, None) == pytest.approx(best, abs=1e-4)
        assert measure(same, same, None) != measure(same, other, None)


def test_the_best_of_those_that_wrote_every_picture_is_bold():
    row = {"image": "a", "sha256": "a", "rate": "655", "edge F": "0.5", "ΔE 16x16": "1", "MS-SSIM": "0.5"}
    row |= dict.fromkeys(("features", "LPIPS", "DISTS", "CLIP score", "BRISQUE"), "")
    row |= {"encode s": "1", "decode s": "1", "error": ""}
    rows = [row | {"codec": "WebP", "bytes": "600"}, row | {"codec": "JPEG", "bytes": "650", "MS-SSIM": "0.6"}]
    rows += [row | {"codec": name, "sha256": "b", "bytes": ""} for name in ("AVIF", "JPEG XL")]
    table = report.table(rows).splitlines()
    assert "| MS-SSIM ↑ | encode |" in table[0]  # what nobody measured has no column
    assert "| JPEG | 1 of 1 | 650 | **0.500** | **1.00** | **0.600** |" in table[2]
    assert "| AVIF | 0 of 1 | - | - | - | - | - | - |" in table[4]


def test_the_photographs_of_the_readme_are_squares_with_prompts(tmp_path):
    photos.write(tmp_path)
    sizes = {path.name: load(path).pixels.shape for path in tmp_path.glob("*.png")}
    assert set(sizes) == set(captions(tmp_path)) and len(sizes) == len(photos.CAPTIONS)
    assert all(height == width <= 512 for height, width, _ in sizes.values())


def test_what_is_wrong_is_said(tmp_path, folder, capsys):
    assert main(["bench", str(tmp_path), "-o", str(tmp_path / "out")]) == 1
    assert "no pictures" in capsys.readouterr().err
    for wrong in (["--rates", "0"], ["--jobs", "0"], ["--jobs", "1000"], ["--codecs", "GIF"]):
        assert main(["bench", str(folder), "-o", str(tmp_path / "out"), *wrong]) == 1
    assert not (tmp_path / "out" / "results.csv").exists()
    with pytest.raises(UnknownName, match="painter"):
        contenders(["GIF"])


def test_a_folder_takes_processes_by_default_and_stable_diffusion_one(folder, tmp_path, monkeypatch):
    taken, out = [], tmp_path / "out"
    monkeypatch.setattr(workers, "default_jobs", lambda: 5)
    monkeypatch.setattr(run, "run", lambda *given: taken.append(given[4]) or out / "none.csv")
    out.mkdir()
    assert main(["bench", str(folder), "-o", str(out)]) == 0
    assert main(["bench", str(folder), "-o", str(out), "--jobs", "2"]) == 0
    monkeypatch.setattr(Trilayer, "missing", lambda self: None)  # as if its weights were here
    assert main(["bench", str(folder), "-o", str(out)]) == 0
    assert main(["bench", str(folder), "-o", str(out), "--codecs", *SOME]) == 0
    assert taken == [5, 2, 1, 5]
