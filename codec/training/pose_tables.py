"""Train what a pose's bytes are predicted by: codec/structure/pose_joints.npy.

    python -m codec.training.pose_tables [STEPS]

The network of skeleton.py in floating point, on made-up bodies (bodies.py); its weights are then
rounded to whole numbers, which costs nothing worth having. It takes minutes on one core. The table is
part of the format: its hash stands in tables.py and FORMAT.md. The one there had 4,000 steps of an
earlier form of this script, which gave the network the first place at twice the value (its two rows
were doubled since); a new run gives another table, which is about as good.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from codec.structure import pose_payload
from codec.structure.pose_payload import FRAME, HIDDEN, JOINTS, ORDER, PARENT, PARTS, SEEN, UNITS, Person
from codec.training import synthetic_poses

SEED = 11
COUNT = 200_000
BATCH = 256
FILE = Path(__file__).parents[1] / "structure" / "pose_joints.npy"
Batch = dict[str, torch.Tensor]


def facts(people: list[Person]) -> Batch:
    """People as the network has them: inputs, and for each coordinate what it is predicted from."""
    count = len(people)
    size = np.array([pose_payload.size_class(one) for one in people])
    seen = np.array([[one[joint] is not None for joint in ORDER] for one in people])
    root = seen.argmax(1)
    at = np.array([[joint or (0, 0) for joint in one] for one in people], np.float32)
    first = at[np.arange(count), np.array(ORDER)[root]]
    places = np.repeat(first[:, None], JOINTS, 1)
    origins = np.full((count, JOINTS, 2), UNITS / 2, np.float32)
    values = np.repeat(first[:, None], JOINTS, 1)
    coded = np.ones((count, JOINTS, 2), np.float32)
    for number, joint in enumerate(ORDER[1:], 1):
        origins[:, number] = places[:, PARENT[joint]]
        places[:, joint] = np.where(seen[:, number, None], at[:, joint], places[:, PARENT[joint]])
        values[:, number] = places[:, joint]
        coded[:, number] = (seen[:, number] & (number > root))[:, None]
    scales = [
        [FRAME] + [pose_payload.scale(one, joint) for joint in ORDER[1:]] for one in range(len(pose_payload.SIZES))
    ]
    by = np.repeat(np.array(scales, np.float32)[size][:, :, None], 2, 2)
    unit, log = by[..., 0] * np.exp2(-by[..., 1]), by[..., 2] / 64 - by[..., 1]
    offsets = np.clip((values - origins) / unit, -4, 4).reshape(count, -1)
    inputs = [np.ones((count, 1)), (size[:, None] - 16) / 8, seen, offsets]
    flat = {"origin": origins, "value": values, "coded": coded, "unit": unit, "log": log}
    out = {name: value.reshape(count, -1) for name, value in flat.items()}
    out |= {"inputs": np.concatenate(inputs, 1), "seen": seen}
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in out.items()}


class Network(torch.nn.Module):
    """skeleton.py's, in floating point; `bits` is what it is trained to make few."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = torch.nn.Parameter(torch.randn(SEEN, HIDDEN) * 0.3)
        self.seen = torch.nn.Parameter(torch.randn(JOINTS, HIDDEN + 1) * 0.02)
        mixtures = torch.randn(2 * JOINTS, 3, PARTS, HIDDEN + 1) * 0.02
        mixtures[:, :, :, HIDDEN] = torch.linspace(-1, 1, PARTS) * torch.tensor([[0.5], [1], [0]])
        self.mixtures = torch.nn.Parameter(mixtures)

    def bits(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Of which joints are seen (N, 18), and of coordinates (N, 36), 0 for those that are not coded."""
        sums = torch.cumsum(batch["inputs"][:, :, None] * self.inputs, 1)
        hidden = functional.relu(sums).clamp(max=8)[:, 1 : 1 + JOINTS * 3]
        hidden = functional.pad(hidden, (0, 1), value=1.0)
        chance = (hidden[:, :JOINTS] * self.seen).sum(-1) * math.log(2)
        seen = functional.binary_cross_entropy_with_logits(chance, batch["seen"], reduction="none") / math.log(2)
        means, widths, weights = torch.einsum("nsh,skph->nskp", hidden[:, JOINTS:], self.mixtures).unbind(2)
        mean = batch["origin"][..., None] + means * batch["unit"][..., None]
        slope = torch.exp2((widths + 3 - batch["log"][..., None]).clamp(max=3.6)) * math.log(2)
        weight = torch.softmax(weights * math.log(2), -1)

        def share(low: torch.Tensor | float, high: torch.Tensor | float) -> torch.Tensor:
            a, b = (low - mean) * slope, (high - mean) * slope
            over = a + b > 0  # there both are near 1: take what is left to 1
            return (weight * (torch.where(over, -a, b).sigmoid() - torch.where(over, -b, a).sigmoid())).sum(-1)

        value = batch["value"][..., None]
        found = share(value - 0.5, value + 0.5) + 2.0**-19
        whole = share(-0.5, UNITS - 0.5) + UNITS * 2.0**-19
        return seen, (whole / found).log2() * batch["coded"]

    def rounded(self) -> np.ndarray:
        """(398, 65) int16: the table."""
        inputs = functional.pad(self.inputs, (0, 1))
        inputs[0, HIDDEN] = 1
        rows = [inputs, self.seen, self.mixtures.reshape(-1, HIDDEN + 1)]
        return torch.cat(rows).mul(2048).round().clamp(-32768, 32767).detach().numpy().astype(np.int16)


def train(network: Network, data: Batch, held: Batch, steps: int) -> None:
    """Adam, its rate along a half cosine."""
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, 1e-5)
    for step in range(steps):
        chosen = torch.randint(len(data["seen"]), (BATCH,))
        seen, places = network.bits({name: value[chosen] for name, value in data.items()})
        optimizer.zero_grad()
        ((seen.sum() + places.sum()) / BATCH).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 50.0)
        optimizer.step()
        schedule.step()
        if step % 500 == 499:
            with torch.no_grad():
                seen, places = network.bits(held)
            mean = (seen.sum() + places.sum()) / len(seen) / 8
            print(f"step {step + 1}: {mean:.2f} bytes a held-out person", flush=True)


def main() -> None:
    """See the module's text."""
    torch.manual_seed(SEED)
    dice = np.random.default_rng(SEED)
    held = facts([synthetic_poses.person(dice) for _ in range(2000)])
    data = facts([synthetic_poses.person(dice) for _ in range(COUNT)])
    network = Network()
    train(network, data, held, int(sys.argv[1]) if len(sys.argv) > 1 else 12_000)
    np.save(FILE, network.rounded())


if __name__ == "__main__":
    main()
