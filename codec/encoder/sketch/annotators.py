"""The annotators of the training data of ControlNet and T2I-Adapter: PiDiNet and HED (soft edges), OpenPose.

The networks come from the package controlnet_aux. Their weights are local files that `codec.models.locate` finds,
checks and converts; nothing is downloaded. Unlike the package's own pre- and postprocessing, the code here accepts
any picture size rather than multiples of 64, keeps edge maps as floats with one channel, and opens no pickles.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import numpy as np

from codec.encoder.loading import ModelSlot, best_device, translate_errors
from codec.encoder.sketch.working_frame import to_working_size
from codec.errors import BudgetTooSmall, CodecError, ModelMissing
from codec.models import locate
from codec.models.torchvision_compat import ensure_torchvision
from codec.structure.pose import KEYPOINTS, MAX_PERSONS, UNITS, Person, Pose

EDGE_NETWORKS: Final = ("pidinet", "hed")  # best first
_MULTIPLE: Final = 16  # the networks halve their input up to four times, so its sides must be multiples of this
_MIN_SIDE: Final = 128  # pixels; OpenPose scales any height to 184, so smaller pictures are padded first
_REMEDY: Final = "close other programs, or use the edge detector canny"

_slots: dict[str, ModelSlot[Any]] = {name: ModelSlot() for name in (*EDGE_NETWORKS, "openpose-detector")}


def best_edge_detector() -> str:
    """Return the best edge detector whose weights are installed: "pidinet", "hed", else "contours"."""
    return next((name for name in EDGE_NETWORKS if locate.status(name).state == "present"), "contours")


def pidinet(pixels: np.ndarray, folder: Path | None = None) -> np.ndarray:
    """Return soft edges by PiDiNet (Su et al. 2021), which the sketch T2I-Adapter was trained on.

    pixels: (h, w, 3) uint8 sRGB in the working frame. folder: of the weights; None: `codec.models.locate` finds it.
    May be called from any thread; the network is loaded once.
    Returns (h, w) float32 in 0..1. Raises ModelMissing (at once if weights are absent) or OutOfMemory.
    """
    with translate_errors("pidinet", _REMEDY), _use("pidinet", folder, _build_pidinet) as network:
        # BGR order, as in controlnet_aux and the paper, although the adapters were trained on edges of RGB pictures
        return _run_edge_network(lambda frame: network(frame.flip(1) / 255)[-1], network, pixels)


def hed(pixels: np.ndarray, folder: Path | None = None) -> np.ndarray:
    """Return soft edges by HED (Xie and Tu 2015), in ControlNet's version. For arguments and errors, see `pidinet`."""
    with translate_errors("hed", _REMEDY), _use("hed", folder, _build_hed) as network:
        return _run_edge_network(lambda frame: _fuse(network(frame)), network, pixels)


def pose(pixels: np.ndarray, folder: Path | None = None) -> Pose:
    """Return the people in a picture, by OpenPose (Cao et al. 2019): at most 64, in descending order of confidence.

    pixels: (H, W, 3) uint8 sRGB, sides 1..4096. folder, threads and errors: as for `pidinet`.
    Persons without keypoints are left out; a picture without people gives a pose without persons.
    """
    frame = to_working_size(pixels)
    height, width = frame.shape[:2]
    padded = np.pad(frame, ((0, max(0, _MIN_SIDE - height)), (0, max(0, _MIN_SIDE - width)), (0, 0)))
    name, remedy = "openpose-detector", "close other programs"
    with translate_errors(name, remedy), _use(name, folder, _build_openpose) as detector:
        detected = sorted(detector.detect_poses(padded), key=lambda person: -float(person.body.total_score))
    persons = (_to_person(person.body.keypoints, padded.shape[:2], (height, width)) for person in detected)
    return Pose(tuple(person for person in persons if any(person))[:MAX_PERSONS])


def extract_pose(pixels: np.ndarray, max_bytes: int) -> Pose:
    """Return the pose of the people in a picture, with a payload of at most `max_bytes`.

    Raises CodecError if there are none, BudgetTooSmall if no person fits, and the errors of `pose`.
    """
    detected = pose(pixels)
    if not detected.persons:
        raise CodecError("no person was found in the picture: use an edge detector instead of openpose")
    return limit_persons(detected, max_bytes)


def limit_persons(pose: Pose, max_bytes: int) -> Pose:
    """Return the pose without its last persons, as far as needed for a payload of at most `max_bytes`.

    Raises BudgetTooSmall if not even one person fits.
    """
    for count in range(len(pose.persons), 0, -1):
        first_persons = Pose(pose.persons[:count])
        if len(first_persons.to_bytes()) <= max_bytes:
            return first_persons
    if pose.persons or len(pose.to_bytes()) > max_bytes:
        raise BudgetTooSmall(f"{max_bytes} bytes do not hold even one person's pose: allow more")
    return pose


def release() -> None:
    """Free the memory of all networks of this module."""
    for slot in _slots.values():
        slot.release()


def _use(name: str, folder: Path | None, build: Callable[[dict[str, Any]], Any]) -> AbstractContextManager[Any]:
    return _slots[name].use(folder, lambda: _load(name, folder, build))


def _load(name: str, folder: Path | None, build: Callable[[dict[str, Any]], Any]) -> Any:
    """Build the network of this name with its weights. Raises ModelMissing."""
    tensors = locate.load_tensors(name, folder)
    if ensure_torchvision() == "absent":
        raise ModelMissing(f"{name} needs the package torchvision: pip install the build that matches your torch")
    import torch

    state = {key: torch.from_numpy(value).float() for key, value in tensors.items()}
    with warnings.catch_warnings():  # controlnet_aux imports all its detectors, which warn about missing packages
        warnings.simplefilter("ignore")
        return build(state)


def _build_pidinet(state: dict[str, Any]) -> Any:
    from controlnet_aux.pidi.model import pidinet

    return _load_state(pidinet(), state)


def _build_hed(state: dict[str, Any]) -> Any:
    from controlnet_aux.hed import ControlNetHED_Apache2

    return _load_state(ControlNetHED_Apache2(), state)


def _build_openpose(state: dict[str, Any]) -> Any:
    from controlnet_aux import OpenposeDetector
    from controlnet_aux.open_pose import Body
    from controlnet_aux.open_pose.model import bodypose_model
    from controlnet_aux.open_pose.util import transfer

    network = bodypose_model()
    body = Body.__new__(Body)  # its __init__ opens a pickle
    body.model = _load_state(network, transfer(network, state))
    return OpenposeDetector(body)


def _load_state(network: Any, state: dict[str, Any]) -> Any:
    network.load_state_dict(state)
    return network.eval().to(best_device())


def _run_edge_network(run: Callable[[Any], Any], network: Any, pixels: np.ndarray) -> np.ndarray:
    """Run a network that takes (1, 3, h, w) float32 in 0..255, and return its edges at the picture's size."""
    import torch

    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % _MULTIPLE), (0, -width % _MULTIPLE), (0, 0)), mode="edge")
    frame = torch.from_numpy(np.ascontiguousarray(padded.transpose(2, 0, 1))[None]).float()
    with torch.inference_mode():
        edges = run(frame.to(next(network.parameters()).device))
    return np.asarray(edges[0, 0, :height, :width].float().clamp(0, 1).cpu().numpy())


def _fuse(side_outputs: Any) -> Any:
    """Return the sigmoid of the mean of HED's five side outputs, resized to the size of the first one."""
    import torch
    from torch.nn.functional import interpolate

    size = side_outputs[0].shape[2:]
    enlarged = [interpolate(output, size, mode="bilinear", align_corners=False) for output in side_outputs]
    return torch.sigmoid(torch.stack(enlarged).mean(dim=0))


def _to_person(joints: Any, padded: tuple[int, int], frame: tuple[int, int]) -> Person:
    """Convert OpenPose's keypoints from fractions of the padded frame. padded, frame: (height, width)."""
    person: list[tuple[int, int] | None] = []
    for joint in list(joints)[: len(KEYPOINTS)]:
        if joint is None:
            person.append(None)
            continue
        # detect_poses divides a pixel's index by the side; the pixel's center is at index + 0.5
        x, y = (joint.x * padded[1] + 0.5) / frame[1], (joint.y * padded[0] + 0.5) / frame[0]
        person.append((int(x * UNITS), int(y * UNITS)) if x < 1 and y < 1 else None)
    return tuple(person)
