"""How the bytes of a file are shared between the structure and the texture layer."""

from __future__ import annotations

from typing import Final

from codec.layers import Layers

COLOR_SHARE: Final = 0.26  # of the bytes for structure and texture
_FRAMING: Final = 2  # bytes that a new layer adds around its payload: a check and a second length byte


def available_bytes(layers: Layers, max_bytes: int) -> int:
    """Return how many bytes a file of `max_bytes` has for the payloads of structure and texture.

    The result is negative if the rest of the file is too large.
    """
    sizes = layers.sizes()
    new_layers = (layers.structure is None) + (layers.texture is None)
    return max_bytes - (sizes.total - sizes.structure - sizes.texture) - _FRAMING * new_layers


def color_bytes(available: int, structure_bytes: int | None = None) -> int:
    """Return how many of the available bytes the texture layer gets: its share, or all that the structure leaves.

    `structure_bytes`: size of the complete structure layer; None if it is unknown.
    """
    share = int(available * COLOR_SHARE)
    return share if structure_bytes is None else max(share, available - structure_bytes)
