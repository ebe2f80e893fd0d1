"""Shared by all tests: no network, the same random examples in each run, distribution of files to processes."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

# before anything imports these libraries
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
# hide the models that a developer has installed from the tests
_NO_MODELS = tempfile.mkdtemp(prefix="trilayer-tests-")
atexit.register(shutil.rmtree, _NO_MODELS, ignore_errors=True)
os.environ["HF_HUB_CACHE"] = os.environ["TRILAYER_MODELS"] = os.environ["TRILAYER_CACHE"] = _NO_MODELS

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402
from xdist.remote import Producer  # noqa: E402
from xdist.scheduler import LoadScopeScheduling  # noqa: E402

# Longest first, so that no process is left with a long file at the end.
LONGEST = (
    "tests/ui/page", "tests/ui/services/test_budget.py", "tests/ui/test_api.py", "tests/decoders/sd15",
    "tests/test_style.py", "tests/ui", "tests/encoder", "tests/decoders",
)  # fmt: skip
# Files in one process, because each process starts a server and a browser for them (in 15 s), or imports and writes
# networks. The first name that fits counts.
TOGETHER = {
    "tests/ui/page/test_canvas": "page 1",
    "tests/ui/page/test_decoding.py": "page 1",
    "tests/ui/page/test_edit": "page 1",
    "tests/ui/page": "page 2",
    "tests/ui/services/test_budget.py": "page 1",
    "tests/ui/test_api.py": "page 2",
    "tests/decoders/sd15": "sd15",
    "tests/decoders/sdxl": "sdxl",
}

settings.register_profile("trilayer", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("trilayer")


class FileScheduling(LoadScopeScheduling):
    """Give each process whole files, and files that are `TOGETHER` to one process."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((name for start, name in TOGETHER.items() if path.startswith(start)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduling:
    """Replace the scheduler of xdist's `--dist`."""
    return FileScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort test files by `LONGEST`; the order inside a file stays."""

    def rank(item: pytest.Item) -> int:
        path = item.path.relative_to(config.rootpath).as_posix()
        return next((number for number, start in enumerate(LONGEST) if path.startswith(start)), len(LONGEST))

    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=rank)


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A real photograph, (256, 256, 3) uint8 sRGB: Eileen Collins, NASA, public domain."""
    from skimage import data

    from codec.images.io import resize_area

    return resize_area(data.astronaut(), 256, 256)
