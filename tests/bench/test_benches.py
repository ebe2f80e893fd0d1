"""The benchmarks of the layers, on small pictures with known results."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from codec.bench import lossless_codecs
from codec.images.io import encode_png
from codec.structure.sketch import Sketch
from tests import detail_bench, jbig2, layers_bench, plot, structure_bench, words_bench
from tests.lossy_codecs import trials

pytestmark = pytest.mark.bench

DISC = np.full((96, 128, 3), 40, np.uint8)
DISC[np.hypot(*(np.mgrid[:96, :128] - np.array([48, 64])[:, None, None])) < 30] = (240, 200, 60)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "pictures"
    path.mkdir()
    (path / "disc.png").write_bytes(encode_png(DISC))
    (path / "notes.txt").write_text("no picture")
    return path


@pytest.fixture(scope="module")
def edges() -> np.ndarray:
    """A ring and a short bar, one pixel wide, (384, 512) bool."""
    out = np.zeros((384, 512), np.uint8)
    import cv2

    cv2.ellipse(out, (256, 192), (150, 100), 0, 0, 360, 1)
    cv2.line(out, (20, 20), (60, 20), 1)
    return out.astype(bool)


def test_coarse_bitmap_keeps_the_lines_and_is_drawn_as_lines(edges):
    bitmap = structure_bench.downsample(edges, 128)
    assert bitmap.shape == (96, 128) and 150 < bitmap.sum() < 250
    drawn = structure_bench.draw_bitmap(bitmap, 384, 512)
    found = structure_bench.f_measure(drawn, edges, tolerance=4)
    assert found.f > 0.99 and drawn.sum() > 2 * bitmap.sum()


def test_lines_do_not_cross_a_corner_twice():
    corner = np.array([[1, 0], [1, 1]], bool)
    drawn = structure_bench.draw_bitmap(corner, 20, 20)
    assert drawn[5:16, 5].all() and drawn[15, 5:16].all() and not drawn[10, 10]


def test_pruning_keeps_the_longest_curves_that_fit(edges, monkeypatch):
    bitmap = structure_bench.downsample(edges, 128)
    ring = bitmap.copy()
    ring[:10] = False
    whole, less = (min(len(jbig2.encode(part, form, False)) for form in (1, 2)) for part in (bitmap, ring))
    monkeypatch.setattr(structure_bench, "BUDGETS", (5, whole - 1, whole))
    nothing, most, all_of_it = structure_bench.pruned_f(bitmap, edges)
    drawn = [structure_bench.draw_bitmap(part, 384, 512) for part in (ring, bitmap)]
    f_ring, f_all = (structure_bench.f_measure(part, edges).f for part in drawn)
    assert less < whole and nothing == 0 and most == f_ring < f_all == all_of_it


def test_cut_with_equal_f_is_found():
    strokes = tuple(tuple((x, y) for x in range(2, 60)) for y in range(2, 60, 6))
    sketch = Sketch(64, 64, strokes)
    sizes = {len(sketch.cut(n).to_bytes()) for n in range(200)}

    def share(part: Sketch) -> float:
        return len(part.strokes) / len(strokes)

    size, f = structure_bench.bytes_at_f(0.5, [sketch.cut(12), sketch], share, [share(sketch.cut(12)), 1.0])
    assert f == share(sketch.cut(size)) >= 0.5 > share(sketch.cut(size - 5)) and len(sizes) > 5
    assert structure_bench.bytes_at_f(2.0, [sketch], share, [1.0]) == (len(sketch.to_bytes()), 1.0)


def test_structure_benchmark_prints_its_tables(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", str(folder), "--plot", str(tmp_path / "a.png")])
    monkeypatch.setattr(structure_bench, "_RUNS", 1)
    structure_bench.main()
    shown = capsys.readouterr()
    assert "disc.png" in shown.err and "notes" not in shown.err
    rows = [line.split(" | ") for line in shown.out.splitlines()]
    assert rows[0] == ["| bitmap of 1 pictures", "F", "JBIG2", "JPEG XL", "WebP", "PNG", "Trilayer", "at F |"]
    assert [row[0] for row in rows[2:5]] == ["| 512", "| 256", "| 128"]
    assert all(float(cell.strip("| ")) > 0 for row in rows[2:5] for cell in row[1:])
    assert any(row[0].endswith("for Trilayer's strokes") and len(row) == 7 for row in rows)
    ours = next(row for row in rows if row[0] == "| Trilayer")
    assert float(ours[-1].strip("| ")) > 0.9
    assert any(row[0] == "| Trilayer, curves at 4096 x 4096" for row in rows)
    assert Image.open(tmp_path / "a.png").size == (plot.WIDTH, plot.HEIGHT)


def test_layers_benchmark_prints_its_tables(folder, tmp_path, monkeypatch, capsys):
    texts = tmp_path / "texts.txt"
    texts.write_text("a cat\n\na dog on a meadow\n")
    monkeypatch.setattr(sys, "argv", ["bench", str(folder), str(texts), "--plot", str(tmp_path / "a.png")])
    layers_bench.main()
    shown = capsys.readouterr().out
    for text in ("| bytes, mean of 1 | 8 x 8, ΔE ≤ 2 |", "| 16 x 16, AVIF | ", "| texts | 2 | 11.0 | 11.0 | "):
        assert text in shown
    assert 0 < (tmp_path / "a.png").stat().st_size < 60_000


def test_color_cost_is_the_fewest_bytes_within_the_tolerance():
    cells = np.random.default_rng(4).integers(90, 140, (8, 8, 3), np.uint8)
    cost = layers_bench.colormap_cost(cells)
    fewest = int(cost.data[0])
    fitted = layers_bench.fitted_difference
    assert fitted(cells, fewest) <= 2 < fitted(cells, fewest - 1)
    assert cost.data == cost.file and cost.data[1] < cost.data[0]
    fewer, more = cost.difference[:-1], cost.difference[1:]
    assert all(after < 1.1 * before for before, after in zip(fewer, more, strict=True))  # found by a search on noise
    assert cost.difference[-1] < 0.5 * cost.difference[0]


@pytest.mark.parametrize("name", [codec.name for codec in lossless_codecs.PICTURE_CODECS])
def test_trials_cover_every_quality_of_a_format(name):
    cells = np.random.default_rng(4).integers(0, 256, (8, 8, 3), np.uint8)
    found = trials(name, cells)
    worst = max(found[1:], key=lambda trial: layers_bench.difference(cells, trial.pixels))
    assert np.array_equal(found[0].pixels, cells) and len(found) > 8
    assert layers_bench.difference(cells, worst.pixels) > 5 and worst.data < found[0].data
    cost = layers_bench.format_cost(name, cells)
    assert cost.data[1] <= cost.data[0] <= found[0].data
    assert all(data < file or name == "JPEG XL" for data, file in zip(cost.data, cost.file, strict=True))
    assert cost.difference[-1] <= cost.difference[0]


def test_missing_packages_are_named(folder, tmp_path, monkeypatch, capsys):
    for module in ("imagecodecs", "zstandard"):
        monkeypatch.setitem(sys.modules, module, None)
    texts = tmp_path / "texts.txt"
    texts.write_text("a cat")
    monkeypatch.setattr(layers_bench, "GRIDS", (8,))
    monkeypatch.setattr(sys, "argv", ["bench", str(folder), str(texts)])
    layers_bench.main()
    shown = capsys.readouterr().out
    assert "JPEG XL is not installed: pip install imagecodecs" in shown and "| JPEG XL | - (-) |" in shown
    monkeypatch.setattr(sys, "argv", ["bench", str(texts)])
    words_bench.main()
    assert "zstd-22 is not installed: pip install zstandard" in capsys.readouterr().out


def test_detail_and_av1_are_measured_on_the_same_picture(folder, capsys, monkeypatch):
    monkeypatch.setattr(detail_bench, "AV1_SIDES", (48, 64))
    detail_bench.main([str(folder), "--bytes", "230", "400"])
    *_, first, second = capsys.readouterr().out.splitlines()
    cells = [[float(cell) for cell in row.strip("|").split("|")] for row in (first, second)]
    assert [row[0] for row in cells] == [230, 400]
    assert all(0.5 < score <= 1 for row in cells for score in row[1:])
    assert detail_bench.av1_score(DISC, 10) == 0
