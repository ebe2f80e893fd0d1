"""Perceptual measures with trained networks: LPIPS, DISTS and the CLIP score.

LPIPS and DISTS apply linear weights, trained on human judgments, to the features of a backbone trained on ImageNet. The
linear weights are part of the packages lpips and DISTS-pytorch. The backbones are torchvision's files, found in torch's
own folder or in TRILAYER_MODELS; CLIP is the model "clip" of `codec.models.locate`. Nothing is downloaded here. Pickles
are converted to safetensors before they are loaded (`codec.models.convert_pickle`).

Pictures are (h, w, 3) uint8 sRGB. Each measure raises `ModelMissing` with a one-line remedy if a file is missing or is
not the expected file.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from codec.errors import ModelMissing
from codec.models import conversion_cache, convert_pickle, locate, weights
from codec.models.torchvision_compat import ensure_torchvision

if TYPE_CHECKING:
    import torch

    StateDict = dict[str, torch.Tensor]  # tensors by parameter name

# backbones of torchvision; each name ends with the first 8 hex digits of the file's SHA-256
ALEXNET: Final = "alexnet-owt-7be5be79.pth"
VGG16: Final = "vgg16-397923af.pth"
_TORCHVISION_URL: Final = "https://download.pytorch.org/models"
_MIN_LPIPS_SIDE: Final = 32  # pixels; AlexNet's pooling leaves nothing of smaller pictures
_VGG16_STAGES: Final = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))  # layer numbers of convolutions
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_EPSILON: Final = 1e-6  # avoids division by zero in DISTS


def lpips(original: np.ndarray, decoded: np.ndarray) -> float | None:
    """Return LPIPS (Zhang 2018, version 0.1, AlexNet), 0 and up; None for pictures of less than 32 pixels a side."""
    import torch

    if min(original.shape[:2]) < _MIN_LPIPS_SIDE:
        return None
    network = _lpips_network()
    with torch.inference_mode():
        return float(network(*(2 * _to_tensor(pixels) - 1 for pixels in (original, decoded))))


@cache
def _lpips_network() -> Any:
    import torch

    linear, backbone = _load_weights("lpips", "weights/v0.1/alex.pth", ALEXNET)
    ensure_torchvision()
    from lpips import LPIPS

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # lpips creates torchvision's network through a deprecated argument
        network = LPIPS(pretrained=False, net="alex", pnet_rand=True, verbose=False)
    state = network.state_dict()
    try:
        for name in state:
            if name.startswith("net."):  # net.slice2.3.weight is AlexNet's features.3.weight
                state[name] = backbone["features." + name.split(".", 2)[2]]
            elif name.startswith("lin"):  # lins.0 is the same as lin0
                state[name] = linear[name.replace("lins.", "lin")]
        network.load_state_dict(state)
    except (KeyError, RuntimeError):
        raise ModelMissing(f"{ALEXNET} or the weights of lpips do not fit their network: download them again") from None
    return network.eval().requires_grad_(False)


def dists(original: np.ndarray, decoded: np.ndarray) -> float:
    """Return DISTS (Ding 2020, VGG16) without resizing the pictures, about 0..1."""
    import torch

    backbone, alpha, beta = _dists_weights()
    with torch.inference_mode():
        features_a, features_b = _vgg16_features(original, backbone), _vgg16_features(decoded, backbone)
        similarity = 0.0
        for a, b, texture_weight, structure_weight in zip(features_a, features_b, alpha, beta, strict=True):
            mean_a, mean_b = a.mean([2, 3], keepdim=True), b.mean([2, 3], keepdim=True)
            variance_a, variance_b = (((z - m) ** 2).mean([2, 3], keepdim=True) for z, m in ((a, mean_a), (b, mean_b)))
            covariance = (a * b).mean([2, 3], keepdim=True) - mean_a * mean_b
            texture = (2 * mean_a * mean_b + _EPSILON) / (mean_a**2 + mean_b**2 + _EPSILON)
            structure = (2 * covariance + _EPSILON) / (variance_a + variance_b + _EPSILON)
            similarity += float((texture_weight * texture + structure_weight * structure).sum())
    return 1 - similarity


@cache
def _dists_weights() -> tuple[StateDict, Any, Any]:
    """Return VGG16's weights, and alpha and beta: one weight per channel for the picture and each stage."""
    import torch

    linear, backbone = _load_weights("DISTS_pytorch", "weights.pt", VGG16)
    names = [f"features.{layer}.{kind}" for stage in _VGG16_STAGES for layer in stage for kind in ("weight", "bias")]
    try:
        backbone = {name: backbone[name] for name in names}
        channels = [3, *(len(backbone[f"features.{stage[-1]}.bias"]) for stage in _VGG16_STAGES)]
        total = linear["alpha"].sum() + linear["beta"].sum()
        alpha, beta = (torch.split(linear[name] / total, channels, dim=1) for name in ("alpha", "beta"))
    except (KeyError, RuntimeError):
        raise ModelMissing(f"{VGG16} or the weights of DISTS do not fit their network: download them again") from None
    return backbone, alpha, beta


def _vgg16_features(pixels: np.ndarray, backbone: StateDict) -> list[torch.Tensor]:
    """Return the picture and the features after each stage; DISTS uses L2 pooling (Hann window), not max pooling."""
    import torch
    from torch.nn.functional import conv2d

    x = _to_tensor(pixels)
    features = [x]
    x = (x - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_STD)[:, None, None]
    hann = torch.tensor([0.25, 0.5, 0.25])
    for number, stage in enumerate(_VGG16_STAGES):
        if number:
            window = torch.outer(hann, hann).expand(x.shape[1], 1, 3, 3)
            x = (conv2d(x * x, window, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()
        for layer in stage:
            x = conv2d(x, backbone[f"features.{layer}.weight"], backbone[f"features.{layer}.bias"], padding=1).relu()
        features.append(x)
    return features


def clip_score(original: np.ndarray, decoded: np.ndarray, prompt: str | None) -> float | None:
    """Return the CLIP score of the decoded picture and the prompt, 0..100; None without a prompt.

    100 times the cosine of CLIP's embeddings, 0 if negative (Hessel 2021, without the factor of 2.5 and the prefix
    "A photo depicts").
    """
    import torch

    if not prompt:
        return None
    network, image_processor, tokenizer = _clip()
    image = image_processor(np.ascontiguousarray(decoded), return_tensors="pt", input_data_format="channels_last")
    tokens = tokenizer([prompt], truncation=True, max_length=network.config.text_config.max_position_embeddings)
    with torch.inference_mode():
        output = network(
            pixel_values=image["pixel_values"],
            input_ids=torch.tensor(tokens["input_ids"]),
            attention_mask=torch.tensor(tokens["attention_mask"]),
        )
        return 100 * max(float(torch.cosine_similarity(output.image_embeds, output.text_embeds)), 0.0)


@cache
def _clip() -> tuple[Any, Any, Any]:
    """Return CLIP's network, image processor and tokenizer."""
    folder = locate.locate("clip")
    ensure_torchvision()
    from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    image_processor = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    network, report = CLIPModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, output_loading_info=True
    )
    if report["missing_keys"]:  # transformers would initialize them at random
        raise ModelMissing(f"{folder} lacks weights of clip, such as {min(report['missing_keys'])}: fetch it again")
    return network.eval().requires_grad_(False), image_processor, tokenizer


def _to_tensor(pixels: np.ndarray) -> torch.Tensor:
    """Return pixels as a (1, 3, h, w) float32 tensor, 0..1."""
    import torch

    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)[None]


# weights


def _load_weights(package: str, linear_file: str, backbone_file: str) -> tuple[StateDict, StateDict]:
    """Return the linear weights in a package's file, without importing the package, and the weights of a backbone."""
    spec, backbone = importlib.util.find_spec(package), _find_torchvision_file(backbone_file)
    remedies = [] if spec else [f"pip install {package.replace('_', '-')}"]
    if backbone is None:
        url = f"{_TORCHVISION_URL}/{backbone_file}"
        remedies.append(f"put {url} into {_torch_hub_folder()}, or into DIR and set TRILAYER_MODELS=DIR")
    if not spec or not spec.origin or backbone is None:
        raise ModelMissing(", and ".join(remedies))
    sha256_prefix = backbone_file.rpartition("-")[2].removesuffix(".pth")
    linear = load_pickled_state(Path(spec.origin).parent / linear_file)
    return linear, load_pickled_state(backbone, sha256_prefix)


def _torch_hub_folder() -> Path:
    """Return the folder to which torchvision downloads weights."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def _find_torchvision_file(name: str) -> Path | None:
    folders = [_torch_hub_folder()]
    if os.environ.get("TRILAYER_MODELS"):
        folders.insert(0, Path(os.environ["TRILAYER_MODELS"]).expanduser())
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def load_pickled_state(source: Path, sha256_prefix: str = "") -> StateDict:
    """Return the tensors of a pickle. It is converted to safetensors on first use; later calls read the converted file.

    Raises `ModelMissing` if the pickle's SHA-256 does not start with `sha256_prefix` or if
    `codec.models.convert_pickle` rejects it.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        digest = weights.sha256(source)
        if not digest.startswith(sha256_prefix):
            raise ModelMissing(f"{source} is damaged or is not the file that its name says: download it again")
        target = conversion_cache.cache_dir() / "bench" / f"{source.stem}-{digest[:16]}.safetensors"
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            convert_pickle.convert(source, target)
        state: StateDict = load_file(target)
        return state
    except SafetensorError:
        raise ModelMissing(f"{target} is damaged: delete it") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        remedy = "set TRILAYER_CACHE to a folder on a disk with free space"
        raise ModelMissing(f"{source} cannot be read or converted ({reason}); {remedy}") from None
