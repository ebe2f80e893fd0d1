"""Picture files: supported ones are decoded correctly, everything else is refused with a one-line error."""

from __future__ import annotations

import io
import random
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms

from codec.errors import ImageError
from codec.images.io import encode_png, load, resize, resize_area
from tests.images.image_files import RED_LEFT, chunk, png, saved

# --- decoding


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 12),
        ("JPEG", {"quality": 95}, 12),
        ("JPEG", {"quality": 95, "progressive": True}, 12),
        ("AVIF", {"quality": 95}, 12),
    ],
)
def test_all_four_formats_open(photo, kind, options, tolerance):
    pixels = load(saved(Image.fromarray(photo), kind, **options)).pixels
    assert pixels.shape == photo.shape and pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - photo).mean() <= tolerance / 4


def test_path_bytes_and_stream_give_the_same_picture(tmp_path):
    data = encode_png(RED_LEFT)
    path = tmp_path / "a.png"
    path.write_bytes(data)
    for source in (path, str(path), data, io.BytesIO(data)):
        assert np.array_equal(load(source).pixels, RED_LEFT)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(photo, kind, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    data = saved(Image.fromarray(photo[:200, :90]), kind, exif=exif, **options)
    wanted = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert np.array_equal(load(data).pixels, wanted)


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_read_from_damaged_exif(order):
    orientation = struct.pack(order + "HHIHH", 0x0112, 3, 1, 6, 0)
    dangling = struct.pack(order + "HHII", 0x9286, 7, 0xFFFFFFFF, 0xFFFFFFFF)
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    for count in (3, 65_535):  # entries declared, of 3 that are there
        block = start + struct.pack(order + "H", count) + dangling + orientation + dangling
        data = png(6, 4, 8, 2, RED_LEFT.tobytes(), chunk(b"eXIf", block))
        assert np.array_equal(load(data).pixels, np.rot90(RED_LEFT, -1))


def test_avif_rotation_is_applied(photo):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    assert load(saved(Image.fromarray(photo[:, :100]), "AVIF", exif=exif)).pixels.shape == (100, 256, 3)


def test_alpha_is_composited_on_white_and_hides_the_color_below():
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = 255, 0, 0, 0  # fully transparent red
    rgba[0, 1] = 0, 0, 0, 128
    rgba[1, :] = 10, 20, 30, 255
    for kind in ("PNG", "WEBP"):
        options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
        pixels = load(saved(Image.fromarray(rgba), kind, **options)).pixels
        assert pixels[0, 0].tolist() == [255, 255, 255]
        assert pixels[0, 1].tolist() == [127, 127, 127]
        assert pixels[1, 0].tolist() == [10, 20, 30]


def test_transparency_of_gray_and_palette_pictures():
    gray = np.array([[[0, 0], [60, 255]]], np.uint8)
    assert load(saved(Image.fromarray(gray, "LA"), "PNG")).pixels[0].tolist() == [[255] * 3, [60] * 3]
    palette = Image.new("P", (2, 1))
    palette.putpalette([200, 0, 0, 0, 90, 0])
    palette.putpixel((1, 0), 1)
    data = saved(palette, "PNG", transparency=0)
    assert load(data).pixels[0].tolist() == [[255] * 3, [0, 90, 0]]
    data = saved(palette, "PNG", transparency=bytes([255, 0]))
    assert load(data).pixels[0].tolist() == [[200, 0, 0], [255] * 3]


@pytest.mark.parametrize(
    ("depth", "color", "row", "key", "wanted"),
    [
        (1, 0, b"\x40", b"\0\1", [0, 255]),
        (2, 0, b"\x60", b"\0\2", [85, 255]),
        (4, 0, b"\x3a", b"\0\x0a", [51, 255]),
        (8, 0, b"\x33\x34", b"\0\x34", [51, 255]),
        (16, 0, b"\x12\x34\x12\x35", b"\x12\x35", [18, 255]),
    ],
)
def test_transparent_gray_level_of_a_png(depth, color, row, key, wanted):
    data = png(2, 1, depth, color, row, chunk(b"tRNS", key))
    assert load(data).pixels[0, :, 0].tolist() == wanted


def test_transparent_color_of_a_png():
    data = png(2, 1, 8, 2, bytes([1, 2, 3, 4, 5, 6]), chunk(b"tRNS", bytes([0, 4, 0, 5, 0, 6])))
    assert load(data).pixels[0].tolist() == [[1, 2, 3], [255, 255, 255]]


def test_16_bit_samples_are_scaled_not_clipped():
    ramp = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    data = png(4, 1, 16, 0, ramp.astype(">u2").tobytes())
    assert load(data).pixels[0, :, 0].tolist() == [0, 1, 128, 255]
    rgb = np.repeat(ramp[..., None], 3, axis=2)
    data = png(4, 1, 16, 2, rgb.astype(">u2").tobytes())
    assert load(data).pixels[0, :, 1].tolist() == [0, 1, 128, 255]


def test_cmyk_jpeg(photo):
    data = saved(Image.fromarray(photo).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(load(data).pixels.astype(int) - photo).mean() < 4


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_first_frame_of_an_animation_is_read(kind):
    frames = [Image.new("RGB", (16, 16), color) for color in ((200, 10, 10), (10, 200, 10))]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, loop=0)
    red, green, _ = load(data).pixels[8, 8].astype(int)
    assert red > 180 and green < 40


def test_icc_profile_is_applied_and_a_broken_one_ignored():
    swapped = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    names = [swapped[128 + 4 + 12 * i : 128 + 8 + 12 * i] for i in range(swapped[131])]
    red, blue = (128 + 4 + 12 * names.index(name) for name in (b"rXYZ", b"bXYZ"))
    swapped[red : red + 4], swapped[blue : blue + 4] = b"bXYZ", b"rXYZ"
    plain = Image.new("RGB", (2, 2), (250, 20, 20))
    # a profile named sRGB is not applied, so this one gets another name
    other = bytes(swapped).replace("sRGB".encode("utf-16-be"), "BGRs".encode("utf-16-be"))
    red_value, _, blue_value = load(saved(plain, "PNG", icc_profile=other)).pixels[0, 0]
    assert blue_value > 200 and red_value < 80
    for broken in (b"no profile", other[:200], other[:140] + bytes(300), bytes(4096)):
        for kind in ("PNG", "JPEG"):
            pixels = load(saved(plain, kind, icc_profile=broken, quality=95)).pixels
            assert np.abs(pixels[0, 0].astype(int) - (250, 20, 20)).max() < 6


# --- refusals


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "PPM", "ICO", "TGA"])
def test_other_formats_are_refused(kind, tmp_path):
    path = tmp_path / "renamed.png"
    path.write_bytes(saved(Image.fromarray(RED_LEFT), kind))
    with pytest.raises(ImageError, match=r"'renamed\.png' is not a PNG, JPEG, WebP or AVIF"):
        load(path)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 500, b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"RIFFxxxxWAVE"],
)
def test_data_that_is_no_picture_is_refused(data):
    with pytest.raises(ImageError):
        load(data)


def forged(kind: str, width: int, height: int) -> bytes:
    """Return a small file whose header declares width x height."""
    if kind == "PNG":
        data = bytearray(encode_png(RED_LEFT))
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        return bytes(data)
    data = bytearray(saved(Image.fromarray(RED_LEFT), kind, **({"lossless": True} if kind == "WEBP" else {})))
    if kind == "JPEG":
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    elif kind == "WEBP":
        at = data.index(b"VP8L") + 9
        bits = int.from_bytes(data[at : at + 4], "little") >> 28 << 28
        data[at : at + 4] = (bits | (height - 1) << 14 | (width - 1)).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(10000, 10000), (4097, 1), (1, 16000)])
def test_oversized_picture_is_refused_before_any_pixel_is_decoded(kind, size, monkeypatch):
    data = forged(kind, *size)
    monkeypatch.setattr("codec.images.io._open", lambda parts: pytest.fail("the file reached its decoder"))
    with pytest.raises(ImageError, match=f"{size[0]} x {size[1]} pixels; a side must be 1 to 4096"):
        load(data)


def test_largest_and_smallest_pictures_open():
    for size in ((4096, 3), (3, 4096), (1, 1)):
        assert load(saved(Image.new("RGB", size), "PNG")).pixels.shape == (size[1], size[0], 3)


def test_file_over_the_byte_limit_is_refused(monkeypatch):
    monkeypatch.setattr("codec.images.io.MAX_BYTES", 1 << 20)
    with pytest.raises(ImageError, match="more than 1 MiB"):
        load(io.BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(1 << 20)))


@pytest.mark.parametrize("name", ["not there.png", "new\nline.png", "nul\0.png", ".", "x" * 5000])
def test_unreadable_path_is_a_one_line_error(name, tmp_path):
    with pytest.raises(ImageError) as caught:
        load(tmp_path / name)
    assert "\n" not in str(caught.value) and "cannot be read" in str(caught.value)


def test_long_junk_between_jpeg_markers_is_skipped():
    data = saved(Image.fromarray(RED_LEFT), "JPEG", quality=95)
    for junk in (b"\xff" * 3_000_000, b"\0" * 3_000_000, b"\xff\0" * 1_500_000):
        assert load(data[:20] + junk + data[20:]).pixels.shape == RED_LEFT.shape  # after APP0
    with pytest.raises(ImageError, match="16384 JPEG segments"):
        load(data[:2] + b"\xff\xe1\0\2" * 17_000 + data[2:])
    scan = data[data.index(b"\xff\xda") : -2]
    with pytest.raises(ImageError, match="64 scans"):
        load(data[:-2] + scan * 70 + data[-2:])


def test_too_many_png_chunks_are_refused():
    data = encode_png(RED_LEFT)
    with pytest.raises(ImageError, match="16384 PNG chunks"):
        load(data[:33] + chunk(b"juNk", b"") * 17_000 + data[33:])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_truncated_and_damaged_files_raise_only_image_errors(photo, kind):
    """Each file gives a picture or a one-line ImageError, and no warning."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.XResolution] = 72.0
    data = saved(Image.fromarray(photo[:64, :48]), kind, exif=exif, icc_profile=b"p" * 200)
    chance = random.Random(kind)
    cases = [data[:cut] for cut in range(0, len(data), max(1, len(data) // 60))]
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(min(len(data), chance.choice((60, 400, 10**6))))] = chance.randrange(256)
        cases.append(bytes(damaged))
    refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for case in cases:
            try:
                pixels = load(case).pixels
            except ImageError as error:
                refused += 1
                assert "\n" not in str(error)
            else:
                assert pixels.ndim == 3 and pixels.dtype == np.uint8 and max(pixels.shape) <= 4096
    assert refused > 40


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8X"]))
def test_random_bytes_raise_only_image_errors(data, start):
    with pytest.raises(ImageError):
        load(start + data)


# --- encoding, resizing, text cards


def test_png_is_lossless_and_deterministic(photo):
    data = encode_png(photo, {"parameters": "a \ud800 b"})
    assert data == encode_png(photo, {"parameters": "a \ud800 b"})
    picture = load(data)
    assert np.array_equal(picture.pixels, photo) and picture.texts == {"parameters": "a ? b"}


def test_encoding_refuses_arrays_that_are_no_picture():
    for bad in (np.zeros((2, 2), np.uint8), np.zeros((2, 2, 3)), np.zeros((0, 2, 3), np.uint8)):
        with pytest.raises(ImageError):
            encode_png(bad)
    with pytest.raises(ImageError, match="keyword"):
        encode_png(RED_LEFT, {"": "x"})


def test_resize_area_averages_each_block(photo):
    wanted = photo.reshape(16, 16, 16, 16, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(resize_area(photo, 16, 16) - wanted).max() < 0.8  # rounded once per axis
    assert resize_area(photo, 7, 300).shape == (300, 7, 3)


def test_lanczos_keeps_a_flat_color_and_gives_the_requested_size():
    flat = np.full((9, 5, 3), 77, np.uint8)
    assert np.array_equal(resize(flat, 31, 2), np.full((2, 31, 3), 77, np.uint8))


def test_fill_bytes_in_a_jpeg_are_scanned_in_linear_time():
    """Quadratic work on a megabyte of FF bytes would hang this test."""
    with pytest.raises(ImageError):
        load(b"\xff\xd8" + b"\xff" * 1_000_000 + b"\x00" + b"\xff" * 1_000_000)


def test_data_after_the_end_of_a_jpeg_is_ignored(photo):
    """Phones append videos, which hold many bytes that look like scan headers."""
    out = io.BytesIO()
    Image.fromarray(photo).save(out, "JPEG")
    video = np.random.default_rng(0).integers(0, 256, 100_000, dtype=np.uint8).tobytes() + b"\xff\xda" * 1000
    assert (load(out.getvalue() + video).pixels == load(out.getvalue()).pixels).all()
