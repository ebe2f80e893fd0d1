"""A pose is lossless, takes few bytes, and has exactly one encoding."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.bitstream.range_coder import BitModel, Encoder
from codec.errors import Corrupt, InvalidLayer
from codec.structure import layer_kind, pose_payload
from codec.structure.payload import structure_from_bytes
from codec.structure.pose import Pose
from codec.structure.pose_payload import CODING_ORDER, JOINT_COUNT, PARENTS, SIZE_CLASSES, UNITS, Person
from codec.training import synthetic_poses
from tests.pose_bench import CASES, bytes_per_person, half_figure, lying, mirrored, scattered
from tests.samples import pose, poses

INVISIBLE: Person = (None,) * JOINT_COUNT


@settings(max_examples=40)
@given(poses)
def test_round_trip(layer: Pose) -> None:
    assert Pose.from_bytes(layer.to_bytes()) == layer


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_person_round_trips(name: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(1 if "people" in name else 3):
        layer = Pose(CASES[name](rng))
        assert Pose.from_bytes(layer.to_bytes()) == layer


@pytest.mark.parametrize("seed", range(4))
def test_any_subset_of_the_joints_round_trips(seed: int) -> None:
    rng = np.random.default_rng(seed)
    persons = (
        synthetic_poses.full_person(rng),
        mirrored(half_figure(rng)),
        lying(synthetic_poses.person(rng)),
        scattered(rng),
    )
    for person in persons:
        share = rng.uniform(0, 0.9)
        partly_hidden = tuple(None if rng.random() < share else joint for joint in person)
        if any(partly_hidden):
            assert Pose.from_bytes(Pose((partly_hidden,)).to_bytes()).persons == (partly_hidden,)


@pytest.mark.parametrize("joint", range(JOINT_COUNT))
def test_single_joint_at_any_position_round_trips(joint: int) -> None:
    for position in ((0, 0), (UNITS - 1, 0), (1000, UNITS - 1)):
        person = (*INVISIBLE[:joint], position, *INVISIBLE[joint + 1 :])
        assert Pose.from_bytes(Pose((person,)).to_bytes()).persons == (person,)


def test_joints_in_one_place_and_in_distant_corners_round_trip() -> None:
    corners = tuple((UNITS - 1 if k % 2 else 0, UNITS - 1 if k % 3 else 0) for k in range(JOINT_COUNT))
    layer = Pose((((7, 7),) * JOINT_COUNT, corners, ((UNITS - 1, 0),) * JOINT_COUNT))
    assert Pose.from_bytes(layer.to_bytes()) == layer


@pytest.mark.parametrize(
    ("name", "count", "max_bytes"),
    [
        ("all joints, any pose and size", 60, 30),
        ("5 people", 4, 30),
        ("20 small people", 2, 30),
        ("random joints", 10, 1.3 * (18 * 22 / 8)),  # 22 bits are a joint's two coordinates, uncompressed
    ],
)
def test_mean_bytes_per_person(name: str, count: int, max_bytes: float) -> None:
    assert bytes_per_person(CASES[name], count) <= max_bytes


def test_hand_drawn_person_takes_40_bytes_at_most() -> None:
    assert len(pose().to_bytes()) <= 40


def test_coding_order_has_parents_first_and_size_classes_ascend() -> None:
    assert sorted(CODING_ORDER) == list(range(JOINT_COUNT))
    assert all(CODING_ORDER.index(PARENTS[joint]) < place for place, joint in enumerate(CODING_ORDER[1:], 1))
    assert list(SIZE_CLASSES) == sorted(set(SIZE_CLASSES)) and SIZE_CLASSES[-1] < UNITS


_OUTPUTS = st.lists(st.integers(-(2**31), 2**31), min_size=9, max_size=9)


@settings(max_examples=25)
@given(_OUTPUTS, st.integers(0, 2047), st.integers(0, 31), st.integers(0, 17))
def test_any_network_output_gives_every_coordinate_a_frequency(
    outputs: list[int], origin: int, size_class: int, joint: int
) -> None:
    cumulative = pose_payload.mixture_cumulative(outputs, origin, pose_payload.joint_scale(size_class, joint))
    sums = [cumulative(value) for value in range(UNITS + 1)]
    assert sums[0] == 0 and min(np.diff(sums)) >= 1 and sums[-1] <= 1 << 22


def test_integer_power_and_logistic_are_accurate() -> None:
    for exponent in range(-300_000, 300_000, 777):
        assert pose_payload._power(exponent) == pytest.approx(2 ** (16 + exponent / 65536), rel=2e-4, abs=1)
        expected = 65536 / (1 + 2 ** (-exponent / 65536))
        assert pose_payload._logistic(exponent, 65536) == pytest.approx(expected, abs=3)


# --- invalid payloads


def hostile_payload(*, size_class: int = 0, visible: bool = True, persons: int = 1) -> bytes:
    """Return a payload of persons with only a neck, as an encoder without checks would write it."""
    coder = Encoder()
    layer_kind.write(coder, layer_kind.POSE)
    end, previous = BitModel(1024), 28
    for number in range(persons):
        coder.bit(end, 0)
        coder.choice(pose_payload._size_class_weights(previous), size_class)
        with contextlib.suppress(Corrupt):  # raised after an invisible person is encoded
            pose_payload.code_person(coder, size_class, ((9, 9) if visible else None, *INVISIBLE[1:]))
        previous = size_class
        if number == 0:
            end = BitModel()
    coder.bit(end, 1)
    return coder.finish()


def test_hostile_payload_without_a_fault_is_accepted() -> None:
    necks = ((9, 9), *INVISIBLE[1:])
    assert Pose.from_bytes(hostile_payload(persons=2)).persons == (necks, necks)


def test_wrong_size_class_is_rejected() -> None:
    with pytest.raises(Corrupt, match="non-canonical pose"):
        Pose.from_bytes(hostile_payload(size_class=5))


def test_65_persons_are_rejected() -> None:
    assert len(Pose.from_bytes(hostile_payload(persons=64)).persons) == 64
    with pytest.raises(Corrupt, match="too many persons"):
        Pose.from_bytes(hostile_payload(persons=65))


def test_person_without_a_visible_joint_is_rejected() -> None:
    with pytest.raises(Corrupt, match="without a visible keypoint"):
        Pose.from_bytes(hostile_payload(visible=False))


def test_random_bytes_are_a_pose_or_rejected() -> None:
    rng = np.random.default_rng(3)
    rejected = 0
    for length in (0, 1, 5, 30, 300, 60_000):
        for _ in range(4):
            payload = bytes([rng.integers(213, 256)]) + rng.bytes(length)  # the first byte selects a pose
            try:
                assert structure_from_bytes(payload).to_bytes() == payload
            except Corrupt as error:
                assert error.layers == ("structure",)
                rejected += 1
    assert rejected


def test_changed_truncated_or_extended_payload_is_canonical_or_rejected() -> None:
    payload = Pose(synthetic_poses.crowd(np.random.default_rng(5), 2, 800)).to_bytes()
    for index in range(0, len(payload), 3):
        changed = payload[:index] + bytes([payload[index] ^ 16]) + payload[index + 1 :]
        for data in (changed, payload[:index], payload + bytes(index)):
            with contextlib.suppress(Corrupt):
                assert structure_from_bytes(data).to_bytes() == data
    with pytest.raises(Corrupt):
        Pose.from_bytes(payload + b"\0")


@pytest.mark.parametrize("joint", [(1.5, 2), (3,), (1, 2, 3), (True, 1), (-1, 0), (0, UNITS)])
def test_joint_that_is_not_two_integers_in_range_is_rejected(joint: tuple[int, int]) -> None:
    with pytest.raises(InvalidLayer, match="at least one of them visible, with integer coordinates"):
        Pose(((joint, *INVISIBLE[1:]),))


@pytest.mark.parametrize(
    "persons", [(INVISIBLE,), (((0, 0),) * 17,), (((0, 2048),) * 18,), (((0, 0),) * 18,) * 65], ids=len
)
def test_invalid_persons_are_rejected(persons: tuple[Person, ...]) -> None:
    with pytest.raises(InvalidLayer):
        Pose(persons)


# --- drawing


def test_pose_is_drawn_in_openpose_colors() -> None:
    image = pose().render(256, 256)
    colors = {tuple(color) for color in image.reshape(-1, 3).tolist()}
    assert (255, 0, 0) in colors and (0, 0, 0) in colors  # the nose and the background
    assert (153, 0, 0) in colors  # the limb of the right shoulder, dimmed


def test_crowd_on_a_large_picture_is_drawn_in_the_right_place() -> None:
    image = Pose(pose().persons * 8).render(2048, 2048)
    x, y = pose().persons[0][0]
    assert tuple(image[y, x]) == (255, 0, 0)  # the nose
    assert image[:200].max() == 0 and image[:, :600].max() == 0
