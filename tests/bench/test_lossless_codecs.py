"""Sizes of layers in other formats: lossless, without headers, and only for installed packages."""

from __future__ import annotations

import io
import json
import sys

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from codec.bench import lossless_codecs
from codec.bench.layer_comparison import compare, format_comparison
from codec.bench.lossless_codecs import JXL, PICTURE_CODECS, PNG, TEXT_CODECS
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


@pytest.mark.parametrize("codec", PICTURE_CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("pixels", [CELLS, LINES, LINES[:8, :8], CELLS[:1, :1]], ids=["cells", "lines", "8x8", "1x1"])
def test_picture_codecs_are_lossless_and_data_is_smaller_than_the_file(codec, pixels):
    file = codec.compress(pixels)
    back = OPEN[codec.name](file)
    if pixels.dtype == bool and back.ndim == 3:
        back = back[..., 0]
    assert np.array_equal(back > 0 if pixels.dtype == bool else back, pixels)
    assert 0 < codec.compressed_size(pixels) <= len(file)


def test_headers_are_not_counted():
    headers = {codec.name: len(codec.compress(CELLS)) - codec.compressed_size(CELLS) for codec in PICTURE_CODECS}
    assert headers["PNG"] == 8 + 25 + 12 + 12  # signature, IHDR, frame of IDAT, IEND
    assert headers["WebP"] in (20, 21) and headers["AVIF"] > 200
    assert headers["JPEG XL"] == 0 and JXL.compress(CELLS)[:2] == b"\xff\x0a"


def test_each_layer_is_compared_with_suitable_codecs():
    layers = samples.example()
    found = compare(layers)
    assert found["missing"] == {}
    rows = found["layers"]
    texts, pictures = ([codec.name for codec in group] for group in (TEXT_CODECS, PICTURE_CODECS))
    assert [*rows["semantic"]] == ["as", "ours", *texts]
    assert [*rows["structure"]] == [*rows["texture"]] == ["as", "ours", *pictures]
    assert [rows[name]["ours"] for name in rows] == [*layers.sizes()[:3]]
    assert rows["structure"]["as"] == f"a bitmap of {layers.structure.cols} x {layers.structure.rows}"
    assert rows["texture"]["JPEG XL"] == JXL.compressed_size(layers.texture.cells)
    drawn = np.zeros((layers.structure.rows, layers.structure.cols), bool)
    for x, y in (point for stroke in layers.structure.strokes for point in stroke):
        drawn[y, x] = True
    assert rows["structure"]["PNG"] == PNG.compressed_size(drawn)


def test_pose_is_compared_as_text_and_absent_layers_are_omitted():
    rows = compare(Layers(64, 64, structure=samples.pose()))["layers"]
    assert [*rows] == ["structure"] and rows["structure"]["brotli-11"] > rows["structure"]["ours"]
    assert compare(Layers(64, 64))["layers"] == {}


def test_missing_packages_are_named_with_their_remedy(monkeypatch):
    for module in ("imagecodecs", "zstandard"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it could not be imported
    found = compare(samples.example())
    assert found["missing"] == {
        "zstd-22": "pip install zstandard",
        "AVIF": "pip install imagecodecs",
        "JPEG XL": "pip install imagecodecs",
    }
    assert found["layers"]["texture"]["AVIF"] is None and found["layers"]["texture"]["PNG"] > 0
    assert format_comparison(found).endswith(
        "not installed: zstd-22; to compare: pip install zstandard\n"
        "not installed: AVIF, JPEG XL; to compare: pip install imagecodecs"
    )


def test_inspect_compare_prints_the_comparison(tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.tril"
    path.write_bytes(samples.example().to_bytes())
    assert main(["inspect", str(path), "--compare"]) == 0
    shown = capsys.readouterr().out
    for text in ("zstd-22  brotli-11", "JPEG XL", "a picture of 10 x 6", "without the headers"):
        assert text in shown
    assert main(["inspect", str(path), "--compare", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["compare"] == compare(samples.example())
    monkeypatch.setattr(lossless_codecs.LosslessCodec, "compress", lambda *_: pytest.fail("compared without --compare"))
    assert main(["inspect", str(path), "--json"]) == 0
    assert "compare" not in json.loads(capsys.readouterr().out)
