"""SVG files: written curves are read back, files from drawing programs are read, everything else is refused."""

from __future__ import annotations

import random

import numpy as np
import pytest

from codec.images import svg
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
