"""Write a sketch's curves as SVG 1.1 and read curves from SVG files made by drawing programs.

The reader takes paths and all basic shapes, grouped, nested or repeated by <use>, with any SVG 1.1 transform. It keeps
outlines only and ignores colors and widths. It skips lines that a viewer would not show, because of display,
visibility or opacity, or because they have neither stroke nor fill, as attributes, inline styles or rules for a tag,
class or id. A rectangle that covers the picture and has no stroke is skipped as background. svgelements parses path
data and transforms. To protect it from hostile files, the numbers of bytes, tags, attributes, transforms and points
are limited here. A DOCTYPE that declares anything is rejected, so no entity can expand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np
from svgelements import Arc, Close, CubicBezier, Curve, Matrix, Move, Path, QuadraticBezier, SVGLexicalParser

from codec.errors import FormatError, LimitExceeded
from codec.images import svg_shapes, svg_viewports
from codec.text_file import decode_text

MAX_BYTES = 8 << 20
MAX_POINTS = 1 << 16  # after curves are flattened to polylines
MAX_TAGS = 1 << 18
MAX_ATTRIBUTES = 1 << 10  # equals signs between two "<"
MAX_USES = 1 << 12  # elements that other places draw again
MAX_TRANSFORMS = 1 << 16  # opening parentheses
MAX_COORDINATE = 1e6  # pixels

_TRANSFORM = re.compile(r"\b(?:matrix|translate|scale|rotate|skewX|skewY)\s*\([-+.,0-9eE\s]*\)")
_TRAILING_POINT = re.compile(r"\.(?<=[0-9]\.)(?![0-9])")  # SVG 1.1 allows "5.", svgelements does not
_DOCTYPE = re.compile(r"""<!DOCTYPE\s+svg(?:\s+(?:PUBLIC|SYSTEM|"[^"<>]*"|'[^'<>]*'))*\s*>""")  # declares nothing
_DECLARED_LATIN = re.compile(rb"""<\?xml[^>]{0,80}encoding=["'](iso-8859-15?|windows-1252)["']""", re.IGNORECASE)
_SELECTOR = re.compile(r"(?:[\w-]+)?(?:[.#][\w-]+)?")
_MAX_RULES = 1 << 10  # of a style sheet, and selectors of a rule
_MAX_DECLARATIONS = 64
_MAX_STYLE = 1 << 13  # characters of a style attribute or rule that are read
_TRANSPARENT = re.compile(r"transparent|rgba\([^)]*,\s*0*\.?0*%?\s*\)|#[0-9a-f]{3}0|#[0-9a-f]{6}00")
_INHERITED = ("visibility", "stroke", "stroke-opacity", "stroke-width", "fill", "fill-opacity")
_INVISIBLE = {"defs", "clipPath", "mask", "symbol", "marker", "pattern", "metadata", "title", "desc", "style"}
_UNSUPPORTED = {"text", "image", "foreignObject"}
_PARSER_ERRORS = (ValueError, TypeError, AttributeError, IndexError, ArithmeticError)  # raised by svgelements


def write(polylines: Sequence[np.ndarray], width: int, height: int) -> str:
    """Return an SVG with one <path> for each (N, 2) array of x, y in pixels, in order, black on white."""
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


@np.errstate(all="ignore")  # overflows are rejected in _transformed
def read(data: bytes, width: int, height: int) -> list[np.ndarray]:
    """Return the curves of an SVG file in document order, each (N, 2) float64 of x, y in pixels, N >= 2.

    The viewBox (or else the width and height, or else the user units themselves) is stretched over a picture of
    `width` x `height` pixels. Raises `FormatError` for unsupported content, with a remedy, and `LimitExceeded` for
    more than 8 MiB, 262,144 tags, 1,024 attributes in a tag, 65,536 transforms or 65,536 points.
    """
    root = _parse_xml(data)
    curves: list[np.ndarray] = []
    point_count = 0
    _, _, *sides = _view_box(root) or (0, 0, width, height)
    viewport = (float(sides[0]), float(sides[1]))
    rules = _style_rules(root)
    stack: list[tuple[ElementTree.Element, np.ndarray, Style]] = [(root, _viewport_matrix(root, width, height), {})]
    by_id: dict[str, ElementTree.Element] = {}
    visits = uses = 0
    while stack:
        element, matrix, style = stack.pop()
        name = _local_name(element)
        style = _style(element, name, style, rules)
        visits += 1
        if visits > MAX_TAGS or uses > MAX_USES:
            raise LimitExceeded("the SVG repeats its elements too often; convert each <use> to a path")
        if (
            name in _INVISIBLE
            or "requiredExtensions" in element.attrib
            or style.get("display") == "none"
            or _is_zero(style, "opacity")
        ):
            continue
        if name in _UNSUPPORTED:
            raise FormatError(f"the SVG has a <{name}>; convert it to a path first")
        if transform := element.get("transform"):
            matrix = matrix @ _transform_matrix(transform)
        inherited = {key: style[key] for key in _INHERITED if key in style}
        if name == "use":
            uses += 1
            by_id = by_id or {one.get("id", ""): one for one in root.iter()}
            repeated, matrix = _repeated(element, matrix, viewport, by_id)
            stack.extend((child, matrix, inherited) for child in reversed(repeated))
            continue
        if name == "svg" and element is not root:
            matrix = matrix @ svg_viewports.nested_matrix(element, viewport)
        path_data = svg_shapes.path_data(name, element, *viewport)
        if path_data:
            (a, c, _), (b, d, _), _ = matrix.tolist()
            scale = math.sqrt(abs(a * d - b * c))
            for polyline in _polylines(path_data, scale, MAX_POINTS - point_count):
                point_count += len(polyline)
                if len(polyline) < 2 or not _is_drawn(polyline, style):
                    continue
                curve = _transformed(polyline, matrix)
                if not (name == "rect" and _is_no_paint(style.get("stroke", "none")) and _covers(curve, width, height)):
                    curves.append(curve)
        stack.extend((child, matrix, inherited) for child in reversed(element))
    return curves


def _repeated(
    use: ElementTree.Element, matrix: np.ndarray, viewport: tuple[float, float], by_id: dict[str, ElementTree.Element]
) -> tuple[list[ElementTree.Element], np.ndarray]:
    """Return the elements that a <use> draws, and the matrix from their user units to pixels."""
    matrix = matrix @ svg_viewports.use_matrix(use, viewport)
    target = by_id.get(svg_viewports.target_id(use))
    if target is None:
        return [], matrix
    if _local_name(target) != "symbol":
        return [target], matrix
    return list(target), matrix @ svg_viewports.nested_matrix(target, viewport, use)


def size(data: bytes) -> tuple[int, int]:
    """Return width and height of an SVG file in pixels, rounded up. Raises `FormatError` if it declares neither."""
    box = _view_box(_parse_xml(data))
    if box is None:
        raise FormatError("the SVG does not declare its size; give it a viewBox")
    return math.ceil(box[2]), math.ceil(box[3])


# the document


def _parse_xml(data: bytes) -> ElementTree.Element:
    """Return the <svg> element of a file within the limits on bytes, tags, attributes and transforms."""
    if len(data) > MAX_BYTES:
        raise LimitExceeded(f"the SVG has more than {MAX_BYTES >> 20} MiB; simplify its paths")
    text = _DOCTYPE.sub("", _decode(data), count=1)
    if text.count("<") > MAX_TAGS or text.count("(") > MAX_TRANSFORMS:
        raise LimitExceeded("the SVG has too many elements or transforms; simplify it")
    if any(tag.count("=") > MAX_ATTRIBUTES for tag in text.split("<")):
        raise LimitExceeded(f"the SVG has a tag with more than {MAX_ATTRIBUTES} attributes; save it as plain SVG")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise FormatError("the SVG has a DOCTYPE; remove it or save as plain SVG")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - without a DOCTYPE there are no entities
    except (ElementTree.ParseError, ValueError) as error:
        raise FormatError(f"the SVG is not well-formed: {error}") from None
    if _local_name(root) != "svg":
        raise FormatError("the file is XML but not an SVG")
    return root


def _decode(data: bytes) -> str:
    """Return the text of a file in UTF-8, in the encoding of its byte-order mark, or in Latin-1 if that is declared."""
    if data.startswith(b"\x1f\x8b"):
        raise FormatError("the SVG is compressed (.svgz); save it as plain SVG")
    if match := _DECLARED_LATIN.match(data):
        return data.decode("cp1252" if b"1252" in match[1] else "latin-1", "replace")
    return decode_text(data, "the SVG")


def _local_name(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _view_box(root: ElementTree.Element) -> list[float] | None:
    """Return x, y, width and height of the viewBox, or else 0, 0 and the size in pixels; None if both are missing."""
    box = [float(number) for number in re.findall(svg_shapes.NUMBER, root.get("viewBox", "")[:200])]
    if len(box) != 4:
        sides = [
            re.match(rf"\s*({svg_shapes.NUMBER})\s*([a-zA-Z]*)\s*$", root.get(key, "")[:50])
            for key in ("width", "height")
        ]
        scales = [svg_shapes.PIXELS_PER_UNIT.get(side[2].lower()) if side else None for side in sides]
        box = [0.0, 0.0, *(float(side[1]) * k for side, k in zip(sides, scales, strict=True) if side and k)]
        if len(box) != 4:
            return None
    if not all(math.isfinite(number) for number in box) or box[2] <= 0 or box[3] <= 0:
        raise FormatError("the SVG has a viewBox without area")
    return box


def _viewport_matrix(root: ElementTree.Element, width: int, height: int) -> np.ndarray:
    """Return the (3, 3) matrix from the SVG's user units to the picture's pixels."""
    x, y, w, h = _view_box(root) or (0, 0, width, height)
    return np.array([[width / w, 0, -x * width / w], [0, height / h, -y * height / h], [0, 0, 1]])


def _transform_matrix(text: str) -> np.ndarray:
    """Return the (3, 3) matrix of a transform attribute."""
    rest = _TRANSFORM.sub("", text).strip(" \t\r\n,")
    if rest:  # svgelements would skip it
        raise FormatError(f"the SVG has an unsupported transform, {rest[:20]!r}; apply it to the paths first")
    try:
        m = Matrix(text)
    except _PARSER_ERRORS:
        raise FormatError(f"the SVG has a transform that cannot be read: {text[:30]!r}") from None
    return np.array([[m.a, m.c, m.e], [m.b, m.d, m.f], [0, 0, 1]], float)


# the style

Style = dict[str, str]  # value by property, in lower case


def _style_rules(root: ElementTree.Element) -> dict[str, Style]:
    """Return the declarations of the document's style sheets by simple selector: a tag, .class, #id or tag.class."""
    rules: dict[str, Style] = {}
    for sheet in root.iter():
        if _local_name(sheet) != "style":
            continue
        start, *commented = (sheet.text or "").split("/*")
        text = start + "".join(part.partition("*/")[2] for part in commented)
        for rule in text.split("}", _MAX_RULES)[:_MAX_RULES]:
            selectors, _, body = rule.partition("{")
            declarations = _declarations(body)
            for selector in selectors.split(",", _MAX_RULES)[:_MAX_RULES]:
                if _SELECTOR.fullmatch(selector.strip()):
                    rules.setdefault(selector.strip(), {}).update(declarations)
    return rules


def _declarations(text: str) -> Style:
    pairs = (part.partition(":") for part in text[:_MAX_STYLE].split(";")[:_MAX_DECLARATIONS])
    return {key.strip().lower(): value.replace("!important", "").strip().lower() for key, _, value in pairs}


def _style(element: ElementTree.Element, name: str, inherited: Style, rules: dict[str, Style]) -> Style:
    """Return the style of an element: attributes, then style rules, then its own style attribute."""
    style = inherited | {
        key: element.get(key, "").strip().lower()
        for key in ("display", "opacity", *_INHERITED)
        if key in element.attrib
    }
    if rules:
        classes = [f".{word}" for word in element.get("class", "")[:1000].split()]
        for selector in (name, *classes, *(name + class_ for class_ in classes), f"#{element.get('id', '')}"):
            style |= rules.get(selector, {})
    style |= _declarations(element.get("style", ""))
    return {key: inherited.get(key, "") if value == "inherit" else value for key, value in style.items()}


def _is_drawn(polyline: np.ndarray, style: Style) -> bool:
    """Return whether a curve is visible: it has a stroke, or it is filled and has an area.

    A shape that does not specify a stroke counts as having one.
    """
    if style.get("visibility") in ("hidden", "collapse"):
        return False
    if not (_is_no_paint(style.get("stroke")) or _is_zero(style, "stroke-opacity") or _is_zero(style, "stroke-width")):
        return True
    if _is_no_paint(style.get("fill")) or _is_zero(style, "fill-opacity"):
        return False
    x, y = (polyline - polyline[0]).T
    return bool(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) > 1e-6 * np.abs(polyline).max())


def _covers(curve: np.ndarray, width: int, height: int) -> bool:
    """Return whether a rectangle covers the picture to within half a pixel, like the background that editors add."""
    return bool((curve.min(axis=0) <= 0.5).all() and (curve.max(axis=0) >= (width - 0.5, height - 0.5)).all())


def _is_no_paint(value: str | None) -> bool:
    return value is not None and (value == "none" or _TRANSPARENT.fullmatch(value[:50]) is not None)


def _is_zero(style: Style, key: str) -> bool:
    number = re.fullmatch(rf"({svg_shapes.NUMBER})\s*[a-z%]*", style.get(key, "")[:50])
    return number is not None and float(number[1]) == 0


# the shapes


class _BoundedPath(Path):  # type: ignore[misc]  # svgelements has no types
    """An svgelements path of at most `max_segments` segments, built in time linear in their number.

    The base class searches all earlier segments for the start of the subpath at each "z".
    """

    def __init__(self, max_segments: int) -> None:
        self._segments: list[Any] = []  # the base class's __init__ spends most of its time on style attributes
        self.max_segments = max_segments
        self.subpath_start: Any = None

    @property
    def z_point(self) -> Any:
        """The start of the current subpath."""
        return self.subpath_start

    def append(self, segment: Any) -> None:
        """Add a segment that begins at the current point."""
        if len(self) >= self.max_segments:
            raise _too_many_points()
        if isinstance(segment, Move):
            self.subpath_start = segment.end
        elif self.subpath_start is None:
            raise FormatError("the SVG has a path that does not start with M")
        elif segment.smooth and type(segment) is not type(self[-1]):  # S after Q, or T after C: nothing to mirror
            if isinstance(segment, CubicBezier):
                segment.control1 = segment.start
            elif isinstance(segment, QuadraticBezier):
                segment.control = segment.start
        self._segments.append(segment)


def _parse_path(path_data: str, max_segments: int) -> _BoundedPath:
    """Return the segments of path data. Raises `FormatError` if any of it cannot be read."""
    path, parser = _BoundedPath(max_segments), SVGLexicalParser()
    try:
        parser.parse(path, _TRAILING_POINT.sub("", path_data))
    except _PARSER_ERRORS:
        complete = False
    else:
        complete = parser.pos == parser.limit
    if not complete:
        excerpt = parser.pathd[max(parser.pos - 10, 0) : parser.pos + 10]
        raise FormatError(f"the SVG has a shape that cannot be read near {excerpt!r}; turn it into a plain path")
    return path


def _polylines(path_data: str, scale: float, max_points: int) -> Iterator[np.ndarray]:
    """Yield each subpath as a polyline, (N, 2) float64 in user units; `scale`: pixels per user unit.

    Raises `LimitExceeded` for more than `max_points` points in all.
    """
    points: list[tuple[float, float]] = []
    for segment in _parse_path(path_data, max_points):
        if isinstance(segment, Curve):
            points += _flattened(segment, scale)
        elif isinstance(segment, Move):
            yield np.array(points)
            max_points -= len(points)
            points = [(segment.end.x, segment.end.y)]
        else:
            points.append((segment.end.x, segment.end.y))
        if isinstance(segment, Close):
            yield np.array(points)
            max_points -= len(points)
            points = points[-1:]
        if len(points) > max_points:
            raise _too_many_points()
    yield np.array(points)


def _flattened(curve: Curve, scale: float) -> list[tuple[float, float]]:
    """Return points on a curve after its first, about 3 pixels apart, 4 to 64 of them."""
    if isinstance(curve, Arc):
        length = abs(curve.sweep) * max(curve.rx, curve.ry)
        if not length:  # a radius of 0: a line
            return [(curve.end.x, curve.end.y)]
    else:
        corners = list(curve)
        length = sum(math.dist(a, b) for a, b in zip(corners, corners[1:], strict=False))
    length *= scale
    count = 2 * int(min(max(length / 6, 2), 32)) if math.isfinite(length) else 4
    return [(x, y) for x, y in curve.npoint(np.linspace(0, 1, count + 1)[1:]).tolist()]


def _transformed(polyline: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return a polyline in pixels. Raises `FormatError` for coordinates over 1,000,000 or not finite."""
    pixels: np.ndarray = polyline @ matrix[:2, :2].T + matrix[:2, 2]
    if not np.abs(pixels).max() < MAX_COORDINATE:  # also true for NaN
        raise FormatError("the SVG has numbers too large to draw")
    return pixels


def _too_many_points() -> LimitExceeded:
    return LimitExceeded(f"the SVG has more than {MAX_POINTS} points; simplify its paths")
