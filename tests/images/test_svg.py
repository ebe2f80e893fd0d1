"""SVG files: written curves are read back, files from drawing programs are read, everything else is refused."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import CodecError, FormatError, LimitExceeded
from codec.images import svg
from tests.fuzz.mutator import mutate
from tests.lanes import variants


def read(body: str, size: str = 'viewBox="0 0 100 100"') -> list[list[list[float]]]:
    """Return the curves of an SVG with this body on a 100 x 100 picture, rounded."""
    data = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{body}</svg>'.encode()
    return [np.round(curve, 3).tolist() for curve in svg.read(data, 100, 100)]


def path(d: str) -> list[list[list[float]]]:
    return read(f'<path d="{d}"/>')


def test_written_curves_are_read_back():
    curves = [np.array([[0.5, 0.5], [3999.25, 12.125]]), np.array([[1, 2], [3, 4], [5.5, 6]])]
    back = svg.read(svg.write(curves, 4000, 100).encode(), 4000, 100)
    assert len(back) == 2
    assert all(np.allclose(a, b, atol=0.01) for a, b in zip(curves, back, strict=True))


@pytest.mark.parametrize(
    ("d", "curves"),
    [
        ("M1 2 L3 4", [[[1, 2], [3, 4]]]),
        ("M1,2,3,4", [[[1, 2], [3, 4]]]),
        ("m1 2 3 4 5 6", [[[1, 2], [4, 6], [9, 12]]]),
        ("M1-2.5.5-3e0", [[[1, -2.5], [0.5, -3]]]),
        ("M1 2H5V7h-1v-2", [[[1, 2], [5, 2], [5, 7], [4, 7], [4, 5]]]),
        ("M1 2L3 4L5 2Z", [[[1, 2], [3, 4], [5, 2], [1, 2]]]),
        ("M1 2L3 4ZL9 9", [[[1, 2], [3, 4], [1, 2]], [[1, 2], [9, 9]]]),
        ("M1 2L3 4M5 6l1 1", [[[1, 2], [3, 4]], [[5, 6], [6, 7]]]),
        ("m1 2 1 1zm5 5 1 1", [[[1, 2], [2, 3], [1, 2]], [[6, 7], [7, 8]]]),
        ("", []),
        ("M1 2", []),
        ("M1. 2.L3.e0 4.", [[[1, 2], [3, 4]]]),
    ],
)
def test_paths_of_lines(d, curves):
    assert path(d) == curves


def test_bezier_curves_pass_through_known_points():
    (cubic,) = path("M0 0C0 40 40 80 80 80")
    assert cubic[0] == [0, 0] and cubic[-1] == [80, 80] and [25, 55] in cubic  # the curve at t = 1/2
    (quadratic,) = path("M0 0q40 0 40 40")
    assert quadratic[-1] == [40, 40] and [30, 10] in quadratic
    (short,) = path("M0 0S0 40 40 40")
    assert short[-1] == [40, 40]
    assert path("M0 0C0 8 8 16 16 16S32 8 32 0") == path("M0 0C0 8 8 16 16 16C24 16 32 8 32 0")
    assert path("M0 0Q8 0 8 8T16 16") == path("M0 0Q8 0 8 8Q8 16 16 16")
    assert path("M0 0c0 8 8 16 16 16s16-8 16-16") == path("M0 0C0 8 8 16 16 16S32 8 32 0")
    assert path("M0 0Q8 0 8 8S8 16 16 16") == path("M0 0Q8 0 8 8C8 8 8 16 16 16")  # S mirrors only cubic curves
    assert path("M0 0C8 0 8 4 8 8T16 16") == path("M0 0C8 0 8 4 8 8Q8 8 16 16")


@pytest.mark.parametrize(
    ("d", "points"),
    [
        ("M10 50A40 40 0 0 1 90 50", [[10, 50], [50, 10], [90, 50]]),
        ("M10 50A40 40 0 0 0 90 50", [[10, 50], [50, 90], [90, 50]]),
        ("M10 50a40 20 0 0 1 80 0", [[10, 50], [50, 30], [90, 50]]),
        ("M50 10A20 40 90 0 1 50 50", [[50, 10], [90, 30], [50, 50]]),
        ("M50 10A20 20 0 1 0 70 30", [[50, 10], [50, 50], [70, 30]]),
        ("M0 0A1 1 0 00100 0", [[0, 0], [100, 0]]),  # flags without spaces; a radius too small is scaled up
        ("M0 0A0 5 0 0 1 9 9", [[0, 0], [9, 9]]),
    ],
)
def test_elliptical_arcs_pass_through_known_points(d, points):
    (curve,) = path(d)
    assert [curve[0], curve[-1]] == [points[0], points[-1]]
    for point in points:
        assert min(np.hypot(*(np.array(curve) - point).T)) < 2


def test_arc_stays_on_its_ellipse_under_a_transform():
    (curve,) = read('<path transform="translate(50 50) scale(2 1)" d="M20 0A20 20 0 1 1 0-20"/>')
    x, y = (np.array(curve) - 50).T
    assert np.allclose(np.hypot(x / 40, y / 20), 1, atol=1e-3) and len(curve) > 20


def test_shapes_and_groups_are_read_and_hidden_elements_skipped():
    assert read('<polyline points="1,2 3,4 5 6"/>') == [[[1, 2], [3, 4], [5, 6]]]
    assert read('<polygon points="1,2 3,4 5 6"/>') == [[[1, 2], [3, 4], [5, 6], [1, 2]]]
    assert read('<line x1="1" y1="2" x2="3" y2="4"/>') == [[[1, 2], [3, 4]]]
    unseen = '<defs><path d="M1 1L2 2"/></defs><g style="display: none"><path d="M1 1L2 2"/></g><title>a</title>'
    assert read(unseen) == []
    order = '<g><path d="M1 1L2 2"/><g><path d="M3 3L4 4"/></g></g><path d="M5 5L6 6"/>'
    assert [curve[0][0] for curve in read(order)] == [1, 3, 5]


@pytest.mark.parametrize(
    ("transform", "point"),
    [
        ("translate(10)", [11, 2]),
        ("translate(10,20)", [11, 22]),
        ("scale(2)", [2, 4]),
        ("scale(2 -1)", [2, -2]),
        ("rotate(90)", [-2, 1]),
        ("rotate(180, 5, 5)", [9, 8]),
        ("matrix(1 0 0 1 5 6)", [6, 8]),
        ("translate(10, 0) scale(2)", [12, 4]),
        ("skewX(45)", [3, 2]),
        ("skewY(45)", [1, 3]),
    ],
)
def test_transforms_are_applied(transform, point):
    assert read(f'<g transform="{transform}"><path d="M1 2L50 50"/></g>')[0][0] == point


@pytest.mark.parametrize(
    ("size", "point"),
    [
        ('viewBox="0 0 200 50"', [5, 40]),
        ('viewBox="10 20 100 100" width="5in"', [0, 0]),
        ('width="50" height="200px"', [20, 10]),
        ('width="200mm" height="50mm"', [1.323, 10.583]),
        ('width="20cm" height="5cm"', [1.323, 10.583]),
        ('width="2in" height="1in"', [5.208, 20.833]),
        ('width="150pt" height="75pt"', [5, 20]),
        ('width="12.5pc" height="6.25PC"', [5, 20]),
        ('width="100%" height="100%"', [10, 20]),
        ('width="5em" height="100%"', [10, 20]),
        ("", [10, 20]),
    ],
)
def test_viewbox_is_stretched_over_the_picture(size, point):
    assert read('<path d="M10 20L99 99"/>', size)[0][0] == point


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('<path d="M0 0L5"/>', "cannot be read near 'M0 0L5'"),
        ('<path d="M0 0L5L6 6"/>', "cannot be read near 'M0 0L5"),
        ('<path d="M0 0A5 5 0 0 1 9"/>', "cannot be read"),
        ('<path d="M0 0A5 5 0 2 1 9 9"/>', "cannot be read"),
        ('<path d="M0 0A1e999 5 0 0 1 9 9"/>', "too large|cannot be read"),
        ('<path d="L5 5"/>', "start with M"),
        ('<path d="5 5"/>', "cannot be read near '5 5'"),
        ('<path d="M0 0#"/>', "cannot be read near 'M0 0#'"),
        ('<path d="M0 0B1 1"/>', "cannot be read near 'M0 0B1 1'"),
        ('<path d="M0 0L1e999 0"/>', "too large"),
        ('<rect width="5em" height="5"/>', "length that cannot be read: '5em'"),
        ('<image width="5" height="5"/>', "<image>"),
        ("<text>hello</text>", "<text>"),
        ('<use href="#a"/>', "<use>"),
        ('<g transform="perspective(5)"/>', "unsupported transform, 'perspective"),
        ('<g transform="translate(5mm)"/>', "unsupported transform, 'translate"),
        ('<g transform="gibberish"/>', "unsupported transform, 'gibberish'"),
        ('<line x1="five"/>', "length that cannot be read: 'five'"),
        ('<g transform="rotate(1e999)"/>', "transform that cannot be read"),
        ('<g transform="scale(1e300) scale(1e300)"><path d="M1 1C2 2 3 3 4 4"/></g>', "too large"),
        ('<g transform="scale(1 1 1 1 1 1 1 1 1)"/>', "transform that cannot be read"),
        ('<path d="M0 0C1 1 1e999 2 3 3"/>', "too large"),
        ('<path d="M0 0CC1 1 2 2 3 3"/>', "cannot be read near 'M0 0CC1"),
        ("<path", "not well-formed"),
    ],
)
def test_unsupported_content_is_refused_with_a_reason(body, message):
    with pytest.raises(FormatError, match=message) as caught:
        read(body)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html/>",
        b'<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg>&a;</svg>',
        '<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg>&a;</svg>'.encode("utf-16"),
        b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE svg+AD4-<svg/>',
        b"\xff\xfe",
        b'<svg viewBox="0 0 0 5"/>',
        b'<svg viewBox="0 0 1e999 5"/>',
        b"<svg>&nbsp;</svg>",
    ],
)
def test_malformed_file_is_refused(data):
    with pytest.raises(FormatError):
        svg.read(data, 10, 10)


def svg_of(body: bytes) -> bytes:
    return b"<svg>" + body + b"</svg>"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'<path d="M0 0' + b"l1 1" * 32_000 + b"z" * 35_000 + b'"/>', "65536 points"),
        (b"<a/>" * 300_000, "too many elements"),
        (b'<g transform="' + b"scale(1)" * 70_000 + b'"/>', "too many elements or transforms"),
        (b"<g " + b" ".join(b"a%x=''" % n for n in range(700_000)) + b"/>", "1024 attributes"),
        (b" " * (8 << 20), "8 MiB"),
    ],
    ids=["z", "tags", "transforms", "attributes", "bytes"],
)
def test_flood_is_refused_in_time_linear_in_its_size(body, message):
    start = time.process_time()
    with pytest.raises(LimitExceeded, match=message):
        svg.read(svg_of(body), 10, 10)
    assert time.process_time() - start < 15  # about 1 s; quadratic work would take minutes


@pytest.mark.parametrize(
    "body",
    [
        b'<path d="M0 0' + b"l1 1" * 1_000 + b'"/>',
        b'<path d="M0 0' + b"C0 0 0 9999 9 0" * 20 + b'"/>',
        b'<path d="M0 0' + b"A9 9 0 0 1 0 999A9 9 0 0 1 0 0" * 10 + b'"/>',
        b'<path d="' + b"M0 0" * 1_001 + b'"/>',
        b'<path d="M0 0l1 1"/>' * 501,
        b'<polyline points="' + b"1 " * 2_002 + b'"/>',
        b'<polygon points="' + b"1 " * 2_000 + b'"/>',
    ],
    ids=["lines", "curves", "arcs", "subpaths", "paths", "polyline", "polygon"],
)
def test_points_of_all_shapes_are_limited(body, monkeypatch):
    monkeypatch.setattr(svg, "MAX_POINTS", 1_000)
    with pytest.raises(LimitExceeded, match="more than 1000 points"):
        svg.read(svg_of(body), 10, 10)


@pytest.mark.parametrize(
    "body",
    [
        b'<g transform="' + b"scale(" * 65_000 + b" " * 7_000_000 + b'"/>',
        b'<g transform="scale(' + b" " * 7_000_000 + b'1"/>',
        b'<polyline points="1' + b" " * 7_000_000 + b'"/>',
        b'<path d="M0 0L0 ' + b"9" * 7_000_000 + b'"/>',
        b'<path d="M0' + b"." * 7_000_000 + b'"/>',
        b'<path d="M' + b"-" * 7_000_000 + b'"/>',
        b"<style>" + b"a" * 7_000_000 + b"</style><path/>x<text/>",
        b"<style>" + b"/*" * 3_500_000 + b"</style><text/>",
        b"<style>" + b"a,b{c:d}" * 900_000 + b"</style><text/>",
        b'<g stroke="rgba(' + b"0," * 3_500_000 + b'"/><text/>',
    ],
    ids=[
        "open parentheses",
        "spaces in a transform",
        "spaces after a point",
        "digits",
        "points",
        "signs",
        "style",
        "comments",
        "rules",
        "color",
    ],
)
def test_long_malformed_attribute_is_refused_in_linear_time(body):
    start = time.process_time()
    with pytest.raises(CodecError):
        svg.read(svg_of(body), 10, 10)
    assert time.process_time() - start < 15


def test_deep_nesting_is_read():
    assert svg.read(svg_of(b"<g>" * 100_000 + b"</g>" * 100_000), 10, 10) == []


@given(st.text("MmLlHhVvCcSsQqTtAaZz0123456789.,-+e ", max_size=60))
def test_any_path_data_gives_curves_or_a_codec_error(d):
    try:
        curves = svg.read(f'<svg><path d="{d}"/></svg>'.encode(), 50, 50)
    except CodecError:
        return
    assert all(curve.shape[1] == 2 and len(curve) >= 2 and np.isfinite(curve).all() for curve in curves)


HIDING = [
    'display="none"', 'visibility="hidden"', 'visibility="collapse"', 'opacity="0"', 'opacity="0.0"', 'opacity="0%"',
    'stroke="none" fill="none"', 'stroke="none"', 'stroke-width="0"', 'stroke-width="0px"', 'stroke-opacity=".0"',
    'stroke="transparent"', 'stroke="rgba(0, 0, 0, 0)"', 'stroke="#0000"', 'stroke="#00000000"',
]  # fmt: skip
SHOWING = ['fill="none"', 'stroke="#000"', 'opacity="0.5"', 'visibility="visible"', 'stroke-width="0.01"', ""]


def as_style(attribute: str) -> str:
    return attribute.replace('="', ": ").replace('" ', "; ").replace('"', ";")


@pytest.mark.parametrize("seed", variants(range(100), 25))
def test_files_of_other_editors_by_a_generator(seed):
    """Shapes shown and hidden in every way, in any encoding with a mark, with line ends of any system."""
    rng = random.Random(seed)
    body, rules, expected = [], [], []
    for number in range(rng.randint(1, 8)):
        hidden = rng.random() < 0.5
        attribute = rng.choice(HIDING if hidden else SHOWING)
        shape = rng.choice(
            [
                f'<path d="M{number} 1L50 50" %s/>',
                f'<line x1="{number}" y1="1" x2="50" y2="50" %s/>',
                f'<polyline points="{number},1 50,50" %s />',
                f'<path\n d="m {number},1 {50 - number},49" %s></path>',
            ]
        )
        where = rng.randrange(5)
        if where == 0:
            body.append(shape % attribute)
        elif where == 1:
            body.append(shape % f'style="{as_style(attribute)}"')
        elif where == 2:
            body.append(f"<g {attribute}>\n{shape % ''}</g>")
        elif where == 3:
            rules.append(f".st{number}, #no{{{as_style(attribute)}}}")
            body.append(shape % f'class="x st{number}"')
        else:
            hidden = True
            container = rng.choice(["defs", "clipPath", "symbol", "mask", "marker"])
            body.append(f"<{container}>{shape % ''}</{container}>")
        if not hidden:
            expected.append([number, 1])
    sheet = f"<style>/* Generator: 1 */ @media print {{}} {' '.join(rules)}</style>" if rules else ""
    doctype = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"\n "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    encoding = rng.choice(["utf-8", "utf-8-sig", "utf-16"])
    declared = '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
    text = "\n".join([*body, "</svg>", ""])
    text = (
        f'{declared}{rng.choice(["", doctype])}<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{sheet}{text}'
    )
    data = text.replace("\n", rng.choice(["\n", "\r\n", "\r"])).encode(encoding)
    assert [np.round(curve[0], 3).tolist() for curve in svg.read(data, 9, 9)] == expected


def test_visibility_is_inherited_and_can_be_set_again():
    line = '<path d="M%d 1L9 9" %s/>'
    group = '<g visibility="hidden">' + line % (1, "") + line % (2, 'visibility="visible"') + "</g>"
    assert [curve[0][0] for curve in read(group)] == [2]
    assert read('<g opacity="0">' + line % (1, 'opacity="1"') + "</g>") == []
    assert len(read('<g fill="#000" stroke="none"><path d="M1 1L9 9L1 9z"/></g>')) == 1  # traced areas


def test_circle_that_an_editor_made_a_path_is_read():
    arcs = "m 350,200 a 50,50 0 0 1 -50,50 50,50 0 0 1 -50,-50 50,50 0 0 1 50,-50 50,50 0 0 1 50,50 z"
    (curve,) = svg.read(f'<svg viewBox="0 0 600 400"><path d="{arcs}"/></svg>'.encode(), 600, 400)
    assert np.allclose(np.hypot(*(curve - (300, 200)).T), 50, atol=0.1)


@pytest.mark.parametrize(
    ("shape", "low", "high"),
    [
        ('<rect x="10" y="20" width="30" height="40"/>', (10, 20), (40, 60)),
        ('<rect x="10" y="20" width="30" height="40" rx="5"/>', (10, 20), (40, 60)),
        ('<rect x="10%" y="2mm" width="30px" height="50%" ry="900"/>', (10, 7.559), (40, 57.559)),
        ('<circle cx="50" cy="40" r="10"/>', (40, 30), (60, 50)),
        ('<ellipse cx="50" cy="40" rx="20" ry="10" fill="none" stroke="red"/>', (30, 30), (70, 50)),
        ('<line x1="5%" x2="50" y2="1in"/>', (5, 0), (50, 96)),
        ('<rect width="100" height="100" stroke="#000"/>', (0, 0), (100, 100)),
    ],
)
def test_basic_shapes_are_read(shape, low, high):
    (curve,) = svg.read(f'<svg viewBox="0 0 100 100">{shape}</svg>'.encode(), 100, 100)
    assert np.allclose(curve.min(axis=0), low, atol=0.2) and np.allclose(curve.max(axis=0), high, atol=0.2)


def test_shapes_that_cannot_be_seen_are_skipped():
    background = '<rect width="100%" height="100%" fill="white"/>'
    empty = '<rect width="5"/><rect/><circle cx="5"/><ellipse rx="5"/>'
    hidden = '<rect width="5" height="5" fill="none" stroke="none"/><circle r="5" visibility="hidden"/>'
    assert svg.read(f'<svg viewBox="0 0 9 9">{background}{empty}{hidden}</svg>'.encode(), 9, 9) == []


@pytest.mark.parametrize(("declared", "encoding"), [("ISO-8859-1", "latin-1"), ("windows-1252", "cp1252")])
def test_declared_latin_is_read(declared, encoding):
    text = f'<?xml version="1.0" encoding="{declared}"?><svg><title>Café</title><path d="M1 1L9 9"/></svg>'
    assert len(svg.read(text.encode(encoding), 9, 9)) == 1


DRAWN = b"""<svg viewBox="0 0 9 9" width="8" height="9px"><g transform="matrix(1 0 0 1 3 4) rotate(3 4 5)">
<polygon points="1,2 3,4 5e1,6"/><line x1="3" y2="4"/><rect width="8" height="3" rx="2"/><circle r="4"/></g>
<g style="display: none"/>
<path d="M1 2c3 4 5 6 7 8s1 2 3 4q1 2 3 4t5 6a7 8 9 0 1 2 3h7v-8.5z" transform="scale(1e1)translate(3)"/></svg>"""


def test_mutated_file_gives_curves_or_a_codec_error():
    rng, read_count = random.Random(1), 0
    for _ in range(1500):
        data = mutate(rng, DRAWN)
        try:
            for curve in svg.read(data, 50, 50):
                assert curve.shape[1] == 2 and np.isfinite(curve).all()
            read_count += all(side > 0 for side in svg.size(data))
        except CodecError as error:
            assert str(error).isprintable()
    assert 100 < read_count < 1400
