"""Keep libraries from using several threads in each of several processes."""

from __future__ import annotations


def limit_to_one_thread() -> None:
    """Limit OpenCV and torch to one thread in this process, since the other processes use the other cores."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
