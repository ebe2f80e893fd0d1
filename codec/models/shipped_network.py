"""Load the weights that ship with the program into a network, ready to run."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from codec.errors import ModelMissing
from codec.models import weights

Network = TypeVar("Network", bound=nn.Module)


def load_shipped(network: Network, file: weights.WeightFile) -> Network:
    """Load a shipped file into a network, as float32, and return it frozen, with convolutions in channels-last format.

    Raises ModelMissing if the file is absent, damaged or of another network.
    """
    tensors = {name: torch.from_numpy(array).float() for name, array in weights.load(file).items()}
    try:
        network.load_state_dict(tensors)
    except RuntimeError:
        raise ModelMissing(f"weights {file.name} do not fit their network") from None
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network.requires_grad_(False)
