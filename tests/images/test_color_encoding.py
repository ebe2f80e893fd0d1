"""Color encodings: profiles, gAMA, cHRM, cICP and nclx are converted to sRGB by what they say, in every container."""

from __future__ import annotations

import io
import itertools
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from codec.errors import ImageError
from codec.images import avif, color_encoding
from codec.images.io import load
from tests.bombs.files import avif_around
from tests.images.color_files import CHROMATICITIES, CICP_GAMMAS, TO_SRGB, chunk, light, profile

SIZE = (16, 16)
CICP_PRIMARIES = (1, 9, 12)
COLORS = ((200, 80, 40), (55, 55, 55), (90, 160, 120))


def saved(color: tuple[int, int, int], kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", SIZE, color).save(out, kind, **options)
    return out.getvalue()


def png(color: tuple[int, int, int], *chunks: bytes) -> bytes:
    data = saved(color, "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def avif_with(color: tuple[int, int, int], primaries: int, transfer: int) -> bytes:
    data = saved(color, "AVIF", quality=100, subsampling="4:4:4", speed=10)
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def expected(color: tuple[int, int, int], primaries: int, gamma: float) -> np.ndarray:
    """Return sRGB; `gamma`: exponent from sample to light, 0 for sRGB's curve."""
    linear = np.clip(TO_SRGB[primaries] @ light(color, gamma), 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def difference(data: bytes, wanted: object) -> float:
    return float(np.abs(load(data).pixels[8, 8].astype(float) - np.asarray(wanted)).max())


# --- a hundred variants

# a lossy file moves samples by a level or two, and a linear one magnifies that in the dark
TOLERANCE = {"PNG": 1.5, "WEBP": 2.0, "AVIF": 8.0, "JPEG": 8.0}
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4", "speed": 10}}


@pytest.mark.parametrize("primaries", CICP_PRIMARIES)
@pytest.mark.parametrize("transfer", CICP_GAMMAS)
@pytest.mark.parametrize("kind", ["PNG", "AVIF"])
def test_cicp_is_converted(kind: str, transfer: int, primaries: int) -> None:
    for color in COLORS:
        cicp = chunk(b"cICP", bytes([primaries, transfer, 0, 1]))
        data = png(color, cicp) if kind == "PNG" else avif_with(color, primaries, transfer)
        assert difference(data, expected(color, primaries, CICP_GAMMAS[transfer])) <= TOLERANCE[kind]


@pytest.mark.parametrize("primaries", CICP_PRIMARIES)
@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.6])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "JPEG"])
def test_icc_profile_is_applied_whatever_its_name(kind: str, gamma: float, primaries: int) -> None:
    options = LOSSLESS.get(kind, {"quality": 100, "subsampling": 0})
    for color in COLORS:
        data = saved(color, kind, icc_profile=profile(primaries, gamma), **options)
        assert difference(data, expected(color, primaries, gamma)) <= TOLERANCE[kind]


@pytest.mark.parametrize("primaries", CICP_PRIMARIES)
@pytest.mark.parametrize("gamma", [None, 45455, 100_000, 55556, 38462])
def test_gamma_and_chromaticities_of_a_png_are_converted(gamma: int | None, primaries: int) -> None:
    chunks = [chunk(b"cHRM", struct.pack(">8I", *CHROMATICITIES[primaries]))]
    if gamma:
        chunks.append(chunk(b"gAMA", struct.pack(">I", gamma)))
    exponent = 0.0 if gamma in (None, 45455) else 100_000 / gamma
    for color in COLORS:
        assert difference(png(color, *chunks), expected(color, primaries, exponent)) <= TOLERANCE["PNG"]


@pytest.mark.parametrize(("transfer", "white"), [(16, 148), (18, 191)])
@pytest.mark.parametrize("primaries", CICP_PRIMARIES)
@pytest.mark.parametrize("kind", ["PNG", "AVIF"])
def test_hdr_is_mapped_to_sdr(kind: str, primaries: int, transfer: int, white: int) -> None:
    """Gray stays gray and in order, and the reference white of 203 cd/m² leaves room for highlights."""
    levels = []
    for gray in (0, 40, 100, white, 230, 255):
        color = (gray, gray, gray)
        cicp = chunk(b"cICP", bytes([primaries, transfer, 0, 1]))
        pixel = load(png(color, cicp) if kind == "PNG" else avif_with(color, primaries, transfer)).pixels[8, 8]
        assert np.ptp(pixel.astype(int)) <= 1
        levels.append(int(pixel[1]))
    assert levels == sorted(levels) and levels[0] <= 1 and levels[-1] >= 250
    assert abs(levels[3] - 231) <= 2


# --- examples and precedence


def test_published_values() -> None:
    gray, orange = (55, 55, 55), (200, 80, 40)
    gamma = chunk(b"gAMA", struct.pack(">I", 100_000))
    assert load(png(gray, gamma)).pixels[0, 0].tolist() == [128, 128, 128]
    assert load(saved(gray, "PNG", icc_profile=profile(1, 1.0))).pixels[0, 0].tolist() == [128, 128, 128]
    assert load(png(orange, chunk(b"cICP", bytes([12, 13, 0, 1])))).pixels[0, 0].tolist() == [216, 69, 17]


def test_stronger_color_chunks_win() -> None:
    gray = (55, 55, 55)
    cicp, linear = chunk(b"cICP", bytes([1, 8, 0, 1])), chunk(b"gAMA", struct.pack(">I", 100_000))
    icc = chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile(1, 1.8)))
    srgb, broken = chunk(b"sRGB", b"\0"), chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(300)))
    for chunks, gamma in (
        ((cicp, icc, srgb), 1.0), ((icc, srgb, linear), 1.8), ((srgb, linear), 0.0), ((broken, linear), 1.0),
    ):  # fmt: skip
        for order in itertools.permutations(chunks):
            assert difference(png(gray, *order), expected(gray, 1, gamma)) <= 1.5


def test_srgb_profiles_and_encodings_leave_the_pixels_as_they_are() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG", icc_profile=srgb.replace(b"\0s\0R\0G\0B", b"\0M\0i\0n\0e"))
    assert (load(out.getvalue()).pixels == noise).all()
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    data = out.getvalue()
    for extra in (
        chunk(b"cICP", bytes([1, 13, 0, 1])), chunk(b"cICP", bytes([2, 2, 0, 1])), chunk(b"cICP", bytes([1, 1, 0, 1])),
        chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"gAMA", bytes(4)), chunk(b"gAMA", b"\xff" * 4),
        chunk(b"cHRM", bytes(32)), chunk(b"cHRM", b"\xff" * 32), chunk(b"cHRM", struct.pack(">8I", *[30000] * 8)),
        chunk(b"gAMA", b"\0"), chunk(b"cICP", b"\1"),
    ):  # fmt: skip
        assert (load(data[:33] + extra + data[33:]).pixels == noise).all()


def test_gray_picture_with_a_profile_of_colors() -> None:
    out = io.BytesIO()
    Image.new("L", SIZE, 55).save(out, "JPEG", quality=100, icc_profile=profile(1, 1.0))
    assert np.abs(load(out.getvalue()).pixels.astype(int) - 128).max() <= 3


def test_narrow_range_of_cicp() -> None:
    for sample, level in ((16, 0), (235, 255), (126, 128)):
        data = png((sample, sample, sample), chunk(b"cICP", bytes([1, 13, 0, 0])))
        assert load(data).pixels[0, 0].tolist() == [level] * 3


def test_text_in_the_pixels_is_read_before_the_colors_are_converted() -> None:
    text = b'{"Description": "a barn"}'
    bits = np.unpackbits(np.frombuffer(b"stealth_rgbinfo" + struct.pack(">I", 8 * len(text)) + text, np.uint8))
    samples = np.full((64, 16, 3), 100, np.uint8).transpose(1, 0, 2).reshape(-1)
    samples[: len(bits)] = samples[: len(bits)] & 254 | bits
    out = io.BytesIO()
    pixels = np.ascontiguousarray(samples.reshape(16, 64, 3).transpose(1, 0, 2))
    Image.fromarray(pixels).save(out, "PNG", icc_profile=profile(12, 1.8))
    assert load(out.getvalue()).texts["stealth"] == text.decode()


# --- AVIF


def sequence_header(primaries: int, transfer: int, *, reduced: bool) -> bytes:
    """Return the header of a 16 x 16 sequence with a color description."""
    fields = [(0, 3), (reduced, 1), (reduced, 1)] + ([(0, 5)] if reduced else [(0, 1), (0, 1), (0, 5), (0, 12), (3, 5)])
    fields += [(3, 4), (3, 4), (15, 4), (15, 4)]
    fields += [(0, 3)] if reduced else [(0, 1), (0, 3), (0, 4), (1, 1), (0, 2), (1, 1), (1, 1), (6, 3)]
    fields += [(0, 3), (0, 1), (0, 1), (1, 1), (primaries, 8), (transfer, 8), (1, 8), (1, 1)]
    text = "".join(f"{value:0{count}b}" for value, count in fields)
    body = int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")
    return b"\x0a" + bytes([len(body)]) + body


@pytest.mark.parametrize("reduced", [False, True])
def test_colors_of_an_avif_without_nclx_come_from_its_sequence_header(*, reduced: bool) -> None:
    data = avif_around(sequence_header(9, 16, reduced=reduced))
    assert avif.read_color_encoding(data) == color_encoding.from_cicp(9, 16)
    unspecified = avif_around(sequence_header(2, 2, reduced=reduced))
    assert avif.read_color_encoding(unspecified).is_srgb


def test_colors_of_an_animation_come_from_its_track() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", SIZE, color) for color in ((200, 80, 40), (9, 9, 9))]
    frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:], quality=100, subsampling="4:4:4", speed=10)
    data = bytearray(out.getvalue())
    at = data.rindex(b"nclx") + 4
    data[at : at + 4] = struct.pack(">HH", 12, 13)
    assert difference(bytes(data), (216, 69, 17)) <= TOLERANCE["AVIF"]


def test_damaged_color_boxes_raise_only_the_documented_errors() -> None:
    chance = random.Random(9)
    source = avif_with((200, 80, 40), 12, 13)
    for _ in range(3000):
        data = bytearray(source)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(min(400, len(data)))] = chance.choice((0, 1, 255, chance.randrange(256)))
        try:
            avif.read_color_encoding(bytes(data))
        except (ImageError, struct.error, IndexError):
            continue


def test_any_numbers_of_cicp_and_png_give_pixels() -> None:
    chance = random.Random(4)
    rgb = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5
    encodings = [color_encoding.from_cicp(chance.randrange(30), chance.randrange(30)) for _ in range(200)]
    for _ in range(200):
        values = tuple(chance.choice((0, 1, 30_000, 2**32 - 1, chance.randrange(120_000))) for _ in range(8))
        encodings.append(color_encoding.from_png(chance.choice((0, 1, 2_000, 90_000, 10**6, 2**32 - 1)), values))
    with np.errstate(all="raise", under="ignore"):
        for encoding in encodings:
            converted = color_encoding.to_srgb(rgb, encoding)
            assert converted.shape == rgb.shape and converted.dtype == np.uint8
