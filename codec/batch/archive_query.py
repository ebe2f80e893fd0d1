"""Query an archive: conditions such as `prompt contains 'red car' and bytes < 600`, and totals."""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from codec.batch import archive
from codec.batch.storage import Place
from codec.errors import CodecError, ModelMissing

if TYPE_CHECKING:
    from pyarrow.dataset import Expression

_COMPARISON = re.compile(
    r"\s*(?P<column>\w+)\s+(?:(?P<null>is(?:\s+not)?\s+null)|"
    r"(?P<operator>contains|=|!=|<=|>=|<|>)\s*(?P<value>'(?:[^']|'')*'|-?\d+(?:\.\d+)?))\s*",
    re.IGNORECASE,
)
_AND = re.compile(r"and\b", re.IGNORECASE)
_BINS: Final = 40  # of the histogram of sizes
_MAX_ERRORS: Final = 10  # distinct error messages to list


def parse_condition(text: str) -> Expression:
    """Parse a condition: comparisons of a column with a number or a quoted text, joined by `and`.

    Operators: =, !=, <, <=, >, >=, contains (ignores case), is null, is not null. Returns a pyarrow expression. Raises
    `CodecError` for anything else.
    """
    names = archive.schema().names
    from pyarrow import ArrowException, compute

    position, result = 0, None
    while True:
        match = _COMPARISON.match(text, position)
        if match is None:
            raise CodecError(f"--where cannot be read at {text[position:][:30]!r}: write prompt contains 'red car'")
        column = match["column"].lower()
        if column not in names:
            raise CodecError(f"--where: there is no column {column}; there are {', '.join(names)}")
        try:
            one = _comparison(compute, column, match)
        except ArrowException as error:
            raise CodecError(f"--where: {str(error).splitlines()[0]}") from None
        result = one if result is None else result & one
        position = match.end()
        if position == len(text):
            return result
        joined = _AND.match(text, position)
        if joined is None:
            raise CodecError(f"--where cannot be read at {text[position:][:30]!r}: join conditions with and")
        position = joined.end()


def _comparison(compute: Any, column: str, match: re.Match[str]) -> Any:
    field = compute.field(column)
    if match["null"]:
        return ~field.is_null() if "not" in match["null"].lower() else field.is_null()
    value = match["value"]
    is_text = archive.schema().field(column).type == "string"
    if is_text != value.startswith("'"):
        raise CodecError(f"--where: {column} is compared with {'a text in single quotes' if is_text else 'a number'}")
    constant = value[1:-1].replace("''", "'") if is_text else float(value) if "." in value else int(value)
    operator = match["operator"].lower()
    if operator == "contains":
        if not is_text:
            raise CodecError(f"--where: contains is for texts, and {column} is a number")
        return compute.match_substring(field, constant, ignore_case=True)
    comparisons = {
        "=": field == constant, "!=": field != constant, "<": field < constant, "<=": field <= constant,
        ">": field > constant, ">=": field >= constant,
    }  # fmt: skip
    return comparisons[operator]


def summarize_archive(path: Place) -> dict[str, Any]:
    """Return the totals of an archive: rows, bytes by layer, quantiles and histogram of sizes, most frequent errors."""
    columns = ("bytes", *archive.LAYER_COLUMNS)
    sums = dict.fromkeys(columns, 0)
    sizes: Counter[int] = Counter()
    errors: Counter[str] = Counter()
    rows = 0
    for row in archive.scan(path, [*columns, "error"]):
        rows += 1
        if row["error"]:
            if row["error"] in errors or len(errors) < 1000:
                errors[row["error"]] += 1
            continue
        sizes[row["bytes"]] += 1
        for column in columns:
            sums[column] += row[column] or 0
    values = np.repeat(list(sizes), list(sizes.values())) if sizes else np.zeros(1, int)
    histogram, edges = np.histogram(values if sizes else [], _BINS, (0, max(1, values.max())))
    quantiles = np.quantile(values, (0, 0.5, 1), method="nearest").tolist()
    return {
        "pictures": rows,
        "failed": rows - sizes.total(),
        "bytes": sums,
        "size": dict(zip(("min", "median", "max"), quantiles, strict=True)),
        "histogram": {"edges": edges.round(1).tolist(), "counts": histogram.tolist()},
        "errors": dict(errors.most_common(_MAX_ERRORS)),
    }


def draw_histogram(summary: dict[str, Any], title: str) -> bytes:
    """Return a PNG with the histogram of file sizes and the mean bytes of each layer.

    summary: the result of `summarize_archive`. Raises `ModelMissing` without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ModelMissing("--histogram needs matplotlib: pip install matplotlib") from None
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    sizes, layers = figure.subplots(1, 2)
    edges, counts = summary["histogram"]["edges"], summary["histogram"]["counts"]
    sizes.bar(edges[:-1], counts, np.diff(edges), align="edge")
    sizes.set(xlabel="bytes of a file", ylabel="pictures", title=title.replace("$", r"\$"))
    good = max(1, summary["pictures"] - summary["failed"])
    means = [summary["bytes"][name] / good for name in archive.LAYER_COLUMNS]
    layers.barh(archive.LAYER_COLUMNS[::-1], means[::-1])
    layers.set(xlabel="mean bytes", title=f"{summary['pictures']} pictures, {summary['failed']} failed")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
