"""Load the weights that are part of the program into a network."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from codec.errors import ModelMissing
from codec.models import weights

Network = TypeVar("Network", bound=nn.Module)


def load_shipped(network: Network, file: weights.WeightFile) -> Network:
    """Load a shipped weight file into a network and return the network, float32, frozen, in channels-last format.

    Raises ModelMissing if the file is absent or damaged, or belongs to another network.
    """
    tensors = {name: torch.from_numpy(array).float() for name, array in weights.load(file).items()}
    try:
        network.load_state_dict(tensors)
    except RuntimeError:
        raise ModelMissing(f"weights {file.name} do not fit their network") from None
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network.requires_grad_(False)
