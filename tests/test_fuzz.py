"""Any bytes are a valid file or raise one of the codec's errors: a short run of the fuzzer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from codec import Layers
from tests.fuzz.__main__ import run_chunk
from tests.fuzz.mutator import TARGETS, mutated_file, mutated_payloads, random_detail_file, random_payloads, sealed
from tests.samples import detailed, example, pose

CRASHES = sorted(path for path in (Path(__file__).parent / "crashes").iterdir() if path.suffix != ".md")


def test_mutated_payloads_are_read_or_rejected() -> None:
    rng = random.Random(0)
    files = [example().to_bytes(), detailed().to_bytes(), Layers(512, 512, None, pose()).to_bytes()]
    accepted = sum(TARGETS["layers"](mutated_payloads(rng, rng.choice(files))) for _ in range(30))
    assert 0 < accepted < 30


def test_mutated_files_are_read_or_rejected() -> None:
    rng = random.Random(2)
    data = example().to_bytes()
    for _ in range(30):
        mutated = mutated_file(rng, data)
        for target in TARGETS.values():
            target(mutated)
        if mutated[-2:] != sealed(mutated[:-2])[-2:]:
            assert not TARGETS["layers"](mutated)


def test_random_payloads_are_read_or_rejected() -> None:
    rng = random.Random(3)
    assert sum(TARGETS["layers"](random_payloads(rng)) for _ in range(30)) < 30


def test_random_bytes_are_a_detail() -> None:
    rng = random.Random(4)
    for _ in range(20):
        assert TARGETS["layers"](random_detail_file(rng))


@pytest.mark.parametrize(("target", "count"), [("containers", 1000), ("layers", 20)])
def test_fuzzer_finds_no_failure(target: str, count: int) -> None:
    result = run_chunk(target, 7, count)
    assert not result.failures and 0 < result.accepted < result.cases == count


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(4))
def test_fuzzer_finds_no_failure_in_many_cases(seed: int) -> None:
    result = run_chunk("layers", seed, 500)
    assert not result.failures and 0 < result.accepted < result.cases


@pytest.mark.parametrize("path", CRASHES, ids=lambda path: path.name)
def test_past_failures_are_fixed(path: Path) -> None:
    for target in TARGETS.values():
        target(path.read_bytes())


def test_failing_file_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(data: bytes, read: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr("tests.fuzz.__main__.CRASHES", tmp_path)
    monkeypatch.setitem(TARGETS, "layers", fail)
    result = run_chunk("layers", 1, 1)
    assert len(result.failures) == 1 and (tmp_path / result.failures[0]).read_bytes()
