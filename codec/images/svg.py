"""Curves <-> SVG 1.1: what a sketch is exported to, and what drawing programs make of it.

Read are <path> (all commands but arcs), <polyline>, <polygon> and <line>, in groups or not, with
translate, scale, rotate and matrix transforms; only the outlines count, not colors or
widths. There is no DOCTYPE, so no entity can expand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np

from codec.errors import FormatError, LimitExceeded

MAX_BYTES = 8 << 20
MAX_POINTS = 1 << 16  # after curves have become polylines
MAX_TAGS = 1 << 18
MAX_BRACKETS = 1 << 16  # that open: each may be a transform

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_TOKEN = re.compile(rf"([A-Za-z])|({_NUMBER})|[\s,]+|(.)", re.DOTALL)
_TRANSFORM = re.compile(r"\s*(\w+)\s*\(([^()]*)\)[\s,]*")
_ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "Z": 0}
_UNSEEN = {"defs", "clipPath", "mask", "symbol", "marker", "pattern", "metadata", "title", "desc", "style"}
_REFUSED = {"rect", "circle", "ellipse", "text", "image", "use", "foreignObject"}

Point = tuple[float, float]


def write(polylines: Sequence[np.ndarray], width: int, height: int) -> str:
    """Curves, each (N, 2) of x, y in pixels, as black lines on white, one <path> each, in order."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        '<rect id="paper" width="100%" height="100%" fill="#fff"/>',
        f'<g fill="none" stroke="#000" stroke-width="{max(width, height) / 256:.6g}"'
        ' stroke-linecap="round" stroke-linejoin="round">',
    ]
    for polyline in polylines:
        points = " ".join(f"{x:.6g},{y:.6g}" for x, y in polyline)
        lines.append(f"<path d={quoteattr('M' + points)}/>")
    return "\n".join([*lines, "</g>", "</svg>", ""])


def read(data: bytes, width: int, height: int) -> list[np.ndarray]:
    """An SVG file -> its curves in order, each (N, 2) float64 of x, y in pixels, N >= 2.

    The SVG's viewBox (else its width and height, else nothing) is stretched over a picture of
    width x height pixels. Raises FormatError for what is not read (the message says what to
    do) and LimitExceeded for more than 8 MiB, 65,536 points or transforms, or 262,144 tags.
    """
    root = _parse(data)
    matrix = _viewport(root, width, height)
    curves: list[np.ndarray] = []
    total = 0
    stack = [(root, matrix)]
    while stack:
        element, matrix = stack.pop()
        name = str(element.tag).rpartition("}")[2]
        if name in _UNSEEN or _hidden(element):
            continue
        if name in _REFUSED and element.get("id") != "paper":
            raise FormatError(f"the SVG has a <{name}>; turn it into a path first")
        if "transform" in element.keys():  # noqa: SIM118 - an element is no dict
            matrix = _transform(element.get("transform", ""), matrix)
        for points in _outline(name, element, matrix):
            total += len(points)
            _demand_few(total)
            if len(points) > 1:
                curves.append(_moved(points, matrix))
        stack.extend((child, matrix) for child in reversed(element))
    return curves


def size(data: bytes) -> tuple[int, int]:
    """An SVG file -> width and height in pixels, rounded up. Raises FormatError if it has none."""
    box = _box(_parse(data))
    if box is None:
        raise FormatError("the SVG does not say how large it is; give it a viewBox")
    return math.ceil(box[2]), math.ceil(box[3])


def _parse(data: bytes) -> ElementTree.Element:
    if len(data) > MAX_BYTES:
        raise LimitExceeded(f"the SVG has more than {MAX_BYTES >> 20} MiB; simplify its paths")
    try:
        text = data.decode("utf-8-sig")  # and no other: a DOCTYPE could hide in UTF-16
    except UnicodeDecodeError:
        raise FormatError("the SVG is not UTF-8 text; save it as plain SVG") from None
    if text.count("<") > MAX_TAGS or text.count("(") > MAX_BRACKETS:
        raise LimitExceeded("the SVG has too many elements or transforms; simplify it")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise FormatError("the SVG has a DOCTYPE; remove it or save as plain SVG")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - without a DOCTYPE there are no entities
    except (ElementTree.ParseError, ValueError) as error:
        raise FormatError(f"the SVG is not well-formed: {error}") from None
    if str(root.tag).rpartition("}")[2] != "svg":
        raise FormatError("the file is XML but not an SVG")
    return root


def _demand_few(points: int) -> None:
    if points > MAX_POINTS:
        raise LimitExceeded(f"the SVG has more than {MAX_POINTS} points; simplify its paths")


def _moved(points: list[Point], matrix: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        moved = np.array(points) @ matrix[:2, :2].T + matrix[:2, 2]
    if not np.abs(moved).max() < 1e6:  # false for NaN too
        raise FormatError("the SVG has numbers too large to draw")
    return moved


def _hidden(element: ElementTree.Element) -> bool:
    style = element.get("style", "").replace(" ", "")
    return element.get("display") == "none" or "display:none" in style


def _box(root: ElementTree.Element) -> list[float] | None:
    """x, y, width, height of the SVG's viewBox, else of its size in pixels, else None."""
    box = [float(n) for n in re.findall(_NUMBER, root.get("viewBox", "")[:200])]
    if len(box) != 4:
        sides = (re.match(rf"\s*({_NUMBER})(px)?\s*$", root.get(k, "")[:50]) for k in ("width", "height"))
        found = [float(side[1]) for side in sides if side]
        if len(found) < 2:
            return None
        box = [0.0, 0.0, *found]
    if not all(math.isfinite(n) for n in box) or box[2] <= 0 or box[3] <= 0:
        raise FormatError("the SVG has a viewBox without area")
    return box


def _viewport(root: ElementTree.Element, width: int, height: int) -> np.ndarray:
    """The matrix from the SVG's units to the picture's pixels."""
    x, y, w, h = _box(root) or (0, 0, width, height)
    return np.array([[width / w, 0, -x * width / w], [0, height / h, -y * height / h], [0, 0, 1]])


def _transform(text: str, matrix: np.ndarray) -> np.ndarray:
    """A transform attribute, after the (3, 3) of the elements around -> (3, 3)."""
    at = 0
    text = text.strip()
    while at < len(text):
        found = _TRANSFORM.match(text, at)
        if found is None:
            raise FormatError("the SVG has a transform that is not understood")
        with np.errstate(all="ignore"):  # what is too large is seen by the points
            matrix = matrix @ _one_transform(found[1], _numbers(found[2], 7))
        at = found.end()
    return matrix


def _numbers(text: str, most: int) -> list[float]:
    """The numbers in a text, the first `most`."""
    return [float(found[0]) for found in islice(re.finditer(_NUMBER, text), most)]


def _one_transform(kind: str, n: list[float]) -> np.ndarray:
    if not all(map(math.isfinite, n)):
        raise FormatError("the SVG has numbers too large to draw")
    if kind == "matrix" and len(n) == 6:
        return np.array([[n[0], n[2], n[4]], [n[1], n[3], n[5]], [0, 0, 1]])
    if kind == "translate" and len(n) in (1, 2):
        return np.array([[1, 0, n[0]], [0, 1, n[1] if len(n) > 1 else 0], [0, 0, 1]])
    if kind == "scale" and len(n) in (1, 2):
        return np.diag([n[0], n[-1], 1])
    if kind == "rotate" and len(n) in (1, 3):
        angle = math.radians(n[0])
        turn = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
        about = _one_transform("translate", n[1:] or [0, 0])
        return about @ turn @ _one_transform("translate", [-v for v in n[1:]] or [0, 0])
    raise FormatError(f"the SVG has a transform ({kind[:20]}) that is not read; apply it to the paths first")


def _outline(name: str, element: ElementTree.Element, matrix: np.ndarray) -> Iterator[list[Point]]:
    """An element -> its polylines, in its own units; the matrix says how fine a curve must be."""
    if name == "path":
        (a, c, _), (b, d, _), _ = matrix.tolist()
        pixels = math.sqrt(abs(a * d - b * c))
        yield from _path(element.get("d", ""), pixels)
    elif name in ("polyline", "polygon"):
        numbers = _numbers(element.get("points", ""), 2 * MAX_POINTS + 2)
        points = list(zip(numbers[::2], numbers[1::2], strict=False))
        yield points + points[:1] * (name == "polygon")
    elif name == "line":
        x1, y1, x2, y2 = (float(_first_number(element.get(key, "0"))) for key in ("x1", "y1", "x2", "y2"))
        yield [(x1, y1), (x2, y2)]


def _first_number(text: str) -> str:
    found = re.match(rf"\s*({_NUMBER})\s*$", text[:50])
    if found is None:
        raise FormatError("the SVG has a <line> with lengths in other units; turn it into a path first")
    return found[1]


def _commands(d: str) -> Iterator[tuple[str, list[float]]]:
    """Path data -> command letter and its numbers, repeated commands spelled out."""
    letter = ""
    numbers: list[float] = []
    bare = False  # no number has followed the letter yet
    for found in _TOKEN.finditer(d):
        if found[3]:
            raise FormatError(f"the SVG has a path with {found[3]!r} in it")
        if found[1]:
            if numbers or bare:
                raise FormatError("the SVG has a path with a number missing")
            letter, bare = found[1], found[1] not in "Zz"
            if letter.upper() == "A":
                raise FormatError("the SVG has a path with an arc; turn it into curves first")
            if letter.upper() not in _ARGUMENTS:
                raise FormatError(f"the SVG has a path with {letter!r} in it")
            if letter in "Zz":
                yield letter, []
                letter = ""
        elif found[2]:
            if not letter:
                raise FormatError("the SVG has a path that does not start with a command")
            numbers.append(float(found[2]))
            bare = False
            if len(numbers) == _ARGUMENTS[letter.upper()]:
                yield letter, numbers
                numbers = []
                letter = {"M": "L", "m": "l"}.get(letter, letter)
    if numbers:
        raise FormatError("the SVG has a path with a number missing")


def _path(d: str, pixels: float) -> Iterator[list[Point]]:
    """Path data -> a polyline for each subpath; pixels: how many make one of its units."""
    points: list[Point] = []
    x = y = 0.0
    control: Point | None = None  # of the curve before, for S and T
    before = ""
    for letter, n in _commands(d):
        kind = letter.upper()
        if not before and kind != "M":
            raise FormatError("the SVG has a path that does not start with M")
        if kind == "M":
            yield points
            x, y = (x + n[0], y + n[1]) if letter == "m" else (n[0], n[1])
            points, control, before = [(x, y)], None, kind
            continue
        if kind == "Z":
            first = points[0]
            yield [*points, first]
            (x, y), points, control, before = first, [first], None, kind
            continue
        if letter.islower():
            bases = {"H": (x,), "V": (y,)}.get(kind, (x, y))
            n = [value + bases[i % len(bases)] for i, value in enumerate(n)]
        if kind == "H":
            n = [n[0], y]
        elif kind == "V":
            n = [x, n[0]]
        mirror = (x, y)
        if control is not None and before in {"S": "CS", "T": "QT"}.get(kind, ""):
            mirror = (2 * x - control[0], 2 * y - control[1])
        if kind in "ST":
            n = [*mirror, *n]
        corners = [(x, y), *zip(n[::2], n[1::2], strict=True)]
        points += _bezier(corners, pixels)
        _demand_few(len(points))
        control = corners[-2]
        (x, y), before = corners[-1], kind
    yield points


def _bezier(corners: list[Point], pixels: float) -> list[Point]:
    """A line, quadratic or cubic Bezier curve -> points on it behind the first."""
    if len(corners) == 2:
        return corners[1:]
    length = pixels * sum(math.dist(a, b) for a, b in zip(corners, corners[1:], strict=False))
    count = 2 * int(min(max(length / 6, 2), 32)) if math.isfinite(length) else 4
    t = np.linspace(0, 1, count + 1)[1:, None]
    curve = np.array(corners)
    rows: list[np.ndarray] = [np.repeat(corner[None], count, axis=0) for corner in curve]
    with np.errstate(all="ignore"):
        while len(rows) > 1:  # de Casteljau
            rows = [a + (b - a) * t for a, b in zip(rows, rows[1:], strict=False)]
    return [(float(px), float(py)) for px, py in rows[0]]
