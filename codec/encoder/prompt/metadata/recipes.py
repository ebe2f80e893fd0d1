"""Build recipes from metadata, or list the reasons why a picture cannot be generated again.

Only settings that are known to reproduce the picture are accepted: those of AUTOMATIC1111's web UI, Forge, and
ComfyUI's own nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from codec.bitstream.recipe import MAX_CLIP_SKIP, MAX_NOISE_DELTA, Recipe
from codec.bitstream.settings import SCHEDULES, Settings
from codec.encoder.prompt.metadata.nodes import Graph, Node, to_link
from codec.encoder.prompt.metadata.values import Metadata, sampler_name, to_integer, to_number
from codec.errors import InvalidLayer
from codec.semantic.prompt import MAX_TEXT

# the web UI's samplers that choose a schedule themselves, from version 1.9 on
_AUTOMATIC: Final = {
    **dict.fromkeys(("dpmpp_2m", "dpmpp_2s_a", "dpm2", "dpm2_a", "dpmpp_sde", "restart"), "karras"),
    **dict.fromkeys(("dpmpp_2m_sde", "dpmpp_3m_sde"), "exponential"),
}
_PLAIN_SCHEDULES: Final = ("", "uniform", "normal")
_EQUAL_SCHEDULES: Final = {"polyexponential": "exponential"}  # with the web UI's default rho
_HARMLESS: Final = frozenset(
    (
        "batch pos", "batch size", "cfg scale", "clip skip", "created date", "downcast alphas_cumprod", "ensd", "model",
        "model hash", "negative template", "rng", "sampler", "schedule type", "seed", "size", "steps", "template",
        "user", "version",
    )
)  # fmt: skip
_PARTS: Final = (  # patterns of the web UI's setting names, and their meanings
    ("lora|lyco", "LoRA"),
    ("hypernet", "a hypernetwork"),
    ("ti hashes", "embeddings"),
    ("controlnet", "ControlNet"),
    ("hires", "a hires pass"),
    ("adetailer", "ADetailer"),
    ("face restoration", "face restoration"),
    ("denoising strength|mask|inpaint", "a start from another picture"),
    ("variation seed|seed resize", "a variation seed"),
    ("refiner", "a refiner"),
    ("vae|module", "a VAE of its own"),
)
_TOKENS: Final = (  # patterns in prompts
    (r"<lora:|<lyco:", "LoRA"),
    (r"<hypernet:", "a hypernetwork"),
    (r"embedding:", "embeddings"),
)
_EDITING: Final = re.compile(r"\[[^\[\]]*\||:\s*-?[\d.]+\s*\]")
_VERSION: Final = re.compile(r"v(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:-(\d{1,6}))?")
_FLOAT32_VERSION: Final = (1, 7, 0, 225)  # from this version on, the web UI's noise levels are not in half precision
_TIMESTEPS_VERSION: Final = (1, 6, 0, 0)

_COMFYUI_NODES: Final = frozenset(
    ("KSampler", "CheckpointLoaderSimple", "CLIPTextEncode", "EmptyLatentImage", "VAEDecode", "SaveImage",
     "PreviewImage", "CLIPSetLastLayer", "Note", "MarkdownNote")
)  # fmt: skip
_COMFYUI_PARTS: Final = (
    ("lora", "LoRA"),
    ("control", "ControlNet"),
    ("hypernet", "a hypernetwork"),
    ("upscale|latentcomposite|detailer", "a second pass"),
    ("vaeloader", "a VAE of its own"),
    ("vaeencode|loadimage|inpaint", "a start from another picture"),
)
_MAX_NAMED: Final = 6  # maximum number of reasons in a message


def add_web_ui_recipe(metadata: Metadata, values: Mapping[str, str]) -> Metadata:
    """Return the metadata of AUTOMATIC1111's web UI with a recipe, or with the reasons against one.

    values: the settings of an infotext by lowercase name
    """
    names = values.keys() - _HARMLESS
    if any(name.startswith("hires") for name in names):
        names -= {"denoising strength"}  # of the hires pass
    problems = list(_named_parts(names, _PARTS, "the setting"))
    problems += _prompt_problems(metadata)
    if re.search(r"\bAND\b", metadata.prompt.text) or _EDITING.search(metadata.prompt.text + metadata.prompt.negative):
        problems.append("prompts that change from step to step or are combined")
    method = sampler_name(values.get("sampler"))
    if method in ("ddim", "pndm") and _version(values) < _TIMESTEPS_VERSION:
        problems.append("DDIM or PLMS of versions before 1.6")
    schedule = values.get("schedule type", "").lower().replace(" ", "_")
    if schedule == "automatic":
        schedule = _AUTOMATIC.get(method or "", "")
    return _with_recipe(
        _with_sampler(metadata, method, schedule, problems),
        problems,
        tool="a1111",
        noise="cpu" if values.get("rng") == "CPU" else "cuda",
        clip_skip=to_integer(values.get("clip skip", "1")),
        half_alphas=_has_half_alphas(values),
        noise_delta=to_integer(values.get("ensd", "0")),
        guidance=to_number(values.get("cfg scale")),
        checkpoint=_checkpoint(values.get("model hash", "")),
    )


def add_comfyui_recipe(metadata: Metadata, graph: Graph) -> Metadata:
    """Return ComfyUI's metadata with a recipe if its own nodes made the picture in one pass, or with the obstacles."""
    problems = list(_named_parts({node.kind for node in graph.values()} - _COMFYUI_NODES, _COMFYUI_PARTS, "the node"))
    problems += _prompt_problems(metadata)
    samplers = [node for node in graph.values() if node.kind == "KSampler"]
    if len(samplers) > 1:
        problems.append("a second pass")
    if len(samplers) != 1:
        return replace(metadata, not_repeated=_limited(problems or ["another sampler node than KSampler"]))
    sampler = samplers[0]
    latent = _source(graph, sampler, "latent_image")
    if to_number(sampler.inputs.get("denoise", 1)) != 1:
        problems.append("a start from another picture")
    if latent is not None and to_integer(latent.inputs.get("batch_size", 1)) != 1:
        problems.append("a batch of pictures, of which this may be any")
    texts = [_source(graph, sampler, role) for role in ("positive", "negative")]
    stored = (metadata.prompt.text, metadata.prompt.negative)
    for node, text in zip(texts, stored, strict=True):
        given = node.inputs.get("text") if node is not None and node.kind == "CLIPTextEncode" else None
        if not isinstance(given, str) or given.split() != text.split():
            problems.append("a prompt made by other nodes")
    skips = [
        to_integer(node.inputs.get("stop_at_clip_layer")) for node in graph.values() if "SetLastLayer" in node.kind
    ]
    schedule = str(sampler.inputs.get("scheduler", "")).lower()
    result = _with_recipe(
        _with_sampler(metadata, sampler_name(sampler.inputs.get("sampler_name")), schedule, problems),
        problems,
        tool="comfyui",
        noise="cpu",
        clip_skip=-(skips[0] or 0) if len(skips) == 1 else 1,
        guidance=to_number(sampler.inputs.get("cfg")),
    )
    if result.recipe is None:  # another node may be the main sampler: keep its settings
        return replace(metadata, not_repeated=result.not_repeated)
    return result


def _with_recipe(metadata: Metadata, problems: list[str], guidance: float | None, **fields: Any) -> Metadata:
    """Return the metadata with a recipe, or with the problems if there are any."""
    needed = {"seed": metadata.seed, "guidance": guidance} | {
        name: getattr(metadata.settings, name) for name in ("steps", "sampler", "size")
    }
    problems += [f"a {name} that is not recorded" for name, value in needed.items() if value is None]
    if fields.get("checkpoint") is None and metadata.settings.model is None:
        problems.append("a checkpoint that is not recorded")
    if not 1 <= (fields["clip_skip"] or 0) <= MAX_CLIP_SKIP:
        problems.append("this clip skip")
    if not 0 <= (fields.get("noise_delta", 0) or 0) <= MAX_NOISE_DELTA:
        problems.append("this ENSD")
    hundredths = round((guidance or 0) * 100)
    if guidance is not None and abs(hundredths - guidance * 100) > 1e-6:
        problems.append("this guidance scale")
    if problems:
        return replace(metadata, not_repeated=_limited(problems))
    if fields.get("checkpoint") == metadata.settings.model:
        fields.pop("checkpoint")
    try:
        recipe = Recipe(**fields, guidance=hundredths if hundredths % 25 else None)
    except InvalidLayer as error:
        return replace(metadata, not_repeated=(str(error),))
    return replace(metadata, recipe=recipe)


def _with_sampler(metadata: Metadata, method: str | None, schedule: str, problems: list[str]) -> Metadata:
    """Return the metadata with a sampler of a known schedule."""
    if method is None:
        problems.append("this sampler")
        return metadata
    schedule = _EQUAL_SCHEDULES.get(schedule, schedule)
    if schedule not in (*_PLAIN_SCHEDULES, *SCHEDULES):
        problems.append(f"the schedule {schedule[:30]}")
        return metadata
    is_plain = schedule in _PLAIN_SCHEDULES or any(method.endswith(f"_{name}") for name in SCHEDULES)
    settings: Settings = replace(metadata.settings, sampler=method if is_plain else sampler_name(method, schedule))
    return replace(metadata, settings=settings)


def _prompt_problems(metadata: Metadata) -> Iterator[str]:
    """Yield the parts of a prompt that a recipe does not support."""
    texts = f"{metadata.prompt.text}\n{metadata.prompt.negative}"
    for pattern, part in _TOKENS:
        if re.search(pattern, texts, re.IGNORECASE):
            yield part
    if any(len(text.encode()) > MAX_TEXT - 4 for text in (metadata.prompt.text, metadata.prompt.negative)):
        yield f"a prompt of more than {MAX_TEXT:,} bytes"
    if not metadata.prompt.text:
        yield "an empty prompt"


def _named_parts(names: set[str], parts: tuple[tuple[str, str], ...], other: str) -> Iterator[str]:
    """Yield the meanings of names of settings or nodes, without duplicates."""
    for name in sorted(names):
        yield next((part for pattern, part in parts if re.search(pattern, name.lower())), f"{other} {name[:40]!r}")


def _limited(problems: list[str]) -> tuple[str, ...]:
    """Return the first problems, without duplicates."""
    return tuple(dict.fromkeys(problems))[:_MAX_NAMED]


def _has_half_alphas(values: Mapping[str, str]) -> bool:
    """Return whether the noise levels were in half precision: in old versions (see `_version`), or by an option."""
    if "downcast alphas_cumprod" in values:
        return values["downcast alphas_cumprod"] == "True"
    return _version(values) < _FLOAT32_VERSION


def _version(values: Mapping[str, str]) -> tuple[int, ...]:
    """Return the version of the web UI and the number of commits after it; () for old versions, which wrote none."""
    match = _VERSION.search(values.get("version", ""))
    return () if match is None else tuple(int(part or 0) for part in match.groups())


def _checkpoint(digest: str) -> str | None:
    """Return the stored form of the web UI's model hash: 10 digits of SHA-256, or 8 of its older hash."""
    if match := re.fullmatch(r"([0-9a-f]{10})[0-9a-f]*", digest.lower()):
        return f"sha256:{match[1]}"
    return f"webui:{digest.lower()}" if re.fullmatch(r"[0-9a-f]{8}", digest.lower()) else None


def _source(graph: Graph, node: Node, name: str) -> Node | None:
    """Return the node that an input is linked to, or None."""
    link = to_link(node.inputs.get(name))
    return None if link is None else graph.get(link.node)
