"""Real-ESRGAN x4: enlarge a small, rough painting to a clean one of four times its size.

Networks of Wang, Xie, Dong, Shan, "Real-ESRGAN: Training Real-World Blind Super-Resolution
with Pure Synthetic Data" (2021), BSD-3, see assets/weights/NOTICE.md:

    Srvgg     18 convolutions in sequence, all at the small size: fast
    Rrdb      6 residual-in-residual dense blocks (ESRGAN, Wang et al. 2018): better, 6 times slower

A third set of weights is an Srvgg fine-tuned to reconstruct a picture from its decoded layers (small picture and
lines): codec/training/upscaler_train.py.

Both run in stages, so that a decode can report progress and be cancelled between them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codec.models import weights
from codec.models.shipped_network import load_shipped

SCALE = 4
STRIP_ROWS = 32  # rows of the small picture that are enlarged at a time
HALO = 4  # further rows above and below a strip, which avoid seams between strips

SRVGG = weights.WeightFile(
    "realesr-animevideov3-x4.safetensors",
    "d6a1e6171b9bbf74e1070d32fcec44535a615bf0e9432a63f063fc412db6a445",
)
RRDB = weights.WeightFile(
    "realesrgan-x4plus-anime.safetensors",
    "7cec4a3d1da56f059d7182e8638a0ffe3888c1a9613578b4d2830259a777b55f",
)


LAYERED = weights.WeightFile(
    "srvgg-layers-x4.safetensors",
    "14e274256a5bf5476e67bb66efa003ecf99be8eb7ef3c1e7c7b9e34980e04bd6",
)
LINE_CHANNELS = SCALE * SCALE  # the opacity of lines in the large picture, 4 x 4 pixels for each of the small one


class Srvgg(nn.Module):
    """realesr-animevideov3: predicts the residual of a nearest-neighbor enlargement.

    Channels of the input after the first three guide it, and are not part of the picture.
    """

    def __init__(self, width: int = 64, convolutions: int = 16, guide_channels: int = 0) -> None:
        super().__init__()
        self.stages = 1
        body: list[nn.Module] = [nn.Conv2d(3 + guide_channels, width, 3, padding=1), nn.PReLU(width)]
        for _ in range(convolutions):
            body += [nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width)]
        body.append(nn.Conv2d(width, 3 * SCALE * SCALE, 3, padding=1))
        self.body = nn.Sequential(*body)

    def features(self, x: Tensor) -> Iterator[Tensor]:
        """Yield `stages` times; the last value is the (1, 51, h, w) features of a (1, 3 + guides, h, w) picture."""
        yield torch.cat([self.body(x), x[:, :3]], 1)

    def enlarge(self, features: Tensor) -> Tensor:
        """Return the (1, 3, 4h, 4w) picture of (1, 51, h, w) features."""
        residual, picture = features[:, : 3 * SCALE * SCALE], features[:, 3 * SCALE * SCALE :]
        return F.pixel_shuffle(residual, SCALE) + F.interpolate(picture, scale_factor=SCALE)


class DenseBlock(nn.Module):
    """Five convolutions, each of which takes the results of all earlier ones."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, growth, 3, padding=1)
        self.conv2 = nn.Conv2d(width + growth, growth, 3, padding=1)
        self.conv3 = nn.Conv2d(width + 2 * growth, growth, 3, padding=1)
        self.conv4 = nn.Conv2d(width + 3 * growth, growth, 3, padding=1)
        self.conv5 = nn.Conv2d(width + 4 * growth, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:  # (1, width, h, w) -> the same
        features = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            features = torch.cat([features, F.leaky_relu(conv(features), 0.2)], 1)
        output: Tensor = x + 0.2 * self.conv5(features)
        return output


class RrdBlock(nn.Module):
    """Residual in residual: three dense blocks and a skip connection."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(width, growth)
        self.rdb2 = DenseBlock(width, growth)
        self.rdb3 = DenseBlock(width, growth)

    def stages(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the (1, width, h, w) features after each dense block; the last includes the skip connection."""
        first = self.rdb1(x)
        yield first
        second = self.rdb2(first)
        yield second
        yield x + 0.2 * self.rdb3(second)


class Rrdb(nn.Module):
    """realesrgan-x4plus-anime: a deep body at the small size, then two doublings."""

    def __init__(self, width: int = 64, growth: int = 32, blocks: int = 6) -> None:
        super().__init__()
        self.stages = 3 * blocks + 1
        self.conv_first = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.ModuleList(RrdBlock(width, growth) for _ in range(blocks))
        self.conv_body = nn.Conv2d(width, width, 3, padding=1)
        self.conv_up1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv_up2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, 3, 3, padding=1)

    def features(self, x: Tensor) -> Iterator[Tensor]:
        """Yield `stages` times; the last value is the (1, width, h, w) features of a (1, 3, h, w) picture."""
        shallow = deep = self.conv_first(x)
        for block in self.body:
            assert isinstance(block, RrdBlock)
            start = deep
            for deep in block.stages(start):
                yield deep
        yield shallow + self.conv_body(deep)

    def enlarge(self, features: Tensor) -> Tensor:
        """Return the (1, 3, 4h, 4w) picture of (1, width, h, w) features."""
        x = F.leaky_relu(self.conv_up1(F.interpolate(features, scale_factor=2.0)), 0.2)
        x = F.leaky_relu(self.conv_up2(F.interpolate(x, scale_factor=2.0)), 0.2)
        picture: Tensor = self.conv_last(F.leaky_relu(self.conv_hr(x), 0.2))
        return picture


class Upscaler:
    """A loaded network. It holds no state between calls, so threads may share it."""

    def __init__(self, network: Srvgg | Rrdb, file: weights.WeightFile) -> None:
        """Load the weights in `file` into `network`. Raises ModelMissing."""
        self.network = load_shipped(network, file)

    @classmethod
    def srvgg(cls) -> Upscaler:
        """Load the fast network (0.62 M parameters). Raises ModelMissing."""
        return cls(Srvgg(), SRVGG)

    @classmethod
    def rrdb(cls) -> Upscaler:
        """Load the better network (4.47 M parameters). Raises ModelMissing."""
        return cls(Rrdb(), RRDB)

    @classmethod
    def layered(cls) -> Upscaler:
        """Load the network for the small picture of a texture layer and the lines of a sketch. Raises ModelMissing."""
        return cls(Srvgg(guide_channels=LINE_CHANNELS), LAYERED)

    @property
    def receptive_radius(self) -> int:
        """An upper bound of the receptive field's radius, in pixels of the small picture."""
        return sum(isinstance(module, nn.Conv2d) for module in self.network.modules())

    def step_count(self, rows: int) -> int:
        """Return the number of times that `run` yields None before the result, for a picture of `rows` rows."""
        return self.network.stages + -(-rows // STRIP_ROWS)

    def run(self, picture: np.ndarray, lines: np.ndarray | None = None) -> Iterator[np.ndarray | None]:
        """Enlarge (h, w, 3) float32 in 0..1, any h and w >= 1, to (4h, 4w, 3) float32.

        `lines`: their opacity in the large picture, (4h, 4w) float32 in 0..1, for the network `layered` alone.

        Yields None after every stage and strip, and finally the result. The features are enlarged in strips
        to bound memory; each strip includes the rows beyond its border that the convolutions reach, so there
        are no seams.
        """
        x = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
        if lines is not None:
            x = torch.cat([x, F.pixel_unshuffle(torch.from_numpy(lines)[None, None], SCALE)], 1)
        features = x
        for stage in self.network.features(x.contiguous(memory_format=torch.channels_last)):
            features = stage
            yield None
        rows, columns = picture.shape[:2]
        result = np.empty((rows * SCALE, columns * SCALE, 3), np.float32)
        for top in range(0, rows, STRIP_ROWS):
            bottom = min(top + STRIP_ROWS, rows)
            above, below = max(top - HALO, 0), min(bottom + HALO, rows)
            strip = self.network.enlarge(features[:, :, above:below])[0].permute(1, 2, 0).numpy()
            inner = slice((top - above) * SCALE, (bottom - above) * SCALE)
            result[top * SCALE : bottom * SCALE] = strip[inner]
            yield None
        yield result
