"""Networks that look at a picture as ControlNet's and T2I-Adapter's conditions were made: soft edges
by PiDiNet and HED, people by OpenPose.

The networks are those of the package controlnet_aux; their weights are files of this machine, which
`codec.models.locate` finds, converts and checks. Nothing here reaches the network. What its detectors do
around the networks is done anew: sides need not be multiples of 64, an edge map stays float and has
one channel, and no pickle is opened.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from codec.encoder.sketch.edges import LEARNED, to_working_size
from codec.encoder.sketch.loading import Slot, clear_errors, device
from codec.errors import BudgetTooSmall, CodecError, ModelMissing
from codec.models import locate
from codec.models.torchvision_compat import ensure_torchvision
from codec.structure.pose import KEYPOINTS, MAX_PERSONS, UNITS, Person, Pose

_BLOCK: Final = 16  # the networks halve four times at most
_LEAST: Final = 128  # pixels a side; a narrower picture is padded, as OpenPose scales any height to 184
_REMEDY: Final = "close other programs, or take the edge detector canny"

_slots: dict[str, Slot[Any]] = {name: Slot() for name in (*LEARNED, "openpose-detector")}


def best() -> str:
    """The best edge detector whose weights are here: "pidinet", "hed", else "contours". Quick."""
    return next((name for name in LEARNED if locate.status(name).state == "present"), "contours")


def pidinet(pixels: np.ndarray, folder: Path | None = None) -> np.ndarray:
    """Soft edges by PiDiNet (Su et al. 2021), which the sketch T2I-Adapter was trained on.

    pixels: (h, w, 3) uint8 sRGB, at the working scale of `extract.edges`. folder: where the weights
    are, if not where `codec.models.locate` looks. Any thread; the network is loaded once.
    Returns (h, w) float32 in 0..1. Raises ModelMissing (at once if weights are absent), OutOfMemory.
    """
    with clear_errors("pidinet", _REMEDY), _use("pidinet", folder, _pidinet) as network:
        # blue first, as ControlNet and the adapters were fed
        return _edges(lambda frame: network(frame.flip(1) / 255)[-1], network, pixels)


def hed(pixels: np.ndarray, folder: Path | None = None) -> np.ndarray:
    """Soft edges by HED (Xie and Tu 2015), in ControlNet's version. As `pidinet` otherwise."""
    with clear_errors("hed", _REMEDY), _use("hed", folder, _hed) as network:
        return _edges(lambda frame: _fused(network(frame)), network, pixels)


def pose(pixels: np.ndarray, folder: Path | None = None) -> Pose:
    """The people in a picture, by OpenPose (Cao et al. 2019); the surest first, at most 64.

    pixels: (H, W, 3) uint8 sRGB, sides 1..4096. folder, threads, errors: as `pidinet`.
    Persons without keypoints are left out; a picture without people gives a pose without persons.
    """
    shown = to_working_size(pixels)
    height, width = shown.shape[:2]
    frame = np.pad(shown, ((0, max(0, _LEAST - height)), (0, max(0, _LEAST - width)), (0, 0)))
    name, remedy = "openpose-detector", "close other programs"
    with clear_errors(name, remedy), _use(name, folder, _openpose) as detector:
        found = sorted(detector.detect_poses(frame), key=lambda person: -float(person.body.total_score))
    persons = (_person(person.body.keypoints, frame.shape[:2], (height, width)) for person in found)
    return Pose(tuple(person for person in persons if any(person))[:MAX_PERSONS])


def people(pixels: np.ndarray, max_bytes: int) -> Pose:
    """The pose layer of a picture in `max_bytes`: what `pose` finds, cut by `fit`.

    Raises CodecError if there is nobody in the picture, and what these two raise.
    """
    found = pose(pixels)
    if not found.persons:
        raise CodecError("no person was found in the picture: take an edge detector instead of openpose")
    return fit(found, max_bytes)


def fit(pose: Pose, max_bytes: int) -> Pose:
    """The pose with its last persons left out until to_bytes() is at most `max_bytes` long.

    Raises BudgetTooSmall if not even one of the persons fits.
    """
    for count in range(len(pose.persons), 0, -1):
        part = Pose(pose.persons[:count])
        if len(part.to_bytes()) <= max_bytes:
            return part
    if pose.persons or len(pose.to_bytes()) > max_bytes:
        raise BudgetTooSmall(f"{max_bytes} bytes do not hold even one person's pose: allow more")
    return pose


def release() -> None:
    """Give back the memory of all networks of this module."""
    for slot in _slots.values():
        slot.release()


def _use(name: str, folder: Path | None, build: Callable[[dict[str, Any]], Any]) -> Any:
    return _slots[name].use(folder, lambda: _load(name, folder, build))


def _load(name: str, folder: Path | None, build: Callable[[dict[str, Any]], Any]) -> Any:
    found = locate.tensors(name, folder)
    if ensure_torchvision() == "absent":
        raise ModelMissing(f"{name} needs the package torchvision: pip install the build that matches your torch")
    import torch

    state = {key: torch.from_numpy(value).float() for key, value in found.items()}
    with warnings.catch_warnings():  # controlnet_aux imports all its detectors, which have much to remark
        warnings.simplefilter("ignore")
        return build(state)


def _pidinet(state: dict[str, Any]) -> Any:
    from controlnet_aux.pidi.model import pidinet

    return _filled(pidinet(), state)


def _hed(state: dict[str, Any]) -> Any:
    from controlnet_aux.hed import ControlNetHED_Apache2

    return _filled(ControlNetHED_Apache2(), state)


def _openpose(state: dict[str, Any]) -> Any:
    from controlnet_aux import OpenposeDetector
    from controlnet_aux.open_pose import Body
    from controlnet_aux.open_pose.model import bodypose_model
    from controlnet_aux.open_pose.util import transfer

    network = bodypose_model()
    body = Body.__new__(Body)  # its __init__ opens a pickle
    body.model = _filled(network, transfer(network, state))
    return OpenposeDetector(body)


def _filled(network: Any, state: dict[str, Any]) -> Any:
    network.load_state_dict(state)
    return network.eval().to(device())


def _edges(run: Callable[[Any], Any], network: Any, pixels: np.ndarray) -> np.ndarray:
    """The picture through a network that wants (1, 3, h, w) float32 in 0..255, at its own size."""
    import torch

    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % _BLOCK), (0, -width % _BLOCK), (0, 0)), mode="edge")
    frame = torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1))[None]).float()
    with torch.inference_mode():
        edges = run(frame.to(next(network.parameters()).device))
    return edges[0, 0, :height, :width].float().clamp(0, 1).cpu().numpy()


def _fused(sides: Any) -> Any:
    """HED's five outputs, brought to one size and averaged before the sigmoid."""
    import torch
    from torch.nn.functional import interpolate

    size = sides[0].shape[2:]
    enlarged = [interpolate(side, size, mode="bilinear", align_corners=False) for side in sides]
    return torch.sigmoid(torch.stack(enlarged).mean(dim=0))


def _person(joints: Any, frame: tuple[int, int], shown: tuple[int, int]) -> Person:
    """OpenPose's keypoints -> a person. frame, shown: (height, width) with padding and without."""
    height, width = frame
    person: list[tuple[int, int] | None] = []
    for joint in list(joints)[: len(KEYPOINTS)]:
        if joint is None:
            person.append(None)
            continue
        # detect_poses divides the index of a pixel by the side; the center is half a pixel on
        x, y = (joint.x * width + 0.5) / shown[1], (joint.y * height + 0.5) / shown[0]
        person.append((int(x * UNITS), int(y * UNITS)) if x < 1 and y < 1 else None)
    return tuple(person)
