"""What all tests share: no network, the same random examples in each run, the order of files, pictures."""

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

# Longest first, so that no process is left with a long file at the end.
LONGEST = ("tests/ui/page", "tests/test_style.py", "tests/ui", "tests/decoders", "tests/encoder", "tests/batch")

settings.register_profile("trilayer", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("trilayer")


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
