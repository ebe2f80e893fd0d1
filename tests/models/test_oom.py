"""Out-of-memory errors of all libraries become OutOfMemory."""

from __future__ import annotations

import weakref

import cv2
import numpy as np
import pytest
import torch

from codec.errors import OutOfMemory
from codec.models import oom


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        cv2.error("OpenCV(4.11.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
    ],
)
def test_out_of_memory_errors_are_mapped_and_their_arrays_freed(error):
    arrays, alive_at_cleanup = [], []

    def work():
        array = np.zeros(10)
        arrays.append(weakref.ref(array))
        raise error

    with (
        pytest.raises(OutOfMemory, match="take less"),
        oom.raise_out_of_memory("take less", lambda: alive_at_cleanup.append(arrays[0]())),
    ):
        work()
    assert alive_at_cleanup == [None]


def test_other_errors_pass_unchanged():
    with pytest.raises(ValueError, match="mine"), oom.raise_out_of_memory("take less"):
        raise ValueError("mine")
