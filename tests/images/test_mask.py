"""Masks mark by white, by opacity or by both, in every format, mode, size and orientation."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from codec.errors import ImageError
from codec.images.mask import load_mask
from codec.images.mask_formats import MAX_RLE_BYTES, MAX_TEXT_SAMPLE_BYTES
from tests.lanes import variants

WIDTH, HEIGHT = 64, 48
MARKED = np.zeros((HEIGHT, WIDTH), bool)
MARKED[10:30, 20:50] = True
MARKED[6:10, 20:26] = True  # no symmetry, so that a turned mask differs
CLEAR = (np.where(MARKED, 255, 0)).astype(np.uint8)

# --- a hundred variants: a mask is drawn in a mode, marked in a way, and stored in a format

Layers = tuple[np.ndarray, np.ndarray]  # (H, W) uint8 luma and opacity
MARKS: dict[str, Callable[[np.ndarray], Layers]] = {
    "luma": lambda marked: (np.where(marked, 255, 0), np.full(marked.shape, 255)),
    "gray luma": lambda marked: (np.where(marked, 180, 60), np.full(marked.shape, 255)),
    "alpha": lambda marked: (np.zeros(marked.shape), np.where(marked, 255, 0)),
    "alpha over white": lambda marked: (np.where(marked, 0, 255), np.where(marked, 255, 0)),
    "both": lambda marked: (np.where(marked, 255, 0), np.where(marked, 255, 0)),
    "thin paint": lambda marked: (np.where(marked, 255, 0), np.where(marked, 80, 0)),
}


def to_palette(luma: np.ndarray, opacity: np.ndarray) -> Image.Image:
    """Return an image with a palette; its color 0 is transparent if anything is."""
    is_clear = opacity < 40
    image = Image.fromarray(np.where(is_clear, 0, 1 + (luma > 127)).astype(np.uint8))
    low, high = int(luma[~is_clear].min()), int(luma[~is_clear].max())
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([200, 0, 90, *[low] * 3, *[high] * 3])
    if is_clear.any():
        image.info["transparency"] = 0
    return image


def to_rgba(luma: np.ndarray, opacity: np.ndarray) -> Image.Image:
    return Image.fromarray(np.dstack([luma] * 3 + [opacity]).astype(np.uint8))


def to_gray(luma: np.ndarray, _: np.ndarray) -> Image.Image:
    return Image.fromarray(luma.astype(np.uint8))


MODES: dict[str, Callable[[np.ndarray, np.ndarray], Image.Image]] = {
    "1": lambda luma, _: Image.fromarray(luma > 127),
    "L": to_gray,
    "LA": lambda luma, opacity: Image.fromarray(np.dstack([luma, opacity]).astype(np.uint8), "LA"),
    "P": to_palette,
    "RGB": lambda *layers: to_gray(*layers).convert("RGB"),
    "RGBA": to_rgba,
    "CMYK": lambda *layers: to_gray(*layers).convert("CMYK"),
    "I;16": lambda luma, _: Image.fromarray(luma.astype(np.uint16) * 257),
    "I": lambda luma, _: Image.fromarray(luma.astype(np.int32)),
    "F": lambda luma, _: Image.fromarray((luma / 255).astype(np.float32)),
}
ALPHA_MODES = {"LA", "P", "RGBA"}
# modes and options by format
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "PNG": ("1 L LA P RGB RGBA I;16", {}),
    "GIF": ("1 L P RGB", {}),
    "GIF two frames": ("P", {"save_all": True}),
    "BMP": ("1 L P RGB RGBA", {}),
    "TIFF": ("1 L LA P RGB RGBA CMYK I;16 I F", {}),
    "TIFF tiff_lzw": ("L LA P RGBA I;16 F", {"compression": "tiff_lzw"}),
    "TIFF tiff_adobe_deflate": ("1 L RGBA CMYK I;16", {"compression": "tiff_adobe_deflate"}),
    "TIFF packbits": ("1 L RGB", {"compression": "packbits"}),
    "TIFF group4": ("1", {"compression": "group4"}),
    "TIFF jpeg": ("L RGB CMYK", {"compression": "jpeg", "quality": 90}),
    "TIFF big": ("L RGBA I;16", {"big_tiff": True}),
    "TIFF two pages": ("L RGBA", {"save_all": True}),
    "PPM": ("1 L RGB I;16", {}),
    "WEBP": ("RGB RGBA", {"quality": 70, "exact": True}),
    "WEBP lossless": ("RGB RGBA", {"lossless": True, "exact": True}),
    "AVIF": ("RGB RGBA", {"quality": 70, "speed": 10}),
    "JPEG": ("L RGB CMYK", {"quality": 80}),
}
SIZES = ((64, 48), (128, 96), (100, 75), (320, 120))
WITH_ORIENTATION = {"PNG", "TIFF", "WEBP", "AVIF", "JPEG"}
LOSSY = {"WEBP", "AVIF", "JPEG", "TIFF jpeg"}


def mask_variants() -> list[tuple[str, str, str, tuple[int, int], int]]:
    """Return format, mode and mark in all combinations, with a random size and orientation."""
    chance = random.Random(17)
    cases = []
    for kind, (modes, _) in FORMATS.items():
        for mode in modes.split():
            for mark in MARKS:
                has_alpha = mark not in ("luma", "gray luma")
                is_possible = not has_alpha or (mode in ALPHA_MODES and not (kind == "BMP" and mode == "P"))
                if not is_possible or (kind.startswith("TIFF") and mode == "P" and has_alpha):
                    continue
                orientation = chance.randint(1, 8) if kind.split()[0] in WITH_ORIENTATION else 1
                cases.append((kind, mode, mark, chance.choice(SIZES), orientation))
    return cases


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return pixels as they are stored for an EXIF orientation, which turns them upright again."""
    flips = {1: (False, 0), 2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 3), 6: (False, 1), 7: (True, 1),
             8: (False, 3)}  # fmt: skip
    is_mirrored, quarter_turns = flips[orientation]
    stored = np.rot90(pixels, quarter_turns)
    return np.ascontiguousarray(stored[:, ::-1] if is_mirrored else stored)


def mask_file(kind: str, mode: str, mark: str, size: tuple[int, int], orientation: int = 1) -> bytes:
    """Return a file of the mask `MARKED`, stretched to a size."""
    width, height = size
    rows, columns = np.arange(height) * HEIGHT // height, np.arange(width) * WIDTH // width
    layers = MARKS[mark](turned(MARKED[rows[:, None], columns], orientation))
    image = MODES[mode](*layers)
    options = dict(FORMATS[kind][1])
    if options.get("save_all"):
        options["append_images"] = [Image.new(image.mode, image.size)]
    if kind.startswith("TIFF"):
        options["tiffinfo"] = {0x0112: orientation}
    elif orientation > 1:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    out = io.BytesIO()
    image.save(out, kind.split()[0], **options)
    return out.getvalue()


@pytest.mark.parametrize(("kind", "mode", "mark", "size", "orientation"), variants(mask_variants(), 50))
def test_mask_is_read(kind: str, mode: str, mark: str, size: tuple[int, int], orientation: int) -> None:
    mask = load_mask(mask_file(kind, mode, mark, size, orientation), WIDTH, HEIGHT)
    assert mask.dtype == bool and mask.shape == MARKED.shape
    is_exact = kind not in LOSSY and size != (100, 75)
    assert (mask != MARKED).mean() <= (0 if is_exact else 0.02)


def test_there_are_more_than_a_hundred_variants() -> None:
    assert len(mask_variants()) > 150


# --- forms that Pillow does not write


def masks_of_other_programs() -> dict[str, bytes]:
    """Return masks of `MARKED` by description."""
    rows = [bytes([0]) + (row * 257).astype(">u2").tobytes() for row in CLEAR.astype(np.uint16)]
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"tRNS", b"\0\0"), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    white, black = b"255 " * WIDTH, b"0 " * WIDTH
    text_rows = b"\n".join(b" ".join(str(v).encode() for v in row) for row in CLEAR)
    runs = b"".join(
        b"".join(bytes([1, int(v)]) for v in row) + b"\0\0" for row in CLEAR[::-1]
    )  # of a BMP compressed by RLE8
    palette = b"".join(bytes([v, v, v, 0]) for v in range(256))
    bmp = (
        struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(runs) + 2, 0, 0, 256, 0) + palette + runs + b"\0\1"
    )
    top_down = struct.pack("<IiiHHIIiiII", 40, WIDTH, -HEIGHT, 1, 32, 0, 0, 0, 0, 0, 0)
    top_down += np.dstack([np.zeros_like(CLEAR)] * 3 + [CLEAR]).tobytes()
    os2 = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24) + np.dstack([CLEAR] * 3)[::-1].tobytes()
    return {
        "16-bit PNG with a transparent gray": png,
        "plain PGM with a comment": b"P2\n# a mask\n%d %d\n255\n" % (WIDTH, HEIGHT) + text_rows,
        "plain PBM": b"P1 %d %d\n" % (WIDTH, HEIGHT) + b"".join(b"%d" % (not v) for v in MARKED.ravel()),
        "PGM of four levels": b"P5 %d %d 3\n" % (WIDTH, HEIGHT) + (CLEAR // 85).tobytes(),
        "plain PPM": b"P3 %d %d 255\n" % (WIDTH, HEIGHT)
        + b"\n".join(white[: 4 * 3] if v else black[: 2 * 3] for v in MARKED.ravel()),
        "BMP with RLE8": b"BM" + struct.pack("<IHHI", 54 + len(bmp), 0, 0, 54 + len(palette)) + bmp,
        "BMP from the top with opacity": b"BM" + struct.pack("<IHHI", 0, 0, 0, 54) + top_down,
        "BMP of OS/2": b"BM" + struct.pack("<IHHI", 0, 0, 0, 26) + os2,
    }


@pytest.mark.parametrize("name", masks_of_other_programs())
def test_mask_of_another_program_is_read(name: str) -> None:
    assert (load_mask(masks_of_other_programs()[name], WIDTH, HEIGHT) == MARKED).all()


def rgba(color: tuple[int, int, int], alpha: np.ndarray) -> bytes:
    """Return a PNG with paint of one color on clear black."""
    pixels = np.zeros((*MARKED.shape, 4), np.uint8)
    pixels[alpha > 0, :3] = color
    pixels[..., 3] = alpha
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("opacity", [255, 85])
@pytest.mark.parametrize("color", [(255, 0, 0), (0, 0, 0), (255, 255, 255), (90, 90, 90)])
def test_paint_of_any_color_on_clear_marks(color: tuple[int, int, int], opacity: int) -> None:
    assert (load_mask(rgba(color, CLEAR // 255 * opacity), WIDTH, HEIGHT) == MARKED).all()


@pytest.mark.parametrize("alpha", [255, 128, 0])
def test_white_on_black_marks_whatever_the_opacity_of_a_corner(alpha: int) -> None:
    pixels = np.dstack([CLEAR] * 3 + [np.full_like(CLEAR, 255)])
    pixels[:8, :8, 3] = alpha
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    assert (load_mask(out.getvalue(), WIDTH, HEIGHT) == MARKED).all()


def test_masks_that_mark_nothing_or_everything() -> None:
    for color, marked in (
        ((0, 0, 0, 255), False), ((255, 255, 255, 255), True), ((0, 0, 0, 0), False), ((255, 255, 255, 0), True),
    ):  # fmt: skip
        out = io.BytesIO()
        Image.new("RGBA", (8, 8), color).save(out, "PNG")
        assert (load_mask(out.getvalue(), 8, 8) == marked).all()


# --- hostile files


def test_what_is_no_mask_is_one_sentence_with_the_formats() -> None:
    for data in (b"", b"no picture", b"BMX", b"II*\0", b"GIF89a", b"P7\nWIDTH 3", b"%PDF-1.7", b"P5 # endless" * 99):
        with pytest.raises(ImageError) as error:
            load_mask(data, 8, 8)
        assert "\n" not in str(error.value)
    with pytest.raises(ImageError, match="PNG, JPEG, WebP, AVIF, GIF, BMP, TIFF or PNM"):
        load_mask(b"no picture", 8, 8)


def huge_masks() -> dict[str, bytes]:
    """Return small files that declare more than is read, by description."""
    tiff = bytearray(mask_file("TIFF", "L", "luma", SIZES[0]))
    at = tiff.index(struct.pack("<HHI", 256, 4, 1)) + 8
    strips = tiff.index(struct.pack("<HHI", 279, 4, 1)) + 8
    rare = tiff.index(struct.pack("<HHI", 259, 3, 1)) + 8
    gif = mask_file("GIF", "P", "luma", SIZES[0])
    frame = gif.index(b",\0\0\0\0")
    bmp = mask_file("BMP", "L", "luma", SIZES[0])
    return {
        "wide TIFF": tiff[:at] + struct.pack("<I", 1 << 30) + tiff[at + 4 :],
        "TIFF with an endless strip": tiff[:strips] + struct.pack("<I", 1 << 31) + tiff[strips + 4 :],
        "TIFF in a rare compression": tiff[:rare] + struct.pack("<I", 34925) + tiff[rare + 4 :],
        "tall GIF": gif[:8] + b"\xff\xff" + gif[10:],
        "GIF with a wide frame": gif[: frame + 5] + b"\xff\xff" + gif[frame + 7 :],
        "GIF of comments": gif[:13] + b"!\xfe\1x\0" * 20_000,
        "wide BMP": bmp[:18] + struct.pack("<i", 5000) + bmp[22:],
        "tall BMP": bmp[:22] + struct.pack("<i", -5000) + bmp[26:],
        "compressed BMP": bmp[:30] + b"\1\0\0\0" + bmp[34:] + bytes(MAX_RLE_BYTES),
        "wide PNM": b"P5 4097 1 255\n" + bytes(4097),
        "PNM with a long number": b"P5 " + b"9" * 4000 + b" 1 255\n\0",
        "PNM with an impossible maximum": b"P5 8 8 70000\n" + bytes(128),
        "plain PNM without the last sample": b"P2 2 2 9\n9 9 9",
        "plain PNM of words": b"P2 2 2 9\n9 9 nan x",
        "long plain PNM": b"P1 8 8\n" + b"0 " * MAX_TEXT_SAMPLE_BYTES,
    }


@pytest.mark.parametrize("name", huge_masks())
def test_mask_that_would_take_too_much_is_refused(name: str) -> None:
    with pytest.raises(ImageError):
        load_mask(bytes(huge_masks()[name]), 8, 8)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "TIFF tiff_lzw", "TIFF big", "TIFF jpeg", "PPM"])
def test_damaged_masks_are_read_or_refused(kind: str) -> None:
    chance = random.Random(kind)
    mode = "L" if kind == "TIFF jpeg" else FORMATS[kind][0].split()[-1]
    source = mask_file(kind, mode, "luma", SIZES[0])
    for _ in range(120):
        data = bytearray(source)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data) if chance.random() < 0.5 else min(400, len(data)))
            data[at if chance.random() < 0.5 else -at - 1] = chance.choice((0, 1, 255, chance.randrange(256)))
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        try:
            assert load_mask(bytes(data), 16, 12).shape == (12, 16)
        except ImageError as error:
            assert "\n" not in str(error)
