"""The networks of the detail codec in floats: analysis, synthesis, and likelihoods of levels.

    residual (3, 8h, 8w) --Analysis--> latents (40, h, w) --x gain, round--> levels --/ gain--> Synthesis --> residual

The decoder evaluates synthesis and likelihoods in integers (codec/texture/detail.py). The encoder uses these float
networks to search for levels, and codec/training trains them. Likelihoods follow Minnen, Ballé, Toderici 2018 (a
Laplace distribution for each level, predicted from what was decoded before) with slices of channels (Minnen, Singh
2020) and checkerboard passes (He et al. 2021). The linear part of the transform starts as a lapped cosine transform
(Tran, Liang, Tu 2003).
"""

from __future__ import annotations

import functools
import math
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codec.bitstream import tables
from codec.models import weights
from codec.texture import dct, detail_network
from codec.texture.detail_grid import PIXELS_PER_CELL as CELL
from codec.texture.detail_network import ACTIVATION_BITS, ANCHORS, CHANNELS, QUALITIES_PER_ANCHOR, SLICES

ANALYSIS_WEIGHTS: Final = weights.WeightFile(
    "detail_encoder.safetensors", "cbf5360e70d2b5c7c8a9618e4a6e758722d6032348a4a00f4be598144120f262"
)

HIDDEN: Final = 64  # units of the likelihood networks
MIN_LOG_SCALE, MAX_LOG_SCALE = math.log(0.05), math.log(30.0)  # of the Laplace distributions
_WIDTHS: Final = (80, 40, 24)  # channels of the synthesis at 1/8, 1/4 and 1/2 of the small picture
_LAP_SCALE: Final = 1.5  # factor of the lowest frequency in the pre-filter of the lapped transform


class Analysis(nn.Module):
    """The analysis transform: residual, (n, 3, 8h, 8w) YCbCr -> latents, (n, 40, h, w). Only the encoder uses it."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Conv2d(3 * CELL * CELL, CHANNELS, 1, bias=False)
        self.line.weight.data = _cosine_patterns()[..., None, None]
        self.first = _conv(3 * 4, 32, 3)
        self.down1 = _conv(32 * 4, 64, 1)
        self.body1 = _conv(64, 64, 3)
        self.body2 = _conv(64, 64, 3, 0.3)
        self.down2 = _conv(64 * 4, 128, 1)
        self.body3 = _conv(128, 128, 3)
        self.body4 = _conv(128, 128, 1, 0.3)
        self.last = _conv(128, CHANNELS, 3, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the latents."""
        a = F.relu(self.first(F.pixel_unshuffle(x, 2)))
        a = F.relu(self.down1(F.pixel_unshuffle(a, 2)))
        a = F.relu(a + self.body2(F.relu(self.body1(a))))
        a = F.relu(self.down2(F.pixel_unshuffle(a, 2)))
        a = F.relu(a + self.body4(F.relu(self.body3(a))))
        linear = self.line(F.pixel_unshuffle(_lap(x, inverse=False), CELL))
        return torch.add(linear, self.last(a))


class Synthesis(nn.Module):
    """The synthesis transform: latents, (n, 40, h, w) -> residual, (n, 3, 8h, 8w) YCbCr. Zeros give exactly zeros."""

    def __init__(self) -> None:
        super().__init__()
        wide, middle, narrow = _WIDTHS
        self.line = nn.Conv2d(CHANNELS, 3 * CELL * CELL, 1, bias=False)
        self.line.weight.data = _cosine_patterns().T[..., None, None].clone()
        self.first = _conv(CHANNELS, wide, 3)
        self.wide1 = _conv(wide, wide, 1)
        self.wide2 = _conv(wide, wide, 3, 0.3)
        self.up1 = _conv(wide, 4 * middle, 1)
        self.middle1 = _conv(middle, middle, 3)
        self.middle2 = _conv(middle, middle, 3, 0.3)
        self.up2 = _conv(middle, 4 * narrow, 1)
        self.narrow = _conv(narrow, narrow, 3, 0.3)
        self.last = _conv(narrow, 12, 3, 0.1)

    def forward(self, y: Tensor) -> Tensor:
        """Return the residual."""
        both = self.picture(torch.cat([y, torch.zeros_like(y[:1])]))
        return both[:-1] - both[-1:]

    def picture(self, y: Tensor) -> Tensor:
        """Return the residual plus the picture of zero latents."""
        a = F.relu(self.first(y))
        a = F.relu(a + self.wide2(F.relu(self.wide1(a))))
        b = F.relu(F.pixel_shuffle(self.up1(a), 2))
        b = F.relu(b + self.middle2(F.relu(self.middle1(b))))
        c = F.relu(F.pixel_shuffle(self.up2(b), 2))
        c = F.relu(c + self.narrow(c))
        return F.pixel_shuffle(self.last(c), 2) + _lap(F.pixel_shuffle(self.line(y), CELL), inverse=True)


class Slice(nn.Module):
    """The network that predicts the distributions of the levels of one slice."""

    def __init__(self, previous: int, own: int) -> None:
        """`previous`: channels of the slices before this one. `own`: channels of this one."""
        super().__init__()
        self.own = own
        self.before = _conv(previous, HIDDEN, 3) if previous else None
        self.near = nn.Conv2d(own, HIDDEN, 3, padding=1)
        self.bias = nn.Parameter(torch.zeros(2, HIDDEN))  # for the first and the second checkerboard pass
        self.quality = nn.Parameter(torch.zeros(ANCHORS, HIDDEN))
        self.hidden = _conv(HIDDEN, HIDDEN, 1)
        self.last = _conv(HIDDEN, 2 * own, 1, 0.1)
        assert self.last.bias is not None
        self.last.bias.data[own:] = -1.5

    def start(self, previous: Tensor, anchor_weights: Tensor) -> Tensor:
        """Return the part of the hidden units' input that depends on previous slices and quality, for both passes."""
        start = (anchor_weights @ self.quality)[..., None, None]
        return start + self.before(previous) if self.before is not None else start

    def forward(self, start: Tensor, own: Tensor | None, is_white: int) -> tuple[Tensor, Tensor]:
        """Return the means, and the logarithms of the scales, of the latents: (n, own, h, w) each.

        `own`: the known latents of this slice, 0 elsewhere; None if none is known.
        """
        assert self.near.bias is not None
        near = self.near.bias[:, None, None] if own is None else self.near(own)
        a = F.relu(start + near + self.bias[is_white][:, None, None])
        mean, scale = self.last(F.relu(self.hidden(a))).chunk(2, 1)
        return mean, scale


class DetailCodec(nn.Module):
    """All networks, and the gain of each channel at each quality."""

    def __init__(self) -> None:
        super().__init__()
        self.analysis = Analysis()
        self.synthesis = Synthesis()
        starts = np.cumsum((0, *SLICES)).tolist()
        self.slices = nn.ModuleList(Slice(start, own) for start, own in zip(starts, SLICES, strict=False))
        gains = torch.linspace(math.log(1.2), math.log(7.0), ANCHORS)
        self.gains = nn.Parameter(gains[:, None].repeat(1, CHANNELS))  # logarithms

    def anchor_weights(self, quality: Tensor) -> Tensor:
        """Return the weights (n, ANCHORS) that interpolate between the anchors for qualities (n,) in 0..ANCHORS - 1."""
        return F.relu(1 - (quality[:, None] - torch.arange(ANCHORS)).abs())

    def log_gains(self, anchor_weights: Tensor) -> Tensor:
        """Return the logarithms of the gains, (n, CHANNELS, 1, 1)."""
        return (anchor_weights @ self.gains)[..., None, None]

    def predict(self, levels: Tensor, log_gains: Tensor, anchor_weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the logarithm of the scale of each level, (n, CHANNELS, h, w) each, in levels."""
        height, width = levels.shape[2:]
        white = checkerboard(height, width)
        y = levels * (-log_gains).exp()
        means, scales = [], []
        first = 0
        for part in self.slices:
            assert isinstance(part, Slice)
            channels = slice(first, first + part.own)
            start = part.start(y[:, :first], anchor_weights)
            black = y[:, channels] * (1 - white)
            black_mean, black_scale = part(start, None, 0)
            white_mean, white_scale = part(start, black, 1)
            means.append(torch.where(white > 0, white_mean, black_mean) * log_gains[:, channels].exp())
            scales.append(torch.where(white > 0, white_scale, black_scale) + log_gains[:, channels])
            first += part.own
        return torch.cat(means, 1), torch.cat(scales, 1).clamp(MIN_LOG_SCALE, MAX_LOG_SCALE)


def checkerboard(height: int, width: int) -> Tensor:
    """Return (height, width) float32, 1 where row and column have an odd sum."""
    return ((torch.arange(height)[:, None] + torch.arange(width)) % 2).float()


def laplace_bits(offset: Tensor, log_scale: Tensor) -> Tensor:
    """Return the bits of integers whose distance from the mean of their Laplace distribution is `offset`."""
    distance, inverse = offset.abs(), (-log_scale).exp()
    far = math.log(0.5) - (distance - 0.5) * inverse + torch.log1p(-(-inverse).exp() + 1e-9)
    inside = distance.clamp(max=0.5)
    near = torch.log1p(-0.5 * (-(0.5 - inside) * inverse).exp() - 0.5 * (-(0.5 + inside) * inverse).exp() + 1e-9)
    return torch.where(distance >= 0.5, far, near) * (-1 / math.log(2))


@functools.cache
def load_codec() -> DetailCodec:
    """Return the trained networks: the decoder's integer weights as floats, and the analysis.

    Raises `ModelMissing` if either file is absent or damaged.
    """
    with torch.random.fork_rng(devices=[]):  # the initialization must not change the random state of the process
        codec = DetailCodec()
    raw = tables.load_tensors(detail_network.WEIGHTS)
    one = 2.0**ACTIVATION_BITS

    def scale(name: str) -> np.ndarray:
        return np.asarray(np.exp2(-raw[f"{name}.shift"].astype(np.float64)))

    def copy_conv(conv: nn.Module, name: str) -> None:
        assert isinstance(conv, nn.Conv2d)
        conv.weight.copy_(torch.from_numpy(raw[f"{name}.weight"] * scale(name)[:, None, None, None]))
        if conv.bias is not None:
            conv.bias.copy_(torch.from_numpy(raw[f"{name}.bias"] * scale(name) / one))

    with torch.no_grad():
        for name, conv in codec.synthesis.named_children():
            copy_conv(conv, name)
        for number, part in enumerate(codec.slices):
            assert isinstance(part, Slice)
            key = f"slices.{number}"
            for name in ("before", "near"):  # their biases are contained in `starts`
                conv = getattr(part, name)
                if conv is not None:
                    conv.weight.copy_(
                        torch.from_numpy(raw[f"{key}.{name}.weight"] * scale(f"{key}.{name}")[:, None, None, None])
                    )
                    conv.bias.zero_()
            starts = torch.from_numpy(raw[f"{key}.starts"] * scale(f"{key}.near") / one)
            part.quality.copy_(starts[0])
            part.bias.zero_()
            part.bias[1] = (starts[1] - starts[0])[0]
            for name in ("hidden", "last"):
                copy_conv(getattr(part, name), f"{key}.{name}")
        log_gains = -torch.log(torch.from_numpy(raw["steps"].astype(np.float64)) / one)
        codec.gains.copy_(log_gains[::QUALITIES_PER_ANCHOR])
    analysis = weights.load(ANALYSIS_WEIGHTS)
    codec.analysis.load_state_dict(
        {name: torch.from_numpy(value.astype(np.float32)) for name, value in analysis.items()}
    )
    codec.requires_grad_(False).eval()
    for parameter in codec.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return codec


def _conv(inputs: int, outputs: int, size: int, scale: float = 1.0) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, size, padding=size // 2)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    conv.weight.data *= scale
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv


# --- the linear part ---


def _frequencies() -> list[tuple[int, int, int]]:
    """Return (color channel, vertical frequency, horizontal frequency) of each latent channel, slice by slice."""
    ascending = sorted(((r, c) for r in range(CELL) for c in range(CELL)), key=lambda rc: (rc[0] ** 2 + rc[1] ** 2, rc))
    luma = iter([(0, *rc) for rc in ascending])
    chroma = iter([(channel, *rc) for rc in ascending for channel in (1, 2)])
    order: list[tuple[int, int, int]] = []
    for luma_count, chroma_count in ((4, 0), (2, 2), (5, 3), (6, 2), (12, 4)):
        order += [next(luma) for _ in range(luma_count)] + [next(chroma) for _ in range(chroma_count)]
    return order


def _cosine_patterns() -> Tensor:
    """Return the cosine patterns of `_frequencies`, (CHANNELS, 3 * 64), in the layout of `pixel_unshuffle`."""
    basis = dct.exact_basis(CELL)
    patterns = np.zeros((CHANNELS, 3, CELL, CELL))
    for index, (channel, row, col) in enumerate(_frequencies()):
        patterns[index, channel] = np.outer(basis[row], basis[col])
    return torch.from_numpy(patterns.reshape(CHANNELS, -1)).float()


def _lap(x: Tensor, *, inverse: bool) -> Tensor:
    """Apply the pre-filter of the lapped transform along both axes of (n, c, h, w), or its inverse."""
    return lap_matrix(x.shape[2], inverse) @ x @ lap_matrix(x.shape[3], inverse).T


@functools.lru_cache(maxsize=64)
def lap_matrix(size: int, inverse: bool) -> Tensor:
    """Return the pre-filter of the lapped transform along one axis, (size, size), or its inverse, the post-filter.

    It mixes four pixels on each side of a border between cells (Tran, Liang, Tu, "Lapped transform via time-domain
    pre- and post-filtering", 2003).
    """
    matrix, half = np.eye(size), CELL // 2
    frequency, position = np.mgrid[:half, :half]
    dct2 = dct.exact_basis(half)
    dct4 = np.cos(np.pi * (2 * position + 1) * (2 * frequency + 1) / (4 * half)) * np.sqrt(2 / half)
    inner = (dct2.T @ np.diag([_LAP_SCALE, 1, 1, 1]) @ dct4[:, ::-1])[::-1]
    identity, flipped, zero = np.eye(half), np.eye(half)[::-1], np.zeros((half, half))
    butterfly = np.block([[identity, flipped], [flipped, -identity]])
    mixing = butterfly @ np.block([[identity, zero], [zero, inner]]) @ butterfly / 2
    for border in range(CELL, size, CELL):
        near = slice(border - half, border + half)
        matrix[near, near] = mixing
    return torch.from_numpy(np.linalg.inv(matrix) if inverse else matrix).float()
