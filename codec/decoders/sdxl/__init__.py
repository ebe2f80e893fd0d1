"""Stable Diffusion XL with T2I-Adapters or ControlNet-Union as a decoder."""
