"""SVG files that are unsupported, malformed or hostile: rejected with a reason, in little time."""

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
        ('<use href="other.svg#a"/>', "<use> of another file"),
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
        svg.read(f'<svg viewBox="0 0 100 100">{body}</svg>'.encode(), 100, 100)
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
