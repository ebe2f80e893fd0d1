"""Train the table that predicts a pose's payload: codec/structure/pose_joints.npy.

    python -m codec.training.pose_tables [STEPS]

Trains the network of pose_payload.py in floating point on synthetic bodies (synthetic_poses.py), and rounds its weights
to integers, which hardly changes the rate. This takes minutes on one core. The table is part of the format; its hash is
in tables.py and FORMAT.md. The current table was trained for 4,000 steps with an earlier version of this script, in
which the inputs of the first joint's position were twice as large (their two rows have been doubled since). A new run
gives a different table of about the same quality.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from codec.structure import pose_payload
from codec.structure.pose_payload import (
    CODING_ORDER,
    FRAME_SCALE,
    HIDDEN_UNITS,
    JOINT_COUNT,
    MIXTURE_PARTS,
    PARENTS,
    SIZE_CLASSES,
    UNITS,
    VISIBILITY_OUTPUTS,
    Person,
)
from codec.training import synthetic_poses

SEED = 11
TRAINING_PERSONS, TEST_PERSONS = 200_000, 2000
BATCH = 256
DEFAULT_STEPS = 12_000
FILE = Path(__file__).parents[1] / "structure" / "pose_joints.npy"
Batch = dict[str, torch.Tensor]


def to_tensors(persons: list[Person]) -> Batch:
    """Return the network's inputs and targets for N persons, all float32.

    `inputs`: (N, VISIBILITY_OUTPUTS), in the order of the table's rows. `visible`: (N, 18), in coding order. For
    each of the 36 coordinates in coding order, (N, 36): `value`, its `origin`, the `unit` of its offset, `log_unit`
    of base 2, and `coded`, 1 where it is coded and 0 elsewhere.
    """
    count = len(persons)
    size_class = np.array([pose_payload.size_class_of(person) for person in persons])
    visible = np.array([[person[joint] is not None for joint in CODING_ORDER] for person in persons])
    first = visible.argmax(1)
    joints = np.array([[joint or (0, 0) for joint in person] for person in persons], np.float32)
    root = joints[np.arange(count), np.array(CODING_ORDER)[first]]
    positions = np.repeat(root[:, None], JOINT_COUNT, 1)  # of invisible joints: that of their parent
    origins = np.full((count, JOINT_COUNT, 2), UNITS / 2, np.float32)
    values = np.repeat(root[:, None], JOINT_COUNT, 1)
    coded = np.ones((count, JOINT_COUNT, 2), np.float32)
    for number, joint in enumerate(CODING_ORDER[1:], 1):
        origins[:, number] = positions[:, PARENTS[joint]]
        positions[:, joint] = np.where(visible[:, number, None], joints[:, joint], positions[:, PARENTS[joint]])
        values[:, number] = positions[:, joint]
        coded[:, number] = (visible[:, number] & (number > first))[:, None]
    unit, log_unit = _units(size_class)
    offsets = np.clip((values - origins) / unit, -4, 4).reshape(count, -1)
    inputs = [np.ones((count, 1)), (size_class[:, None] - 16) / 8, visible, offsets]
    coordinates = {"origin": origins, "value": values, "coded": coded, "unit": unit, "log_unit": log_unit}
    arrays = {name: array.reshape(count, -1) for name, array in coordinates.items()}
    arrays |= {"inputs": np.concatenate(inputs, 1), "visible": visible}
    return {name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()}


def _units(size_class: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit of each coordinate's offset, (N, 18, 2), and its logarithm to base 2."""
    scales = [
        [FRAME_SCALE, *(pose_payload.joint_scale(size, joint) for joint in CODING_ORDER[1:])]
        for size in range(len(SIZE_CLASSES))
    ]
    scale = np.repeat(np.array(scales, np.float32)[size_class][:, :, None], 2, 2)
    unit, fine_bits, log2_unit = np.moveaxis(scale, -1, 0)
    return unit * np.exp2(-fine_bits), log2_unit / 64 - fine_bits


class Network(torch.nn.Module):
    """The network of pose_payload.py in floating point."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = torch.nn.Parameter(torch.randn(VISIBILITY_OUTPUTS, HIDDEN_UNITS) * 0.3)
        self.visibility = torch.nn.Parameter(torch.randn(JOINT_COUNT, HIDDEN_UNITS + 1) * 0.02)
        mixtures = torch.randn(2 * JOINT_COUNT, 3, MIXTURE_PARTS, HIDDEN_UNITS + 1) * 0.02
        mixtures[:, :, :, HIDDEN_UNITS] = torch.linspace(-1, 1, MIXTURE_PARTS) * torch.tensor([[0.5], [1], [0]])
        self.mixtures = torch.nn.Parameter(mixtures)

    def bits(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the bits of each joint's visibility, (N, 18), and of each coordinate, (N, 36), 0 where not coded."""
        sums = torch.cumsum(batch["inputs"][:, :, None] * self.inputs, 1)
        hidden = functional.relu(sums).clamp(max=8)[:, 1 : 1 + JOINT_COUNT * 3]
        hidden = functional.pad(hidden, (0, 1), value=1.0)
        logits = (hidden[:, :JOINT_COUNT] * self.visibility).sum(-1) * math.log(2)
        visibility = functional.binary_cross_entropy_with_logits(logits, batch["visible"], reduction="none")
        means, widths, weights = torch.einsum("nsh,skph->nskp", hidden[:, JOINT_COUNT:], self.mixtures).unbind(2)
        mean = batch["origin"][..., None] + means * batch["unit"][..., None]
        slope = torch.exp2((widths + 3 - batch["log_unit"][..., None]).clamp(max=3.6)) * math.log(2)
        weight = torch.softmax(weights * math.log(2), -1)

        def probability(low: torch.Tensor | float, high: torch.Tensor | float) -> torch.Tensor:
            a, b = (low - mean) * slope, (high - mean) * slope
            mirrored = a + b > 0  # above the mean both sigmoids are near 1; those of -a and -b are more accurate
            sigmoids = torch.where(mirrored, -a, b).sigmoid() - torch.where(mirrored, -b, a).sigmoid()
            return (weight * sigmoids).sum(-1)

        value = batch["value"][..., None]
        p_value = probability(value - 0.5, value + 0.5) + 2.0**-19
        p_range = probability(-0.5, UNITS - 0.5) + UNITS * 2.0**-19  # of all coordinates inside the picture
        return visibility / math.log(2), (p_range / p_value).log2() * batch["coded"]

    def rounded(self) -> np.ndarray:
        """Return the table, (398, 65) int16."""
        inputs = functional.pad(self.inputs, (0, 1))
        inputs[0, HIDDEN_UNITS] = 1
        rows = [inputs, self.visibility, self.mixtures.reshape(-1, HIDDEN_UNITS + 1)]
        return torch.cat(rows).mul(2048).round().clamp(-32768, 32767).detach().numpy().astype(np.int16)


def train(network: Network, training: Batch, test: Batch, steps: int) -> None:
    """Minimize the bits by Adam with a cosine-annealed learning rate; print the bytes per test person at times."""
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, 1e-5)
    for step in range(steps):
        chosen = torch.randint(len(training["visible"]), (BATCH,))
        visibility, coordinates = network.bits({name: value[chosen] for name, value in training.items()})
        optimizer.zero_grad()
        torch.autograd.backward((visibility.sum() + coordinates.sum()) / BATCH)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 50.0)
        optimizer.step()
        schedule.step()
        if step % 500 == 499:
            with torch.no_grad():
                visibility, coordinates = network.bits(test)
            mean = (visibility.sum() + coordinates.sum()) / len(visibility) / 8
            print(f"step {step + 1}: {mean:.2f} bytes per test person", flush=True)


def main() -> None:
    """Train and save the table."""
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    test = to_tensors([synthetic_poses.person(rng) for _ in range(TEST_PERSONS)])
    training = to_tensors([synthetic_poses.person(rng) for _ in range(TRAINING_PERSONS)])
    network = Network()
    train(network, training, test, int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_STEPS)
    np.save(FILE, network.rounded())


if __name__ == "__main__":
    main()
