"""How the bytes of a file are shared between the structure and the texture layer.

The balance "structure" gives the texture layer a share of the bytes, and the strokes the rest. The balance "picture"
gives the sketch a small share, and the texture layer, as base colors and detail, the rest.
"""

from __future__ import annotations

from typing import Final

from codec.layers import Layers

COLOR_SHARE: Final = 0.26  # of the bytes for structure and texture
SKETCH_SHARE: Final = 0.2  # of these bytes in a picture with detail
MAX_SKETCH_BYTES: Final = 400  # of a sketch beside detail, so that larger budgets go to the detail
MIN_DETAIL_BYTES: Final = 200  # a smaller texture layer has no detail
BASE_SHARE: Final = 0.12  # of the texture layer's bytes, for the base colors
MIN_BASE_BYTES, MAX_BASE_BYTES = 24, 200
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


def sketch_bytes(available: int) -> int:
    """Return how many of the available bytes a sketch beside detail gets."""
    return min(int(available * SKETCH_SHARE), MAX_SKETCH_BYTES)


def base_bytes(texture_bytes: int) -> int:
    """Return how many bytes of a texture layer with detail the base colors get."""
    return min(max(int(texture_bytes * BASE_SHARE), MIN_BASE_BYTES), MAX_BASE_BYTES)
