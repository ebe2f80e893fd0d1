"""EfficientNet-Lite0 (Tan and Le 2019; the Lite variant by Google 2020): a classifier of ImageNet's 1,000 classes.

Inverted residual blocks (Sandler 2018) without squeeze-and-excitation, with ReLU6. The batch normalization of the
published weights is folded into the convolutions (assets/weights/convert.py).
"""

from __future__ import annotations

import functools
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codec.models import weights
from codec.models.shipped_network import load_shipped

WEIGHTS: Final = weights.WeightFile(
    "efficientnet-lite0.safetensors", "2e28d0ec66d65299da4162f25bac6203a11efbecffac06e64cdc82589293fba8"
)
SIDE: Final = 224  # pixels, of the square input
CLASSES: Final = 1000
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels
_STEM, _HEAD = 32, 1280  # channels
# kernel, stride of the first block, expansion, channels, number of blocks
_STAGES: Final = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


class EfficientNetLite0(nn.Module):
    """The network: (n, 3, 224, 224) sRGB in 0..1 -> (n, 1000) logits of ImageNet's classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, _STEM, 3, stride=2)
        blocks, inputs = [], _STEM
        for kernel, stride, expansion, channels, count in _STAGES:
            for number in range(count):
                blocks.append(Block(inputs, channels, kernel, 1 if number else stride, expansion))
                inputs = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = Convolution(inputs, _HEAD, 1)
        self.classifier = nn.Linear(_HEAD, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        mean, deviation = (x.new_tensor(values)[:, None, None] for values in (_MEAN, _DEVIATION))
        x = F.relu6(self.stem((x - mean) / deviation))
        x = F.relu6(self.head(self.blocks(x)))
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits


class Block(nn.Module):
    """An inverted residual block: expand, filter each channel, project."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = Convolution(inputs, width, 1) if expansion > 1 else None
        self.depthwise = Convolution(width, width, kernel, stride, groups=width)
        self.project = Convolution(width, outputs, 1)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h / stride, w / stride)."""
        hidden = x if self.expand is None else F.relu6(self.expand(x))
        projected: Tensor = self.project(F.relu6(self.depthwise(hidden)))
        return x + projected if self.is_residual else projected


class Convolution(nn.Conv2d):
    """A convolution padded as TensorFlow's "same": with a stride of 2, one pixel more on the right and bottom."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups)
        total = kernel - stride
        self.margins = (total // 2, total - total // 2) * 2

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h / stride, w / stride); h and w are multiples of the stride."""
        return super().forward(F.pad(x, self.margins) if any(self.margins) else x)


def classify(views: Tensor) -> Tensor:
    """Return the probabilities of ImageNet's classes, (n, 1000), for (n, 3, 224, 224) sRGB in 0..1.

    Raises ModelMissing if the weights are absent, damaged or do not fit the network.
    """
    with torch.inference_mode():
        return torch.softmax(_network()(views), 1)


@functools.cache
def _network() -> EfficientNetLite0:
    return load_shipped(EfficientNetLite0(), WEIGHTS)
