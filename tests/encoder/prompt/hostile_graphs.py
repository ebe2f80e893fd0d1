"""Texts of a file with graphs that cost a reader without limits seconds to hours: by name, each at most 1 MiB."""

from __future__ import annotations

import json
from typing import Any

from tests.encoder.prompt.metadata_files import node

MAX_BYTES = 1 << 20


def _sampler(**inputs: Any) -> dict[str, Any]:
    return node("KSampler", **({"seed": 1, "steps": 3, "positive": ["t0", 0]} | inputs))


def _graph(nodes: dict[str, Any], **inputs: Any) -> str:
    return json.dumps({"k": _sampler(**inputs), "save": node("SaveImage", images=["k", 0])} | nodes)


def _subgraphs() -> dict[str, Any]:
    """Return a workflow of 1,500 uses of a subgraph of 1,500 uses of another with a list of 9,000 links."""
    uses = [{"id": number, "type": "inner"} for number in range(1500)]
    links = [[1, 2, 0, 3, 0, "A"]] * 9000
    inner = {"id": "inner", "nodes": [{"id": 1, "type": "KSampler"}], "links": links}
    outer = {"id": "outer", "nodes": uses, "links": []}
    nodes = [{"id": number, "type": "outer"} for number in range(1500)]
    return {"nodes": nodes, "links": [], "definitions": {"subgraphs": [outer, inner]}}


def _reroutes() -> dict[str, Any]:
    """Return a workflow of links through reroutes with 900 inputs each."""
    fields = [{"name": f"i{number}", "type": "A", "link": number % 40} for number in range(900)]
    nodes = [{"id": n, "type": "Any", "mode": 4, "inputs": fields, "outputs": [{"type": "A"}]} for n in range(1, 20)]
    links = [[number, (number + 1) % 20, 0, number, 0, "A"] for number in range(40)]
    return {"nodes": [{"id": 0, "type": "KSampler", "inputs": fields}, *nodes], "links": links}


def _promoted() -> dict[str, Any]:
    """Return a workflow of a subgraph whose node has nested lists of values for many inputs."""
    lists: Any = [[[""] * 99] * 40] * 15
    fields = [{"name": f"text{number}", "link": None} for number in range(900)]
    inner = [{"id": n, "type": "Text", "inputs": [{"name": "text", "link": n}]} for n in range(900)]
    links = [{"id": n, "origin_id": -10, "origin_slot": n, "target_id": n, "target_slot": 0} for n in range(900)]
    outer = [{"id": n, "type": "s", "inputs": fields, "widgets_values": lists} for n in range(3)]
    return {"nodes": outer, "links": [], "definitions": {"subgraphs": [{"id": "s", "nodes": inner, "links": links}]}}


def hostile_texts() -> dict[str, dict[str, str]]:
    """Return the texts of files, by name."""
    count = 3900
    outputs = range(0, 12_000, 3)
    names = [f"{'word_' * 10}{number:05}" for number in range(14_000)]
    graphs = {
        "a row of unknown nodes": _graph({f"t{n}": node("Any", seed=[f"t{n + 1}", 0]) for n in range(count)}),
        "switches in a row": _graph(
            {f"t{n}": node("Switch", select=[f"t{n + 1}", 0], a=[f"t{n + 2}", 0], b=[f"t{n + 3}", 0])
             for n in range(count)}
        ),
        "a mesh": _graph(
            {f"t{n}": node("Concat", **{f"text_{m}": [f"t{(n * 7 + m * 13) % 900}", m] for m in range(20)})
             for n in range(900)}
        ),
        "one node with many inputs": _graph({"t0": node("Concat", **dict.fromkeys(names, "a b"))}),
        "one node with many links to itself": _graph(
            {"t0": node("Concat", **{f"text_{n}": ["t0", n] for n in range(30_000)})}
        ),
        "joins of short texts": _graph(
            {"t0": node("Concat", **{f"text_{n}": [f"t{n % 90 + 1}", n] for n in range(900)})}
            | {f"t{n}": node("Concat", **{f"text_{m}": chr(m % 26 + 97) for m in range(900)}) for n in range(1, 60)}
        ),
        "a long text by many links": _graph(
            {"t0": node("Concat", **{f"text_{n}": ["long", n] for n in outputs}), "long": node("Any", a=" x" * 300_000)}
        ),
        "a template by many links": _graph(
            {"t0": node("Concat", **{f"text_{n}": ["long", n] for n in outputs}),
             "long": node("Any", a=1, template="{a}" * 100_000)}
        ),
        "nested lists by many links": _graph(
            {"t0": node("Concat", **{f"text_{n}": ["long", n] for n in outputs}),
             "long": node("ShowText", text=["x", 0], shown=[[[""] * 99] * 40] * 20)}
        ),
        "wide nodes in a circle": _graph(
            {f"t{n}": node("Any", **{name: [f"t{(n + 1) % 20}", n] for name in names[:500]}) for n in range(20)},
            steps=["t0", 0], seed=["t1", 0], model=["t2", 0], latent_image=["t3", 0], cfg=["t4", 0],
        ),
        "titles": json.dumps(
            {str(n): {"class_type": "A", "_meta": {"title": "positive"}, "inputs": {"text": [str(n + 1), 0]}}
             for n in range(count)}
        ),
        "samplers in a row": json.dumps(
            {str(n): _sampler(latent_image=[str(n + 1), 0], positive=[str(n + 1), 1]) for n in range(count)}
        ),
    }  # fmt: skip
    texts = {name: {"prompt": graph} for name, graph in graphs.items()}
    drawn = {"subgraphs": _subgraphs(), "reroutes": _reroutes(), "promoted values": _promoted()}
    texts |= {name: {"workflow": json.dumps(workflow)} for name, workflow in drawn.items()}
    small = _graph({f"t{n}": node("Concat", a=[f"t{n + 1}", 0], b=[f"t{n + 2}", 1]) for n in range(200)})
    texts["many texts"] = {f"key {number}": small for number in range(60)}
    return texts
