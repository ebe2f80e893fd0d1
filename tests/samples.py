"""Layers to test with: hypothesis strategies, and one typical example of each kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from codec.bitstream.checkpoints import CHECKPOINTS
from codec.bitstream.settings import SAMPLERS, Settings
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.chain_code import STEPS, Stroke
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture import rdoq
from codec.texture.colormap import Colormap
from codec.texture.detail import CHANNELS, MAX_DETAIL_LEVEL, QUALITIES, Detail
from codec.texture.quantizer import STEPS as QUANTIZERS

prompts = st.builds(Prompt, st.text(max_size=80), st.text(max_size=30) | st.just(""))


@st.composite
def stroke(draw: st.DrawFn, cols: int, rows: int) -> Stroke:
    """Draw a chain that stays on the lattice and never turns back by 180 degrees."""
    points = [(draw(st.integers(0, cols - 1)), draw(st.integers(0, rows - 1)))]
    heading: int | None = None
    for turn in draw(st.lists(st.integers(-3, 3), min_size=1, max_size=20)):
        x, y = points[-1]
        for offset in (0, 1, -1, 2, -2, 3, -3, 4):  # the nearest direction that stays on the lattice
            if heading is not None and not -3 <= turn + offset <= 3:
                continue
            direction = ((heading or 0) + turn + offset) % 8
            dx, dy = STEPS[direction]
            if 0 <= x + dx < cols and 0 <= y + dy < rows:
                points.append((x + dx, y + dy))
                heading = direction
                break
        else:
            break
    return tuple(points)


@st.composite
def sketches(draw: st.DrawFn) -> Sketch:
    cols, rows = draw(st.integers(8, 200)), draw(st.integers(8, 200))
    rows = cols if draw(st.booleans()) else rows
    return Sketch(cols, rows, tuple(draw(st.lists(stroke(cols, rows), max_size=6))))


joints = st.none() | st.tuples(st.integers(0, 2047), st.integers(0, 2047))
persons = st.lists(joints, min_size=18, max_size=18).map(tuple).filter(any)
poses = st.lists(persons, max_size=4).map(tuple).map(Pose)


def random_detail(seed: int, rows: int = 16, cols: int = 16, density: float = 0.05, max_level: int = 3) -> Detail:
    """Return a detail of random levels, a share of `density` of which are not 0."""
    rng = np.random.default_rng(seed)
    shape = (CHANNELS, rows, cols)
    levels = rng.integers(-max_level, max_level + 1, shape) * (rng.random(shape) < density)
    return Detail(int(rng.integers(0, QUALITIES)), levels)


details = st.builds(
    random_detail,
    st.integers(0, 1000),
    st.sampled_from((2, 3, 4, 5, 6, 7, 8, 24)),  # few are large, since large ones are slow
    st.sampled_from((2, 3, 4, 5, 6, 7, 8, 16)),
    st.sampled_from([0.0, 0.001, 0.03, 0.3, 1.0]),
    st.sampled_from([1, 3, 40, MAX_DETAIL_LEVEL]),
)


@st.composite
def colormaps(draw: st.DrawFn) -> Colormap:
    shape = (draw(st.integers(2, 16)), draw(st.integers(2, 16)), 3)
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    flat, noise = rng.integers(0, 256, 3), rng.integers(0, 256, shape)
    share = draw(st.sampled_from([0.0, 0.1, 1.0]))
    cells = (flat * (1 - share) + noise * share).astype(np.uint8)
    colormap = rdoq.quantize(cells, draw(st.integers(0, len(QUANTIZERS) - 1)))
    places = draw(st.lists(st.integers(0, shape[0] * shape[1] - 1), max_size=5, unique=True))
    colors = [(0, 0, 0), (63, 63, 63), (63, 20, 7)]
    spots = tuple((place, draw(st.sampled_from(colors))) for place in sorted(places))
    return replace(colormap, spots=spots, detail=draw(st.none() | details))


settings = st.builds(
    Settings,
    st.none() | st.integers(1, 255),
    st.none() | st.integers(0, 255).map(lambda quarters: quarters / 4),
    st.none() | st.sampled_from(SAMPLERS),
    st.none()
    | st.text(min_size=1, max_size=16, alphabet=st.characters(exclude_categories=["Cs"]))
    | st.sampled_from([*CHECKPOINTS[::50], "sha256:0123456789", "sha256:abcdef012", "sha256:ABCDEF0123"]),
    st.none() | st.tuples(st.integers(1, 256), st.integers(1, 256)).map(lambda sides: (8 * sides[0], 8 * sides[1])),
)

layers = st.builds(
    Layers,
    st.sampled_from([512, 768, 1, 4096, 333]),
    st.sampled_from([512, 768, 1, 4096, 200]),
    st.none() | prompts,
    st.none() | sketches() | poses,
    st.none() | colormaps(),
    st.none() | st.integers(0, 2**64 - 1),
    st.none() | settings,
    st.sampled_from([(), ((0x80, b""), (0xDF, b"kept"))]),
)


def example() -> Layers:
    """Return layers of 200 x 120 pixels with a prompt, a sketch, colors, a seed and settings."""
    t = np.linspace(0, 2 * np.pi, 60)
    circle = np.stack([100 + 40 * np.cos(t), 60 + 40 * np.sin(t)], 1)
    horizon = np.array([[0, 80], [60, 76], [199, 90]])
    sketch = Sketch.from_polylines([circle, horizon], 200, 120, 64)
    cells = np.zeros((6, 10, 3), np.uint8)
    cells[:4], cells[4:], cells[1:4, 4:6] = (120, 180, 240), (60, 120, 40), (230, 60, 40)
    colors = rdoq.quantize(cells, 20)
    return Layers(200, 120, Prompt("a red ball over a meadow", "blurry"), sketch, colors, 7, Settings(30, 7.5))


def detailed() -> Layers:
    """Return layers with base colors of 8 x 8 cells and a detail of 16 x 16 cells."""
    cells = np.zeros((8, 8, 3), np.uint8)
    cells[:5], cells[5:] = (120, 180, 240), (60, 120, 40)
    texture = replace(rdoq.quantize(cells, 36), detail=random_detail(1, density=0.01))
    return Layers(512, 512, Prompt("a meadow"), None, texture)


def pose() -> Pose:
    """Return a standing person whose left wrist is unseen."""
    points = [
        (1024, 300), (1024, 480), (860, 480), (800, 760), (780, 1010), (1190, 480), (1250, 760), None,
        (920, 1050), (900, 1400), (890, 1780), (1120, 1050), (1140, 1400), (1150, 1780),
        (990, 260), (1060, 260), (940, 290), (1110, 290),
    ]  # fmt: skip
    return Pose((tuple(points),))
