"""What the server keeps of the open tabs."""

from __future__ import annotations

from dataclasses import dataclass, field

from ui.services.jobs import SessionJobs
from ui.services.sd15_options import ActiveTabs, DecodeCache


@dataclass(frozen=True)
class Sessions:
    """The running job of each tab, its last decode, and the tabs in which Stable Diffusion is chosen."""

    jobs: SessionJobs = field(default_factory=SessionJobs)
    decodes: DecodeCache = field(default_factory=DecodeCache)
    sd15_tabs: ActiveTabs = field(default_factory=ActiveTabs)
