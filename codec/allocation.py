"""Allocation of a file's bytes to the structure and the texture layer.

With the balance "structure", the texture layer gets a fixed share of the bytes and the strokes get the rest. With the
balance "picture", the sketch gets a small share, and the texture layer (base colors and detail) gets the rest.
"""

from __future__ import annotations

from typing import Final

from codec.layers import Layers

# fractions of the bytes that structure and texture share
COLOR_SHARE: Final = 0.26  # for the texture layer if it has no detail
SKETCH_SHARE: Final = 0.2  # for the sketch if the texture layer has detail
MAX_SKETCH_BYTES: Final = 400  # for the sketch if the texture layer has detail: larger budgets go to the detail
MIN_DETAIL_BYTES: Final = 200  # a smaller texture layer has no detail
BASE_SHARE: Final = 0.12  # fraction of the texture layer's bytes for the base colors
MIN_BASE_BYTES, MAX_BASE_BYTES = 24, 200
_FRAMING: Final = 2  # bytes that a new layer adds to its payload: a check byte and a second length byte


def available_bytes(layers: Layers, max_bytes: int) -> int:
    """Return how many bytes of a file of `max_bytes` are left for the payloads of structure and texture.

    The result is negative if the rest of the file exceeds `max_bytes`.
    """
    sizes = layers.sizes()
    new_layers = (layers.structure is None) + (layers.texture is None)
    return max_bytes - (sizes.total - sizes.structure - sizes.texture) - _FRAMING * new_layers


def color_bytes(available: int, structure_bytes: int | None = None) -> int:
    """Return how many of the available bytes the texture layer gets: its share, or more if the structure needs less.

    `structure_bytes`: size of the complete structure layer; None if it is unknown.
    """
    share = int(available * COLOR_SHARE)
    return share if structure_bytes is None else max(share, available - structure_bytes)


def sketch_bytes(available: int) -> int:
    """Return how many of the available bytes the sketch gets if the texture layer has detail."""
    return min(int(available * SKETCH_SHARE), MAX_SKETCH_BYTES)


def base_bytes(texture_bytes: int) -> int:
    """Return how many bytes of a texture layer with detail the base colors get."""
    return min(max(int(texture_bytes * BASE_SHARE), MIN_BASE_BYTES), MAX_BASE_BYTES)
