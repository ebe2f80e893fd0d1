"""Pictures as image generators save them, byte for byte, with chunks, EXIF, XMP and hidden bits written by hand.

All files hold the same metadata, as far as their tools store it: `PROMPT`, `NEGATIVE`, `SEED`, 30 steps, guidance 7.
"""

from __future__ import annotations

import gzip
import html
import io
import json
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

PROMPT = "a (red:1.2) fox in the snow, <lora:winter:0.8>, café 雪"
NEGATIVE = "blurry, text"
SEED = 2253955223
SIDE = 64

INFOTEXT = f"""{PROMPT}
Negative prompt: {NEGATIVE}
Steps: 30, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: {SEED}, Size: 512x768, \
Model hash: 879db523c3, Model: dreamshaper_8, Clip skip: 2, Lora hashes: "winter: 0123456789ab", Version: v1.10.1"""
CIVITAI = (
    f"{PROMPT}\nNegative prompt: {NEGATIVE}\nSteps: 30, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: {SEED}, "
    'Size: 512x768, Clip skip: 2, Created Date: 2024-09-01T10:00:00.0000000Z, Civitai resources: [{"type":"checkpoint",'
    '"modelVersionId":128713,"modelName":"DreamShaper","modelVersionName":"8"}], Civitai metadata: {}'
)


# --- containers ---


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def text_chunk(key: str, text: str) -> bytes:
    """Return a tEXt chunk if the text is Latin-1, else an iTXt chunk, as Pillow's PngInfo does."""
    try:
        return chunk(b"tEXt", key.encode() + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        return chunk(b"iTXt", key.encode() + b"\0\0\0\0\0" + text.encode())


def packed_chunk(key: str, text: str) -> bytes:
    """Return a zTXt chunk."""
    return chunk(b"zTXt", key.encode() + b"\0\0" + zlib.compress(text.encode("latin-1", "replace")))


def pixels(channels: int = 3) -> np.ndarray:
    """Return opaque noise."""
    rng = np.random.default_rng(5)
    out = rng.integers(0, 256, (SIDE, SIDE, channels), np.uint8)
    out[..., 3:] = 255
    return out


def png(*chunks: bytes, samples: np.ndarray | None = None) -> bytes:
    """Return a PNG with these chunks before the pixels."""
    samples = pixels() if samples is None else samples
    height, width, channels = samples.shape
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 6, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    body = chunk(b"IHDR", head) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def exif(tags: dict[int, bytes], order: str = ">", inside: bool = True) -> bytes:
    """Return a TIFF block. inside: UserComment is in the EXIF directory, as it should be, not in the first one."""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    first = {tag: value for tag, value in tags.items() if not (inside and tag == 0x9286)}
    second = {tag: value for tag, value in tags.items() if tag not in first}
    place = 8 + 2 + 12 * (len(first) + bool(second)) + 4
    data = b""

    def directory(entries: dict[int, bytes], more: list[bytes]) -> bytes:
        nonlocal data
        out = []
        for tag, value in sorted(entries.items()):
            kind = 7 if tag == 0x9286 else 2
            out.append(struct.pack(order + "HHII", tag, kind, len(value), place + len(data)))
            data += value + b"\0" * (len(value) % 2)
        return struct.pack(order + "H", len(out + more)) + b"".join(out + more) + bytes(4)

    if not second:
        return mark + struct.pack(order + "I", 8) + directory(first, []) + data
    later = place + sum(len(value) + len(value) % 2 for value in first.values())
    link = struct.pack(order + "HHII", 0x8769, 4, 1, later)
    head = mark + struct.pack(order + "I", 8) + directory(first, [link]) + data
    place, data = later + 2 + 12 * len(second) + 4, b""
    return head + directory(second, []) + data


def comment(text: str, code: str = "utf-16-be") -> bytes:
    """Return a UserComment: utf-16-be as by piexif (AUTOMATIC1111), utf-16-le as by ImageSharp (SwarmUI)."""
    name = {"utf-16-be": b"UNICODE\0", "utf-16-le": b"UNICODE\0", "ascii": b"ASCII\0\0\0", "utf-8": b""}[code]
    return name + text.encode(code, "replace")


def jpeg(block: bytes = b"", xmp: str = "") -> bytes:
    """Return a JPEG with EXIF and XMP."""
    out = io.BytesIO()
    Image.fromarray(pixels()).save(out, "JPEG")
    data = out.getvalue()
    segments = b""
    for body in [b"Exif\0\0" + block] * bool(block) + [b"http://ns.adobe.com/xap/1.0/\0" + xmp.encode()] * bool(xmp):
        segments += b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    return data[:2] + segments + data[2:]


def webp(block: bytes) -> bytes:
    """Return a WebP with EXIF."""
    out = io.BytesIO()
    Image.fromarray(pixels()).save(out, "WEBP", exif=block, lossless=True)
    return out.getvalue()


def hidden(text: str, signature: str) -> bytes:
    """Return a PNG with a text in its lowest bits. signature: `stealth_pngcomp` and so on."""
    payload = gzip.compress(text.encode(), mtime=0) if signature.endswith("comp") else text.encode()
    data = signature.encode() + struct.pack(">I", 8 * len(payload)) + payload
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    samples = pixels(4 if "png" in signature else 3)
    columns = samples.transpose(1, 0, 2)
    flat = (columns[..., 3] if "png" in signature else columns).reshape(-1)
    flat[: len(bits)] = flat[: len(bits)] & 0xFE | bits
    if "png" in signature:
        samples[..., 3] = flat.reshape(SIDE, SIDE).T
    else:
        samples = np.ascontiguousarray(flat.reshape(SIDE, SIDE, 3).transpose(1, 0, 2))
    return png(samples=samples)


# --- metadata of each tool ---


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}}


def comfy() -> dict[str, Any]:
    """Return ComfyUI's default graph."""
    return {
        "3": node(
            "KSampler", seed=SEED, steps=30, cfg=7.0, sampler_name="dpmpp_2m", scheduler="karras", denoise=1.0,
            model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0],
        ),
        "4": node("CheckpointLoaderSimple", ckpt_name="SD1.5\\dreamshaper_8.safetensors"),
        "5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
        "6": node("CLIPTextEncode", text=PROMPT, clip=["4", 1]),
        "7": node("CLIPTextEncode", text=NEGATIVE, clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
    }  # fmt: skip


def comfy_flux() -> dict[str, Any]:
    """Return the example graph of Flux, where noise, guider, sampler and steps are separate nodes."""
    return {
        "5": node("EmptySD3LatentImage", width=1024, height=768, batch_size=1),
        "6": node("CLIPTextEncode", text=["40", 0], clip=["11", 0]),
        "8": node("VAEDecode", samples=["13", 0], vae=["10", 0]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
        "10": node("VAELoader", vae_name="ae.safetensors"),
        "11": node("DualCLIPLoader", clip_name1="t5xxl_fp16.safetensors", clip_name2="clip_l.safetensors", type="flux"),
        "12": node("UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="default"),
        "13": node(
            "SamplerCustomAdvanced", noise=["25", 0], guider=["22", 0], sampler=["16", 0], sigmas=["17", 0],
            latent_image=["5", 0],
        ),
        "16": node("KSamplerSelect", sampler_name="euler"),
        "17": node("BasicScheduler", scheduler="simple", steps=20, denoise=1.0, model=["30", 0]),
        "22": node("BasicGuider", model=["30", 0], conditioning=["26", 0]),
        "25": node("RandomNoise", noise_seed=219670278747233),
        "26": node("FluxGuidance", guidance=3.5, conditioning=["6", 0]),
        "30": node("ModelSamplingFlux", max_shift=1.15, base_shift=0.5, width=1024, height=768, model=["12", 0]),
        "40": node("StringConcatenate", string_a="a red fox", string_b=["41", 0], delimiter=" in "),
        "41": node("PrimitiveStringMultiline", value="the snow"),
    }  # fmt: skip


def comfy_sdxl() -> dict[str, Any]:
    """Return a graph with base and refiner, a ControlNet, combined prompts and a bypassed LoRA."""
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="sd_xl_base_1.0.safetensors"),
        "2": node("CLIPTextEncodeSDXL", width=1024, height=1024, crop_w=0, crop_h=0, target_width=1024,
                  target_height=1024, text_g="a red fox", text_l="snow, fur", clip=["1", 1]),
        "3": node("CLIPTextEncodeSDXL", width=1024, height=1024, text_g=NEGATIVE, text_l=NEGATIVE, clip=["1", 1]),
        "4": node("CLIPTextEncode", text="at dusk", clip=["15", 1]),
        "5": node("ConditioningConcat", conditioning_to=["2", 0], conditioning_from=["4", 0]),
        "6": node("ControlNetApplyAdvanced", positive=["5", 0], negative=["3", 0], control_net=["7", 0],
                  image=["8", 0], strength=0.8, start_percent=0, end_percent=1),
        "7": node("ControlNetLoader", control_net_name="canny.safetensors"),
        "8": node("LoadImage", image="example.png"),
        "9": node("EmptyLatentImage", width=1024, height=1024, batch_size=1),
        "10": node("KSamplerAdvanced", add_noise="enable", noise_seed=["16", 0], steps=25, cfg=8, sampler_name="euler",
                   scheduler="normal", positive=["6", 0], negative=["6", 1], latent_image=["9", 0], model=["15", 0]),
        "11": node("CheckpointLoaderSimple", ckpt_name="sd_xl_refiner_1.0.safetensors"),
        "12": node("KSamplerAdvanced", add_noise="disable", noise_seed=0, steps=25, cfg=8, sampler_name="euler",
                   scheduler="normal", positive=["6", 0], negative=["6", 1], latent_image=["10", 0], model=["11", 0]),
        "13": node("VAEDecode", samples=["12", 0], vae=["11", 2]),
        "14": node("SaveImage", filename_prefix="x", images=["13", 0]),
        "15": node("LoraLoader", lora_name="w.safetensors", strength_model=1, model=["1", 0], clip=["1", 1]),
        "16": node("PrimitiveInt", value=77),
        "20": node("PreviewImage", images=["21", 0]),
        "21": node("VAEDecode", samples=["22", 0], vae=["1", 2]),
        "22": node("KSampler", seed=1, steps=4, cfg=1, sampler_name="lcm", scheduler="simple", positive=["23", 0]),
        "23": node("CLIPTextEncode", text="another picture", clip=["1", 1]),
    }  # fmt: skip


def comfy_workflow() -> dict[str, Any]:
    """Return the workflow of the default graph, saved without the graph that ran."""
    api = comfy()
    values = {
        "3": [SEED, "randomize", 30, 7.0, "dpmpp_2m", "karras", 1],
        "4": ["dreamshaper_8.safetensors"], "5": [512, 768, 1], "6": [PROMPT], "7": [NEGATIVE], "9": ["ComfyUI"],
    }  # fmt: skip
    nodes: list[dict[str, Any]] = []
    links: list[list[Any]] = []
    for name, made in api.items():
        inputs: list[dict[str, Any]] = []
        for key, value in made["inputs"].items():
            if isinstance(value, list):
                links.append([len(links) + 1, int(value[0]), value[1], int(name), len(inputs), "ANY"])
                inputs.append({"name": key, "type": "ANY", "link": len(links)})
        nodes.append(
            {"id": int(name), "type": made["class_type"], "mode": 0, "inputs": inputs, "outputs": [],
             "widgets_values": values.get(name, [])}
        )  # fmt: skip
    return {"last_node_id": 9, "last_link_id": len(links), "nodes": nodes, "links": links, "version": 0.4}


NOVELAI = {
    "prompt": PROMPT, "steps": 30, "height": 768, "width": 512, "scale": 7.0, "uncond_scale": 1.0, "cfg_rescale": 0.0,
    "seed": SEED, "n_samples": 1, "noise_schedule": "karras", "legacy_v3_extend": False, "sampler": "k_euler_ancestral",
    "uc": NEGATIVE, "request_type": "PromptGenerateRequest",
}  # fmt: skip
NOVELAI4 = NOVELAI | {
    "v4_prompt": {"caption": {"base_caption": PROMPT, "char_captions": [
        {"char_caption": "a fox", "centers": [{"x": 0.5, "y": 0.5}]}, {"char_caption": "a bird"}]}, "use_order": True},
    "v4_negative_prompt": {"caption": {"base_caption": NEGATIVE, "char_captions": [{"char_caption": ""}]}},
}  # fmt: skip
NOVELAI_TEXTS = {
    "Title": "NovelAI generated image", "Description": PROMPT, "Software": "NovelAI",
    "Source": "Stable Diffusion XL 7BCCAA2C", "Generation time": "4.1", "Comment": json.dumps(NOVELAI),
}  # fmt: skip
INVOKE3 = {
    "generation_mode": "txt2img", "positive_prompt": PROMPT, "negative_prompt": NEGATIVE, "width": 512, "height": 768,
    "seed": SEED, "rand_device": "cpu", "cfg_scale": 7.0, "cfg_rescale_multiplier": 0.0, "steps": 30,
    "scheduler": "dpmpp_2m_k", "app_version": "5.6.0",
    "model": {"key": "1a", "hash": "blake3:00", "name": "dreamshaper_8", "base": "sd-1", "type": "main"},
}  # fmt: skip
INVOKE2 = {
    "model": "stable diffusion", "model_weights": "dreamshaper_8", "model_hash": "56d1442a0feefd64",
    "app_version": "2.3.0", "app_id": "invoke-ai/InvokeAI",
    "image": {"prompt": [{"prompt": f"{PROMPT} [{NEGATIVE}]", "weight": 1.0}], "steps": 30, "cfg_scale": 7,
              "threshold": 0, "perlin": 0, "height": 768, "width": 512, "seed": SEED, "seamless": False,
              "type": "txt2img", "sampler": "k_dpmpp_2", "variations": [], "postprocessing": None},
}  # fmt: skip
DREAM = f'"{PROMPT} [{NEGATIVE}]" -s 30 -S {SEED} -W 512 -H 768 -C 7.0 -A k_lms -U 4 0.95'
FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernautXL_v8Rundiffusion", "base_model_hash": "aeb7e9e689",
    "clip_skip": 2, "full_negative_prompt": [NEGATIVE, "ugly"], "full_prompt": [f"cinematic still {PROMPT}", "deep"],
    "guidance_scale": 7.0, "metadata_scheme": "fooocus", "negative_prompt": NEGATIVE, "performance": "Speed",
    "prompt": PROMPT, "resolution": "(768, 1280)", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras",
    "seed": str(SEED), "sharpness": 2.0, "steps": 30, "styles": "['Fooocus V2']", "version": "Fooocus v2.5.5",
}  # fmt: skip
SWARM = {
    "sui_image_params": {
        "prompt": PROMPT, "negativeprompt": NEGATIVE, "model": "OfficialStableDiffusion/sd_xl_base_1.0", "images": 1,
        "seed": SEED, "steps": 30, "cfgscale": 7.0, "aspectratio": "1:1", "width": 1024, "height": 1024,
        "sampler": "dpmpp_2m", "scheduler": "karras", "automaticvae": True, "swarm_version": "0.9.6.0",
    },
    "sui_extra_data": {"date": "2025-01-25", "generation_time": "4.84 sec"},
    "sui_models": [{"name": "sd_xl_base_1.0.safetensors", "param": "model", "hash": "0x01"}],
}  # fmt: skip
DRAW = {
    "c": PROMPT, "uc": NEGATIVE, "model": "flux_1_dev_q8p.ckpt", "sampler": "DPM++ 2M Karras", "scale": 7, "seed": SEED,
    "seed_mode": "Scale Alike", "size": "512x768", "steps": 30, "strength": 1, "shift": 1, "v2": {"loras": []},
}  # fmt: skip
XMP = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 6.0.0">
   <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
      <rdf:Description rdf:about=""
            xmlns:dc="http://purl.org/dc/elements/1.1/"
            xmlns:xmp="http://ns.adobe.com/xap/1.0/"
            xmlns:exif="http://ns.adobe.com/exif/1.0/">
         <dc:description><rdf:Alt><rdf:li xml:lang="x-default">{html.escape(PROMPT)}&#xA;-{NEGATIVE}</rdf:li>
         </rdf:Alt></dc:description>
         <xmp:CreatorTool>Draw Things</xmp:CreatorTool>
         <exif:UserComment>
            <rdf:Alt>
               <rdf:li xml:lang="x-default">{html.escape(json.dumps(DRAW, ensure_ascii=False), quote=False)}</rdf:li>
            </rdf:Alt>
         </exif:UserComment>
      </rdf:Description>
   </rdf:RDF>
</x:xmpmeta>"""


def files() -> dict[str, tuple[str, bytes]]:
    """Return the tool and the file that it writes, by a name for the file."""
    a1111 = comment(INFOTEXT)
    swarm = json.dumps(SWARM, indent=4)
    graph = json.dumps(comfy())
    novelai = [text_chunk(key, text) for key, text in NOVELAI_TEXTS.items()]
    first = {"Description": PROMPT, "Software": "NovelAI", "Source": "Stable Diffusion 1D44365E"}
    first["Comment"] = json.dumps({key: NOVELAI[key] for key in ("steps", "sampler", "seed", "scale", "uc")})
    fooocus, own = json.dumps(FOOOCUS), {0x9286: json.dumps(FOOOCUS).encode(), 0x0131: b"v2.5.5\0"}
    both = [text_chunk("prompt", graph), text_chunk("workflow", json.dumps(comfy_workflow()))]
    return {
        "a1111 png": ("AUTOMATIC1111", png(text_chunk("parameters", INFOTEXT))),
        "a1111 zTXt": ("AUTOMATIC1111", png(packed_chunk("parameters", INFOTEXT.replace("雪", "snow")))),
        "a1111 jpeg": ("AUTOMATIC1111", jpeg(exif({0x9286: a1111}))),
        "a1111 jpeg, little": ("AUTOMATIC1111", jpeg(exif({0x9286: comment(INFOTEXT, "utf-16-le")}, "<"))),
        "a1111 jpeg, utf-8": ("AUTOMATIC1111", jpeg(exif({0x9286: comment(INFOTEXT, "utf-8")}))),
        "a1111 jpeg, ascii": ("AUTOMATIC1111", jpeg(exif({0x9286: comment(INFOTEXT, "ascii")}))),
        "a1111 webp": ("AUTOMATIC1111", webp(exif({0x9286: a1111}))),
        "a1111 stealth": ("AUTOMATIC1111", hidden(INFOTEXT, "stealth_pngcomp")),
        "a1111 stealth rgb": ("AUTOMATIC1111", hidden(INFOTEXT, "stealth_rgbcomp")),
        "a1111 stealth, plain": ("AUTOMATIC1111", hidden(INFOTEXT[:150] + INFOTEXT[150:], "stealth_rgbinfo")),
        "civitai": ("Civitai", jpeg(exif({0x9286: comment(CIVITAI)}))),
        "comfyui": ("ComfyUI", png(*both)),
        "comfyui webp": ("ComfyUI", webp(exif({0x0110: b"prompt:" + graph.encode(), 0x010F: b"workflow:{}"}, "<"))),
        "comfyui workflow": ("ComfyUI", png(text_chunk("workflow", json.dumps(comfy_workflow())))),
        "invokeai 3": ("InvokeAI", png(text_chunk("invokeai_metadata", json.dumps(INVOKE3)))),
        "invokeai 2": ("InvokeAI", png(text_chunk("Dream", DREAM), text_chunk("sd-metadata", json.dumps(INVOKE2)))),
        "invokeai 1": ("InvokeAI", png(text_chunk("Dream", DREAM))),
        "novelai": ("NovelAI", png(*novelai)),
        "novelai 1": ("NovelAI", png(*[text_chunk(key, text) for key, text in first.items()])),
        "novelai stealth": ("NovelAI", hidden(json.dumps(NOVELAI_TEXTS), "stealth_pngcomp")),
        "fooocus": ("Fooocus", png(text_chunk("parameters", fooocus), text_chunk("fooocus_scheme", "fooocus"))),
        "fooocus jpeg": ("Fooocus", jpeg(exif(own, inside=False))),
        "fooocus a1111": ("Fooocus", png(text_chunk("parameters", INFOTEXT.replace("v1.10.1", "Fooocus v2.5.5")))),
        "swarmui": ("SwarmUI", png(text_chunk("parameters", swarm))),
        "swarmui jpeg": ("SwarmUI", jpeg(exif({0x9286: comment(swarm, "utf-16-le")}, "<"))),
        "draw things": ("Draw Things", png(text_chunk("XML:com.adobe.xmp", XMP))),
        "draw things jpeg": ("Draw Things", jpeg(xmp=XMP)),
        "draw things exif": ("Draw Things", jpeg(exif({0x9286: comment(json.dumps(DRAW), "ascii")}))),
    }
