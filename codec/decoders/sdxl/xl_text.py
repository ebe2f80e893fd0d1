"""Text embeddings of Stable Diffusion XL: of two text encoders, side by side, and the pooled one of the second.

Podell et al., "SDXL" (2023). The UNet gets the output of the layer before the last of each encoder. Longer prompts
are split into chunks of 75 tokens, encoded one by one and concatenated; the pooled embedding is the first chunk's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from codec.decoders.diffusion import prompt_weights


@torch.inference_mode()
def encode_prompts(
    tokenizers: Sequence[Any],
    encoders: Sequence[Any],
    texts: list[str],
    syntax: str,
    clip_skip: int = 1,
    zeros_for_empty: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the embeddings (prompts, 77 * chunks, features of both encoders) and the pooled ones (prompts, features).

    All prompts get as many chunks as the longest needs. Up to 75 tokens this equals the result of diffusers'
    pipelines.

    syntax: "a1111", "comfyui" or "none", see prompt_weights
    clip_skip: 1 for the layer before the last, and so on
    zeros_for_empty: whether the embeddings of the first prompt, the negative one, are zeros if it is empty
    """
    if not any(map(prompt_weights.has_weights, texts)):
        syntax = "none"
    sides, pooled = [], []
    for tokenizer, encoder in zip(tokenizers, encoders, strict=True):
        rows = [_encode(tokenizer, encoder, text, syntax, clip_skip) for text in texts]
        empty, _ = _encode(tokenizer, encoder, "", "none", clip_skip)
        length = max(states.shape[1] for states, _ in rows)
        sides.append(torch.cat([_pad(states, empty, length) for states, _ in rows]))
        pooled = [vector for _, vector in rows]
    embeddings, vectors = torch.cat(sides, 2), torch.cat(pooled)
    if zeros_for_empty and len(texts) > 1 and not texts[0]:
        embeddings[0], vectors[0] = 0, 0
    return embeddings, vectors


def time_ids(width: int, height: int, prompts: int) -> Tensor:
    """Return the size conditioning (prompts, 6): original size, crop and target size, each as height, width.

    The picture counts as made at this size and not cropped.
    """
    return torch.tensor([[height, width, 0, 0, height, width]] * prompts, dtype=torch.float32)


def _encode(tokenizer: Any, encoder: Any, text: str, syntax: str, clip_skip: int) -> tuple[Tensor, Tensor]:
    """Return the embeddings of a prompt, (1, 77 * chunks, features), and the pooled one, (1, features)."""
    chunks = prompt_weights.frame_chunks(tokenizer, text, syntax)
    outputs = [_run(encoder, [token for token, _ in chunk], clip_skip) for chunk in chunks]
    weights = [torch.tensor([weight for _, weight in chunk], device=encoder.device) for chunk in chunks]
    states = [state for state, _ in outputs]
    if not all((weight == 1).all() for weight in weights):
        empty = None
        if syntax == "comfyui":
            framed = prompt_weights.frame_chunks(tokenizer, "", syntax)[0]
            empty, _ = _run(encoder, [token for token, _ in framed], clip_skip)
        states = [prompt_weights.weigh(state, weight, empty) for state, weight in zip(states, weights, strict=True)]
    return torch.cat(states, 1), outputs[0][1]


def _run(encoder: Any, tokens: list[int], clip_skip: int) -> tuple[Tensor, Tensor]:
    """Return the output of a layer for 77 tokens, (1, 77, features), and the pooled output, (1, features)."""
    output = encoder(torch.tensor([tokens], device=encoder.device), output_hidden_states=True)
    states: Tensor = output.hidden_states[max(-(clip_skip + 1), -len(output.hidden_states))]
    pooled: Tensor = output[0] if output[0].ndim == 2 else output[1]
    return states, pooled


def _pad(states: Tensor, empty: Tensor, length: int) -> Tensor:
    return torch.cat([states] + [empty] * ((length - states.shape[1]) // empty.shape[1]), 1)
