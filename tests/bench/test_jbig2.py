"""The JBIG2 encoder of the benchmark, against the standard's test vector, a decoder written here, and jbig2dec."""

from __future__ import annotations

import hashlib
import shutil
import subprocess

import numpy as np
import pytest

from tests import jbig2

pytestmark = pytest.mark.bench

# T.88 annex H.2: 256 decisions in one context and their code
DECISIONS = "00020051 000000C0 0352872A AAAAAAAA 82C02000 FCD79EF6 BF7FED90 4F46A3BF"
CODE = "84C73BFC E1A14304 02200000 410DBB86 F4317FFF 88FF3747 1ADB6ADF FFAC"
FORMS = [(template, typical) for template in range(4) for typical in (False, True)]


class Reader:
    """The MQ decoder of annex E.3."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.at, self.states, self.likely = data, 0, [0] * size, [0] * size
        self.c, self.count, self.a = self._byte(0) << 16, 0, 0x8000
        self._byte_in()
        self.c <<= 7
        self.count -= 7

    def _byte(self, at: int) -> int:
        return self.data[at] if at < len(self.data) else 0xFF

    def _byte_in(self) -> None:
        if self._byte(self.at) == 0xFF:
            if self._byte(self.at + 1) > 0x8F:
                self.c, self.count = self.c + 0xFF00, 8
            else:
                self.at += 1
                self.c, self.count = self.c + (self._byte(self.at) << 9), 7
        else:
            self.at += 1
            self.c, self.count = self.c + (self._byte(self.at) << 8), 8

    def bit(self, place: int) -> int:
        qe, more, less, switch = jbig2.QE_TABLE[self.states[place]]
        self.a -= qe
        lower = self.c >> 16 < qe
        if not lower:
            self.c -= qe << 16
            if self.a & 0x8000:
                return self.likely[place]
        expected = (self.a >= qe) ^ lower
        if lower:
            self.a = qe
        symbol = self.likely[place] ^ (not expected)
        if not expected:
            self.likely[place] ^= switch
        self.states[place] = more if expected else less
        while not self.a & 0x8000:
            if not self.count:
                self._byte_in()
            self.a, self.c, self.count = self.a << 1, self.c << 1 & 0xFFFFFFFF, self.count - 1
        return symbol


def decode(data: bytes, height: int, width: int, template: int, typical: bool) -> np.ndarray:
    """Decode the generic region of 6.2.5 pixel by pixel, without the encoder's code for contexts."""
    pixels = jbig2.TEMPLATES[template]
    reader = Reader(data, 1 << len(pixels))
    out = np.zeros((height, width), bool)
    same = 0
    for y in range(height):
        if typical:
            same ^= reader.bit(jbig2.TYPICAL_CONTEXTS[template])
            if same:
                out[y] = out[y - 1] if y else False
                continue
        for x in range(width):
            place = sum(
                1 << bit
                for bit, (dx, dy) in enumerate(pixels)
                if 0 <= x + dx < width and y + dy >= 0 and out[y + dy, x + dx]
            )
            out[y, x] = reader.bit(place)
    return out


@pytest.fixture(scope="module")
def bitmap() -> np.ndarray:
    """A circle, a diagonal, an empty part and noise, (57, 83) bool."""
    y, x = np.mgrid[:57, :83]
    lines = (abs(np.hypot(x - 40, y - 28) - 20) < 0.7) | (x == y)
    lines[:6] = lines[50:] = False
    lines[30:40, 60:] |= np.random.default_rng(3).random((10, 23)) < 0.4
    return lines


def test_arithmetic_coder_matches_the_test_vector():
    bits = [int(bit) for byte in bytes.fromhex(DECISIONS) for bit in f"{byte:08b}"]
    assert jbig2.mq_encode(bits, [0] * 256, 1) == bytes.fromhex(CODE)


@pytest.mark.parametrize(("template", "typical"), FORMS)
def test_bitmap_is_decoded_exactly(bitmap, template, typical):
    data = jbig2.encode(bitmap, template, typical)
    assert np.array_equal(decode(data, *bitmap.shape, template, typical), bitmap)
    assert len(data) < bitmap.size // 16


def test_smallest_form_is_counted(bitmap):
    assert jbig2.min_bytes(bitmap) == min(len(jbig2.encode(bitmap, *form)) for form in FORMS)


def test_files_are_those_that_jbig2dec_decoded(bitmap):
    """The digest is of eight files that jbig2dec 0.19 decoded exactly."""
    files = b"".join(jbig2.to_file(bitmap, *form) for form in FORMS)
    assert hashlib.sha256(files).hexdigest() == "a255c11505387764abda0ca67fde7f7e39e6bc38db5fa19eaeacbd001261c50b"


@pytest.mark.skipif(shutil.which("jbig2dec") is None, reason="jbig2dec is not installed; see the digest test")
@pytest.mark.parametrize(("template", "typical"), FORMS)
def test_jbig2dec_decodes_the_files(bitmap, tmp_path, template, typical):
    path, out = tmp_path / "a.jb2", tmp_path / "a.pbm"
    path.write_bytes(jbig2.to_file(bitmap, template, typical))
    subprocess.run(["jbig2dec", "-t", "pbm", "-o", out, path], check=True, capture_output=True)
    head, size, data = out.read_bytes().split(b"\n", 2)
    assert (head, size) == (b"P4", b"83 57")
    rows = np.frombuffer(data, np.uint8).reshape(57, -1)
    assert np.array_equal(np.unpackbits(rows, axis=1)[:, :83].astype(bool), bitmap)
