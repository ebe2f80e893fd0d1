"""Prompts of any length -> what the UNet attends to.

CLIP reads 77 tokens: a start, 75 of the text, an end. Longer texts go in chunks of 75, each read alone,
the results laid end to end; the UNet's attention takes any length.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from codec.decoders.sd15.tokenizer import CHUNK

FRAMED: Final = CHUNK + 2


@torch.inference_mode()
def encode(tokenizer: Any, encoder: Any, prompts: list[str]) -> Tensor:
    """Read texts with a CLIP tokenizer and text encoder: (prompts, 77 * chunks, features), its last layer.

    All get as many chunks as the longest needs; up to 75 tokens that equals what diffusers' pipelines
    compute. Texts are cut after nothing: whatever a file holds (16 kB) is read.
    """
    ids = [tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids for text in prompts]
    chunks = max(1, *(-(-len(one) // CHUNK) for one in ids))
    rows = [_framed(tokenizer, one[k * CHUNK : (k + 1) * CHUNK]) for one in ids for k in range(chunks)]
    read = [encoder(torch.tensor([row], device=encoder.device))[0] for row in rows]  # (1, 77, features) each
    return torch.cat(read).reshape(len(prompts), chunks * FRAMED, -1)


def _framed(tokenizer: Any, ids: list[int]) -> list[int]:
    row = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
    return row + [tokenizer.pad_token_id] * (FRAMED - len(row))
