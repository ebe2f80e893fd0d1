"""Color encodings by a generator: files with several, of which the strongest counts, in every mode and container."""

from __future__ import annotations

import io
import random
import struct
import zlib
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from codec.images.io import load
from tests.images.color_files import ADOBE, CHROMATICITIES, CICP_GAMMAS, TO_SRGB, chunk, light, profile
from tests.lanes import variants

GAMMAS = (1.0, 1.8, 2.4, 2.6)  # exponents from sample to light
PNG_MODES = ("RGB", "RGBA", "palette", "gray", "gray with alpha", "RGB 16 bits", "RGBA 16 bits")
CONTAINERS = ("PNG", "PNG", "PNG", "WEBP", "AVIF", "JPEG")
TOLERANCE = {"PNG": 2.5, "WEBP": 2.5, "AVIF": 9.0, "JPEG": 9.0}  # lossy files move samples by a level or two


@dataclass(frozen=True)
class Case:
    """A picture of one color. Each encoding is (primaries, exponent), exponent 0 for sRGB's curve, or None.

    order: of the chunks in a PNG.
    """

    container: str
    mode: str
    color: tuple[int, int, int]
    cicp: tuple[int, int] | None
    icc: tuple[int, float] | None
    is_marked_srgb: bool
    gamma: float | None
    primaries: int | None
    order: int

    @property
    def expected(self) -> tuple[int, float]:
        """Primaries and exponent by precedence: cICP, profile, sRGB, gAMA and cHRM; in AVIF, the profile first."""
        cicp = None if self.cicp is None else (self.cicp[0], CICP_GAMMAS[self.cicp[1]])
        found = (self.icc, cicp) if self.container == "AVIF" else (cicp, self.icc)
        for encoding in found:
            if encoding is not None:
                return encoding
        if self.is_marked_srgb or self.container != "PNG":
            return 1, 0.0
        return self.primaries or 1, self.gamma or 0.0


def cases(count: int) -> list[Case]:
    """Return random cases."""
    chance = random.Random(11)

    def maybe(value: object, probability: float) -> object:
        return value if chance.random() < probability else None

    result = []
    for _ in range(count):
        container = chance.choice(CONTAINERS)
        is_png = container == "PNG"
        mode = chance.choice(PNG_MODES) if is_png else "RGB"
        color = (chance.randint(30, 225),) * 3 if "gray" in mode else tuple(chance.randint(30, 225) for _ in range(3))
        cicp = (chance.choice((1, 9, 12)), chance.choice(list(CICP_GAMMAS)))
        icc = (chance.choice((1, 9, 12, ADOBE)), chance.choice(GAMMAS))
        result.append(
            Case(
                container, mode, color, maybe(cicp, 0.35 if is_png else container == "AVIF"),
                maybe(icc, 0.4 if is_png else 0.8), bool(maybe(1, 0.25)), maybe(chance.choice(GAMMAS), 0.6),
                maybe(chance.choice((1, 9, 12, ADOBE)), 0.6), chance.randrange(120),
            )
        )  # fmt: skip
    return result


def raw_png(mode: str, color: tuple[int, int, int], chunks: list[bytes]) -> bytes:
    """Return a PNG of 16 x 16 pixels, written without a library."""
    kind = {"RGB": 2, "RGBA": 6, "palette": 3, "gray": 0, "gray with alpha": 4}[mode.removesuffix(" 16 bits")]
    depth = 16 if mode.endswith("16 bits") else 8
    samples = {0: color[:1], 2: color, 3: (1,), 4: (*color[:1], 255), 6: (*color, 255)}[kind]
    pixel = b"".join(bytes([sample]) * (depth // 8) for sample in samples)
    rows = zlib.compress((b"\0" + pixel * 16) * 16)
    palette = [chunk(b"PLTE", bytes((9, 9, 9, *color)))] if kind == 3 else []
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, depth, kind, 0, 0, 0))
    return b"".join((b"\x89PNG\r\n\x1a\n", header, *chunks, *palette, chunk(b"IDAT", rows), chunk(b"IEND", b"")))


def picture_file(case: Case) -> bytes:
    if case.container == "PNG":
        chunks = []
        if case.cicp:
            chunks.append(chunk(b"cICP", bytes([*case.cicp, 0, 1])))
        if case.icc:
            chunks.append(chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile(*case.icc))))
        if case.is_marked_srgb:
            chunks.append(chunk(b"sRGB", b"\0"))
        if case.gamma:
            chunks.append(chunk(b"gAMA", struct.pack(">I", round(100_000 / case.gamma))))
        if case.primaries:
            chunks.append(chunk(b"cHRM", struct.pack(">8I", *CHROMATICITIES[case.primaries])))
        random.Random(case.order).shuffle(chunks)
        return raw_png(case.mode, case.color, chunks)
    options = {
        "WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0},
        "AVIF": {"quality": 100, "subsampling": "4:4:4", "speed": 10},
    }[case.container]  # fmt: skip
    if case.icc:
        options["icc_profile"] = profile(*case.icc)
    out = io.BytesIO()
    Image.new("RGB", (16, 16), case.color).save(out, case.container, **options)
    data = out.getvalue()
    if case.cicp and (at := data.find(b"nclx") + 4) >= 4:
        data = data[:at] + struct.pack(">HH", *case.cicp) + data[at + 4 :]
    return data


@pytest.mark.parametrize("case", variants(cases(200), 50))
def test_strongest_encoding_is_converted(case: Case) -> None:
    primaries, gamma = case.expected
    linear = np.clip(TO_SRGB[primaries] @ light(case.color, gamma), 0, 1)
    expected = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    pixels = load(picture_file(case)).pixels.astype(float)
    assert np.abs(pixels - expected).max() <= TOLERANCE[case.container]
