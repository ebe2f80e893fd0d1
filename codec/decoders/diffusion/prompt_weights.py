"""Text embeddings of prompts with weights such as (word:1.2), as AUTOMATIC1111's web UI and ComfyUI make them.

web UI    (word) 1.1, [word] 1 / 1.1, (word:1.2), BREAK; embeddings are multiplied and scaled to their former mean;
          a chunk of 75 tokens ends at a comma, if there is one among its last 20 tokens
ComfyUI   (word) 1.1, (word:1.2); embeddings are moved away from those of an empty prompt; chunks do not split words
Both escape parentheses by a backslash and encode chunks one by one, padded as the tokenizer does it: with end tokens
for CLIP.
"""

from __future__ import annotations

import re
from typing import Any, Final

import torch
from torch import Tensor

from codec.decoders.diffusion.tokenizer import CHUNK

Weighted = list[tuple[str, float]]  # texts and their weights
Tokens = list[tuple[int, float]]  # ids of tokens and their weights

_EMPHASIS: Final = 1.1
_MAX_WEIGHT: Final = 1000.0
_COMMA_REACH: Final = 20  # tokens: the web UI's default
_WORD_TOKENS: Final = 8  # ComfyUI splits words of so many tokens
_MAX_DEPTH: Final = 100  # nested parentheses
_BREAK: Final = ("BREAK", -1.0)
_ATTENTION: Final = re.compile(
    r"\\[()\[\]\\]|\\|\(|\[|:\s*([+-]?[.\d]+)\s*\)|\)|\]|[^\\()\[\]:]+|:"
)  # a weight before a parenthesis, a bracket, or a text


@torch.inference_mode()
def encode(tokenizer: Any, encoder: Any, text: str, syntax: str, clip_skip: int = 1) -> Tensor:
    """Return the text embeddings of a prompt, (1, 77 * chunks, features).

    syntax: "a1111", "comfyui" or "none"; clip_skip: the layer of CLIP whose output is used, counted from the end
    """
    rows = frame_chunks(tokenizer, text, syntax)
    states = [_encode_row(encoder, row, clip_skip) for row in rows]
    weights = [torch.tensor([weight for _, weight in row], device=encoder.device) for row in rows]
    if all((weight == 1).all() for weight in weights):
        return torch.cat(states, 1)
    empty = _encode_row(encoder, _frame(tokenizer, []), clip_skip) if syntax == "comfyui" else None
    return torch.cat([weigh(state, weight, empty) for state, weight in zip(states, weights, strict=True)], 1)


def frame_chunks(tokenizer: Any, text: str, syntax: str) -> list[Tokens]:
    """Return the chunks of a prompt, 77 tokens each with start, end and padding. syntax: as for `encode`"""
    chunk = {"a1111": _chunk_web_ui, "comfyui": _chunk_comfyui, "none": _chunk_plain}[syntax]
    return [_frame(tokenizer, tokens) for tokens in chunk(tokenizer, text)]


def has_weights(text: str) -> bool:
    """Return whether a text may have weights or escapes."""
    return re.search(r"[(\[\\]|\bBREAK\b", text) is not None


def parse_web_ui(text: str) -> Weighted:
    """Return the parts of a prompt in the web UI's syntax and their weights; ("BREAK", -1) ends a chunk."""
    parts: list[list[Any]] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}
    for match in _ATTENTION.finditer(text):
        symbol, weight = match[0], _parse_weight(match[1])
        if symbol.startswith("\\"):
            parts.append([symbol[1:], 1.0])
        elif symbol in opened:
            opened[symbol].append(len(parts))
        elif weight is not None and opened["("]:
            _multiply(parts, opened["("].pop(), weight)
        elif symbol == ")" and opened["("]:
            _multiply(parts, opened["("].pop(), _EMPHASIS)
        elif symbol == "]" and opened["["]:
            _multiply(parts, opened["["].pop(), 1 / _EMPHASIS)
        else:
            for number, part in enumerate(re.split(r"\s*\bBREAK\b\s*", symbol)):
                parts += [[*_BREAK]] if number else []
                parts.append([part, 1.0])
    for kind, factor in (("(", _EMPHASIS), ("[", 1 / _EMPHASIS)):
        for start in opened[kind]:
            _multiply(parts, start, factor)
    merged: list[list[Any]] = []
    for part, weight in parts:
        if merged and merged[-1][1] == weight:
            merged[-1][0] += part
        else:
            merged.append([part, weight])
    return [(part, weight) for part, weight in merged] or [("", 1.0)]


def parse_comfyui(text: str, weight: float = 1.0) -> Weighted:
    """Return the parts of a prompt in ComfyUI's syntax and their weights."""
    escaped = text.replace("\\)", "\0\1").replace("\\(", "\0\2")
    return [
        (part.replace("\0\1", ")").replace("\0\2", "("), weight) for part, weight in _parse_nested(escaped, weight, 0)
    ]


@torch.inference_mode()
def encode_padded(tokenizer: Any, encoder: Any, texts: list[str], syntax: str, clip_skip: int = 1) -> Tensor:
    """Return the text embeddings of prompts, (prompts, 77 * chunks, features); shorter ones get empty chunks."""
    rows = [encode(tokenizer, encoder, text, syntax, clip_skip) for text in texts]
    length = max(row.shape[1] for row in rows)
    empty = encode(tokenizer, encoder, "", syntax, clip_skip)
    return torch.cat([torch.cat([row] + [empty] * ((length - row.shape[1]) // empty.shape[1]), 1) for row in rows])


# --- parts --------------------------------------------------------------------------------------------


def _multiply(parts: list[list[Any]], start: int, factor: float) -> None:
    for part in parts[start:]:
        part[1] = max(min(part[1] * factor, _MAX_WEIGHT), -_MAX_WEIGHT)


def _parse_weight(text: str | None) -> float | None:
    try:
        return None if text is None else max(min(float(text), _MAX_WEIGHT), -_MAX_WEIGHT)
    except ValueError:
        return None


def _parse_nested(text: str, weight: float, depth: int) -> Weighted:
    """Return the parts of a text; a group in parentheses is parsed with its own weight."""
    parts: Weighted = []
    for group in _split_groups(text) if depth < _MAX_DEPTH else [text]:
        if not (len(group) >= 2 and group[0] == "(" and group[-1] == ")") or depth >= _MAX_DEPTH:
            parts.append((group, weight))
            continue
        inner, inner_weight = group[1:-1], weight * _EMPHASIS
        name, colon, number = inner.rpartition(":")
        if colon and name and (given := _parse_weight(number)) is not None:
            inner, inner_weight = name, given
        parts += _parse_nested(inner, min(inner_weight, _MAX_WEIGHT), depth + 1)
    return parts


def _split_groups(text: str) -> list[str]:
    """Split a text into its outermost groups in parentheses, and what is between them."""
    groups: list[str] = []
    start = level = 0
    for at, letter in enumerate(text):
        if letter == "(":
            if level == 0 and at > start:
                groups.append(text[start:at])
                start = at
            level += 1
        elif letter == ")":
            level -= 1
            if level == 0:
                groups.append(text[start : at + 1])
                start = at + 1
    return [*groups, text[start:]] if start < len(text) else groups


# --- chunks -------------------------------------------------------------------------------------------


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids
    return ids


def _chunk_plain(tokenizer: Any, text: str) -> list[Tokens]:
    ids = _ids(tokenizer, text)
    return [[(token, 1.0) for token in ids[start : start + CHUNK]] for start in range(0, max(len(ids), 1), CHUNK)]


def _chunk_web_ui(tokenizer: Any, text: str) -> list[Tokens]:
    comma = tokenizer.convert_tokens_to_ids(",</w>")
    chunks: list[Tokens] = []
    chunk: Tokens = []
    last_comma = -1
    for part, weight in parse_web_ui(text):
        if (part, weight) == _BREAK:
            chunks.append(chunk)
            chunk, last_comma = [], -1
            continue
        for token in _ids(tokenizer, part):
            if token == comma:
                last_comma = len(chunk)
            elif len(chunk) == CHUNK and last_comma != -1 and CHUNK - last_comma <= _COMMA_REACH:
                chunks.append(chunk[: last_comma + 1])
                chunk, last_comma = chunk[last_comma + 1 :], -1
            if len(chunk) == CHUNK:
                chunks.append(chunk)
                chunk, last_comma = [], -1
            chunk.append((token, weight))
    return [*chunks, chunk] if chunk or not chunks else chunks


def _chunk_comfyui(tokenizer: Any, text: str) -> list[Tokens]:
    chunks: list[Tokens] = [[]]
    for part, weight in parse_comfyui(text):
        for word in part.replace("\n", " ").split(" "):
            tokens = [(token, weight) for token in _ids(tokenizer, word)] if word else []
            is_long = len(tokens) >= _WORD_TOKENS
            while tokens:
                room = CHUNK - len(chunks[-1])
                if len(tokens) <= room:
                    chunks[-1] += tokens
                    break
                if is_long:
                    chunks[-1] += tokens[:room]
                    tokens = tokens[room:]
                chunks.append([])
    return chunks


def _frame(tokenizer: Any, tokens: Tokens) -> Tokens:
    """Add start, end and padding."""
    padding = [(tokenizer.pad_token_id, 1.0)] * (CHUNK - len(tokens))
    return [(tokenizer.bos_token_id, 1.0), *tokens, (tokenizer.eos_token_id, 1.0), *padding]


# --- embeddings ---------------------------------------------------------------------------------------


def _encode_row(encoder: Any, row: Tokens, clip_skip: int) -> Tensor:
    """Return the output of a layer of CLIP for a chunk, after its last normalization, (1, 77, features)."""
    ids = torch.tensor([[token for token, _ in row]], device=encoder.device)
    if clip_skip <= 1:
        state: Tensor = encoder(ids)[0]
        return state
    hidden_states = encoder(ids, output_hidden_states=True).hidden_states
    layer = max(len(hidden_states) - clip_skip, 0)
    normalized: Tensor = getattr(encoder, "text_model", encoder).final_layer_norm(hidden_states[layer])
    return normalized


def weigh(state: Tensor, weights: Tensor, empty: Tensor | None) -> Tensor:
    """Return weighted embeddings: away from those of an empty prompt, or else multiplied, with the same mean."""
    weights = weights.to(state.dtype)[None, :, None]
    if empty is not None:
        return torch.where(weights == 1, state, (state - empty) * weights + empty)
    weighted = state * weights
    return weighted * (state.mean() / weighted.mean())
