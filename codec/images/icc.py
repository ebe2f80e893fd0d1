"""Apply ICC profiles with LittleCMS. Profiles count as sRGB by their effect on colors, not by their names."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from codec.images.sanitized_file import MAX_PROFILE_BYTES

if TYPE_CHECKING:
    from PIL import Image

_COLOR_SPACES: Final = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK"}
_HEADER_BYTES: Final = 128
_PROBE_STEP: Final = 17  # distance between the probed levels in 0..255
_MAX_DIFFERENCE: Final = 2  # in levels, between the sRGB profiles of different vendors


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert an image of mode L, RGB or CMYK by its profile to an RGB image in sRGB.

    A gray picture may have an RGB profile. Returns None if the profile is damaged, too large or of another color
    space.
    """
    from PIL import ImageCms

    color_space = profile[16:20]
    if not _HEADER_BYTES < len(profile) <= MAX_PROFILE_BYTES:
        return None
    if color_space != _COLOR_SPACES[image.mode]:
        if image.mode != "L" or color_space != _COLOR_SPACES["RGB"]:
            return None
        image = image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, target, image.mode, "RGB")
        if _is_identity(transform, image.mode):
            return image.convert("RGB")
        converted: Any = ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if converted is None else converted


def _is_identity(transform: Any, mode: str) -> bool:
    """Return whether a transform leaves a lattice of colors unchanged, so that its profile is in effect sRGB."""
    from PIL import Image, ImageCms

    if mode == "CMYK":
        return False
    levels = np.arange(0, 256, _PROBE_STEP, dtype=np.uint8)
    colors = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    if mode == "L":
        colors = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, -1, 1), 3, axis=2)
    probe = Image.fromarray(colors[..., 0] if mode == "L" else colors)
    result = np.array(ImageCms.applyTransform(probe, transform)).astype(int)
    return bool(np.abs(result - colors).max() <= _MAX_DIFFERENCE)
