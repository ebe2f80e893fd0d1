"""A sketch is lossless, can be truncated anywhere, and its strokes are drawn where they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec import Layers
from codec.bitstream.range_coder import Encoder
from codec.editing import edits
from codec.errors import Corrupt, InvalidLayer
from codec.structure import layer_kind, sketch_payload
from codec.structure.chain_code import Stroke
from codec.structure.payload import structure_from_bytes
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.structure.sketch_payload import SketchFields, order_strokes
from tests.samples import example, pose, poses, sketches


@settings(max_examples=50)
@given(sketches())
def test_round_trip(sketch: Sketch) -> None:
    assert Sketch.from_bytes(sketch.to_bytes()) == sketch
    assert structure_from_bytes(sketch.to_bytes()) == sketch


@settings(max_examples=50)
@given(sketches(), st.integers(1, 900), st.integers(1, 900))
def test_points_of_a_sketch_give_the_same_sketch(sketch: Sketch, width: int, height: int) -> None:
    points = sketch.points(width, height)
    assert Sketch.from_polylines(points, width, height, sketch.cols, sketch.rows) == sketch


curve = st.lists(st.tuples(st.floats(-50, 700), st.floats(-50, 500)), min_size=1, max_size=12)


@settings(max_examples=40)
@given(st.lists(curve, max_size=4))
def test_any_curve_becomes_strokes_along_it(curves: list[list[tuple[float, float]]]) -> None:
    polylines = [np.array(points) for points in curves]
    sketch = Sketch.from_polylines(polylines, 640, 480, 64)
    assert Sketch.from_bytes(sketch.to_bytes()) == sketch
    clipped = [np.clip(polyline, 0, [640, 480]) for polyline in polylines]
    for points in sketch.points(640, 480):
        nearest = np.min([distances(points, polyline) for polyline in clipped], axis=0)
        assert nearest.max() <= 15  # half the diagonal of a cell is 7 pixels, and a corner may be cut


def distances(points: np.ndarray, polyline: np.ndarray) -> np.ndarray:
    """Return the distance of each of N points to a polyline, (N,)."""
    starts = polyline[:-1] if len(polyline) > 1 else polyline
    steps = np.diff(polyline, axis=0) if len(polyline) > 1 else np.zeros((1, 2))
    offsets = points[:, None] - starts
    along = np.clip((offsets * steps).sum(2) / np.maximum((steps**2).sum(1), 1e-9), 0, 1)
    return np.hypot(*np.moveaxis(offsets - along[..., None] * steps, 2, 0)).min(1)


def test_curve_that_turns_back_becomes_two_strokes() -> None:
    there_and_back = np.array([[10, 50], [90, 50], [10, 50.0]])
    assert len(Sketch.from_polylines([there_and_back], 100, 100, 20).strokes) == 2


def test_cut_keeps_as_many_first_strokes_as_fit() -> None:
    rng = np.random.default_rng(3)
    walks = [np.cumsum(rng.normal(0, 12, (20, 2)), 0) + rng.uniform(50, 450, 2) for _ in range(20)]
    sketch = Sketch.from_polylines(walks, 512, 512, 128)
    for budget in (0, 5, 50, 200, len(sketch.to_bytes()), 10_000):
        part = sketch.cut(budget)
        assert part.strokes == sketch.strokes[: len(part.strokes)]
        assert len(part.to_bytes()) <= budget or not part.strokes
        longer = Sketch(part.cols, part.rows, sketch.strokes[: len(part.strokes) + 1])
        assert len(longer.to_bytes()) > budget or part == sketch


@settings(max_examples=50)
@given(sketches(), st.data())
def test_any_prefix_of_a_payload_is_a_sketch_of_the_first_strokes(sketch: Sketch, data: st.DataObject) -> None:
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


@settings(max_examples=50)
@given(sketches())
def test_payload_has_no_superfluous_byte(sketch: Sketch) -> None:
    shorter = sketch.to_bytes()[:-1]
    try:
        assert len(Sketch.from_bytes(shorter).strokes) < len(sketch.strokes)
    except Corrupt:
        assert not sketch.strokes


@settings(max_examples=50)
@given(sketches())
def test_cut_payload_is_as_short_as_encoding_its_strokes_again(sketch: Sketch) -> None:
    for budget in (len(sketch.to_bytes()) // 2, len(sketch.to_bytes()) - 1):
        part = sketch.cut(budget)
        encoded_again = Sketch(part.cols, part.rows, part.strokes)
        assert part.strokes == sketch.strokes[: len(part.strokes)]
        assert len(encoded_again.to_bytes()) <= max(len(part.to_bytes()), 4)


@settings(max_examples=50)
@given(sketches())
def test_arranged_strokes_are_the_same_and_start_at_their_upper_end(sketch: Sketch) -> None:
    arranged = order_strokes(sketch.strokes, sketch.cols, sketch.rows)
    assert sorted(min(s, s[::-1]) for s in arranged) == sorted(min(s, s[::-1]) for s in sketch.strokes)
    assert all(stroke[0][1] <= stroke[-1][1] for stroke in arranged)


def test_arranged_strokes_take_fewer_bytes_and_stay_in_their_runs() -> None:
    rng = np.random.default_rng(5)
    starts = rng.permutation(100 * 100)[:60]
    strokes = tuple(tuple((int(s) % 100 + i, int(s) // 100) for i in range(6)) for s in starts)
    arranged = order_strokes(strokes, 128, 128)
    for begin, end in ((0, 8), (8, 25), (25, 60)):
        assert set(arranged[begin:end]) == set(strokes[begin:end])
    assert len(Sketch(128, 128, arranged).to_bytes()) < 0.95 * len(Sketch(128, 128, strokes).to_bytes())


def test_edits_leave_other_strokes_unchanged() -> None:
    layers = example()
    sketch = layers.structure
    assert isinstance(sketch, Sketch) and len(sketch.strokes) > 1
    size = layers.width, layers.height
    mask = np.zeros((layers.height, layers.width), bool)
    x, y = sketch.points(*size)[0][0].astype(int)
    mask[y - 2 : y + 3, x - 2 : x + 3] = True
    erased = Layers.from_bytes(edits.erase(layers, mask).to_bytes()).structure
    assert isinstance(erased, Sketch)
    untouched = [
        stroke
        for stroke, points in zip(sketch.strokes, sketch.points(*size), strict=True)
        if not mask[tuple(points.astype(int).T[::-1])].any()
    ]
    assert len(untouched) < len(sketch.strokes) and untouched == [s for s in erased.strokes if s in untouched]
    line = np.array([[10.0, 10], [60, 40]])
    drawn = edits.resketch(layers, [line, *sketch.points(*size)])
    decoded = Layers.from_bytes(drawn.to_bytes()).structure
    assert isinstance(decoded, Sketch) and set(sketch.strokes) <= set(decoded.strokes)
    assert len(decoded.strokes) == len(sketch.strokes) + 1


# --- drawing


def test_render_is_white_along_the_strokes_only() -> None:
    sketch = Sketch.from_polylines([np.array([[50.0, 200], [450, 200]])], 512, 400, 128)
    image = sketch.render(512, 400)
    assert image.shape == (400, 512, 3) and image.dtype == np.uint8
    assert image[200:204, 60:440].max(0).min() == 255
    assert image[:194].max() == 0 and image[210:].max() == 0
    thick = sketch.render(512, 400, thickness=9)
    assert thick.sum() > 2 * image.sum()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (4096, 2)])
def test_sketch_and_pose_render_at_any_size(size: tuple[int, int]) -> None:
    sketch = example().structure
    assert isinstance(sketch, Sketch)
    assert sketch.render(*size).shape == (size[1], size[0], 3)
    assert pose().render(*size).shape == (size[1], size[0], 3)


# --- invalid bytes and values


@given(st.binary(max_size=80) | st.binary(min_size=200, max_size=300))
def test_random_bytes_are_a_layer_or_rejected(payload: bytes) -> None:
    try:
        layer = structure_from_bytes(payload)
    except Corrupt as error:
        assert error.layers == ("structure",)
    else:
        assert layer.to_bytes() == payload


@settings(max_examples=50)
@given(st.data(), sketches() | poses)
def test_changed_payload_is_a_layer_or_rejected(data: st.DataObject, layer: Sketch | Pose) -> None:
    payload = bytearray(layer.to_bytes())
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decoded = structure_from_bytes(bytes(payload))
    except Corrupt:
        return
    assert decoded.to_bytes() == bytes(payload)


@pytest.mark.parametrize(
    ("strokes", "count"),
    [
        (((3, 3), (3, 4)), 4200),  # too many strokes
        (tuple((x, x % 2) for x in range(30)), 1200),  # too many points
    ],
)
def test_payload_of_too_many_strokes_or_points_is_rejected(strokes: Stroke, count: int) -> None:
    coder = Encoder()
    layer_kind.write(coder, layer_kind.SKETCH)
    payload = sketch_payload.encode(coder, SketchFields(32, 32, (strokes,) * count))
    with pytest.raises(Corrupt, match="too many"):
        structure_from_bytes(payload)


def test_sketch_is_not_decoded_as_a_pose_nor_a_pose_as_a_sketch() -> None:
    with pytest.raises(Corrupt, match="a sketch, not a pose"):
        Pose.from_bytes(Sketch(8, 8, ()).to_bytes())
    with pytest.raises(Corrupt, match="a pose, not a sketch"):
        Sketch.from_bytes(pose().to_bytes())


@pytest.mark.parametrize(
    "strokes",
    [
        (((0, 0),),),  # a single point
        (((0, 0), (2, 0)),),  # a jump
        (((0, 0), (0, 0)),),  # no movement
        (((0, 0), (1, 0), (0, 0)),),  # turning back
        (((31, 0), (32, 0)),),  # leaving the lattice
        (((-1, 0), (0, 0)),),
        (((0, 0), (1, 0)),) * 4097,
        ((tuple((x % 30 if x // 30 % 2 == 0 else 29 - x % 30, 0) for x in range(40000))),),
    ],
)
def test_invalid_strokes_are_rejected(strokes: tuple[Stroke, ...]) -> None:
    with pytest.raises(InvalidLayer):
        Sketch(32, 32, strokes)


@pytest.mark.parametrize("size", [(7, 32), (32, 7), (1025, 32), (0, 0)])
def test_lattice_of_invalid_size_is_rejected(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidLayer):
        Sketch(*size, ())


def test_points_that_are_not_finite_are_rejected() -> None:
    with pytest.raises(InvalidLayer, match="finite"):
        Sketch.from_polylines([np.array([[1.0, np.nan], [2, 2]])], 10, 10, 8)


def test_picture_without_a_size_is_rejected() -> None:
    with pytest.raises(InvalidLayer, match="width and height"):
        Sketch.from_polylines([], 0, 10, 8)


def test_endless_scribble_is_rejected_before_it_is_traced() -> None:
    zigzag = np.array([[0.0, 0], [4096, 4096]] * 50_000)
    with pytest.raises(InvalidLayer, match="points"):
        Sketch.from_polylines([zigzag], 4096, 4096, 1024)
