"""Measures whose networks have learnt how people see: LPIPS, DISTS and the CLIP score.

What people's judgments taught comes with the packages, the networks below it are files of this machine
that nothing here fetches: torchvision's, in torch's own folder or in TRILAYER_MODELS, and the model
"clip" of codec.models.locate. Pickles become safetensors first (codec.models.convert_pickle). Pictures are (h, w, 3) uint8 sRGB.
Each raises ModelMissing, in one line with the remedy, where its files are not here or not what they must be.
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
from codec.models import convert_pickle, locate, weights
from codec.models.torchvision_compat import ensure_torchvision

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]  # by name

# torchvision's files; a name ends with the first digits of the file's SHA-256
ALEXNET: Final = "alexnet-owt-7be5be79.pth"
VGG16: Final = "vgg16-397923af.pth"
_FROM: Final = "https://download.pytorch.org/models"
_SMALLEST: Final = 32  # pixels a side: AlexNet's pooling leaves nothing of less
_STAGES: Final = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))  # VGG16's convolutions between its pools
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
_TINY: Final = 1e-6  # keeps DISTS's quotients finite


def lpips(original: np.ndarray, decoded: np.ndarray) -> float | None:
    """Distance of AlexNet's features, weighed by people's judgments (Zhang 2018, version 0.1), 0 and up;
    None for pictures of less than 32 pixels a side."""
    import torch

    if min(original.shape[:2]) < _SMALLEST:
        return None
    network = _lpips()
    with torch.inference_mode():
        return float(network(*(2 * _tensor(pixels) - 1 for pixels in (original, decoded))))


@cache
def _lpips() -> Any:
    import torch

    heads, trunk = _states("lpips", "weights/v0.1/alex.pth", ALEXNET)
    ensure_torchvision()
    from lpips import LPIPS

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # torchvision's, of the way in which lpips asks for an empty network
        network = LPIPS(pretrained=False, net="alex", pnet_rand=True, verbose=False)
    state = network.state_dict()
    try:
        for name in state:
            if name.startswith("net."):  # net.slice2.3.weight is AlexNet's features.3.weight
                state[name] = trunk["features." + name.split(".", 2)[2]]
            elif name.startswith("lin"):  # lins.0 is lin0 again
                state[name] = heads[name.replace("lins.", "lin")]
        network.load_state_dict(state)
    except (KeyError, RuntimeError):
        raise ModelMissing(f"{ALEXNET} or the weights of lpips are of another network: get them again") from None
    return network.eval().requires_grad_(False)


def dists(original: np.ndarray, decoded: np.ndarray) -> float:
    """Distance of structure and texture in VGG16's features (Ding 2020), about 0..1, at the pictures' own size."""
    import torch

    trunk, alpha, beta = _dists()
    with torch.inference_mode():
        xs, ys = _maps(original, trunk), _maps(decoded, trunk)
        alike = 0.0
        for x, y, a, b in zip(xs, ys, alpha, beta, strict=True):
            mx, my = x.mean([2, 3], keepdim=True), y.mean([2, 3], keepdim=True)
            vx, vy = (((z - m) ** 2).mean([2, 3], keepdim=True) for z, m in ((x, mx), (y, my)))
            shared = (x * y).mean([2, 3], keepdim=True) - mx * my
            texture = (2 * mx * my + _TINY) / (mx**2 + my**2 + _TINY)
            structure = (2 * shared + _TINY) / (vx + vy + _TINY)
            alike += float((a * texture + b * structure).sum())
    return 1 - alike


@cache
def _dists() -> tuple[State, Any, Any]:
    """VGG16's weights; alpha and beta: for the picture and each stage, one weight a channel."""
    heads, trunk = _states("DISTS_pytorch", "weights.pt", VGG16)
    names = [f"features.{layer}.{kind}" for stage in _STAGES for layer in stage for kind in ("weight", "bias")]
    try:
        trunk = {name: trunk[name] for name in names}
        channels = [3, *(len(trunk[f"features.{stage[-1]}.bias"]) for stage in _STAGES)]
        total = heads["alpha"].sum() + heads["beta"].sum()
        alpha, beta = ((heads[name] / total).split(channels, dim=1) for name in ("alpha", "beta"))
    except (KeyError, RuntimeError):
        raise ModelMissing(f"{VGG16} or the weights of DISTS are of another network: get them again") from None
    return trunk, alpha, beta


def _maps(pixels: np.ndarray, trunk: State) -> list[torch.Tensor]:
    """The picture and what each stage makes of it. Its pools are Hann windows over squares, not maxima."""
    import torch
    from torch.nn.functional import conv2d

    x = _tensor(pixels)
    found = [x]
    x = (x - torch.tensor(_MEAN)[:, None, None]) / torch.tensor(_DEVIATION)[:, None, None]
    line = torch.tensor([0.25, 0.5, 0.25])
    for number, stage in enumerate(_STAGES):
        if number:
            window = torch.outer(line, line).expand(x.shape[1], 1, 3, 3)
            x = (conv2d(x * x, window, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()
        for layer in stage:
            x = conv2d(x, trunk[f"features.{layer}.weight"], trunk[f"features.{layer}.bias"], padding=1).relu()
        found.append(x)
    return found


def clip_score(original: np.ndarray, decoded: np.ndarray, text: str | None) -> float | None:
    """100 times the cosine between what CLIP sees in the decoded picture and what it reads in its prompt, 0 if they
    are opposed (Hessel 2021, without their factor of 2.5 and their "A photo depicts"); None without a prompt."""
    import torch

    if not text:
        return None
    network, pictures, words = _clip()
    seen = pictures(np.ascontiguousarray(decoded), return_tensors="pt", input_data_format="channels_last")
    read = words([text], truncation=True, max_length=network.config.text_config.max_position_embeddings)
    with torch.inference_mode():
        found = network(
            pixel_values=seen["pixel_values"],
            input_ids=torch.tensor(read["input_ids"]),
            attention_mask=torch.tensor(read["attention_mask"]),
        )
        return 100 * max(float(torch.cosine_similarity(found.image_embeds, found.text_embeds)), 0.0)


@cache
def _clip() -> tuple[Any, Any, Any]:
    place = locate.locate("clip")
    ensure_torchvision()
    from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    pictures = CLIPImageProcessorPil.from_pretrained(place, local_files_only=True)
    words = AutoTokenizer.from_pretrained(place, local_files_only=True)
    network, report = CLIPModel.from_pretrained(
        place, local_files_only=True, use_safetensors=True, output_loading_info=True
    )
    if report["missing_keys"]:  # else it would go on with random numbers
        raise ModelMissing(f"{place} lacks weights of clip, such as {min(report['missing_keys'])}: fetch it again")
    return network.eval().requires_grad_(False), pictures, words


def _tensor(pixels: np.ndarray) -> torch.Tensor:
    """(1, 3, h, w) float32, 0..1."""
    import torch

    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)[None]


# files


def _states(package: str, heads: str, trunk: str) -> tuple[State, State]:
    """What a package holds in its file `heads`, and torchvision's file `trunk`; the package is not run."""
    found, file = importlib.util.find_spec(package), _torchvisions(trunk)
    lacking = [] if found else [f"pip install {package.replace('_', '-')}"]
    if file is None:
        lacking.append(f"put {_FROM}/{trunk} into {_hub()}, or into DIR and set TRILAYER_MODELS=DIR")
    if not found or not found.origin or file is None:
        raise ModelMissing(", and ".join(lacking))
    return state(Path(found.origin).parent / heads), state(file, trunk.rpartition("-")[2].removesuffix(".pth"))


def _hub() -> Path:
    """Where torch keeps what torchvision fetches."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def _torchvisions(name: str) -> Path | None:
    folders = [_hub()]
    if os.environ.get("TRILAYER_MODELS"):
        folders.insert(0, Path(os.environ["TRILAYER_MODELS"]).expanduser())
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def state(source: Path, digits: str = "") -> State:
    """The tensors of a pickle, whose SHA-256 starts with `digits`: converted once, and kept in our cache.

    Raises ModelMissing if it is another file, or refused by codec.models.convert_pickle.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        digest = weights.sha256(source)
        if not digest.startswith(digits):
            raise ModelMissing(f"{source} is damaged or another file than its name says: get it again")
        target = locate.cache_dir() / "bench" / f"{source.stem}-{digest[:16]}.safetensors"
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            convert_pickle.convert(source, target)
        return load_file(target)
    except SafetensorError:
        raise ModelMissing(f"{target} is damaged: delete it") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        remedy = "TRILAYER_CACHE may name a folder with room"
        raise ModelMissing(f"{source} cannot be read or converted ({reason}); {remedy}") from None
