"""Strokes and skeletons come back exactly, can be cut, and are drawn where they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec import Layers
from codec.bitstream.range_coder import Encoder
from codec.editing import edits
from codec.errors import Corrupt, InvalidLayer
from codec.structure.payload import structure_from_bytes
from codec.structure import sketch_payload as strokes
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from tests.samples import example, pose, poses, sketches


@given(sketches() | poses)
def test_round_trip(layer: Sketch | Pose) -> None:
    assert structure_from_bytes(layer.to_bytes()) == layer
    assert type(layer).from_bytes(layer.to_bytes()) == layer


@given(sketches(), st.integers(1, 900), st.integers(1, 900))
def test_points_snap_to_the_strokes_they_came_from(sketch: Sketch, width: int, height: int) -> None:
    points = sketch.points(width, height)
    assert Sketch.from_polylines(points, width, height, sketch.cols, sketch.rows) == sketch


curve = st.lists(st.tuples(st.floats(-50, 700), st.floats(-50, 500)), min_size=1, max_size=12)


@given(st.lists(curve, max_size=4))
def test_any_curve_becomes_strokes_along_it(curves: list[list[tuple[float, float]]]) -> None:
    arrays = [np.array(points) for points in curves]
    sketch = Sketch.from_polylines(arrays, 640, 480, 64)
    assert Sketch.from_bytes(sketch.to_bytes()) == sketch
    drawn = sketch.points(640, 480)
    for points in drawn:
        for point in points:
            nearest = min(_distance(point, np.clip(a, 0, [640, 480])) for a in arrays)
            assert nearest <= 15  # a cell has 10 pixels: half its diagonal is 7, and a corner may be cut


def _distance(point: np.ndarray, polyline: np.ndarray) -> float:
    if len(polyline) == 1:
        return float(np.hypot(*(point - polyline[0])))
    a, b = polyline[:-1], polyline[1:]
    along = ((point - a) * (b - a)).sum(1) / np.maximum(((b - a) ** 2).sum(1), 1e-9)
    nearest = a + np.clip(along, 0, 1)[:, None] * (b - a)
    return float(np.hypot(*(point - nearest).T).min())


def test_a_curve_that_turns_back_becomes_two_strokes() -> None:
    there_and_back = np.array([[10, 50], [90, 50], [10, 50.0]])
    assert len(Sketch.from_polylines([there_and_back], 100, 100, 20).strokes) == 2


def test_cut_keeps_the_first_strokes_and_the_budget() -> None:
    rng = np.random.default_rng(3)
    walks = [np.cumsum(rng.normal(0, 12, (20, 2)), 0) + rng.uniform(50, 450, 2) for _ in range(40)]
    sketch = Sketch.from_polylines(walks, 512, 512, 128)
    for budget in (0, 5, 50, 200, len(sketch.to_bytes()), 10_000):
        part = sketch.cut(budget)
        assert part.strokes == sketch.strokes[: len(part.strokes)]
        assert len(part.to_bytes()) <= budget or not part.strokes
        more = Sketch(part.cols, part.rows, sketch.strokes[: len(part.strokes) + 1])
        assert len(more.to_bytes()) > budget or part == sketch


def test_render_is_white_where_the_strokes_are() -> None:
    sketch = Sketch.from_polylines([np.array([[50.0, 200], [450, 200]])], 512, 400, 128)
    drawn = sketch.render(512, 400)
    assert drawn.shape == (400, 512, 3) and drawn.dtype == np.uint8
    assert drawn[200:204, 60:440].max(0).min() == 255
    assert drawn[:194].max() == 0 and drawn[210:].max() == 0
    thick = sketch.render(512, 400, thickness=9)
    assert thick.sum() > 2 * drawn.sum()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (4096, 2)])
def test_renders_at_any_size(size: tuple[int, int]) -> None:
    layers = example()
    assert isinstance(layers.structure, Sketch)
    assert layers.structure.render(*size).shape == (size[1], size[0], 3)
    assert pose().render(*size).shape == (size[1], size[0], 3)


def test_a_pose_is_drawn_in_openpose_colors() -> None:
    drawn = pose().render(512, 512)
    colors = {tuple(color) for color in drawn.reshape(-1, 3).tolist()}
    assert (255, 0, 0) in colors and (0, 0, 0) in colors  # the nose, and the ground
    assert (153, 0, 0) in colors  # the right shoulder's limb, dimmed


@given(st.binary(max_size=80))
def test_any_bytes_are_a_layer_or_corrupt(payload: bytes) -> None:
    try:
        layer = structure_from_bytes(payload)
    except Corrupt as error:
        assert error.layers == ("structure",)
    else:
        assert layer.to_bytes() == payload


@given(st.data(), sketches() | poses)
def test_any_broken_payload_is_a_layer_or_corrupt(data: st.DataObject, layer: Sketch | Pose) -> None:
    payload = bytearray(layer.to_bytes())
    at = data.draw(st.integers(0, len(payload) - 1))
    payload[at] ^= data.draw(st.integers(1, 255))
    try:
        found = structure_from_bytes(bytes(payload))
    except Corrupt:
        return
    assert found.to_bytes() == bytes(payload)


@pytest.mark.parametrize(
    "strokes",
    [
        (((0, 0),),),  # a point is no stroke
        (((0, 0), (2, 0)),),  # a jump
        (((0, 0), (0, 0)),),  # standing still
        (((0, 0), (1, 0), (0, 0)),),  # turning back
        (((31, 0), (32, 0)),),  # leaving the lattice
        (((-1, 0), (0, 0)),),
        (((0, 0), (1, 0)),) * 4097,
        ((tuple((x % 30 if x // 30 % 2 == 0 else 29 - x % 30, 0) for x in range(40000))),),
    ],
)
def test_refuses_what_is_no_sketch(strokes: tuple) -> None:
    with pytest.raises(InvalidLayer):
        Sketch(32, 32, strokes)


@pytest.mark.parametrize("size", [(7, 32), (32, 7), (1025, 32), (0, 0)])
def test_refuses_lattices_out_of_bounds(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidLayer):
        Sketch(*size, ())


def test_refuses_what_is_no_pose() -> None:
    nobody = (None,) * 18
    for persons in ((nobody,), (((0, 0),) * 17,), (((0, 2048),) * 18,), (((0, 0),) * 18,) * 65):
        with pytest.raises(InvalidLayer):
            Pose(persons)


def test_points_must_be_numbers() -> None:
    with pytest.raises(InvalidLayer):
        Sketch.from_polylines([np.array([[1.0, np.nan], [2, 2]])], 10, 10, 8)


def test_a_sketch_is_not_read_as_a_pose() -> None:
    with pytest.raises(Corrupt):
        Pose.from_bytes(Sketch(8, 8, ()).to_bytes())
    with pytest.raises(Corrupt):
        Sketch.from_bytes(pose().to_bytes())


def test_limits_that_a_decoder_meets_are_corrupt_not_slow() -> None:
    """A payload of more strokes or points than a sketch holds is refused where it passes the limit."""
    for strokes_, count in (((tuple((x, x % 2) for x in range(30)),), 1200), ((((3, 3), (3, 4)),), 4200)):
        coder = Encoder()
        coder.choice((1, 52, 11), 1)
        payload = strokes.encode(coder, (32, 32, strokes_ * count))
        with pytest.raises(Corrupt, match="too many"):
            structure_from_bytes(payload)


@given(sketches(), st.data())
def test_every_first_part_of_a_payload_is_a_sketch_of_the_first_strokes(sketch: Sketch, data: st.DataObject) -> None:
    payload = sketch.to_bytes()
    length = data.draw(st.integers(0, len(payload)))
    try:
        part = Sketch.from_bytes(payload[:length])
    except Corrupt:
        assert length <= 4  # the kind and the lattice
        return
    assert (part.cols, part.rows) == (sketch.cols, sketch.rows)
    assert part.strokes == sketch.strokes[: len(part.strokes)]
    assert part.to_bytes() == payload[:length]


@given(sketches())
def test_a_payload_has_no_byte_too_many(sketch: Sketch) -> None:
    shorter = sketch.to_bytes()[:-1]
    try:
        assert len(Sketch.from_bytes(shorter).strokes) < len(sketch.strokes)
    except Corrupt:
        assert not sketch.strokes


@given(sketches())
def test_cutting_is_as_good_as_coding_the_first_strokes_again(sketch: Sketch) -> None:
    for most in (len(sketch.to_bytes()) // 2, len(sketch.to_bytes()) - 1):
        part = sketch.cut(most)
        again = Sketch(part.cols, part.rows, part.strokes)
        assert len(again.to_bytes()) <= max(len(part.to_bytes()), 4)
        assert part.strokes == sketch.strokes[: len(part.strokes)]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_sketch_a_pose_or_one_clear_error(payload: bytes) -> None:
    try:
        layer = structure_from_bytes(payload)
    except Corrupt:
        return
    assert layer.to_bytes() == payload


@given(sketches())
def test_an_order_that_costs_less_has_the_same_strokes(sketch: Sketch) -> None:
    arranged = strokes.arrange(sketch.strokes, sketch.cols, sketch.rows)
    assert sorted(min(s, s[::-1]) for s in arranged) == sorted(min(s, s[::-1]) for s in sketch.strokes)
    assert all(stroke[0][1] <= stroke[-1][1] for stroke in arranged)


def test_sorted_runs_save_bytes_and_the_first_run_holds_the_first_strokes() -> None:
    rng = np.random.default_rng(5)
    starts = rng.permutation(100 * 100)[:60]
    lines = tuple(tuple((int(s) % 100 + i, int(s) // 100) for i in range(6)) for s in starts)
    arranged = strokes.arrange(lines, 128, 128)
    for begin, end in ((0, 8), (8, 25), (25, 60)):
        assert set(arranged[begin:end]) == set(lines[begin:end])
    assert len(Sketch(128, 128, arranged).to_bytes()) < 0.95 * len(Sketch(128, 128, lines).to_bytes())


def test_what_an_edit_does_not_touch_comes_back_as_it_was() -> None:
    layers = example()
    sketch = layers.structure
    assert isinstance(sketch, Sketch) and len(sketch.strokes) > 1
    mask = np.zeros((layers.height, layers.width), bool)
    x, y = sketch.points(layers.width, layers.height)[0][0].astype(int)
    mask[y - 2 : y + 3, x - 2 : x + 3] = True
    after = Layers.from_bytes(edits.erase(layers, mask).to_bytes()).structure
    assert isinstance(after, Sketch)
    untouched = [
        stroke
        for stroke, points in zip(sketch.strokes, sketch.points(layers.width, layers.height), strict=True)
        if not mask[tuple(points.astype(int).T[::-1])].any()
    ]
    assert len(untouched) < len(sketch.strokes) and untouched == [s for s in after.strokes if s in untouched]
    line = np.array([[10.0, 10], [60, 40]])
    drawn = edits.resketch(layers, [line, *sketch.points(layers.width, layers.height)])
    back = Layers.from_bytes(drawn.to_bytes()).structure
    assert isinstance(back, Sketch) and set(sketch.strokes) <= set(back.strokes)
    assert len(back.strokes) == len(sketch.strokes) + 1


def test_a_crowd_on_the_largest_picture_is_drawn_piece_by_piece() -> None:
    drawn = Pose(pose().persons * 8).render(2048, 2048)
    x, y = pose().persons[0][0]
    assert tuple(drawn[y, x]) == (255, 0, 0)  # the nose
    assert drawn[:200].max() == 0 and drawn[:, :600].max() == 0


def test_endless_scribbles_are_refused_before_any_work() -> None:
    zigzag = np.array([[0.0, 0], [4096, 4096]] * 50_000)
    with pytest.raises(InvalidLayer, match="points"):
        Sketch.from_polylines([zigzag], 4096, 4096, 1024)
    with pytest.raises(InvalidLayer):
        Sketch.from_polylines([zigzag], 0, 10, 8)
