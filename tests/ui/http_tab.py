"""The page's events without a browser, as Gradio's own script sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx


class Tab:
    """A tab of the page at an address, with the name of its session."""

    def __init__(self, address: str, session: str) -> None:
        self.api, self.session = f"{address}gradio_api/", session
        self.config = httpx.get(f"{address}config", timeout=60).json()
        self._components = {part["id"]: part["props"] for part in self.config["components"]}

    def body(self, name: str, **values: Any) -> dict[str, Any]:
        """Return the request for a handler. Inputs have their initial values, except for `values`, by elem_id."""
        event = next(event for event in self.config["dependencies"] if event["api_name"] == name)
        inputs = [self._components[i] for i in event["inputs"]]
        assert set(values) <= {part.get("elem_id") for part in inputs}, values
        data = [values.get(part.get("elem_id"), part.get("value")) for part in inputs]
        return {"session_hash": self.session, "fn_index": event["id"], "data": data}

    def ask(self, name: str, **values: Any) -> None:
        """Send an event to the queue."""
        assert httpx.post(f"{self.api}queue/join", json=self.body(name, **values), timeout=60).status_code == 200

    def answers(self) -> Iterator[dict[str, Any]]:
        """Yield the messages about the tab's events in the queue."""
        query = {"session_hash": self.session}
        with httpx.stream("GET", f"{self.api}queue/data", params=query, timeout=60) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def run(self, name: str, **values: Any) -> Any:
        """Send an event that is not queued, and return its answer."""
        return httpx.post(f"{self.api}run/{name}", json=self.body(name, **values), timeout=60).json()
