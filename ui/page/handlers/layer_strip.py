"""The decode from one, two and three layers, side by side: the paper's Î_se, Î_st and Î_te."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
import numpy as np

from codec import Layers, Pose
from codec.errors import Cancelled, ModelMissing
from ui.page import html
from ui.page.responses import Changes, guarded, sentence
from ui.services import actions, layer_selection

if TYPE_CHECKING:
    from ui.page.handlers.decode import Decoding

_SIDE: Final = 360  # px of a thumbnail


@dataclass(frozen=True)
class Stage:
    """What is decoded for one thumbnail: `sign` is its index in the paper, `new` the layer it adds, `names` all."""

    sign: str
    new: str
    names: str
    layers: Layers


def stages(layers: Layers) -> list[Stage]:
    """The prompt alone, with the sketch or pose, and with the colors; what adds no layer is left out."""
    second = "pose" if isinstance(layers.structure, Pose) else "sketch"
    steps = (("se", "prompt", layers.semantic), ("st", second, layers.structure), ("te", "colors", layers.texture))
    found: list[Stage] = []
    names: list[str] = []
    for number, (sign, name, layer) in enumerate(steps, start=1):
        if layer is not None:
            names.append(name)
            new = f"+ {name}" if found else name
            found.append(Stage(sign, new, ", ".join(names), layers.only(range(1, number + 1))))
    return found


def view(found: Sequence[Stage], pictures: Sequence[np.ndarray]) -> str:
    """The strip as HTML, with a place for each picture that is still to come."""
    figures = "".join(_figure(stage, pictures[i] if i < len(pictures) else None) for i, stage in enumerate(found))
    return f'<div class="tl-strip" role="group" aria-label="Decoded from more and more layers">{figures}</div>'


def _figure(stage: Stage, picture: np.ndarray | None) -> str:
    layers = stage.layers
    size = len(layers.to_bytes())
    place = f'style="aspect-ratio: {layers.width} / {layers.height}"'
    if picture is None:
        shown = f'<div class="tl-wait" {place}></div>'
    else:
        data = base64.b64encode(actions.jpeg(_small(picture))).decode()
        name = escape(f"Decoded from {stage.names}, {size:,} bytes")
        shown = f'<img src="data:image/jpeg;base64,{data}" alt="{name}" {place}>'
    return (
        f"<figure>{shown}<figcaption><span><i>Î</i><sub>{stage.sign}</sub> {escape(stage.new)}</span>"
        f"<strong>{size:,} bytes</strong> <span>{layers.bpp(size):.4f} bpp</span></figcaption></figure>"
    )


def _small(picture: np.ndarray) -> np.ndarray:
    from codec.images.io import resize_area

    height, width = picture.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    return resize_area(picture, max(1, round(width * scale)), max(1, round(height * scale)))


class Strip:
    """The handler of its button: one decode after the other, all of which Stop ends."""

    def __init__(self, decoding: Decoding) -> None:
        self.decoding = decoding
        self.parts = decoding.parts

    def wire(self, now: list[Any], quiet: dict[str, Any]) -> None:
        """Connects the button; `now`: what `actions.current` takes."""
        p = self.parts
        p.stages.click(
            self.asked, [*now, p.decoder, p.which, *p.how], [p.strip, p.status, p.decode, p.stop, p.stages],
            concurrency_limit=16, concurrency_id="decode", **quiet,
        )  # fmt: skip

    def asked(
        self, request: gr.Request, value: Any, text: str, negative: str, seed: Any, keep_seed: Any,
        decoder: Any, which: Any, *how: Any,
    ) -> Iterator[Changes]:  # fmt: skip
        """The pictures, each as it is finished."""
        now = (value, text, negative, seed, keep_seed)
        yield from self._asked(now, decoder, which, how, request.session_hash)
        yield self.decoding.buttons(decoding=False)

    @guarded
    def _asked(
        self, now: tuple[Any, ...], decoder: Any, which: Any, how: tuple[Any, ...], tab: str | None
    ) -> Iterator[Changes]:
        p, on = self.parts, self.decoding
        seed = actions.seed_of(now[3])
        decoder = actions.choice(decoder, "decoder", actions.decoders())
        chosen = layer_selection.read(which, how[4], how[5])
        found = stages(chosen.of(actions.current(*now)[1]))
        pictures: list[np.ndarray] = []
        began: Changes = {p.strip: view(found, pictures)}
        try:
            for number, stage in enumerate(found):
                job = on.job(stage.layers, decoder, seed, False, how, tab)
                on.jobs.start(tab, job, beside=True)
                try:
                    yield began | on.buttons(decoding=True)
                    for step in job:
                        done = (number + step.index / step.total) / len(found)
                        label = f"picture {number + 1} of {len(found)}: {step.label}"
                        yield {p.status: html.status(sentence(label, "…"), "busy", done)}
                finally:
                    on.jobs.end(tab, job)
                assert job.result is not None
                pictures.append(job.result.pixels)
                began = {p.strip: view(found, pictures)}
        except Cancelled:
            yield {p.status: html.STOPPED}
            return
        except ModelMissing as error:
            yield {p.status: on.missing(error, decoder)}
            return
        what = " and from ".join(stage.names for stage in found)
        yield began | {p.status: html.status(f"Decoded from {what}.", "good")}
