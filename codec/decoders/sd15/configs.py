"""The published configurations of Stable Diffusion 1.5's networks, and CLIP's vocabulary.

Checkpoint files contain neither.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any, Final

from codec.errors import ModelMissing

MERGES_PATH: Final = Path(__file__).resolve().parents[3] / "assets" / "tokenizer" / "clip_merges.txt.gz"
_MERGES_SHA256: Final = "5f6c91a3727038ae46523c18c13e3275d6713eea9fd2ccfeb5139351419ee21f"

UNET: Final[dict[str, Any]] = {
    "attention_head_dim": 8,
    "block_out_channels": (320, 640, 1280, 1280),
    "cross_attention_dim": 768,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "sample_size": 64,
}
VAE: Final[dict[str, Any]] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "sample_size": 512,
    "scaling_factor": 0.18215,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
TEXT_ENCODER: Final[dict[str, Any]] = {  # of CLIP ViT-L/14
    "hidden_act": "quick_gelu",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "max_position_embeddings": 77,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "projection_dim": 768,
    "vocab_size": 49408,
}


def load_merges() -> list[tuple[str, str]]:
    """Return the merges of CLIP's byte-pair encoding, by rank. Raises ModelMissing if the file is damaged."""
    try:
        data = MERGES_PATH.read_bytes()
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != _MERGES_SHA256:
        raise ModelMissing(f"{MERGES_PATH} is absent or damaged: restore it from the project's assets/tokenizer folder")
    pairs = [line.split(" ") for line in gzip.decompress(data).decode().splitlines()]
    return [(first, second) for first, second in pairs]


def byte_letters() -> dict[int, str]:
    """Return the printable letter that GPT-2 writes for each byte, in the order of CLIP's vocabulary.

    Printable Latin-1 bytes stand for themselves; the others take the letters from code point 256 on.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + index) for index, byte in enumerate(others)}


def build_vocabulary(merges: list[tuple[str, str]]) -> dict[str, int]:
    """Return CLIP's tokens and their ids: bytes, bytes at the end of a word, merged pairs, start and end of text."""
    letters = list(byte_letters().values())
    merged = [first + second for first, second in merges]
    tokens = [*letters, *(letter + "</w>" for letter in letters), *merged, "<|startoftext|>", "<|endoftext|>"]
    return {token: number for number, token in enumerate(tokens)}
