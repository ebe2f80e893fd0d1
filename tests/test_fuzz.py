"""Any bytes are a file or one of our errors: the short form of `python -m tests.fuzz`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from codec import Layers
from tests.fuzz.__main__ import chunk
from tests.fuzz.mutator import TARGETS, mutated_file, mutated_payloads, random_payloads, sealed
from tests.samples import example, pose

ROUNDS = 1000
CRASHES = sorted(path for path in (Path(__file__).parent / "crashes").iterdir() if path.suffix != ".md")


@pytest.mark.parametrize("seed", range(2))
def test_mutated_layers_with_right_checksums(seed: int) -> None:
    rng = random.Random(seed)
    files = [example().to_bytes(), Layers(512, 512, None, pose()).to_bytes()]
    accepted = sum(TARGETS["layers"](mutated_payloads(rng, rng.choice(files))) for _ in range(ROUNDS // 5))
    assert 0 < accepted < ROUNDS // 5  # it reaches both sides of the border


def test_mutated_files() -> None:
    rng = random.Random(2)
    data = example().to_bytes()
    for _ in range(ROUNDS // 2):
        broken = mutated_file(rng, data)
        for target in TARGETS.values():
            target(broken)
        if broken[-2:] != sealed(broken[:-2])[-2:]:
            assert not TARGETS["layers"](broken)


def test_random_payloads_behind_right_checksums() -> None:
    rng = random.Random(3)
    assert sum(TARGETS["layers"](random_payloads(rng)) for _ in range(ROUNDS // 2)) < ROUNDS // 2


@pytest.mark.parametrize("target", TARGETS)
def test_the_long_form_in_short(target: str) -> None:
    found = chunk(target, 7, ROUNDS // 4)
    assert not found.failed and 0 < found.accepted < found.cases == ROUNDS // 4


@pytest.mark.parametrize("path", CRASHES, ids=lambda path: path.name)
def test_what_once_failed_does_not_fail_again(path: Path) -> None:
    for target in TARGETS.values():
        target(path.read_bytes())


def test_a_failure_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes, read: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr("tests.fuzz.__main__.CRASHES", tmp_path)
    monkeypatch.setitem(TARGETS, "layers", broken)
    found = chunk("layers", 1, 1)
    assert len(found.failed) == 1 and (tmp_path / found.failed[0]).read_bytes()
