"""What other formats make of a layer: lossless, counted without headers, and optional."""

from __future__ import annotations

import io
import json
import sys

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from codec.bench import lossless_codecs
from codec.bench.layer_comparison import compare, table
from codec.bench.lossless_codecs import AVIF, JXL, PICTURES, PNG, TEXTS, WEBP
from codec.cli.main import main
from codec.layers import Layers
from tests import samples

OPEN = {
    "PNG": lambda data: np.array(Image.open(io.BytesIO(data))),
    "WebP": lambda data: np.array(Image.open(io.BytesIO(data))),
    "AVIF": imagecodecs.avif_decode,
    "JPEG XL": imagecodecs.jpegxl_decode,
}
CELLS = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
LINES = np.eye(40, 60, dtype=bool)


@pytest.mark.parametrize("rival", PICTURES, ids=lambda rival: rival.name)
@pytest.mark.parametrize("pixels", [CELLS, LINES, LINES[:8, :8], CELLS[:1, :1]], ids=["cells", "lines", "8x8", "1x1"])
def test_every_picture_format_is_lossless_and_its_data_is_inside_its_file(rival, pixels):
    packed = rival.pack(pixels)
    back = OPEN[rival.name](packed)
    if pixels.dtype == bool and back.ndim == 3:
        back = back[..., 0]
    assert np.array_equal(back > 0 if pixels.dtype == bool else back, pixels)
    assert 0 < rival.size(pixels) <= len(packed)


def test_headers_are_not_counted():
    assert len(PNG.pack(CELLS)) - PNG.size(CELLS) == 8 + 25 + 12 + 12  # signature, IHDR, frame of IDAT, IEND
    assert len(WEBP.pack(CELLS)) - WEBP.size(CELLS) in (20, 21)
    assert len(AVIF.pack(CELLS)) - AVIF.size(CELLS) > 200
    assert len(JXL.pack(CELLS)) == JXL.size(CELLS) and JXL.pack(CELLS)[:2] == b"\xff\x0a"


def test_each_layer_is_put_beside_what_suits_it():
    layers = samples.example()
    found = compare(layers)
    assert found["missing"] == {}
    rows = found["layers"]
    texts, pictures = ([rival.name for rival in group] for group in (TEXTS, PICTURES))
    assert [*rows["semantic"]] == ["as", "ours", *texts]
    assert [*rows["structure"]] == [*rows["texture"]] == ["as", "ours", *pictures]
    assert [rows[name]["ours"] for name in rows] == [*layers.sizes()[:3]]
    assert rows["structure"]["as"] == f"a bitmap of {layers.structure.cols} x {layers.structure.rows}"
    assert rows["texture"]["JPEG XL"] == JXL.size(layers.texture.cells)
    drawn = np.zeros((layers.structure.rows, layers.structure.cols), bool)
    for x, y in (point for stroke in layers.structure.strokes for point in stroke):
        drawn[y, x] = True
    assert rows["structure"]["PNG"] == PNG.size(drawn)


def test_a_pose_is_put_beside_texts_and_an_absent_layer_left_out():
    rows = compare(Layers(64, 64, structure=samples.pose()))["layers"]
    assert [*rows] == ["structure"] and rows["structure"]["brotli-11"] > rows["structure"]["ours"]
    assert compare(Layers(64, 64))["layers"] == {}


def test_what_is_not_installed_is_said_with_its_remedy(monkeypatch):
    for module in ("imagecodecs", "zstandard"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it could not be imported
    found = compare(samples.example())
    assert found["missing"] == {
        "zstd-22": "pip install zstandard",
        "AVIF": "pip install imagecodecs",
        "JPEG XL": "pip install imagecodecs",
    }
    assert found["layers"]["texture"]["AVIF"] is None and found["layers"]["texture"]["PNG"] > 0
    assert table(found).endswith(
        "not installed: zstd-22; to compare: pip install zstandard\n"
        "not installed: AVIF, JPEG XL; to compare: pip install imagecodecs"
    )


def test_inspect_compares_when_it_is_asked_to(tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.tril"
    path.write_bytes(samples.example().to_bytes())
    assert main(["inspect", str(path), "--compare"]) == 0
    shown = capsys.readouterr().out
    for text in ("zstd-22  brotli-11", "JPEG XL", "a picture of 10 x 6", "without the headers"):
        assert text in shown
    assert main(["inspect", str(path), "--compare", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["compare"] == compare(samples.example())
    monkeypatch.setattr(lossless_codecs.Rival, "pack", lambda *_: pytest.fail("nobody asked"))
    assert main(["inspect", str(path), "--json"]) == 0
    assert "compare" not in json.loads(capsys.readouterr().out)
