"""Files that writers leave incomplete: JPEG without its end marker, metadata in unusual places."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from codec.errors import ImageError
from codec.images.io import load
from tests.images.test_color_encoding import profile

NOISE = np.random.default_rng(0).integers(0, 256, (25, 35, 3), np.uint8)
PICTURE = Image.fromarray(NOISE).resize((105, 75))
JPEG_FORMS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "optimized": {"optimize": True},
    "full chroma": {"subsampling": 0, "quality": 95},
    "restarts": {"restart_marker_blocks": 1},
    "restarts by row": {"restart_marker_rows": 1},
    "gray": {},
    "gray progressive": {"progressive": True},
    "CMYK": {},
}


def jpeg(form: str) -> bytes:
    out = io.BytesIO()
    mode = {"gray": "L", "gray progressive": "L", "CMYK": "CMYK"}.get(form, "RGB")
    PICTURE.convert(mode).save(out, "JPEG", **JPEG_FORMS[form])
    return out.getvalue()


@pytest.mark.parametrize("ending", [b"", b"\xff", b"\xff\xff", b"\0", b"\xff\0", bytes(3000)])
@pytest.mark.parametrize("form", JPEG_FORMS)
def test_jpeg_without_its_end_marker_opens(form: str, ending: bytes) -> None:
    data = jpeg(form)
    assert (load(data[:-2] + ending).pixels == load(data).pixels).all()


@pytest.mark.parametrize("form", JPEG_FORMS)
def test_truncated_jpeg_is_refused(form: str) -> None:
    data = jpeg(form)
    for cut in (*range(6, 60, 5), *range(60, len(data) - 30, len(data) // 25)):
        with pytest.raises(ImageError):
            load(data[:-cut])


def test_progressive_jpeg_cut_between_two_scans_is_refused() -> None:
    data = jpeg("progressive")
    starts = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    assert len(starts) > 4
    for start in starts[1:]:
        tables = data.rfind(b"\xff\xc4", 0, start)  # the tables of the scan
        for end in (start, tables):
            with pytest.raises(ImageError):
                load(data[:end])


# --- EXIF, XMP and ICC in unusual places


def exif_block(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.ImageDescription] = "a lighthouse"
    return exif.tobytes()


def raw_profile(kind: str, body: bytes) -> str:
    digits = body.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return f"\n{kind}\n{len(body):8}\n{lines}\n"


def png_with(keyword: str, text: str, *, packed: bool = True) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text(keyword, text, zip=packed)
    out = io.BytesIO()
    PICTURE.save(out, "PNG", pnginfo=info)
    return out.getvalue()


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", ["exif", "APP1", "app1"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_in_a_raw_profile_of_a_png(orientation: int, kind: str, *, packed: bool) -> None:
    block = exif_block(orientation)
    for body in (block, block.removeprefix(b"Exif\0\0")):
        picture = load(png_with(f"Raw profile type {kind}", raw_profile(kind, body), packed=packed))
        assert (picture.pixels.shape[0] == 105) == (orientation > 4)
        assert picture.texts == {"ImageDescription": "a lighthouse"}


def test_xmp_and_icc_in_a_raw_profile_of_a_png() -> None:
    packet = "<x:xmpmeta>a barn</x:xmpmeta>"
    body = b"http://ns.adobe.com/xap/1.0/\0" + packet.encode()
    for kind, content in (("APP1", body), ("xmp", packet.encode())):
        assert load(png_with(f"Raw profile type {kind}", raw_profile(kind, content))).texts == {
            "XML:com.adobe.xmp": packet
        }
    for kind in ("icc", "icm"):
        data = png_with(f"Raw profile type {kind}", raw_profile(kind, profile(1, 1.0)))
        assert load(data).pixels.mean() > NOISE.mean() + 20


@pytest.mark.parametrize("text", ["", "exif", "exif 9 zz", "exif x 00", "\nexif\n 4\n00000000", "exif 4 1", "é ² 00"])
def test_damaged_raw_profile_stays_a_text(text: str) -> None:
    texts = load(png_with("Raw profile type exif", text)).texts
    assert texts == ({"Raw profile type exif": text} if text else {})


@pytest.mark.parametrize("extended", [True, False])
def test_webp_metadata_without_its_flags_is_read(*, extended: bool) -> None:
    out = io.BytesIO()
    PICTURE.save(out, "WEBP", lossless=True)
    data = out.getvalue()
    block = exif_block(6)
    chunks = data[12:] + b"EXIF" + struct.pack("<I", len(block)) + block + b"\0" * (len(block) % 2)
    if extended:
        canvas = bytes(4) + (104).to_bytes(3, "little") + (74).to_bytes(3, "little")
        chunks = b"VP8X" + struct.pack("<I", 10) + canvas + chunks
    picture = load(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks)
    assert picture.pixels.shape == (105, 75, 3) and picture.texts == {"ImageDescription": "a lighthouse"}
