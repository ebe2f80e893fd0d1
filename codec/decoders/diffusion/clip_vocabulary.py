"""CLIP's vocabulary: byte-pair encoding with the merges that ship in assets/tokenizer."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Final

from codec.errors import ModelMissing

MERGES_PATH: Final = Path(__file__).resolve().parents[3] / "assets" / "tokenizer" / "clip_merges.txt.gz"
_MERGES_SHA256: Final = "5f6c91a3727038ae46523c18c13e3275d6713eea9fd2ccfeb5139351419ee21f"


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
