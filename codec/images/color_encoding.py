"""Convert pixels of any color encoding of ITU-T H.273 (CICP), or of PNG's gAMA and cHRM, to sRGB.

The inverse transfer function converts samples to light, a matrix converts the light to the primaries of sRGB, with
Bradford adaptation of the white point (ICC.1:2022, annex E), and light is encoded as sRGB (IEC 61966-2-1). Colors
outside sRGB are clipped.

HDR (PQ and HLG, ITU-R BT.2100) is mapped to SDR: the reference white of 203 cd/m² (ITU-R BT.2408) is 1.0, an HLG
display has 1000 cd/m², and `_compress_highlights` compresses the largest of R, G and B while the ratios of the three
stay equal.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np

# chromaticities x, y of red, green, blue and white
Primaries = tuple[float, float, float, float, float, float, float, float]
SRGB_PRIMARIES: Final[Primaries] = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
_NTSC_1953: Final[Primaries] = (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316)
_PAL: Final[Primaries] = (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, 0.3127, 0.3290)
_SMPTE_C: Final[Primaries] = (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, 0.3127, 0.3290)
_FILM: Final[Primaries] = (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316)
_BT2020: Final[Primaries] = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
_XYZ: Final[Primaries] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3)
_DCI_P3: Final[Primaries] = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351)
_DISPLAY_P3: Final[Primaries] = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290)
_EBU_3213: Final[Primaries] = (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, 0.3127, 0.3290)
_CICP_PRIMARIES: Final[dict[int, Primaries]] = {
    1: SRGB_PRIMARIES, 4: _NTSC_1953, 5: _PAL, 6: _SMPTE_C, 7: _SMPTE_C, 8: _FILM, 9: _BT2020, 10: _XYZ, 11: _DCI_P3,
    12: _DISPLAY_P3, 22: _EBU_3213,
}  # fmt: skip

SRGB, PQ, HLG = 13, 16, 18  # transfer functions of CICP
_GAMMAS: Final = {4: 2.2, 5: 2.8, 8: 1.0}  # exponents from sample to light, by transfer function of CICP
_REFERENCE_WHITE: Final = 203.0  # cd/m²
_PQ_PEAK, _HLG_PEAK = 10_000.0, 1000.0  # cd/m²
_KNEE: Final = 0.6  # linear light above which highlights are compressed; reference white becomes 0.8, sRGB level 231
_OETF_STEPS: Final = (1 << 16) - 1
_BAND_ROWS: Final = 128  # rows that are converted at a time, to bound memory
_SAME_PRIMARIES: Final = 0.003  # differences of chromaticities below this count as rounding errors
_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True)
class ColorEncoding:
    """The relation between RGB samples and light.

    primaries: chromaticities of red, green, blue and white.
    transfer: transfer function by its number in CICP, if `gamma` is 0.
    gamma: exponent from sample to light, or 0.
    full_range: False for samples in 16..235 of 255.
    """

    primaries: Primaries = SRGB_PRIMARIES
    transfer: int = SRGB
    gamma: float = 0.0
    full_range: bool = True

    @property
    def is_srgb(self) -> bool:
        """Whether samples need no conversion."""
        is_plain = self.full_range and not self.gamma and self.transfer == SRGB
        return is_plain and _same_primaries(self.primaries, SRGB_PRIMARIES)

    @property
    def is_hdr(self) -> bool:
        """Whether light may exceed the reference white."""
        return not self.gamma and self.transfer in (PQ, HLG)


def from_cicp(primaries: int, transfer: int, *, full_range: bool = True) -> ColorEncoding:
    """Return the encoding of two numbers of CICP; unspecified, reserved and unknown ones are read as sRGB.

    As in browsers, the transfer functions of SDR video (BT.709, BT.601, BT.2020 and relatives) are treated as sRGB:
    they describe cameras, and are not the inverse of a display's function.
    """
    chromaticities = _CICP_PRIMARIES.get(primaries, SRGB_PRIMARIES)
    if transfer in _GAMMAS:
        return ColorEncoding(chromaticities, gamma=_GAMMAS[transfer], full_range=full_range)
    known = transfer if transfer in (9, 10, 17, PQ, HLG) else SRGB
    return ColorEncoding(chromaticities, known, full_range=full_range)


def from_png(gamma: int | None, chromaticities: tuple[int, ...] | None) -> ColorEncoding:
    """Return the encoding of a PNG's gAMA and cHRM, in units of 1/100,000; absent and absurd values mean sRGB's.

    `chromaticities`: x, y of white, red, green and blue. A gAMA within 5 % of 1/2.2 means sRGB, as in libpng.
    """
    exponent = 0.0
    if gamma is not None and 2_000 <= gamma <= 1_000_000 and not 0.95 < gamma * 2.2 / 100_000 < 1.05:
        exponent = 100_000 / gamma
    primaries = SRGB_PRIMARIES
    if chromaticities is not None:
        x, y, *colors = (value / 100_000 for value in chromaticities)
        candidate = (*colors, x, y)
        if len(candidate) == 8 and _rgb_to_xyz(candidate) is not None:
            primaries = candidate
    return ColorEncoding(primaries, gamma=exponent)


def to_srgb(rgb: np.ndarray, encoding: ColorEncoding) -> np.ndarray:
    """Convert (H, W, 3) uint8 samples to (H, W, 3) uint8 sRGB."""
    if encoding.is_srgb:
        return rgb
    light = _light_table(encoding).astype(np.float32)
    matrix = _matrix_to_srgb(encoding.primaries)
    to_xyz = _rgb_to_xyz(encoding.primaries)
    levels = _srgb_levels()
    if matrix is None and not encoding.is_hdr:  # channels are independent
        return np.asarray(levels[_steps(light)][rgb])
    luminance = None if to_xyz is None else to_xyz[1].astype(np.float32)
    gains = (np.arange(_OETF_STEPS + 1, dtype=np.float32) / _OETF_STEPS) ** 0.2 * (_HLG_PEAK / _REFERENCE_WHITE)
    converted = np.empty_like(rgb)
    for start in range(0, len(rgb), _BAND_ROWS):
        band = light[rgb[start : start + _BAND_ROWS]]
        if encoding.transfer == HLG and not encoding.gamma and luminance is not None:
            band *= gains[_steps(band @ luminance)][
                ..., None
            ]  # the OOTF of a display, which depends on the scene luminance
        if matrix is not None:
            band = band @ matrix.T
        if encoding.is_hdr:
            band = _compress_highlights(band)
        converted[start : start + _BAND_ROWS] = levels[_steps(band)]
    return converted


def _steps(light: np.ndarray) -> np.ndarray:
    """Return light as uint16 in steps of 1/65535, clipped to 0..1."""
    return np.asarray((np.clip(light, 0, 1) * _OETF_STEPS + 0.5).astype(np.uint16))


def _compress_highlights(light: np.ndarray) -> np.ndarray:
    """Map (..., 3) linear light to values below 1: identity up to the knee, then a continuously decreasing slope."""
    peak = np.maximum(np.maximum(light[..., 0], light[..., 1]), np.maximum(light[..., 2], _KNEE))
    excess = (peak - _KNEE) / (1 - _KNEE)
    target = _KNEE + (1 - _KNEE) * excess / (1 + excess)
    compressed: np.ndarray = light * (target / peak)[..., None]
    return compressed


def _light_table(encoding: ColorEncoding) -> np.ndarray:
    """Return (256,) float64 light by sample; 1 is the reference white, or for HLG the peak of the scene."""
    samples = np.arange(256) / 255
    if not encoding.full_range:
        samples = np.clip((np.arange(256) - 16) / 219, 0, 1)
    if encoding.gamma:
        return np.asarray(samples**encoding.gamma)
    if encoding.transfer == PQ:
        root = samples ** (1 / 78.84375)
        fraction = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        return np.asarray(fraction ** (1 / 0.1593017578125) * (_PQ_PEAK / _REFERENCE_WHITE))
    if encoding.transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.asarray(np.where(samples <= 0.5, samples**2 / 3, (np.exp((samples - c) / a) + b) / 12))
    if encoding.transfer in (9, 10):  # logarithms over two or two and a half decades
        decades = 2.0 if encoding.transfer == 9 else 2.5
        return np.asarray(np.where(samples > 0, 10 ** (decades * (samples - 1)), 0))
    if encoding.transfer == 17:  # SMPTE ST 428-1, with white at 48 of 52.37 cd/m²
        return np.asarray(samples**2.6 * (52.37 / 48))
    return np.asarray(np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4))


@functools.cache
def _srgb_levels() -> np.ndarray:
    """Return (65536,) uint8 sRGB samples by light in steps of 1/65535."""
    light = np.arange(_OETF_STEPS + 1) / _OETF_STEPS
    samples = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * samples).astype(np.uint8))


def _matrix_to_srgb(primaries: Primaries) -> np.ndarray | None:
    """Return (3, 3) float32 from light of these primaries to light of sRGB; None for sRGB's own or unusable ones."""
    source, target = _rgb_to_xyz(primaries), _rgb_to_xyz(SRGB_PRIMARIES)
    if source is None or target is None or _same_primaries(primaries, SRGB_PRIMARIES):
        return None
    cones = _BRADFORD @ target.sum(axis=1) / (_BRADFORD @ source.sum(axis=1))
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD
    return np.asarray(np.linalg.inv(target) @ adapted @ source, np.float32)


def _rgb_to_xyz(primaries: Primaries) -> np.ndarray | None:
    """Return (3, 3) float64 from light to CIE XYZ with white at Y = 1; None for impossible chromaticities."""
    if not all(math.isfinite(value) and -1 <= value <= 2 for value in primaries) or primaries[7] < 0.05:
        return None
    x, y = np.array(primaries).reshape(4, 2).T
    xyz = np.array([x, y, 1 - x - y])
    if abs(np.linalg.det(xyz[:, :3])) < 1e-3:
        return None
    weights = np.linalg.solve(xyz[:, :3], xyz[:, 3] / y[3])
    if weights.min() <= 1e-3 or (_BRADFORD @ xyz[:, 3]).min() <= 1e-3:  # white is not inside the triangle
        return None
    return np.asarray(xyz[:, :3] * weights)


def _same_primaries(one: Primaries, other: Primaries) -> bool:
    return all(abs(a - b) < _SAME_PRIMARIES for a, b in zip(one, other, strict=True))
