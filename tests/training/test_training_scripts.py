"""The training scripts start, and what they train has the form that the codec reads."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from codec.images.io import resize_area
from codec.semantic.ngrams import END, START, NGramModel
from codec.texture import context_model, dct, rdoq
from codec.training import color_priors, word_tables

SCRIPTS = [
    *("color_priors", "contour_network", "cue_weights", "detail_data", "detail_train", "detail_export"),
    *("teacher", "word_tables"),
]


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    script = importlib.import_module(f"codec.training.{name}")
    with pytest.raises(SystemExit) as ended:
        script.main(["--help"])
    assert ended.value.code == 0 and f"codec.training.{name}" in capsys.readouterr().out


def test_folder_without_pictures_is_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        color_priors.main([str(tmp_path), "--out", str(tmp_path / "out.npy")])
    assert "no pictures" in capsys.readouterr().err and not (tmp_path / "out.npy").exists()


def test_counted_ngrams_predict_the_training_text() -> None:
    """3 is followed by 4, or by 5 where 6 stands before it."""
    sequences = [[START, 3, 4, 3, 4, END], [START, 6, 3, 5, END]] * 5
    unigrams, levels = word_tables._count_ngrams(sequences, 7, (1, 2))
    model = NGramModel(unigrams, levels, 1 << 16)

    def probability(context: list[int], symbol: int) -> float:
        below = model.cumulative(context)
        return (below(symbol + 1) - below(symbol)) / (1 << 16)

    assert probability([START, 3], 4) > 0.7
    assert probability([6, 3], 5) > 0.7
    assert probability([4, 3], 6) < 0.1


def test_rare_ngrams_are_dropped() -> None:
    sequences = [[START, 3, 4, END]] * 2 + [[START, 3, 5, END]]
    _, (level,) = word_tables._count_ngrams(sequences, 6, (2,))
    successors = level.successor_counts.tolist()
    assert successors == [0, 0, 1, 1, 1, 0]  # START 3, 3 4 and 4 END


def test_integer_table_holds_the_weights_of_the_networks() -> None:
    nets = [color_priors.ChannelNet() for _ in range(3)]
    unpacked = context_model.unpack_networks(color_priors.to_table(nets))
    for net, integers in zip(nets, unpacked, strict=True):
        hidden = net.hidden.weight.detach().numpy().T / color_priors.SCALE[:, None]
        assert np.abs(integers.hidden / 4096 - hidden).max() <= 0.5 / 4096 + 1e-6
        assert np.abs(integers.output_bias / 65536 - net.output.bias.detach().numpy()).max() < 1e-4


def test_dead_zone_is_that_of_the_encoder(photo: np.ndarray) -> None:
    cells = resize_area(photo, 12, 9)
    coefficients, rng = dct.forward(cells)[None], np.random.default_rng(0)
    levels = color_priors.quantize(coefficients, np.array([28]), np.array([1]), (), rng)
    assert (levels[0] == rdoq.RDOQuantizer(cells).optimize_levels(28, 1, rounds=0)).all()
