"""Several pictures in a strip: one for each layer that is added, or one for each of several seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from codec import Layers
from codec.layers import MAX_SEED
from ui.page import html
from ui.page.components import Parts
from ui.page.handlers.decode import DecodeHandlers, decode_record
from ui.page.responses import Changes, Handlers, streaming_handler
from ui.services.decoder_notes import SAME_WITH_EVERY_SEED, depends_on_seed
from ui.services.editor_state import EditorState
from ui.services.layer_selection import stages
from ui.services.status import Status

SEED_COUNT: Final = 4


class StripHandlers(Handlers):
    """Event handlers of the layer strip."""

    def __init__(self, parts: Parts, decoding: DecodeHandlers) -> None:
        super().__init__(parts)
        self.decoding = decoding

    @streaming_handler
    def decode_stages(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        """Decode from one, two and three layers, the paper's Î_se, Î_st and Î_te."""
        yield {self.parts.saves.decode_records: None}
        yield from self.decoding.until_idle(self._decode_stages(state, session), state)

    def _decode_stages(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        all_stages = stages(state.selection().apply(state.read()[1]))

        def show(pictures: list[np.ndarray]) -> Changes:
            return {self.parts.strip: html.strip(all_stages, pictures)}

        yield from self.decoding.run_series(session, [(state, stage.layers) for stage in all_stages], show)
        names = " and from ".join(stage.names for stage in all_stages)
        yield self.show(Status.good(f"Decoded from {names}."))

    @streaming_handler
    def decode_seeds(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        """Decode with the chosen seed and the next ones. The pictures go into the history, too."""
        yield {self.parts.saves.decode_records: None}
        yield from self.decoding.until_idle(self._decode_seeds(state, session), state)

    def _decode_seeds(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        p, decoder, (drawing, layers) = self.parts, state.decoder_name(), state.read()
        selected = state.selection().apply(layers)
        if not depends_on_seed(decoder, selected):
            yield self.show(Status.warn(f"{SAME_WITH_EVERY_SEED} Style words such as oil painting vary it."))
            return
        first = min(state.decode_seed(), MAX_SEED - SEED_COUNT + 1)
        seeds = range(first, first + SEED_COUNT)

        def show(pictures: list[np.ndarray]) -> Changes:
            records = [
                decode_record(_with_seed(layers, seed), drawing.name, seed, decoder, pixels)
                for seed, pixels in zip(seeds, pictures, strict=False)
            ]
            return {p.strip: html.seed_strip(layers, records, pictures, SEED_COUNT), p.saves.decode_records: records}

        yield from self.decoding.run_series(session, [(replace(state, seed=str(n)), selected) for n in seeds], show)
        yield self.show(Status.good("Press a picture to keep its seed. The history has all of them."))


def _with_seed(layers: Layers, seed: int) -> Layers:
    """Return the layers with another seed, if they have one."""
    return layers if layers.seed is None else replace(layers, seed=seed)
