"""A browser tab that talks to the server as Gradio's own client does: events, streams, uploads and files."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx
from gradio_client.utils import apply_diff

RETRY_STATUSES = (429, 503)  # too many requests; the queue is full
MAX_ATTEMPTS = 100
RETRY_AFTER = 2.0  # s, if the response has no Retry-After
API = "gradio_api"

Values = dict[str, Any]  # by the elem_id of the component


class Fault(Exception):
    """A broken promise of the server, in one line."""


@dataclass
class Event:
    """An event of the page: its number, and the elem_id of each input and output, "" if it has none."""

    number: int
    inputs: list[str]
    outputs: list[str]
    initial_values: list[Any]


@dataclass
class Page:
    """The events of the page by name."""

    events: dict[str, Event]

    @classmethod
    async def read(cls, client: httpx.AsyncClient) -> Page:
        """Read the page's configuration from the server."""
        config = (await client.get("config")).raise_for_status().json()
        props = {component["id"]: component["props"] for component in config["components"]}

        def elem_ids(components: list[int]) -> list[str]:
            return [props[i].get("elem_id") or "" for i in components]

        return cls({
            event["api_name"]: Event(
                event["id"], elem_ids(event["inputs"]), elem_ids(event["outputs"]),
                [props[i].get("value") for i in event["inputs"]],
            )
            for event in config["dependencies"] if event["backend_fn"]
        })  # fmt: skip


@dataclass
class Counts:
    """Requests that were sent, refusals with a request to retry, and faults."""

    requests: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)


class Tab:
    """An open page. Raises `Fault` for responses that the server must not send, and `httpx.HTTPError` without one."""

    def __init__(self, client: httpx.AsyncClient, page: Page, counts: Counts) -> None:
        self.client = client
        self.page = page
        self.counts = counts
        self.session = secrets.token_hex(6)
        self._heartbeat = asyncio.create_task(self._receive_heartbeat())

    async def close(self) -> None:
        """Close the tab; the server notices by the end of its heartbeat stream."""
        self._heartbeat.cancel()
        await asyncio.gather(self._heartbeat, return_exceptions=True)

    async def _receive_heartbeat(self) -> None:
        async with self.client.stream("GET", f"{API}/heartbeat/{self.session}", timeout=None) as stream:
            async for _ in stream.aiter_lines():
                pass

    async def post(self, path: str, **options: Any) -> Any:
        """Return the JSON of a response. Refusals are counted and retried when the server says."""
        for _ in range(MAX_ATTEMPTS):
            self.counts.requests += 1
            response = await self.client.post(f"{API}/{path}", **options)
            if response.status_code not in RETRY_STATUSES:
                break
            self.counts.refused += 1
            retry_after = response.headers.get("retry-after", "")
            await asyncio.sleep(float(retry_after) if retry_after.isdigit() else RETRY_AFTER)
        if response.status_code != 200:
            raise Fault(f"{path} got status {response.status_code}: {response.text[:200]}")
        return response.json()

    async def fetch(self, file: dict[str, Any]) -> bytes:
        """Return the content of a file that an answer refers to."""
        self.counts.requests += 1
        response = await self.client.get(file["url"])
        if response.status_code != 200:
            raise Fault(f"a picture got status {response.status_code}")
        return response.content

    async def upload(self, name: str, data: bytes) -> dict[str, Any]:
        """Upload a file as the page does; return its value for an event."""
        paths = await self.post("upload", files={"files": (name, data)})
        return {"path": paths[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    async def run(self, name: str, values: Values) -> Values:
        """Send an event that is not queued; return the answer's outputs."""
        answer = await self.post("run/predict", json=self._body(name, values))
        return dict(zip(self.page.events[name].outputs, answer["data"], strict=True))

    async def run_queued(self, name: str, values: Values, leave_after: int | None = None) -> Values:
        """Send a queued event; return the last value of each output, None where there was none.

        After `leave_after` messages, the tab stops listening and nothing is returned.
        """
        event_id = (await self.post("queue/join", json=self._body(name, values)))["event_id"]
        outputs = self.page.events[name].outputs
        answer: list[Any] | None = None
        latest: list[Any] = [None] * len(outputs)
        received = 0
        self.counts.requests += 1
        async with self.client.stream("GET", f"{API}/queue/data", params={"session_hash": self.session}) as stream:
            async for line in stream.aiter_lines():
                message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                kind = message.get("msg")
                if kind in ("unexpected_error", "server_stopped", "broken_connection"):
                    raise Fault(f"{name}: {kind}: {message.get('message')}")
                if message.get("event_id") != event_id or kind not in ("process_generating", "process_completed"):
                    continue
                if not message["success"]:
                    raise Fault(f"{name} failed: {message['output']}")
                data = message["output"]["data"]
                if kind == "process_generating" and answer is not None:
                    data = [apply_diff(old, new) for old, new in zip(answer, data, strict=True)]
                answer = data
                latest = [updated_value(old, new) for old, new in zip(latest, data, strict=True)]
                received += 1
                if received == leave_after:
                    return {}
                if kind == "process_completed":
                    return dict(zip(outputs, latest, strict=True))
        raise Fault(f"{name}: its stream ended early")

    def _body(self, name: str, values: Values) -> dict[str, Any]:
        event = self.page.events[name]
        assert set(values) <= set(event.inputs), values
        data = [values.get(elem_id, value) for elem_id, value in zip(event.inputs, event.initial_values, strict=True)]
        return {"data": data, "fn_index": event.number, "session_hash": self.session}


def updated_value(old: Any, new: Any) -> Any:
    """Return the value of an output after an answer; an update of other properties leaves it unchanged."""
    if isinstance(new, dict) and new.get("__type__") == "update":
        return new.get("value", old)
    return new
