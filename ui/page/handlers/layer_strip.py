"""The layer strip: pictures decoded from one, two and three layers, the paper's Î_se, Î_st and Î_te."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ui.page import html
from ui.page.components import Parts
from ui.page.handlers.decode import DecodeHandlers
from ui.page.responses import Changes, Handlers, status_value, streaming_handler
from ui.services.editor_state import EditorState
from ui.services.error_messages import sentence
from ui.services.layer_selection import stages
from ui.services.status import Status


class StripHandlers(Handlers):
    """The handlers."""

    def __init__(self, parts: Parts, decoding: DecodeHandlers) -> None:
        super().__init__(parts)
        self.decoding = decoding

    @streaming_handler
    def decode_stages(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        """Decode one stage after the other, and show each picture when it is finished. Stop ends all of them."""
        yield from self.decoding.until_idle(self._decode_stages(state, session), state)

    def _decode_stages(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        strip, jobs = self.parts.strip, self.decoding.sessions.jobs
        all_stages = stages(state.selection().apply(state.read()[1]))
        pictures: list[np.ndarray] = []
        for number, stage in enumerate(all_stages):
            job = self.decoding.make_job(state, stage.layers, session, edited_only=False)
            jobs.start(session, job, in_slider=False)
            try:
                yield {strip: html.strip(all_stages, pictures)} | self.decoding.button_states(is_decoding=True)
                for step in job:
                    label = f"picture {number + 1} of {len(all_stages)}: {step.label}"
                    progress = (number + step.index / step.total) / len(all_stages)
                    yield self.show(Status.busy(sentence(label, "…"), progress))
            finally:
                jobs.end(session, job)
            assert job.result is not None
            pictures.append(job.result.pixels)
        names = " and from ".join(stage.names for stage in all_stages)
        status = Status.good(f"Decoded from {names}.")
        yield {strip: html.strip(all_stages, pictures), self.parts.status: status_value(status)}
