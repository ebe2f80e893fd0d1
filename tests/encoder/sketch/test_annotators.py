"""Edge and pose networks: the results of controlnet_aux, at any size, from weights in the layout of the Hub."""

from __future__ import annotations

import sys
import threading
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec.encoder.sketch import annotators
from codec.encoder.sketch.edges import detect
from codec.encoder.sketch.fit_sketch import extract_sketch
from codec.errors import BudgetTooSmall, CodecError, ModelMissing, OutOfMemory
from codec.models import locate
from codec.models.torchvision_compat import ensure_torchvision
from codec.structure.pose import KEYPOINTS, UNITS, Pose

with_networks = pytest.mark.skipif(find_spec("controlnet_aux") is None, reason="controlnet_aux is not installed")

# The tiny detector below finds people by the colors of their joints, at the offsets of FIGURE.
COLORS = {
    "neck": (255, 255, 255), "nose": (255, 0, 0), "right shoulder": (0, 255, 0), "left shoulder": (0, 0, 255),
    "right elbow": (255, 255, 0), "left elbow": (255, 0, 255), "right eye": (0, 255, 255),
}  # fmt: skip
FIGURE = {
    "neck": (0, 0), "nose": (0, -3), "right shoulder": (-3, 0), "left shoulder": (3, 0), "right elbow": (-3, 3),
    "left elbow": (3, 3), "right eye": (-2, -5),
}  # fmt: skip
CELL = 8 * 512 / 184  # pixels of the working frame per output of OpenPose
# channel of each limb's direction, x and y, in the output of OpenPose's stage 6
LIMBS = {
    ("neck", "right shoulder"): 12, ("neck", "left shoulder"): 20, ("right shoulder", "right elbow"): 14,
    ("left shoulder", "left elbow"): 22, ("neck", "nose"): 28, ("nose", "right eye"): 30,
}  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with lllyasviel/Annotators: three pickles, in the layout that controlnet_aux reads."""
    ensure_torchvision()
    import torch

    with warnings.catch_warnings():  # about packages that its other detectors need
        warnings.simplefilter("ignore")
        from controlnet_aux.hed import ControlNetHED_Apache2
        from controlnet_aux.pidi.model import pidinet

    root = tmp_path_factory.mktemp("models")
    folder = root / "Annotators"
    folder.mkdir()
    torch.manual_seed(0)
    state = pidinet().state_dict()
    state["classifier.weight"] *= 300  # untrained, its output hardly varies
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, folder / "table5_pidinet.pth")
    network = ControlNetHED_Apache2()
    torch.nn.init.normal_(network.norm, 120.0)
    torch.save({key: value.half() for key, value in network.state_dict().items()}, folder / "ControlNetHED.pth")
    torch.save(body_state(), folder / "body_pose_model.pth")
    return root


def body_state() -> dict[str, Any]:
    """Return weights of OpenPose that detect colored dots: zeros, which take no memory, but for one path."""
    import torch
    from controlnet_aux.open_pose.model import bodypose_model

    state = {}
    for key, value in bodypose_model().state_dict().items():
        state[key.partition(".")[2]] = torch.zeros(1).expand(value.shape)
    names = list(COLORS)

    def writable(key: str) -> Any:
        state[key] = state[key].contiguous().clone()
        return state[key]

    first, bias = writable("conv1_1.weight"), writable("conv1_1.bias")
    for place, color in enumerate(COLORS.values()):
        target = np.array(color[::-1]) / 255  # the network takes BGR
        first[place, :, 1, 1] = torch.tensor(2 * target - 1).float()  # 1 for its color, 0 or less for all others
        bias[place] = float((2 * target - 1).sum() / 2 - target.sum() + 1)
    for key in ("conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4", "conv4_1", "conv4_2",
                "conv4_3_CPM", "conv4_4_CPM"):  # fmt: skip
        writable(f"{key}.weight")[range(len(names)), range(len(names)), 1, 1] = 1
    writable("Mconv1_stage6_L2.weight")[range(len(names)), range(57, 57 + len(names)), 3, 3] = 1
    for stage in range(2, 7):
        weight = writable(f"Mconv{stage}_stage6_L2.weight")
        weight[range(len(names)), range(len(names)), weight.shape[2] // 2, weight.shape[3] // 2] = 1
    last = writable("Mconv7_stage6_L2.weight")
    for place, name in enumerate(names):
        last[KEYPOINTS.index(name), place, 0, 0] = 1
    field = writable("Mconv7_stage6_L1.bias")
    for (start, end), channel in LIMBS.items():
        direction = np.subtract(FIGURE[end], FIGURE[start])
        field[channel : channel + 2] = torch.tensor(direction / np.hypot(*direction)).float()
    return state


@pytest.fixture
def installed(weights: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRILAYER_MODELS", str(weights))
    monkeypatch.setenv("TRILAYER_CACHE", str(weights.parent / "converted"))
    return weights


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights are installed."""
    annotators.release()
    for name in ("TRILAYER_MODELS", "TRILAYER_CACHE", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))


def figure(pixels: np.ndarray, column: int, row: int, without: tuple[str, ...] = ()) -> dict[str, tuple[float, float]]:
    """Paint a person's dots into (h, w, 3) pixels, and return the joints' centers in pixels."""
    centers = {}
    for name, (x, y) in FIGURE.items():
        if name not in without:
            centers[name] = ((column + x + 0.5) * CELL, (row + y + 0.5) * CELL)
            dots = np.add.outer(
                (np.arange(pixels.shape[0]) + 0.5 - centers[name][1]) ** 2,
                (np.arange(pixels.shape[1]) + 0.5 - centers[name][0]) ** 2,
            )
            pixels[dots < 64] = COLORS[name]
    return centers


def distances(person: Any, centers: dict[str, tuple[float, float]], height: int, width: int) -> list[float]:
    """Return the distances in pixels of the detected joints from the painted ones."""
    found = {name: joint for name, joint in zip(KEYPOINTS, person, strict=True) if joint is not None}
    assert set(found) == set(centers)
    return [
        float(np.hypot((found[name][0] + 0.5) / UNITS * width - x, (found[name][1] + 0.5) / UNITS * height - y))
        for name, (x, y) in centers.items()
    ]


def random_persons(count: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return tuple(tuple(map(tuple, rng.integers(0, UNITS, (len(KEYPOINTS), 2)).tolist())) for _ in range(count))


# --- edges ----------------------------------------------------------------------------------------


@with_networks
@pytest.mark.parametrize("name", ["pidinet", "hed"])
def test_edges_equal_those_of_controlnet_aux(name: str, installed: Path, photo: np.ndarray) -> None:
    """At sides that the package does not resize, and with its order of channels."""
    from controlnet_aux import HEDdetector, PidiNetDetector

    detectors = {"pidinet": PidiNetDetector, "hed": HEDdetector}
    theirs = detectors[name].from_pretrained(str(installed / "Annotators"))
    pixels = np.ascontiguousarray(photo[:128, 64:192])
    expected = theirs(pixels, detect_resolution=128, image_resolution=128, output_type="np")
    strength = getattr(annotators, name)(pixels)
    assert (strength.shape, strength.dtype) == ((128, 128), np.float32)
    assert np.ptp(expected) > 30
    assert np.abs(strength * 255 - expected[..., 0]).max() < 1.5  # the package rounds down


@with_networks
@pytest.mark.parametrize("name", ["pidinet", "hed"])
@pytest.mark.parametrize(("height", "width"), [(1, 512), (37, 1), (90, 150)])
def test_edges_have_the_size_of_the_picture(name: str, height: int, width: int, installed: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    strength = getattr(annotators, name)(pixels)
    assert strength.shape == (height, width)
    assert 0 <= strength.min() <= strength.max() <= 1


@with_networks
def test_padding_does_not_shift_the_picture(installed: Path, photo: np.ndarray) -> None:
    """The upper left is the same whether the sides are multiples of 16 or not."""
    whole, cropped = annotators.hed(photo[:192, :192]), annotators.hed(photo[:185, :190])
    assert np.abs(whole[:64, :64] - cropped[:64, :64]).max() < 1e-4


def test_sketch_uses_the_named_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's edges are broad and soft; one stroke follows their middle."""
    ridge = np.exp(-(((np.arange(512) - 205) / 3.0) ** 2)).astype(np.float32)
    monkeypatch.setattr(annotators, "hed", lambda frame: np.tile(ridge, (frame.shape[0], 1)))
    monkeypatch.setattr(annotators, "best_edge_detector", lambda: "hed")
    pixels = np.zeros((211, 300, 3), np.uint8)
    sketch = extract_sketch(pixels, 80, edges="hed")
    columns = np.concatenate([points[:, 0] for points in sketch.points(512, 360)])
    assert np.abs(columns - 205).max() < 6
    assert extract_sketch(pixels, 80, edges="auto") == sketch


def test_networks_get_the_working_frame(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotators, "hed", lambda frame: frame)
    frame = detect(photo[:211], "hed")
    assert (frame.shape, frame.dtype) == ((422, 512, 3), np.uint8)


@with_networks
def test_best_is_pidinet_then_hed_then_contours(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert annotators.best_edge_detector() == "pidinet"
    (tmp_path / "Annotators").mkdir()
    (tmp_path / "Annotators" / "ControlNetHED.pth").symlink_to(installed / "Annotators" / "ControlNetHED.pth")
    for name in ("TRILAYER_MODELS", "TRILAYER_CACHE", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    assert annotators.best_edge_detector() == "hed"
    (tmp_path / "Annotators" / "ControlNetHED.pth").unlink()
    assert annotators.best_edge_detector() == "contours"


# --- people ---------------------------------------------------------------------------------------


@pytest.mark.slow
@with_networks
def test_people_are_located(installed: Path) -> None:
    """Two persons, one with a hidden elbow: joints within a few pixels, the complete person first."""
    pixels = np.zeros((512, 512, 3), np.uint8)
    left, right = figure(pixels, 6, 9, without=("left elbow",)), figure(pixels, 16, 12)
    pose = annotators.pose(pixels)
    assert len(pose.persons) == 2
    assert max(distances(pose.persons[0], right, 512, 512)) < 4
    assert max(distances(pose.persons[1], left, 512, 512)) < 4
    assert Pose.from_bytes(pose.to_bytes()) == pose


@pytest.mark.slow
@with_networks
def test_people_are_located_in_a_large_wide_picture(installed: Path) -> None:
    """The picture has twice the working size, and coordinates are relative to its sides."""
    small = np.zeros((512, 512, 3), np.uint8)
    figure(small, 8, 6)
    pixels = np.kron(small[:300], np.ones((2, 2, 1), np.uint8))
    persons = annotators.pose(pixels).persons
    assert len(persons) == 1
    neck = persons[0][KEYPOINTS.index("neck")]
    assert neck is not None
    expected = np.array([8.5 * CELL / 512, 6.5 * CELL / 300])
    assert np.abs((np.array(neck) + 0.5) / UNITS - expected).max() < 0.02


@with_networks
@pytest.mark.parametrize(("height", "width"), [pytest.param(1, 4096, marks=pytest.mark.slow), (700, 2)])
def test_picture_without_people_has_no_persons(height: int, width: int, installed: Path) -> None:
    assert annotators.pose(np.zeros((height, width, 3), np.uint8)) == Pose(())


def test_first_persons_are_kept_within_the_budget() -> None:
    persons = random_persons(5)
    pose = Pose(persons)
    whole = len(pose.to_bytes())
    assert annotators.limit_persons(pose, whole) == pose
    limited = annotators.limit_persons(pose, whole // 2)
    assert limited.persons == persons[: len(limited.persons)]
    assert 1 <= len(limited.persons) < 5
    assert len(limited.to_bytes()) <= whole // 2
    with pytest.raises(BudgetTooSmall, match="one person"):
        annotators.limit_persons(pose, 20)
    assert annotators.limit_persons(Pose(()), 20) == Pose(())


def test_pose_layer_needs_people_and_fits_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd, pixels = Pose(random_persons(3)), np.zeros((8, 8, 3), np.uint8)
    monkeypatch.setattr(annotators, "pose", lambda _: crowd)
    assert annotators.extract_pose(pixels, len(crowd.to_bytes())) == crowd
    assert annotators.extract_pose(pixels, len(crowd.to_bytes()) - 1).persons == crowd.persons[:2]
    monkeypatch.setattr(annotators, "pose", lambda _: Pose(()))
    with pytest.raises(CodecError, match="no person was found"):
        annotators.extract_pose(pixels, 100)


# --- loading --------------------------------------------------------------------------------------


@with_networks
def test_threads_share_one_network(installed: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    annotators.release()
    loads = []
    tensors = locate.load_tensors
    monkeypatch.setattr(locate, "load_tensors", lambda *names: loads.append(names) or tensors(*names))
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(annotators.pidinet(photo[:64, :64]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len(results) == 4
    assert all(np.array_equal(result, results[0]) for result in results)
    annotators.release()
    annotators.pidinet(photo[:64, :64])
    assert len(loads) == 2


@with_networks
def test_second_load_needs_no_pickle(installed: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    first = annotators.pidinet(photo[:64, :64])
    annotators.release()
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a pickle was opened"))
    assert np.array_equal(annotators.pidinet(photo[:64, :64]), first)


@pytest.mark.parametrize(("name", "run"), [
    ("pidinet", annotators.pidinet), ("hed", annotators.hed), ("openpose-detector", annotators.pose),
])  # fmt: skip
@pytest.mark.usefixtures("no_weights")
def test_missing_weights_are_reported_with_the_remedy(name: str, run: Any, photo: np.ndarray) -> None:
    with pytest.raises(ModelMissing, match=rf"\.pth of lllyasviel/Annotators.*models fetch {name}"):
        run(photo)


@with_networks
def test_weights_of_another_network_are_rejected(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setenv("TRILAYER_CACHE", str(tmp_path / "cache"))
    torch.save({"a": torch.zeros(2)}, tmp_path / "ControlNetHED.pth")
    with pytest.raises(ModelMissing, match=r"hed cannot be used .*fetch its files again"):
        annotators.hed(photo, tmp_path)
    torch.save({"a": torch.zeros(2)}, tmp_path / "body_pose_model.pth")
    with pytest.raises(ModelMissing, match="openpose-detector cannot be used"):
        annotators.pose(photo, tmp_path)


@with_networks
def test_missing_packages_are_reported(installed: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    annotators.release()
    monkeypatch.setattr(annotators, "ensure_torchvision", lambda: "absent")
    with pytest.raises(ModelMissing, match="pidinet needs the package torchvision"):
        annotators.pidinet(photo)
    monkeypatch.undo()
    monkeypatch.setenv("TRILAYER_MODELS", str(installed))
    monkeypatch.setenv("TRILAYER_CACHE", str(installed.parent / "converted"))
    monkeypatch.setitem(sys.modules, "controlnet_aux.pidi.model", None)
    with pytest.raises(ModelMissing, match=r"pidinet needs the package controlnet_aux.*pip install"):
        annotators.pidinet(photo)


@with_networks
def test_out_of_memory_is_reported_with_the_remedy(
    installed: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")

    monkeypatch.setattr(annotators, "_run_edge_network", fail)
    with pytest.raises(OutOfMemory, match=r"pidinet does not fit into memory.*canny"):
        annotators.pidinet(photo)
