"""results.csv -> table, rate curves and contact sheet."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

from codec.atomic_write import write_file
from codec.bench.contenders import FORMATS, OURS
from codec.bench.measures import MEASURES
from codec.bench.run import SHOWN, plain

ORDER: Final = [one.name for one in (*OURS, *FORMATS)]
TIMES: Final = ("encode s", "decode s")
SIDE: Final = 160  # pixels of a picture on the sheet
_COLORS: Final = ("#c2410c", "#be185d", "#6b7280", "#a16207", "#15803d", "#0891b2", "#1d4ed8", "#7e22ce")

Means = dict[tuple[int, str], dict[str, float]]  # (rate, codec): column: mean


def means(rows: Sequence[dict[str, str]]) -> tuple[Means, dict[tuple[int, str], tuple[int, int]]]:
    """Means over the pictures; and how many of how many pictures each codec could write at each rate."""
    sums: dict[tuple[int, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    counts: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        key = int(row["rate"]), row["codec"]
        counts[key][1] += 1
        if row["bytes"]:
            counts[key][0] += 1
            for name in ("bytes", *MEASURES, *TIMES):
                if row[name]:
                    sums[key][name].append(float(row[name]))
    found = {key: {name: fmean(values) for name, values in columns.items()} for key, columns in sums.items()}
    return found, {key: (done, of) for key, (done, of) in counts.items()}


def table(rows: Sequence[dict[str, str]]) -> str:
    """Markdown; the best of a rate in bold. A codec that could not write all pictures says how many; what was not
    measured has no column."""
    found, counts = means(rows)
    shown = [name for name in MEASURES if any(name in mean for mean in found.values())]
    head = ["bytes", "codec", "pictures", "mean bytes", *(_titled(name) for name in shown), "encode", "decode"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for rate in sorted({rate for rate, _ in counts}):
        every = max(done for (r, _), (done, _) in counts.items() if r == rate)
        best = {
            name: (max if MEASURES[name][1] == "high" else min)(values)
            for name in shown
            if (values := [v[name] for k, v in found.items() if k[0] == rate and name in v and counts[k][0] == every])
        }
        for name in ORDER:
            if (rate, name) not in counts:
                continue
            done, of = counts[rate, name]
            mean = found.get((rate, name), {})
            cells = [str(rate), name, f"{done} of {of}", _shown(mean.get("bytes"), 0)]
            for measure in shown:
                value = mean.get(measure)
                cell = _shown(value, MEASURES[measure][2])
                bold = done == every and value is not None and value == best.get(measure)
                cells.append(f"**{cell}**" if bold else cell)
            cells += [f"{_shown(mean.get(time), 2)} s" if time in mean else "-" for time in TIMES]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _titled(name: str) -> str:
    return f"{name} {'↑' if MEASURES[name][1] == 'high' else '↓'}"


def _caption(name: str) -> str:
    """In the letters that Pillow's own font has."""
    return f"{name.replace('Δ', 'delta ')}, {MEASURES[name][1]} is good"


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def curves(rows: Sequence[dict[str, str]], path: Path) -> None:
    """A PNG with a chart for each measure: rate across, mean up, a line for each codec."""
    found, _ = means(rows)
    wide, high = 380, 300
    shown = [name for name in MEASURES if any(name in mean for mean in found.values())]
    image = Image.new("RGB", (wide * max(len(shown), 1), high + 26), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    rates = sorted({rate for rate, _ in found})
    for number, name in enumerate(shown):
        values = {key: mean[name] for key, mean in found.items() if name in mean}
        low, most = min(values.values()), max(values.values())
        left, right, top, bottom = number * wide + 46, (number + 1) * wide - 12, 26, high - 24
        draw.rectangle([left, top, right, bottom], outline="#999999")

        def down(value: float, low: float = low, most: float = most, top: int = top, bottom: int = bottom) -> float:
            return bottom - (value - low) / max(most - low, 1e-9) * (bottom - top)

        draw.text(((left + right) / 2, 6), _caption(name), "black", font, "mt")
        for value in (low, most):
            draw.text((left - 4, down(value)), f"{value:.2f}", "#444444", font, "rm")
        for rate in rates:
            draw.text((_across(rate, rates, left, right), bottom + 6), str(rate), "#444444", font, "mt")
        for codec, color in zip(ORDER, _COLORS, strict=True):
            own = [rate for rate in rates if (rate, codec) in values]
            points = [(_across(rate, rates, left, right), down(values[rate, codec])) for rate in own]
            if len(points) > 1:
                draw.line(points, color, 3 if codec in {one.name for one in OURS} else 2, joint="curve")
            for point in points:
                draw.circle(point, 3, color)
    present = [name for name in ORDER if any(codec == name for _, codec in found)]
    at = 12.0
    for name in present:
        color = _COLORS[ORDER.index(name)]
        draw.line([(at, high + 12), (at + 22, high + 12)], color, 3)
        draw.text((at + 28, high + 12), name, "black", font, "lm")
        at += 44 + draw.textlength(name, font)
    _save(image, path, "PNG", optimize=True)


def _across(rate: int, rates: Sequence[int], left: float, right: float) -> float:
    """The rates stand at equal distances."""
    return left + (rates.index(rate) + 0.5) / len(rates) * (right - left)


def sheet(rows: Sequence[dict[str, str]], pictures: Path, path: Path, most: int = 12) -> bool:
    """A JPEG of the first pictures at 655 bytes, a row each: original, then every codec. False if none was kept."""
    images = sorted({(row["image"], row["sha256"]) for row in rows if int(row["rate"]) == SHOWN})[:most]
    present = [name for name in ORDER if any(row["codec"] == name for row in rows)]
    if not images:
        return False
    head = 22
    out = Image.new("RGB", (SIDE * (len(present) + 1), head + SIDE * len(images)), "white")
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(12)
    for column, name in enumerate(["original", *present]):
        draw.text((column * SIDE + SIDE / 2, head / 2), name, "black", font, "mm")
    for line, (_, digest) in enumerate(images):
        files = [f"{digest}.png", *(f"{digest}-{plain(name)}.png" for name in present)]
        for column, file in enumerate(files):
            if (pictures / file).exists():
                with Image.open(pictures / file) as picture:
                    small = picture.convert("RGB")
                    small.thumbnail((SIDE - 4, SIDE - 4), Image.Resampling.LANCZOS)
                out.paste(small, (column * SIDE + 2, head + line * SIDE + 2))
            else:
                draw.text((column * SIDE + SIDE / 2, head + line * SIDE + SIDE / 2), "cannot", "#777777", font, "mm")
    _save(out, path, "JPEG", quality=75, optimize=True, progressive=True)
    return True


def _save(image: Image.Image, path: Path, form: str, **options: Any) -> None:
    data = io.BytesIO()
    image.save(data, form, **options)
    write_file(path, data.getvalue())
