"""Stable Diffusion 1.x with T2I-Adapters or ControlNets as a decoder."""
