"""The page's events without a browser, as Gradio's own script sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx


class Tab:
    """A tab of the page at an address, by the name of its session."""

    def __init__(self, address: str, session: str) -> None:
        self.api, self.session = f"{address}gradio_api/", session
        self.config = httpx.get(f"{address}config", timeout=60).json()
        self._parts = {part["id"]: part["props"] for part in self.config["components"]}

    def body(self, name: str, **given: Any) -> dict[str, Any]:
        """The request for the handler of that name, with the page's first values but for those `given`, by elem_id."""
        event = next(event for event in self.config["dependencies"] if event["api_name"] == name)
        values = {self._parts[i].get("elem_id"): self._parts[i].get("value") for i in event["inputs"]}
        assert set(given) <= set(values), (set(given), set(values))
        data = [given.get(self._parts[i].get("elem_id"), self._parts[i].get("value")) for i in event["inputs"]]
        return {"session_hash": self.session, "fn_index": event["id"], "data": data}

    def ask(self, name: str, **given: Any) -> None:
        """Puts it in the queue."""
        assert httpx.post(f"{self.api}queue/join", json=self.body(name, **given), timeout=60).status_code == 200

    def answers(self) -> Iterator[dict[str, Any]]:
        """What comes of what was asked."""
        query = {"session_hash": self.session}
        with httpx.stream("GET", f"{self.api}queue/data", params=query, timeout=60) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def run(self, name: str, **given: Any) -> Any:
        """The answer of a handler that is not queued."""
        return httpx.post(f"{self.api}run/{name}", json=self.body(name, **given), timeout=60).json()
