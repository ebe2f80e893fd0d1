"""Summarize results.csv as a table, as curves over the rate, and as a contact sheet."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from codec.atomic_write import write_file
from codec.bench.contenders import ALL_NAMES, TRILAYER
from codec.bench.measures import MEASURES, Measure
from codec.bench.run import SHEET_RATE, slug

TIMES: Final = ("encode s", "decode s")
THUMBNAIL_SIDE: Final = 160  # pixels of a cell of the contact sheet
_HEADER_HEIGHT: Final = 22  # pixels
_COLORS: Final = ("#c2410c", "#be185d", "#6b7280", "#a16207", "#15803d", "#0891b2", "#1d4ed8", "#7e22ce", "#4d7c0f")

ResultRow = dict[str, str]  # of results.csv, by column


@dataclass
class Summary:
    """The results of one codec at one rate."""

    pictures: int = 0
    encoded: int = 0  # pictures that the codec could encode at this rate
    means: dict[str, float] = field(default_factory=dict)  # by column, over the encoded pictures


def summarize_results(rows: Sequence[ResultRow]) -> dict[tuple[int, str], Summary]:
    """Return the summary for each (rate, codec name)."""
    values: dict[tuple[int, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    summaries: dict[tuple[int, str], Summary] = defaultdict(Summary)
    for row in rows:
        key = int(row["rate"]), row["codec"]
        summaries[key].pictures += 1
        if row["bytes"]:
            summaries[key].encoded += 1
            for name in ("bytes", *MEASURES, *TIMES):
                if row[name]:
                    values[key][name].append(float(row[name]))
    for key, columns in values.items():
        summaries[key].means = {name: fmean(numbers) for name, numbers in columns.items()}
    return dict(summaries)


def _used_measures(summaries: dict[tuple[int, str], Summary]) -> dict[str, Measure]:
    return {name: MEASURES[name] for name in MEASURES if any(name in summary.means for summary in summaries.values())}


# the table


def format_table(rows: Sequence[ResultRow]) -> str:
    """Return a Markdown table of means, with the best codec of each rate in bold.

    Only codecs that encoded as many pictures as any other can be the best. Measures without values get no column.
    """
    summaries = summarize_results(rows)
    measures = _used_measures(summaries)
    titles = [f"{name} {'↑' if measure.better == 'high' else '↓'}" for name, measure in measures.items()]
    header = ["bytes", "codec", "pictures", "mean bytes", *titles, "encode", "decode"]
    lines = [_markdown_row(header), "|" + "---|" * len(header)]
    for rate in sorted({rate for rate, _ in summaries}):
        at_rate = {name: summaries[rate, name] for name in ALL_NAMES if (rate, name) in summaries}
        best = _best_values(at_rate, measures)
        lines += [_table_row(rate, name, summary, measures, best) for name, summary in at_rate.items()]
    return "\n".join(lines)


def _best_values(at_rate: dict[str, Summary], measures: dict[str, Measure]) -> dict[str, tuple[int, float]]:
    """Return for each measure the largest number of encoded pictures, and the best mean among codecs that reach it."""
    max_encoded = max(summary.encoded for summary in at_rate.values())
    best = {}
    for name, measure in measures.items():
        competitors = [summary for summary in at_rate.values() if summary.encoded == max_encoded]
        values = [summary.means[name] for summary in competitors if name in summary.means]
        if values:
            best[name] = max_encoded, max(values) if measure.better == "high" else min(values)
    return best


def _table_row(
    rate: int, codec: str, summary: Summary, measures: dict[str, Measure], best: dict[str, tuple[int, float]]
) -> str:
    means = summary.means
    cells = [str(rate), codec, f"{summary.encoded} of {summary.pictures}", _format_mean(means.get("bytes"), 0)]
    for name, measure in measures.items():
        cell = _format_mean(means.get(name), measure.digits)
        is_best = name in means and best.get(name) == (summary.encoded, means[name])
        cells.append(f"**{cell}**" if is_best else cell)
    cells += [f"{means[time]:.2f} s" if time in means else "-" for time in TIMES]
    return _markdown_row(cells)


def _format_mean(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


# the curves


def write_curves(rows: Sequence[ResultRow], path: Path) -> None:
    """Write a PNG with a chart for each measure: its mean against the rate, with a line for each codec.

    Raises `ModuleNotFoundError` without matplotlib.
    """
    from matplotlib.figure import Figure

    summaries = summarize_results(rows)
    measures = _used_measures(summaries)
    rates = sorted({rate for rate, _ in summaries})
    figure = Figure(figsize=(3.8 * max(len(measures), 1), 3.4), layout="constrained")
    axes = figure.subplots(1, max(len(measures), 1), squeeze=False)[0]
    lines = {}
    for plot, (measure_name, measure) in zip(axes, measures.items(), strict=False):
        for codec, color in zip(ALL_NAMES, _COLORS, strict=True):
            means = [(rate, summaries[rate, codec].means) for rate in rates if (rate, codec) in summaries]
            points = [(rates.index(rate), values[measure_name]) for rate, values in means if measure_name in values]
            if points:
                width = 2.5 if codec in {ours.name for ours in TRILAYER} else 1.5
                lines[codec], *_ = plot.plot(*zip(*points, strict=True), color=color, linewidth=width, marker=".")
        plot.set_title(f"{measure_name}, {measure.better}er is better", fontsize="medium")
        plot.set_xticks(range(len(rates)), [str(rate) for rate in rates])  # evenly spaced
    if lines:
        figure.legend(lines.values(), lines, loc="outside lower center", ncols=len(lines), frameon=False)
    data = io.BytesIO()
    figure.savefig(data, format="png")
    write_file(path, data.getvalue())


# the contact sheet


def write_contact_sheet(rows: Sequence[ResultRow], pictures: Path, path: Path, max_pictures: int = 12) -> bool:
    """Write a JPEG with a row for each picture: the original, then every codec at `SHEET_RATE`.

    `pictures`: the folder of saved pictures. Returns False and writes nothing if there are no results at that rate.
    """
    images = sorted({(row["image"], row["sha256"]) for row in rows if int(row["rate"]) == SHEET_RATE})[:max_pictures]
    codecs = [name for name in ALL_NAMES if any(row["codec"] == name for row in rows)]
    if not images:
        return False
    size = THUMBNAIL_SIDE * (len(codecs) + 1), _HEADER_HEIGHT + THUMBNAIL_SIDE * len(images)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for column, name in enumerate(["original", *codecs]):
        draw.text(((column + 0.5) * THUMBNAIL_SIDE, _HEADER_HEIGHT / 2), name, "black", font, "mm")
    for line, (_, digest) in enumerate(images):
        names = [f"{digest}.png", *(f"{digest}-{slug(codec)}.png" for codec in codecs)]
        for column, name in enumerate(names):
            left, top = column * THUMBNAIL_SIDE, _HEADER_HEIGHT + line * THUMBNAIL_SIDE
            if (pictures / name).exists():
                with Image.open(pictures / name) as picture:
                    thumbnail = picture.convert("RGB")
                    thumbnail.thumbnail((THUMBNAIL_SIDE - 4, THUMBNAIL_SIDE - 4), Image.Resampling.LANCZOS)
                sheet.paste(thumbnail, (left + 2, top + 2))
            else:
                center = left + THUMBNAIL_SIDE / 2, top + THUMBNAIL_SIDE / 2
                draw.text(center, "not possible", "#777777", font, "mm")
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=75, optimize=True, progressive=True)
    write_file(path, data.getvalue())
    return True
