"""One tab of a browser, as Gradio's own client speaks with the server: events, streams, uploads and files."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx
from gradio_client.utils import apply_diff

REFUSALS = (429, 503)  # too many requests, the queue is full
ATTEMPTS = 100
WAIT = 2.0  # s before another try, where the refusal names none
API = "gradio_api"


class Fault(Exception):
    """A promise that was broken, in one line."""


@dataclass
class Page:
    """What the server says that it is: the number of each event, and what its inputs hold at first."""

    numbers: dict[str, int]
    inputs: dict[str, list[Any]]

    @classmethod
    async def read(cls, client: httpx.AsyncClient) -> Page:
        """From its config."""
        config = (await client.get("config")).raise_for_status().json()
        held = {part["id"]: part["props"].get("value") for part in config["components"]}
        events = [one for one in config["dependencies"] if one["backend_fn"]]
        return cls(
            {one["api_name"]: one["id"] for one in events},
            {one["api_name"]: [held.get(number) for number in one["inputs"]] for one in events},
        )


@dataclass
class Counts:
    """What was sent, what was politely refused, and what went wrong."""

    requests: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)


class Tab:
    """An open page. Raises `Fault` for what the server must not answer, `httpx.HTTPError` where it answers nothing."""

    def __init__(self, client: httpx.AsyncClient, page: Page, counts: Counts) -> None:
        self.client, self.page, self.counts = client, page, counts
        self.hash = secrets.token_hex(6)
        self._alive = asyncio.create_task(self._beat())

    async def close(self) -> None:
        """Leaves it; the server notices by the stream that ends."""
        self._alive.cancel()
        await asyncio.gather(self._alive, return_exceptions=True)

    async def _beat(self) -> None:
        async with self.client.stream("GET", f"{API}/heartbeat/{self.hash}", timeout=None) as answer:
            async for _ in answer.aiter_lines():
                pass

    async def post(self, path: str, **what: Any) -> Any:
        """The answer's JSON. A refusal is counted, and asked again when it says."""
        for _ in range(ATTEMPTS):
            self.counts.requests += 1
            answer = await self.client.post(f"{API}/{path}", **what)
            if answer.status_code not in REFUSALS:
                break
            self.counts.refused += 1
            stated = answer.headers.get("retry-after", "")
            await asyncio.sleep(float(stated) if stated.isdigit() else WAIT)
        if answer.status_code != 200:
            raise Fault(f"{path} was answered {answer.status_code}: {answer.text[:200]}")
        return answer.json()

    async def fetch(self, file: dict[str, Any]) -> bytes:
        """What is in a file of an answer."""
        self.counts.requests += 1
        answer = await self.client.get(file["url"])
        if answer.status_code != 200:
            raise Fault(f"a picture was answered {answer.status_code}")
        return answer.content

    async def upload(self, name: str, data: bytes) -> dict[str, Any]:
        """Sends a file as the page does; -> its value for an event."""
        paths = await self.post("upload", files={"files": (name, data)})
        return {"path": paths[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    async def run(self, event: str, data: list[Any]) -> list[Any]:
        """An event outside the queue; -> what each of its outputs became."""
        return (await self.post("run/predict", json=self._body(event, data)))["data"]

    async def queued(self, event: str, data: list[Any], leave_after: int | None = None) -> list[Any]:
        """An event in the queue; -> what each of its outputs was last given, None where nothing was.

        `leave_after`: the tab goes away after so many answers, and nothing is returned.
        """
        number = (await self.post("queue/join", json=self._body(event, data)))["event_id"]
        answers: list[Any] | None = None
        given: list[Any] = []
        seen = 0
        self.counts.requests += 1
        async with self.client.stream("GET", f"{API}/queue/data", params={"session_hash": self.hash}) as stream:
            async for line in stream.aiter_lines():
                message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                kind = message.get("msg")
                if kind in ("unexpected_error", "server_stopped", "broken_connection"):
                    raise Fault(f"{event}: {kind}: {message.get('message')}")
                if message.get("event_id") != number or kind not in ("process_generating", "process_completed"):
                    continue
                if not message["success"]:
                    raise Fault(f"{event} failed: {message['output']}")
                data = message["output"]["data"]
                if kind == "process_generating" and answers is not None:
                    data = [apply_diff(old, new) for old, new in zip(answers, data, strict=True)]
                answers = data
                given = [_newer(old, new) for old, new in zip(given or [None] * len(data), data, strict=True)]
                seen += 1
                if seen == leave_after:
                    return []
                if kind == "process_completed":
                    return given
        raise Fault(f"{event}: its stream ended before it did")

    def _body(self, event: str, data: list[Any]) -> dict[str, Any]:
        return {"data": data, "fn_index": self.page.numbers[event], "session_hash": self.hash}


def _newer(old: Any, new: Any) -> Any:
    """What an output holds after an answer; updates of other things than its value change it not."""
    if isinstance(new, dict) and new.get("__type__") == "update":
        return new.get("value", old)
    return new
