"""A blind comparison: sheets of pictures without names, a key that is kept apart, and the count of the answers.

Each row of a sheet has a number, the original, and two decoded pictures A and B in random order: one of Trilayer and
one of another codec, which changes from row to row. A judge sees only the sheets and fills in `answers.csv`:

    faithful, subject, looks    A, B or tie: which is closer to the original, shows its subject better, looks better
    recognizable                A, B, both or none: the pictures in which the subject is recognizable

`key.csv` says which codec made which picture. A judge must not see it.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from codec.atomic_write import write_file
from codec.bench.contenders import TRILAYER
from codec.bench.run import SHEET_RATE, slug
from codec.errors import CodecError

OURS: Final = TRILAYER[0].name
QUESTIONS: Final = ("faithful", "subject", "looks")
ANSWERS: Final = ("A", "B", "tie")
RECOGNIZABLE: Final = ("A", "B", "both", "none")
ROWS_PER_SHEET: Final = 4
PICTURE_SIDE: Final = 384  # pixels of a cell of a sheet
_MARGIN, _HEADER = 8, 28  # pixels
_SEED: Final = 655

Pair = Mapping[str, str]  # a row of key.csv: row, image, sha256, A, B (names of codecs)


def compare(rows: Sequence[Mapping[str, str]], pictures: Path, output: Path) -> str:
    """Write the sheets, or count the answers if `output` has them; return what to print.

    `rows`: of results.csv. `pictures`: the folder of decoded pictures. Raises `CodecError` if there is nothing to
    compare or an answer is invalid.
    """
    answers = output / "answers.csv"
    if answers.exists() and any(row["faithful"] for row in _read(answers)):
        return format_count(count_answers(_read(output / "key.csv"), _read(answers)))
    pairs = make_pairs(rows)
    output.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(pairs), ROWS_PER_SHEET), 1):
        sheet = draw_sheet(pairs[start : start + ROWS_PER_SHEET], pictures)
        data = io.BytesIO()
        sheet.save(data, "PNG")
        write_file(output / f"sheet{number:02}.png", data.getvalue())
    _write(output / "key.csv", ("row", "image", "sha256", "A", "B"), pairs)
    blank = [{"row": pair["row"]} for pair in pairs]
    _write(answers, ("row", *QUESTIONS, "recognizable"), blank)
    return f"{len(pairs)} rows in {output.name}: fill in answers.csv, then run the same command again"


def make_pairs(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return a pair for each picture that both Trilayer and another codec encoded at `SHEET_RATE`, in random order."""
    decoded: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if int(row["rate"]) == SHEET_RATE and row["bytes"]:
            decoded.setdefault((row["image"], row["sha256"]), []).append(row["codec"])
    random = np.random.default_rng(_SEED)
    pairs = []
    ours = {contender.name for contender in TRILAYER}
    images = [image for image, codecs in sorted(decoded.items()) if OURS in codecs and set(codecs) - ours]
    for number, index in enumerate(random.permutation(len(images))):
        rivals = [codec for codec in decoded[images[index]] if codec not in ours]
        sides = [OURS, rivals[number % len(rivals)]]
        random.shuffle(sides)
        image, digest = images[index]
        pairs.append({"row": str(number + 1), "image": image, "sha256": digest, "A": sides[0], "B": sides[1]})
    if not pairs:
        raise CodecError(f"a blind comparison needs {OURS!r} and another codec at {SHEET_RATE} bytes: add them")
    return pairs


def draw_sheet(pairs: Sequence[Pair], pictures: Path) -> Image.Image:
    """Return a sheet: a row for each pair with its number, the original, A and B."""
    step = PICTURE_SIDE + _MARGIN
    sheet = Image.new("RGB", (_MARGIN + 3 * step, len(pairs) * (step + _HEADER)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    for line, pair in enumerate(pairs):
        top = line * (step + _HEADER)
        names = (f"{pair['sha256']}.png", *(f"{pair['sha256']}-{slug(pair[side])}.png" for side in "AB"))
        for column, (title, name) in enumerate(zip((f"{pair['row']}: original", "A", "B"), names, strict=True)):
            left = _MARGIN + column * step
            draw.text((left, top + _HEADER / 2), title, "black", font, "lm")
            with Image.open(pictures / name) as picture:
                fitted = picture.convert("RGB")
                fitted.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS)
            sheet.paste(fitted, (left, top + _HEADER))
    return sheet


def count_answers(key: Iterable[Pair], answers: Iterable[Pair]) -> dict[str, dict[str, Counter[str]]]:
    """Return, by rival and question, how often the answer was "ours", "theirs" or "tie".

    For "recognizable" the counts are of "ours", "theirs" and "rows". Unanswered rows are left out.
    Raises `CodecError` for an invalid answer.
    """
    pairs = {pair["row"]: pair for pair in key}
    counts: dict[str, dict[str, Counter[str]]] = {}
    for answer in answers:
        pair = pairs.get(answer["row"])
        if pair is None or not answer["faithful"]:
            continue
        side = "A" if pair["A"] == OURS else "B"
        rival = counts.setdefault(pair["B" if side == "A" else "A"], {})
        for question in QUESTIONS:
            choice = _checked(answer, question, ANSWERS)
            result = "tie" if choice == "tie" else "ours" if choice == side else "theirs"
            rival.setdefault(question, Counter())[result] += 1
        seen = _checked(answer, "recognizable", RECOGNIZABLE)
        recognizable = rival.setdefault("recognizable", Counter())
        recognizable["ours"] += seen in (side, "both")
        recognizable["theirs"] += seen not in (side, "none")
        recognizable["rows"] += 1
    return counts


def _checked(answer: Pair, question: str, choices: Sequence[str]) -> str:
    given = (answer[question] or "").strip().lower()
    for choice in choices:
        if given == choice.lower():
            return choice
    raise CodecError(f"row {answer['row']} of answers.csv: {question} is one of {', '.join(choices)}")


def format_count(counts: Mapping[str, Mapping[str, Counter[str]]]) -> str:
    """Return the count as a Markdown table, ours : theirs : tie."""
    lines = ["| against | faithful | subject | looks | recognizable (ours, theirs) |", "|---|---|---|---|---|"]
    for rival, questions in sorted(counts.items()):
        cells = [" : ".join(str(questions[name][who]) for who in ("ours", "theirs", "tie")) for name in QUESTIONS]
        seen = questions["recognizable"]
        cells.append(f"{seen['ours']}, {seen['theirs']} of {seen['rows']}")
        lines.append(f"| {' | '.join((rival, *cells))} |")
    return "\n".join(lines)


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        raise CodecError(f"{path.name} is missing next to answers.csv: restore it to count the answers")
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [{name: value or "" for name, value in row.items() if name} for row in csv.DictReader(file)]


def _write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    write_file(path, text.getvalue().encode())
