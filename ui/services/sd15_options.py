"""Stable Diffusion for the page: its options, what to expect of it, and the last decode of each tab.

Nothing here knows Gradio; torch is imported when the first outlook or decode needs it. Where the
weights lie is the server's own matter: no option names a path.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from codec import Layers
from codec.bitstream.settings import Settings
from codec.decoders import get
from codec.decoders.sd15 import options as presets
from codec.decoders.sd15.options import CONTROLS, MAX_STEPS, PRESETS, Options
from codec.errors import ModelMissing
from codec.models import locate
from ui.services.actions import Finished, choice, number, whole

if TYPE_CHECKING:
    from codec.decoders.base import OnStep
    from codec.decoders.sd15.pipeline import Decoded

NAME = "sd15"
SIDE = 512  # px that a square is denoised at
DEFAULT = Options().preset
STEPS, GUIDANCE, STRENGTH, SHARE = (1, MAX_STEPS), (0, 63.75), (0, 2), (0, 1)
KEPT_TABS, KEPT_BYTES, KEPT_TRAJECTORY = 8, 128 << 20, 16 << 20


def options(
    preset: Any, follow: Any, steps: Any, guidance: Any, structure: Any, colors: Any, until: Any, control: Any
) -> Options:
    """What the fields hold -> options. An empty field is the preset's, or with `follow` the file's.

    Raises `InvalidLayer` and `UnknownName` for what the fields would not send.
    """
    preset = choice(preset, "preset", tuple(PRESETS))
    return Options(
        preset=preset,
        steps=None if steps is None else whole(steps, "number of steps", *STEPS),
        guidance=None if guidance is None else number(guidance, "guidance", *GUIDANCE),
        follow=follow is True,
        structure_strength=number(structure, "strength of the sketch or pose", *STRENGTH),
        color_strength=number(colors, "strength of the colors", *STRENGTH),
        adapter_until=number(until, "share of the steps", *SHARE),
        control=choice(control, "control", CONTROLS),
        size=SIDE,
    )


def defaults(preset: Any, follow: Any, settings: Settings | None) -> tuple[int, float]:
    """Steps and guidance of a preset, or with `follow` those of the file where it has them."""
    preset = choice(preset, "preset", tuple(PRESETS))
    plan = presets.plan(Options(preset=preset, follow=follow is True), settings)
    return plan.steps, plan.guidance


def offered(settings: Settings | None) -> str:
    """What of the file's settings can be followed, in words; "" if nothing."""
    if settings is None:
        return ""
    known = [] if settings.steps is None else [f"{settings.steps} step{'s' if settings.steps > 1 else ''}"]
    if settings.guidance is not None:
        known.append(f"guidance {settings.guidance:g}")
    if scheduler := presets.nearest(settings.sampler):
        known.append(scheduler.replace("_", " "))
    return ", ".join(known)


def outlook(chosen: Options, layers: Layers) -> str:
    """How long a decode will take here, in one sentence. Loads no weights."""
    minutes = get(NAME, chosen).expected_minutes(layers)  # type: ignore[attr-defined]
    if minutes is None:
        return "A decode takes seconds on this machine's graphics card."
    seconds = max(round(minutes * 60), 1)
    about = f"{minutes:.0f} minutes" if minutes >= 1.5 else f"{seconds} seconds" if seconds > 1 else "a second"
    return f"A decode takes about {about} on this machine's processor."


def missing() -> str:
    """What is missing of the base model and the remedy, in one line; "" if it is here. Takes no time."""
    return locate.status(NAME).detail


def release() -> None:
    """Lets go of the networks, if there can be any in memory."""
    if "codec.decoders.sd15.pipeline" in sys.modules:
        get(NAME).release()  # type: ignore[attr-defined]


@dataclass(frozen=True, eq=False)
class Kept:
    """A decode and the layers that it is of."""

    layers: Layers
    decoded: Decoded

    @property
    def bytes(self) -> int:
        """In memory."""
        arrays = (self.decoded.pixels, self.decoded.latents, *self.decoded.trajectory)
        return sum(array.nbytes for array in arrays)


class Keeper:
    """The last decode of the tabs that decoded last: at most `KEPT_TABS`, and `KEPT_BYTES` of them. Any thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, tab: str | None, kept: Kept) -> None:
        """In place of the tab's last one. A long trajectory is left out: the latents do, if less well."""
        if tab is None:
            return
        if sum(array.nbytes for array in kept.decoded.trajectory) > KEPT_TRAJECTORY:
            kept = replace(kept, decoded=replace(kept.decoded, trajectory=()))
        with self._lock:
            self._kept[tab] = kept
            self._kept.move_to_end(tab)
            while len(self._kept) > KEPT_TABS or sum(one.bytes for one in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)

    def get(self, tab: str | None) -> Kept | None:
        """The tab's last decode, if it is kept."""
        with self._lock:
            return self._kept.get(tab) if tab is not None else None

    def drop(self, tab: str | None) -> None:
        """Forgets it."""
        with self._lock:
            self._kept.pop(tab, None)  # type: ignore[arg-type]


class Users:
    """The tabs that have the decoder chosen: when the last one leaves, the networks go. Any thread."""

    _MOST = 1000

    def __init__(self) -> None:
        self._tabs: set[str | None] = set()
        self._lock = threading.Lock()

    def add(self, tab: str | None) -> None:
        """It has the decoder chosen; of more tabs than there can be, the rest is not counted."""
        with self._lock:
            if len(self._tabs) < self._MOST:
                self._tabs.add(tab)

    def remove(self, tab: str | None) -> None:
        """It chose another, or was closed."""
        with self._lock:
            self._tabs.discard(tab)
        self.tidy()

    def tidy(self) -> None:
        """Releases the networks if nobody has them chosen."""
        if not self._tabs:
            release()


def decoding(layers: Layers, seed: int, chosen: Options, only: bool, kept: Kept | None) -> Callable[[OnStep], Finished]:
    """-> work for `ui.services.jobs.Job`. `only`: decode only what differs from `kept`, where that can be done.

    Raises `ModelMissing` at once if the base model is not here.
    """
    if line := missing():
        raise ModelMissing(line)

    def work(on_step: OnStep) -> Finished:
        from codec.decoders.sd15.masks import changed

        decoder: Any = get(NAME, chosen)
        if only and kept is not None and kept.decoded.pixels.shape[:2] == (layers.height, layers.width):
            mask = changed(kept.layers, layers)
            if not mask.any():
                return Finished(kept.decoded.pixels, None, kept)
            if not mask.all():
                part = decoder.redecode(layers, kept.decoded, mask, seed=seed, on_step=on_step)
                return Finished(part.pixels, f"the edited area, {_percent(mask)} of the picture,", Kept(layers, part))
        done = decoder.decode_full(layers, seed=seed, on_step=on_step)
        why = "" if not only else "all of it, as all of it changed," if kept else "all of it, as no decode was kept,"
        return Finished(done.pixels, why, Kept(layers, done))

    return work


def _percent(mask: np.ndarray) -> str:
    return f"{max(round(100 * float(mask.mean())), 1)} %"
