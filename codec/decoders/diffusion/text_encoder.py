"""Text embeddings of prompts of any length.

CLIP reads 77 tokens: start, 75 tokens of text, end. Longer texts are split into chunks of 75, encoded one by
one and concatenated; the UNet's cross-attention takes any number of tokens.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from codec.decoders.diffusion.tokenizer import CHUNK

_CONTEXT: Final = CHUNK + 2


@torch.inference_mode()
def encode(tokenizer: Any, encoder: Any, prompts: list[str], truncate: bool = False) -> Tensor:
    """Return the text embeddings (last hidden states) of prompts: (prompts, 77 * chunks, features).

    All prompts get as many chunks as the longest needs. Up to 75 tokens this equals the result of diffusers'
    pipelines. Longer prompts are cut at 75 tokens if `truncate`, as diffusers does.
    """
    ids = [tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids for text in prompts]
    if truncate:
        ids = [prompt_ids[:CHUNK] for prompt_ids in ids]
    chunks = max(1, *(-(-len(prompt_ids) // CHUNK) for prompt_ids in ids))
    rows = [_frame(tokenizer, row[k * CHUNK : (k + 1) * CHUNK]) for row in ids for k in range(chunks)]
    states = [encoder(torch.tensor([row], device=encoder.device))[0] for row in rows]  # (1, 77, features) each
    return torch.cat(states).reshape(len(prompts), chunks * _CONTEXT, -1)


def _frame(tokenizer: Any, ids: list[int]) -> list[int]:
    """Add start, end and padding."""
    row = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
    return row + [tokenizer.pad_token_id] * (_CONTEXT - len(row))
