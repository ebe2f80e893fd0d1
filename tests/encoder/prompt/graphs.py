"""Graphs of ComfyUI with a known answer, built at random from the nodes of many packs."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Inputs = dict[str, Any]
Link = Any  # [name of a node, number of its output]


class GraphBuilder:
    """Adds nodes to a graph, and decoys that must not be read."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.graph: dict[str, Any] = {}

    def one_of(self, makers: list[Callable[[], Any]]) -> Any:
        """Return what one of some functions makes."""
        return self.rng.choice(makers)()

    def add(self, kind: str, **inputs: Any) -> str:
        """Add a node and return its name; links come after values, as in the files of ComfyUI."""
        name = str(len(self.graph) * 3 + 5)
        ordered = sorted(inputs.items(), key=lambda item: isinstance(item[1], list))
        self.graph[name] = {"class_type": kind, "inputs": {key.rstrip("_"): value for key, value in ordered}}
        return name

    def link(self, output: int, kind: str, **inputs: Any) -> Link:
        """Add a node and return a link to one of its outputs."""
        return [self.add(kind, **inputs), output]


# --- texts: each function returns a value or a link that gives the text ---

DECOY = "a decoy that is not used"


def literal(b: GraphBuilder, text: str) -> Any:
    return text


def primitive(b: GraphBuilder, text: str) -> Any:
    kind, key = b.rng.choice(
        [
            ("PrimitiveString", "value"),
            ("PrimitiveStringMultiline", "value"),
            ("Text Multiline", "text"),
            ("StringConstantMultiline", "string"),
            ("CR Text", "text"),
            ("easy positive", "positive"),
            ("ttN text", "text"),
            ("Text box", "Text"),
            ("JWStringMultiline", "text"),
            ("String Literal", "string"),
            ("Simple String", "string"),
            ("StringFromPackOfNextWeek", "contents_box"),
            ("INTConstantLike", "value"),
        ]
    )
    return b.link(0, kind, **{key: text})


def joined(b: GraphBuilder, text: str) -> Any:
    """Return a join of the first words and the rest."""
    words = text.split(" ")
    at = b.rng.randrange(1, len(words))
    parts = [" ".join(words[:at]), " ".join(words[at:])]
    made = [b.rng.choice([literal, primitive])(b, part) for part in parts]
    kinds: list[tuple[str, tuple[str, str], dict[str, Any]]] = [
        ("StringConcatenate", ("string_a", "string_b"), {"delimiter": " "}),
        ("Text Concatenate", ("text_a", "text_b"), {"delimiter": " ", "clean_whitespace": "true"}),
        ("JoinStrings", ("string1", "string2"), {"delimiter": " "}),
        ("JoinStringMulti", ("string_1", "string_2"), {"inputcount": 2, "delimiter": " ", "return_list": False}),
        ("easy promptConcat", ("prompt1", "prompt2"), {"separator": " "}),
        ("CR Text Concatenate", ("text1", "text2"), {"separator": " "}),
        ("ttN concat", ("text1", "text2"), {"delimiter": " "}),
        ("Add Prefix To Text", ("prefix", "text"), {"separator": " "}),
    ]
    kind, names, more = b.rng.choice(kinds)
    return b.link(0, kind, **dict(zip(names, made, strict=True)), **more)


def switched(b: GraphBuilder, text: str) -> Any:
    right, wrong = primitive(b, text), primitive(b, DECOY)
    number = b.rng.choice([0, 1])
    pair = [wrong, wrong]
    pair[number] = right
    first, second = pair
    return b.one_of(
        [
            lambda: b.link(0, "ImpactSwitch", select=number + 1, sel_mode=False, input1=first, input2=second),
            lambda: b.link(0, "Text Input Switch", boolean=number == 0, text_a=first, text_b=second),
            lambda: b.link(0, "CR Text Input Switch", Input=number + 1, text1=first, text2=second),
            lambda: b.link(0, "easy textIndexSwitch", index=number, text0=first, text1=second),
            lambda: b.link(0, "easy ifElse", boolean=number == 0, on_true=first, on_false=second),
            lambda: b.link(0, "ComfySwitchNode", switch=number == 0, on_true=first, on_false=second),
            lambda: b.link(0, "Switch string [Crystools]", boolean=number == 0, on_true=first, on_false=second),
            lambda: b.link(0, "ImpactConditionalBranch", cond=number == 0, tt_value=first, ff_value=second),
            lambda: b.link(0, "Any Switch (rgthree)", any_01=["9999", 0], any_02=right, any_03=wrong),
            lambda: b.link(
                0,
                "LazySwitchKJ",
                switch=b.link(0, "PrimitiveBoolean", value=number == 0),
                on_true=first,
                on_false=second,
            ),
        ]
    )


def shown(b: GraphBuilder, text: str) -> Any:
    asked = b.link(0, b.rng.choice(["OllamaGenerate", "LLMNode", "Qwen2VL"]), prompt="describe " + DECOY, max_tokens=99)
    return b.one_of(
        [
            lambda: b.link(0, "ShowText|pysssss", text=asked, text_0=text),
            lambda: b.link(0, "easy showAnything", anything=asked, text=text),
            lambda: b.link(0, "Display Any (rgthree)", source=asked, **{"output_": text}),
        ]
    )


def processed(b: GraphBuilder, text: str) -> Any:
    return b.one_of(
        [
            lambda: b.link(
                0, "ImpactWildcardProcessor", wildcard_text="__animal__", populated_text=text, mode=True, seed=3
            ),
            lambda: b.link(
                0, "StringReplace", string=text.replace("lighthouse", "tower"), find="tower", replace="lighthouse"
            ),
            lambda: b.link(
                0, "Text Find and Replace", text=text.replace("lighthouse", "%1"), find="%1", replace="lighthouse"
            ),
            lambda: b.link(0, "Reroute", **{"": primitive(b, text)}),
            lambda: b.link(0, "StringTrim", string=primitive(b, text), mode="Both"),
        ]
    )


TEXTS: list[Callable[[GraphBuilder, str], Any]] = [literal, primitive, joined, switched, shown, processed]


# --- conditionings ---


def encode(b: GraphBuilder, value: Any, clip: Link) -> Link:
    return b.one_of(
        [
            lambda: b.link(0, "CLIPTextEncode", text=value, clip=clip),
            lambda: b.link(0, "CLIPTextEncodeLumina2", system_prompt="superior", user_prompt=value, clip=clip),
            lambda: b.link(0, "CLIPTextEncodeFlux", clip_l=value, t5xxl=value, guidance=3.5, clip=clip),
            lambda: b.link(
                0, "CLIPTextEncodeSD3", clip_l=value, clip_g=value, t5xxl=value, empty_padding="none", clip=clip
            ),
            lambda: b.link(0, "CLIPTextEncodeSDXL", width=64, height=64, text_g=value, text_l=value, clip=clip),
            lambda: b.link(0, "CLIPTextEncodeHunyuanDiT", bert=value, mt5xl=value, clip=clip),
            lambda: b.link(0, "CLIPTextEncodeHiDream", clip_l=value, clip_g=value, t5xxl=value, llama=value, clip=clip),
            lambda: b.link(0, "TextEncodeQwenImageEdit", prompt=value, clip=clip),
            lambda: b.link(
                0,
                "BNK_CLIPTextEncodeAdvanced",
                text=value,
                token_normalization="none",
                weight_interpretation="A1111",
                clip=clip,
            ),
            lambda: b.link(0, "smZ CLIPTextEncode", text=value, parser="A1111", text_g="", text_l="", clip=clip),
            lambda: b.link(0, "EncoderOfNextWeek", my_prompt=value, strength=1.0, preset="none", clip=clip),
            lambda: b.link(0, "Power Prompt (rgthree)", prompt=value, insert_lora="CHOOSE", opt_clip=clip),
        ]
    )


def wrap(b: GraphBuilder, conditioning: Link, clip: Link) -> Link:
    return b.one_of(
        [
            lambda: conditioning,
            lambda: b.link(0, "FluxGuidance", guidance=3.5, conditioning=conditioning),
            lambda: b.link(0, "ConditioningSetTimestepRange", start=0.0, end=1.0, conditioning=conditioning),
            lambda: b.link(0, "ImpactSwitch", select=2, input1=encode(b, DECOY, clip), input2=conditioning),
            lambda: b.link(0, "ControlNetApply", conditioning=conditioning, control_net=["9998", 0], image=["9998", 1]),
            lambda: b.link(0, "ReferenceLatent", conditioning=conditioning, latent=["9998", 0]),
            lambda: b.link(0, "Reroute", **{"": conditioning}),
            lambda: b.link(0, "CLIPSetLastLayerOfCond", cond=conditioning),
        ]
    )


# --- whole graphs ---

ANSWER: dict[str, Any] = {
    "prompt": "a lighthouse at dusk, oil painting",
    "negative": "blurry, watermark text",
    "seed": 777,
    "steps": 25,
    "guidance": 6.5,
    "sampler": "dpmpp_2m_karras",
    "model": "dreamshaper_8",
    "size": (512, 768),
}


def number(b: GraphBuilder, key: str, value: Any) -> Any:
    """Return a value, or a link to a node that holds it."""
    return b.one_of(
        [
            lambda: value,
            lambda: value,
            lambda: b.link(
                0, {int: "PrimitiveInt", float: "PrimitiveFloat", str: "PrimitiveString"}[type(value)], value=value
            ),
            lambda: b.link(1, "Holder", **{key: value, "other": 3, "more": "x"}),
            lambda: b.link(0, "Reroute", **{"": b.link(0, "Constant", Value=value)}),
        ]
    )


def random_graph(number_of_graph: int) -> dict[str, Any]:
    """Return a graph whose answer is `ANSWER`."""
    rng = random.Random(number_of_graph)
    b = GraphBuilder(rng)
    if rng.random() < 0.3:  # nodes that are left over, or show something else
        b.link(
            0,
            "PreviewImage",
            images=b.link(
                0,
                "VAEDecode",
                samples=b.link(
                    0,
                    "KSampler",
                    seed=1,
                    steps=2,
                    cfg=1.0,
                    sampler_name="lcm",
                    scheduler="simple",
                    positive=b.link(0, "CLIPTextEncode", text=DECOY),
                    negative=b.link(0, "CLIPTextEncode", text=DECOY),
                    latent_image=b.link(0, "EmptyLatentImage", width=64, height=64),
                ),
            ),
        )
    positive, negative = (rng.choice(TEXTS)(b, ANSWER[key]) for key in ("prompt", "negative"))
    values = {
        "seed": number(b, "seed", 777),
        "steps": number(b, "steps", 25),
        "cfg": number(b, "cfg", 6.5),
        "sampler_name": number(b, "sampler_name", "dpmpp_2m"),
        "scheduler": number(b, "scheduler", "karras"),
    }
    maker = rng.choice([_plain, _plain, _custom, _efficient, _easy, _pipe, _context, _styler])
    image = maker(b, positive, negative, values)
    image = _passes(b, image, values)
    b.add(rng.choice(["SaveImage", "Image Save", "SaveImageWebsocket", "Save Image w/Metadata"]), images=image)
    names = list(b.graph)
    rng.shuffle(names)
    return {name: b.graph[name] for name in names}


def _loader(b: GraphBuilder) -> tuple[Link, Link, Link]:
    name = b.rng.choice(["CheckpointLoaderSimple", "CheckpointLoader|pysssss", "Checkpoint Loader with Name"])
    loader = b.add(name, ckpt_name="SD15/dreamshaper_8.safetensors")
    model, clip = [loader, 0], [loader, 1]
    if b.rng.random() < 0.4:
        lora = b.add(
            "LoraLoader", lora_name="x.safetensors", strength_model=1.0, strength_clip=1.0, model=model, clip=clip
        )
        model, clip = [lora, 0], [lora, 1]
    return model, clip, [loader, 2]


def _latent(b: GraphBuilder) -> Link:
    return b.one_of(
        [
            lambda: b.link(0, "EmptyLatentImage", width=512, height=768, batch_size=1),
            lambda: b.link(0, "EmptySD3LatentImage", width=number(b, "width", 512), height=number(b, "height", 768)),
            lambda: b.link(0, "SDXLEmptyLatentSizePicker+", resolution="512x768 (0.66)", batch_size=1),
        ]
    )


def _decode(b: GraphBuilder, latent: Link, vae: Link) -> Link:
    return b.link(0, b.rng.choice(["VAEDecode", "VAEDecodeTiled"]), samples=latent, vae=vae)


def _conditionings(b: GraphBuilder, positive: Any, negative: Any, clip: Link) -> tuple[Link, Link]:
    pair = [wrap(b, encode(b, value, clip), clip) for value in (positive, negative)]
    if b.rng.random() < 0.4:
        node = b.add(
            b.rng.choice(["ControlNetApplyAdvanced", "InpaintModelConditioning", "PairOfNextWeek"]),
            positive=pair[0],
            negative=pair[1],
            image=["9998", 0],
            vae=["9998", 2],
        )
        pair = [[node, 0], [node, 1]]
    return pair[0], pair[1]


def _plain(b: GraphBuilder, positive: Any, negative: Any, values: Inputs) -> Link:
    model, clip, vae = _loader(b)
    up, down = _conditionings(b, positive, negative, clip)
    kind = b.rng.choice(
        ["KSampler", "KSamplerAdvanced", "ClownsharKSampler_Beta", "KSampler //Inspire", "SamplerOfNextWeek"]
    )
    values = dict(values)
    if kind == "KSamplerAdvanced":
        values["noise_seed"] = values.pop("seed")
    latent = b.link(0, kind, **values, denoise=1.0, model=model, positive=up, negative=down, latent_image=_latent(b))
    return _decode(b, latent, vae)


def _custom(b: GraphBuilder, positive: Any, negative: Any, values: Inputs) -> Link:
    model, clip, vae = _loader(b)
    up, down = _conditionings(b, positive, negative, clip)
    guider = b.link(0, "CFGGuider", cfg=values["cfg"], model=model, positive=up, negative=down)
    sigmas = b.link(0, "BasicScheduler", scheduler=values["scheduler"], steps=values["steps"], denoise=1.0, model=model)
    noise = b.link(0, "RandomNoise", noise_seed=values["seed"])
    method = b.link(0, "KSamplerSelect", sampler_name=values["sampler_name"])
    latent = b.link(
        0, "SamplerCustomAdvanced", noise=noise, guider=guider, sampler=method, sigmas=sigmas, latent_image=_latent(b)
    )
    return _decode(b, latent, vae)


def _efficient(b: GraphBuilder, positive: Any, negative: Any, values: Inputs) -> Link:
    loader = b.add(
        "Efficient Loader",
        ckpt_name="dreamshaper_8.safetensors",
        vae_name="Baked VAE",
        clip_skip=-1,
        lora_name="None",
        positive=positive,
        negative=negative,
        token_normalization="none",
        weight_interpretation="comfy",
        empty_latent_width=512,
        empty_latent_height=768,
        batch_size=1,
    )
    sampler = b.add(
        "KSampler (Efficient)",
        **values,
        denoise=1,
        preview_method="auto",
        vae_decode="true",
        model=[loader, 0],
        positive=[loader, 1],
        negative=[loader, 2],
        latent_image=[loader, 3],
    )
    return [sampler, 5]


def _easy(b: GraphBuilder, positive: Any, negative: Any, values: Inputs) -> Link:
    pack = b.rng.choice(["easy fullLoader", "easy a1111Loader", "ttN pipeLoader_v2", "easy comfyLoader"])
    loader = b.link(
        0,
        pack,
        ckpt_name="dreamshaper_8.safetensors",
        vae_name="Baked VAE",
        clip_skip=-2,
        lora_name="None",
        resolution="width x height (custom)",
        empty_latent_width=512,
        empty_latent_height=768,
        positive=positive,
        negative=negative,
        batch_size=1,
    )
    if b.rng.random() < 0.5:
        return b.link(1, "easy fullkSampler", **values, denoise=1.0, image_output="Hide", link_id=0, pipe=loader)
    settings = b.link(0, "easy preSampling", **values, denoise=1.0, pipe=loader)
    return b.link(1, "easy kSampler", image_output="Hide", link_id=0, save_prefix="ComfyUI", pipe=settings)


def _pipe(b: GraphBuilder, positive: Any, negative: Any, values: Inputs) -> Link:
    model, clip, vae = _loader(b)
    up, down = _conditionings(b, positive, negative, clip)
    pipe = b.link(0, "ToBasicPipe", model=model, clip=clip, vae=vae, positive=up, negative=down)
    if b.rng.random() < 0.3:
        latent = b.link(1, "ImpactKSamplerBasicPipe", **values, denoise=1.0, basic_pipe=pipe, latent_image=_latent(b))
        return _decode(b, latent, vae)
    out = b.add(b.rng.choice(["FromBasicPipe", "FromBasicPipe_v2"]), basic_pipe=pipe)
    shift = int(b.graph[out]["class_type"].endswith("v2"))
    latent = b.link(
        0,
        "KSampler",
        **values,
        denoise=1.0,
        model=[out, shift],
        positive=[out, 3 + shift],
        negative=[out, 4 + shift],
        latent_image=_latent(b),
    )
    return _decode(b, latent, [out, 2 + shift])


def _context(b: GraphBuilder, positive: Any, negative: Any, values: Inputs) -> Link:
    model, clip, vae = _loader(b)
    up, down = _conditionings(b, positive, negative, clip)
    first = b.link(
        0,
        "Context Big (rgthree)",
        model=model,
        clip=clip,
        vae=vae,
        **{
            "seed": values["seed"],
            "steps": values["steps"],
            "cfg": values["cfg"],
            "sampler": values["sampler_name"],
            "scheduler": values["scheduler"],
        },
    )
    second = b.link(0, "Context Big (rgthree)", base_ctx=first, positive=up, negative=down, latent=_latent(b))
    if b.rng.random() < 0.5:
        second = b.link(0, "Context Switch Big (rgthree)", ctx_01=["9997", 0], ctx_02=second)
    out = b.add("Context Big (rgthree)", base_ctx=second)
    latent = b.link(
        0,
        "KSampler",
        seed=[out, 8],
        steps=[out, 9],
        cfg=[out, 11],
        sampler_name=[out, 13],
        scheduler=[out, 14],
        denoise=1.0,
        model=[out, 1],
        positive=[out, 4],
        negative=[out, 5],
        latent_image=[out, 6],
    )
    return _decode(b, latent, [out, 3])


def _styler(b: GraphBuilder, positive: Any, negative: Any, values: Inputs) -> Link:
    model, clip, vae = _loader(b)
    kind, up_key, down_key = b.rng.choice(
        [
            ("SDXLPromptStyler", "text_positive", "text_negative"),
            ("PromptPair", "positive_prompt", "negative_prompt"),
            ("TwoTexts", "text_a", "text_b"),
            ("easy promptPair", "positive", "negative"),
        ]
    )
    node = b.add(kind, **{up_key: positive, down_key: negative}, style="base", log_prompt="No")
    latent = b.link(
        0,
        "KSampler",
        **values,
        denoise=1.0,
        model=model,
        positive=encode(b, [node, 0], clip),
        negative=encode(b, [node, 1], clip),
        latent_image=_latent(b),
    )
    return _decode(b, latent, vae)


def _passes(b: GraphBuilder, image: Link, values: Inputs) -> Link:
    """Return the picture after other passes over it."""
    other = b.link(0, "CLIPTextEncode", text=DECOY)
    more = {"seed": 5, "steps": 12, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 0.4}
    return b.one_of(
        [
            lambda: image,
            lambda: image,
            lambda: b.link(
                0,
                "FaceDetailer",
                **more,
                guide_size=512,
                wildcard="",
                image=image,
                positive=other,
                negative=other,
                bbox_detector=["9998", 0],
            ),
            lambda: b.link(0, "UltimateSDUpscale", **more, upscale_by=2.0, image=image, positive=other, negative=other),
            lambda: b.link(
                0,
                "VAEDecode",
                samples=b.link(
                    0,
                    "KSampler",
                    **more,
                    positive=other,
                    negative=other,
                    latent_image=b.link(
                        0,
                        "VAEEncode",
                        pixels=b.link(0, "ImageUpscaleWithModel", image=image, upscale_model=["9998", 0]),
                    ),
                ),
            ),
            lambda: b.link(0, "ImageSharpen", image=b.link(0, "ImageScaleBy", image=image, scale_by=2.0)),
        ]
    )


# --- workflows ---


def as_workflow(graph: dict[str, Any], *, in_subgraph: bool = False) -> dict[str, Any]:
    """Return the workflow of a graph as the page draws it; in_subgraph: all but the nodes that save are inside one."""
    outer = [name for name, node in graph.items() if "Save" in node["class_type"] and "images" in node["inputs"]]
    inner = [name for name in graph if name not in outer] if in_subgraph else []
    links: list[list[Any]] = []
    drawn = {name: _drawn(graph, name, links) for name in graph}
    if not in_subgraph:
        return {"nodes": list(drawn.values()), "links": links, "version": 0.4}
    outside = [link for link in links if str(link[3]) in outer]
    outputs = [{"name": f"out{slot}", "type": "*"} for slot in range(len(outside))]
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    inside = [dict(zip(keys, link, strict=True)) for link in links if str(link[3]) not in outer]
    inside += [
        dict(zip(keys, [1000 + slot, link[1], link[2], -20, slot, "*"], strict=True))
        for slot, link in enumerate(outside)
    ]
    instance = {"id": 9000, "type": "0000-aaaa", "mode": 0, "inputs": [], "outputs": outputs, "widgets_values": []}
    definition = {"id": "0000-aaaa", "inputs": [], "outputs": outputs, "nodes": [drawn[name] for name in inner]}
    return {
        "nodes": [instance, *(drawn[name] for name in outer)],
        "links": [[link[0], 9000, slot, *link[3:]] for slot, link in enumerate(outside)],
        "definitions": {"subgraphs": [definition | {"links": inside}]},
    }


def _drawn(graph: dict[str, Any], name: str, links: list[list[Any]]) -> dict[str, Any]:
    """Return a node as the page draws it, and add the links into it."""
    node = graph[name]
    fields: list[dict[str, Any]] = []
    values: list[Any] = []
    for key, value in node["inputs"].items():
        if isinstance(value, list):
            if value[0] in graph:
                links.append([len(links) + 1, int(value[0]), value[1], int(name), len(fields), "*"])
            fields.append({"name": key, "type": "*", "link": len(links) if value[0] in graph else None})
        else:
            fields.append({"name": key, "type": "*", "link": None, "widget": {"name": key}})
            values += [value, "randomize"] if "seed" in key else [value]
    kind = node["class_type"]
    return {"id": int(name), "type": kind, "mode": 0, "inputs": fields, "outputs": [], "widgets_values": values}
