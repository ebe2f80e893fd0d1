"""The published configurations of Stable Diffusion 1.5's networks, which checkpoint files lack."""

from __future__ import annotations

from typing import Any, Final

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
