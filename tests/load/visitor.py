"""A simulated visitor who edits a picture and notices anything that belongs to another visitor."""

from __future__ import annotations

import asyncio
import io
import json
import math
import random
import re
import time
from collections import defaultdict
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import numpy as np
from PIL import Image, ImageDraw

from codec.images import png_chunk
from tests.load.tab import Counts, Fault, Page, Tab, Values
from ui.services.editor_state import EditorState

Answer = TypeVar("Answer")
ARRIVAL = 0.15  # share of the duration in which people arrive
PROMPT = "two shapes"  # no style words, with which the painter would change the colors
MAX_STROKES = 40
LEAVING = 0.05  # share of the decodes during which the tab is closed and another one is opened


@dataclass(frozen=True)
class Identity:
    """What distinguishes a visitor's picture from all others: its size in px and its sRGB color."""

    width: int
    height: int
    color: tuple[int, int, int]


def identities(count: int) -> list[Identity]:
    """Return identities with different sizes and different colors."""
    side = max(2, math.ceil(count ** (1 / 3)))
    levels = np.linspace(45, 215, side).round().astype(int).tolist()
    colors = [(red, green, blue) for red in levels for green in levels for blue in levels]
    random.Random(count).shuffle(colors)
    return [Identity(256 + 8 * (n % 16), 192 + 8 * (n // 16), colors[n]) for n in range(count)]


def draw_picture(identity: Identity) -> bytes:
    """Return a PNG in shades of the identity's color."""
    image = Image.new("RGB", (identity.width, identity.height), identity.color)
    draw = ImageDraw.Draw(image)
    dark = tuple(round(0.5 * level) for level in identity.color)
    draw.ellipse((40, 30, identity.width - 120, identity.height - 60), outline=dark, width=3)
    draw.rectangle((identity.width - 100, 60, identity.width - 30, identity.height - 40), outline=dark, width=3)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class Visitor:
    """A visitor who works with pauses. Faults are added to `counts`; `times` has the seconds of each action.

    identities: of all visitors; number: which of them is this one's; pause: the shortest and the longest one in s
    """

    def __init__(
        self, number: int, identities: list[Identity], page: Page, counts: Counts, pause: tuple[float, float]
    ) -> None:
        self.number = number
        self.identities = identities
        self.page = page
        self.counts = counts
        self.pause = pause
        self.random = random.Random(number)
        self.times: dict[str, list[float]] = defaultdict(list)
        self.drawing: dict[str, Any] = {}  # the canvas's value
        self.fields: Values = {}  # prompt, negative, seed, keep-seed, budget

    @property
    def identity(self) -> Identity:
        return self.identities[self.number]

    async def work(self, client: httpx.AsyncClient, until: float, edits: int) -> None:
        """Edit and decode until `until` (of `time.monotonic`), with `edits` edits before each decode."""
        await asyncio.sleep(self.random.uniform(0, ARRIVAL * (until - time.monotonic())))
        tab = None
        while time.monotonic() < until:
            try:
                if tab is None:
                    tab = Tab(client, self.page, self.counts)
                    await self.arrive(tab)
                for _ in range(edits):
                    await asyncio.sleep(self.random.uniform(*self.pause))
                    await self.edit(tab)
                leaves = self.random.random() < LEAVING
                await self.decode(tab, leave_after=3 if leaves else None)
                if leaves:
                    await tab.close()
                    tab = None
            except (Fault, httpx.HTTPError) as fault:
                self.counts.faults.append(f"person {self.number}: {fault or type(fault).__name__}")
                await asyncio.sleep(1)
        if tab is not None:
            await tab.close()

    async def arrive(self, tab: Tab) -> None:
        """Open the page and drop the picture."""
        (await tab.client.get("")).raise_for_status()
        picture = await tab.upload("mine.png", draw_picture(self.identity))
        opened = await self.timed("upload", tab.run_queued("open_picture", {"picture": picture}))
        self.check_status(opened["status"])
        self.drawing = json.loads(opened["canvas"])
        self.fields = {name: opened[name] for name in ("negative", "seed", "keep-seed", "budget")} | {"prompt": PROMPT}

    async def edit(self, tab: Tab) -> None:
        """Draw a stroke, paint a cell or change the prompt, and check the preview."""
        self.change(self.random.choice(("stroke", "stroke", "cell", "word")))
        start = time.monotonic()
        answer = await self.timed("edit", tab.run("update_preview", self.inputs()))
        self.check_status(answer["status"])
        original, preview = answer["compare"]["value"]
        self.check_picture(await tab.fetch(preview), "preview")
        self.times["preview"].append(time.monotonic() - start)
        self.check_picture(await tab.fetch(original), "original")
        total = re.search(r"tl-total.*?<strong>([\d,]+)", answer["readout"], re.DOTALL)
        if total is None or int(total[1].replace(",", "")) != len(self.file()):
            raise Fault("the readout shows the size of another file")

    def change(self, kind: str) -> None:
        """Edit the layers at random: a "stroke", a "cell" or a "word"."""
        if kind == "stroke":
            self.drawing["strokes"].insert(0, self.random_stroke())
            del self.drawing["strokes"][MAX_STROKES:]
        elif kind == "cell" and self.drawing["grid"]:
            shade = self.random.uniform(0.95, 1.0)
            colors = self.drawing["grid"]["colors"]
            shaded = bytes(round(shade * level) for level in self.identity.color)
            colors[self.random.randrange(len(colors))] = f"#{shaded.hex()}"
        else:
            self.fields["prompt"] = f"{self.fields['prompt']} w{self.random.randrange(100)}"[-200:]
        self.drawing["rev"] += 1

    def inputs(self) -> Values:
        """Return what the page sends with an event."""
        return {"canvas": json.dumps(self.drawing), **self.fields}

    async def decode(self, tab: Tab, leave_after: int | None) -> None:
        """Decode and check the picture, which must hold the layers that were sent."""
        start = time.monotonic()
        answer = await tab.run_queued("decode_layers", self.inputs(), leave_after)
        if leave_after is not None:
            return
        self.check_status(answer["status"])
        if not (answer["result"] and answer["compare"]):
            raise Fault(f"a decode made no picture: {answer['status']}")
        png = await tab.fetch(answer["result"])
        self.times["decode"].append(time.monotonic() - start)
        self.check_picture(png, "decoded picture")
        self.check_picture(await tab.fetch(answer["compare"][1]), "decoded picture in the slider")
        if png_chunk.extract(png) != self.file():
            raise Fault("the decoded picture holds other layers")

    def file(self) -> bytes:
        """Return the file that the server must make of the inputs."""
        fields = (self.fields[name] for name in ("prompt", "negative", "seed", "keep-seed"))
        return EditorState(json.dumps(self.drawing), *fields).read()[1].to_bytes()

    def random_stroke(self) -> list[float]:
        x = self.random.uniform(0, self.identity.width - 60)
        y = self.random.uniform(0, self.identity.height - 30)
        return [round(v, 1) for v in (x, y, x + self.random.uniform(10, 30), y + 15, x + 55, y + 5)]

    def check_picture(self, data: bytes, what: str) -> None:
        """Raise `Fault` unless the picture has this visitor's size, and a color closest to this visitor's."""
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float64)
        if pixels.shape[:2] != (self.identity.height, self.identity.width):
            raise Fault(f"the {what} has another size: {pixels.shape[1]} x {pixels.shape[0]}")
        colors = np.array([identity.color for identity in self.identities], np.float64)
        nearest = int(np.argmin(np.linalg.norm(colors - np.median(pixels, axis=(0, 1)), axis=1)))
        if nearest != self.number:
            raise Fault(f"the {what} has the colors of person {nearest}")

    def check_status(self, status: Any) -> None:
        """Raise `Fault` if the status box shows an error."""
        html = status.get("html", "") if isinstance(status, dict) else ""
        if "tl-bad" in html:
            raise Fault(re.sub("<[^>]+>", " ", html).strip())

    async def timed(self, action: str, answer: Awaitable[Answer]) -> Answer:
        """Return the answer and record its time."""
        start = time.monotonic()
        result = await answer
        self.times[action].append(time.monotonic() - start)
        return result
