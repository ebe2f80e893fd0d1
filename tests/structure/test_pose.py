"""Poses: lossless, few bytes, one form, and bounded on any bytes."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.bitstream.range_coder import BitModel, Encoder
from codec.errors import Corrupt, InvalidLayer
from codec.structure.payload import structure_from_bytes
from codec.structure import pose_payload
from codec.structure.pose import Pose
from codec.structure.pose_payload import JOINTS, ORDER, PARENT, SIZES, UNITS, Person
from codec.training import synthetic_poses
from tests.pose_bench import CASES, bytes_a_person, half, mirrored, scattered, upended
from tests.samples import pose, poses

KINDS, POSE = (1, 52, 11), 2
NOBODY: Person = (None,) * JOINTS


@given(poses)
def test_any_pose_comes_back(layer: Pose) -> None:
    assert Pose.from_bytes(layer.to_bytes()) == layer


@pytest.mark.parametrize("name", CASES)
def test_people_of_every_kind_come_back(name: str) -> None:
    dice = np.random.default_rng(1)
    for _ in range(1 if "people" in name else 3):
        layer = Pose(CASES[name](dice))
        assert Pose.from_bytes(layer.to_bytes()) == layer


@pytest.mark.parametrize("seed", range(8))
def test_joints_that_are_not_seen_stay_so_and_the_others_stay_where_they_are(seed: int) -> None:
    dice = np.random.default_rng(seed)
    for person in (
        synthetic_poses.whole(dice),
        mirrored(half(dice)),
        upended(synthetic_poses.person(dice)),
        scattered(dice),
    ):
        share = dice.uniform(0, 0.9)
        hidden = tuple(None if dice.random() < share else joint for joint in person)
        if any(hidden):
            assert Pose.from_bytes(Pose((hidden,)).to_bytes()).persons == (hidden,)


@pytest.mark.parametrize("joint", range(JOINTS))
def test_a_single_joint_anywhere(joint: int) -> None:
    for place in ((0, 0), (UNITS - 1, 0), (1000, UNITS - 1)):
        person = (*NOBODY[:joint], place, *NOBODY[joint + 1 :])
        assert Pose.from_bytes(Pose((person,)).to_bytes()).persons == (person,)


def test_all_joints_in_one_place_and_in_far_corners() -> None:
    corners = tuple((UNITS - 1 if k % 2 else 0, UNITS - 1 if k % 3 else 0) for k in range(JOINTS))
    layer = Pose((((7, 7),) * JOINTS, corners, ((UNITS - 1, 0),) * JOINTS))
    assert Pose.from_bytes(layer.to_bytes()) == layer


def test_a_person_takes_30_bytes_at_most_and_points_at_random_are_no_disaster() -> None:
    """The mean over poses of all 18 joints, and in crowds."""
    for name in ("all joints, any pose and size", "5 people", "20 small people"):
        new, old = bytes_a_person(CASES[name], 60 if name.startswith("all") else 4)
        assert new <= 30 and new < 0.75 * old, name
    assert bytes_a_person(lambda dice: (scattered(dice),), 10)[0] < 1.3 * (18 * 22 / 8)


def test_a_person_as_drawn_by_hand_takes_few_bytes_too() -> None:
    assert len(pose().to_bytes()) <= 40


def test_parents_come_first_and_sizes_rise() -> None:
    assert sorted(ORDER) == list(range(JOINTS))
    assert all(ORDER.index(PARENT[joint]) < place for place, joint in enumerate(ORDER[1:], 1))
    assert list(SIZES) == sorted(set(SIZES)) and SIZES[-1] < UNITS


_OUTPUTS = st.lists(st.integers(-(2**31), 2**31), min_size=9, max_size=9)


@given(_OUTPUTS, st.integers(0, 2047), st.integers(0, 31), st.integers(0, 17))
def test_whatever_the_network_says_every_place_can_be_coded(
    values: list[int], origin: int, size: int, joint: int
) -> None:
    below = pose_payload.mixture(values, origin, pose_payload.scale(size, joint))
    sums = [below(place) for place in range(UNITS + 1)]
    assert sums[0] == 0 and min(np.diff(sums)) >= 1 and sums[-1] <= 1 << 22


def test_powers_and_logistics_are_what_they_say() -> None:
    for exponent in range(-300_000, 300_000, 777):
        assert pose_payload._power(exponent) == pytest.approx(2 ** (16 + exponent / 65536), rel=2e-4, abs=1)
        likely = 65536 / (1 + 2 ** (-exponent / 65536))
        assert pose_payload._logistic(exponent, 65536) == pytest.approx(likely, abs=3)


# --- hostile bytes


def _payload(*, size: int, seen: int, persons: int = 1) -> bytes:
    """The neck alone of each person, with any size, as a hostile writer would."""
    coder = Encoder()
    coder.choice(KINDS, POSE)
    end, before = BitModel(1024), 28
    for number in range(persons):
        coder.bit(end, 0)
        coder.choice([1 + 64 // (4 + (other - before) ** 2) for other in range(len(SIZES))], size)
        pose_payload._person(coder, size, ((9, 9) if seen else None, *NOBODY[1:]))
        before = size
        if number == 0:
            end = BitModel()
    coder.bit(end, 1)
    return coder.finish()


def test_the_hostile_writer_of_these_tests_can_write_what_is_right() -> None:
    assert Pose.from_bytes(_payload(size=0, seen=1, persons=2)).persons == (((9, 9), *NOBODY[1:]),) * 2


def test_a_size_that_an_encoder_would_not_give_is_refused() -> None:
    with pytest.raises(Corrupt, match="one form"):
        Pose.from_bytes(_payload(size=5, seen=1))


def test_too_many_persons_are_refused() -> None:
    assert len(Pose.from_bytes(_payload(size=0, seen=1, persons=64)).persons) == 64
    with pytest.raises(Corrupt, match="too many persons"):
        Pose.from_bytes(_payload(size=0, seen=1, persons=65))


def test_a_person_without_a_joint_is_refused() -> None:
    coder = Encoder()
    coder.choice(KINDS, POSE)
    coder.bit(BitModel(1024), 0)
    coder.choice([1 + 64 // (4 + (other - 28) ** 2) for other in range(len(SIZES))], 0)
    with pytest.raises(Corrupt, match="without a keypoint"):
        pose_payload._person(coder, 0, NOBODY)
    with pytest.raises(Corrupt, match="without a keypoint"):
        Pose.from_bytes(coder.finish())


def test_any_bytes_are_a_pose_or_one_clear_error() -> None:
    dice = np.random.default_rng(3)
    refused = 0
    for length in (0, 1, 5, 30, 300, 60_000):
        for _ in range(8):
            payload = bytes([dice.integers(213, 256)]) + dice.bytes(length)  # the kind is a pose
            try:
                assert structure_from_bytes(payload).to_bytes() == payload
            except Corrupt as error:
                assert error.layers == ("structure",)
                refused += 1
    assert refused


def test_a_changed_or_lengthened_payload_never_has_two_forms() -> None:
    payload = Pose(synthetic_poses.crowd(np.random.default_rng(5), 2, 800)).to_bytes()
    for at in range(len(payload)):
        for data in (payload[:at] + bytes([payload[at] ^ 16]) + payload[at + 1 :], payload[:at], payload + bytes(at)):
            with contextlib.suppress(Corrupt):
                assert structure_from_bytes(data).to_bytes() == data
    with pytest.raises(Corrupt):
        Pose.from_bytes(payload + b"\0")


@pytest.mark.parametrize("joint", [(1.5, 2), (3,), (1, 2, 3), (True, 1), (-1, 0), (0, UNITS)])
def test_a_joint_is_two_whole_numbers_inside(joint: tuple[int, int]) -> None:
    with pytest.raises(InvalidLayer, match="keypoints, one or more seen, of whole numbers"):
        Pose(((joint, *NOBODY[1:]),))
