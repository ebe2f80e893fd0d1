"""The tensors of a training run's state, by name, as a safetensors file holds them."""

from __future__ import annotations

from torch import Tensor
from torch.optim import Optimizer


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Return the moments of an optimizer under the names optimizer.INDEX.NAME."""
    return {
        f"optimizer.{index}.{name}": value
        for index, moments in optimizer.state_dict()["state"].items()
        for name, value in moments.items()
    }


def load_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore the moments that `optimizer_tensors` returned. tensors: all tensors of a run."""
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in with_prefix("optimizer.", tensors).items():
        index, key = name.split(".")
        moments.setdefault(int(index), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names start with a prefix, by the rest of the name."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
