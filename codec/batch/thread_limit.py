"""Keep libraries from using several threads in each of several processes."""

from __future__ import annotations

import os
import sys
from typing import Final

_VARIABLES: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


def limit_to_one_thread() -> None:
    """Limit OpenCV and torch to one thread in this process, since the other processes use the other cores.

    Neither is imported: a process that needs no torch starts within a second.
    """
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
