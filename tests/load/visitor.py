"""Somebody who works on a picture of their own, and notices when anything of somebody else's comes back."""

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
from tests.load.tab import Counts, Fault, Page, Tab
from ui.services.editor_state import EditorState

Answer = TypeVar("Answer")
COME = 0.15  # of the time is in which they all arrive
WORDS = "two shapes"  # none of style: the words that the page finds may be, and paint the colors darker
LEAVES = 0.05  # of the decodes are left half-way: the tab is closed, and another one opened


@dataclass(frozen=True)
class Identity:
    """What only one person's picture has: its size in px and its color in sRGB."""

    width: int
    height: int
    color: tuple[int, int, int]


def identities(count: int) -> list[Identity]:
    """As many, no two alike in size or color."""
    side = max(2, math.ceil(count ** (1 / 3)))
    levels = np.linspace(45, 215, side).round().astype(int).tolist()
    colors = [(red, green, blue) for red in levels for green in levels for blue in levels]
    random.Random(count).shuffle(colors)
    return [Identity(256 + 8 * (n % 16), 192 + 8 * (n // 16), colors[n]) for n in range(count)]


def drawn(one: Identity) -> bytes:
    """Their picture: a PNG in tones of their color."""
    image = Image.new("RGB", (one.width, one.height), one.color)
    pen = ImageDraw.Draw(image)
    dark = tuple(round(0.5 * level) for level in one.color)
    pen.ellipse((40, 30, one.width - 120, one.height - 60), outline=dark, width=3)
    pen.rectangle((one.width - 100, 60, one.width - 30, one.height - 40), outline=dark, width=3)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class Visitor:
    """Their work, with pauses; `times` has the seconds of each thing done, faults go to `counts`."""

    def __init__(self, number: int, everyone: list[Identity], page: Page, counts: Counts, think: tuple[float, float]):
        self.number, self.everyone, self.page, self.counts, self.think = number, everyone, page, counts, think
        self.random = random.Random(number)
        self.times: dict[str, list[float]] = defaultdict(list)
        self.fields: list[Any] = []
        self.value: dict[str, Any] = {}

    @property
    def own(self) -> Identity:
        return self.everyone[self.number]

    async def work(self, client: httpx.AsyncClient, until: float, edits: int) -> None:
        """Edits and decodes until that time of `time.monotonic`; decodes after every so many edits."""
        await asyncio.sleep(self.random.uniform(0, COME * (until - time.monotonic())))  # they do not all come at once
        tab = None
        while time.monotonic() < until:
            try:
                if tab is None:
                    tab = Tab(client, self.page, self.counts)
                    await self.arrive(tab)
                for _ in range(edits):
                    await asyncio.sleep(self.random.uniform(*self.think))
                    await self.edit(tab)
                leaves = self.random.random() < LEAVES
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
        """Opens the page and drops the picture."""
        (await tab.client.get("")).raise_for_status()
        inputs = list(self.page.inputs["open_picture"])
        # the last inputs: two states, which the server keeps, and the file
        inputs[-3:] = [None, None, await tab.upload("mine.png", drawn(self.own))]
        given = await self.timed("upload", tab.queued("open_picture", inputs))
        canvas, _, negative, _, budget, seed, keep_seed = given[:7]
        self.value = json.loads(canvas)
        self.fields = [WORDS, negative, seed, keep_seed, budget]
        self.told(given[-1])

    async def edit(self, tab: Tab) -> None:
        """A stroke, a cell or a word, and its preview."""
        self.change(self.random.choice(("stroke", "stroke", "cell", "word")))
        began = time.monotonic()
        readout, _, _, _, compare, _, status = await self.timed("edit", tab.run("update_preview", self.edited()))
        self.told(status)
        left, right = compare["value"]
        self.mine(await tab.fetch(right), "preview")
        self.times["preview"].append(time.monotonic() - began)
        self.mine(await tab.fetch(left), "original")
        total = re.search(r"tl-total.*?<strong>([\d,]+)", readout, re.DOTALL)
        if total is None or int(total[1].replace(",", "")) != len(self.file()):
            raise Fault("the readout counts another file")

    def change(self, kind: str) -> None:
        """Edits."""
        if kind == "stroke":
            self.value["strokes"].insert(0, self.stroke())
            del self.value["strokes"][40:]
        elif kind == "cell" and self.value["grid"]:
            shade = self.random.uniform(0.95, 1.0)
            colors = self.value["grid"]["colors"]
            shaded = bytes(round(shade * level) for level in self.own.color)
            colors[self.random.randrange(len(colors))] = f"#{shaded.hex()}"
        else:
            self.fields[0] = f"{self.fields[0]} w{self.random.randrange(100)}"[-200:]
        self.value["rev"] += 1

    def edited(self) -> list[Any]:
        """What the page sends after an edit; None for a state, which the server keeps."""
        inputs = list(self.page.inputs["update_preview"])
        inputs[:6], inputs[-2:] = [*self.now(), self.fields[4]], [None, None]
        return inputs

    def decoded(self) -> list[Any]:
        """What the page sends for a decode."""
        inputs = list(self.page.inputs["decode_layers"])
        inputs[:5], inputs[-2:] = self.now(), [None, None]
        return inputs

    async def decode(self, tab: Tab, leave_after: int | None) -> None:
        """The finished picture, which must hold the very layers that it was asked for."""
        began = time.monotonic()
        given = await tab.queued("decode_layers", self.decoded(), leave_after)
        if leave_after is not None:
            return
        compare, status, *_, result, _, _ = given
        self.told(status)
        if not (result and compare):
            raise Fault(f"a decode gave no picture: {status}")
        png = await tab.fetch(result)
        self.times["decode"].append(time.monotonic() - began)
        self.mine(png, "decoded picture")
        self.mine(await tab.fetch(compare[1]), "decoded picture in the slider")
        if png_chunk.extract(png) != self.file():
            raise Fault("the decoded picture holds other layers")

    def now(self) -> list[Any]:
        """Canvas, prompt, negative, seed and whether to keep it, as the page sends them."""
        return [json.dumps(self.value), *self.fields[:4]]

    def file(self) -> bytes:
        """What the server must make of that."""
        return EditorState(*self.now()).read()[1].to_bytes()

    def stroke(self) -> list[float]:
        """Somewhere in the picture."""
        x, y = self.random.uniform(0, self.own.width - 60), self.random.uniform(0, self.own.height - 30)
        return [round(v, 1) for v in (x, y, x + self.random.uniform(10, 30), y + 15, x + 55, y + 5)]

    def mine(self, data: bytes, what: str) -> None:
        """Raises `Fault` unless the picture has this person's size and of all colors this person's."""
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float64)
        if pixels.shape[:2] != (self.own.height, self.own.width):
            raise Fault(f"the {what} is of another size: {pixels.shape[1]} x {pixels.shape[0]}")
        colors = np.array([one.color for one in self.everyone], np.float64)
        nearest = int(np.argmin(np.linalg.norm(colors - np.median(pixels, axis=(0, 1)), axis=1)))
        if nearest != self.number:
            raise Fault(f"the {what} has the colors of person {nearest}")

    def told(self, status: Any) -> None:
        """Raises `Fault` if the status box tells of one."""
        if isinstance(status, dict) and "tl-bad" in status["html"]:
            raise Fault(re.sub("<[^>]+>", " ", status["html"]).strip())

    async def timed(self, what: str, answer: Awaitable[Answer]) -> Answer:
        """The answer, and the seconds that it took."""
        began = time.monotonic()
        found = await answer
        self.times[what].append(time.monotonic() - began)
        return found
