"""Write the examples of the page, and a picture of one for the docs: python -m tests.make_examples

Two are encoded from free photos (coffee.jpg, and scikit-image's astronaut) and two from pictures that are drawn here;
the others consist of a pose and of a line drawing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image
from skimage import data as photos
from skimage.draw import disk, ellipse, polygon

import codec
from codec import Layers, Pose, Prompt, Sketch
from codec.images.io import resize_area
from codec.texture import rdoq
from ui.services import rendering
from ui.services.examples import FOLDER


def main() -> None:
    """Write the files and print their sizes."""
    for make in (coffee, portrait, landscape, balloon, dancers, house):
        data = make().to_bytes()
        (FOLDER / f"{make.__name__}.tril").write_bytes(data)
        print(f"{make.__name__}.tril: {len(data)} bytes")
    Image.fromarray(triptych()).save(FOLDER.parent / "readme.jpg", quality=88)


def triptych(height: int = 300, gap: int = 8) -> np.ndarray:
    """Return the first example's photo, its layers and the decoded picture side by side, (height, W, 3) uint8."""
    layers = Layers.from_bytes((FOLDER / "coffee.tril").read_bytes())
    width = round(height * layers.width / layers.height)
    photo = np.asarray(Image.open(FOLDER / "coffee.jpg").convert("RGB"))
    panels = (photo, rendering.render_plain(layers), codec.decode(layers))
    panels = tuple(resize_area(panel, width, height) for panel in panels)
    white = np.full((height, gap, 3), 255, np.uint8)
    return np.hstack([panels[0], white, panels[1], white, panels[2]])


def coffee() -> Layers:
    """Return the example that is open when the page starts."""
    return codec.encode(FOLDER / "coffee.jpg", prompt="a cup of coffee on a wooden table", grid=16)


def portrait() -> Layers:
    """Return NASA's portrait of Eileen Collins (public domain)."""
    pixels = np.ascontiguousarray(photos.astronaut()[:400, 40:440])
    return codec.encode(
        resize_area(pixels, 512, 512), prompt="portrait of a smiling woman in an orange space suit", budget=640
    )


def hills(width: int, height: int) -> np.ndarray:
    """Draw a sky, three ranges of hills and a lake, (height, width, 3) uint8."""
    y, x = np.mgrid[:height, :width] / np.array([height, width]).reshape(2, 1, 1)
    sky = (1 - y)[..., None] * np.array([96, 150, 214]) + y[..., None] * np.array([250, 214, 170])
    picture = sky
    ranges = [
        ((120, 138, 176), 0.42, 0.13, 1.5, 0.4),
        ((84, 116, 118), 0.52, 0.09, 2.3, 1.9),
        ((58, 92, 62), 0.62, 0.06, 1.7, 4.0),
    ]
    for color, level, swing, waves, phase in ranges:
        ridge = level - swing * np.sin(2 * np.pi * waves * x + phase) * (0.6 + 0.4 * np.sin(5 * np.pi * x + phase))
        picture = np.where((y > ridge)[..., None], np.array(color), picture)
    shore = 0.74 + 0.02 * np.sin(2 * np.pi * x)
    lake = np.array([126, 168, 198]) + (y - 0.74)[..., None] * np.array([-160, -190, -190])
    return np.clip(np.where((y > shore)[..., None], lake, picture), 0, 255).astype(np.uint8)


def landscape() -> Layers:
    """Return hills behind a lake, with a sun."""
    picture = hills(768, 512)
    picture[disk((110, 560), 40)] = (255, 236, 190)
    return codec.encode(picture, prompt="blue hills behind a calm lake at sunrise, watercolor", budget=520)


def balloon() -> Layers:
    """Return the same hills with a balloon, which can be erased."""
    picture = hills(768, 512)
    picture[ellipse(170, 250, 96, 78)] = (206, 44, 40)
    picture[ellipse(170, 250, 96, 26)] = (244, 206, 92)
    picture[polygon([256, 256, 300, 300], [226, 274, 262, 238])] = (120, 74, 40)
    return codec.encode(picture, prompt="a red hot air balloon over hills and a lake", budget=520)


def dancers() -> Layers:
    """Return two people on a stage, as poses of OpenPose's 18 keypoints in 1/2047ths of the sides."""
    one = [
        (620, 420), (640, 560), (540, 570), (450, 470), (400, 340), (740, 560), (850, 480), (930, 370), (590, 960),
        (540, 1280), (480, 1620), (710, 960), (800, 1230), (930, 1500), (595, 390), (645, 385), (570, 420), (680, 405),
    ]  # fmt: skip
    two = [(2047 - x, y + 60) for x, y in one]
    swap = [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16]  # mirrored: swap left and right
    cells = np.zeros((8, 8, 3), np.uint8)
    cells[:5], cells[5:] = (44, 34, 78), (150, 96, 60)
    cells[1:7, 1:3], cells[1:7, 5:7] = (190, 120, 110), (96, 150, 180)
    return Layers(
        512, 512, Prompt("two dancers on a stage, oil painting"),
        Pose((tuple(one), tuple(two[i] for i in swap))), rdoq.quantize(cells), seed=7,
    )  # fmt: skip


def house() -> Layers:
    """Return a drawing of a house, a tree and the sun."""
    turn = np.linspace(0, 2 * np.pi, 40)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    lines = [
        [(130, 430), (130, 270), (330, 270), (330, 430), (130, 430)],
        [(105, 275), (230, 165), (355, 275)],
        [(205, 430), (205, 340), (255, 340), (255, 430)],
        [(150, 300), (185, 300), (185, 335), (150, 335), (150, 300)],
        [(275, 300), (310, 300), (310, 335), (275, 335), (275, 300)],
        [(420, 430), (420, 330)],
        [(440, 430), (440, 330)],
        [(10, 432), (500, 430)],
        (430, 280) + circle * 62,
        (90, 90) + circle * 38,
    ]
    cells = np.zeros((8, 8, 3), np.uint8)
    cells[:4], cells[4:6], cells[6:] = (160, 206, 240), (186, 214, 226), (120, 170, 84)
    cells[1, 1] = cells[0, 1] = cells[1, 0] = (252, 222, 120)
    cells[3, 2:5], cells[4:7, 2:5] = (190, 84, 66), (240, 226, 200)
    cells[3:6, 6] = (84, 140, 70)
    sketch = Sketch.from_polylines([np.array(line, float) for line in lines], 512, 512, 128, 128)
    words = Prompt("a little house with a red roof beside a tree, children's book illustration")
    return replace(Layers(512, 512, words, sketch), texture=rdoq.quantize(cells))


if __name__ == "__main__":
    main()
