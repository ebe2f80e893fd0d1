"""The options of the encoder, for the library, the command line, folders and the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from codec.errors import InvalidLayer, UnknownName
from codec.layers import MAX_SEED, whole_number
from codec.semantic.prompt import Prompt
from codec.texture.colormap import MAX_CELLS, MIN_CELLS

EDGE_DETECTORS: Final = ("contours", "canny", "lineart", "drawing", "pidinet", "hed")
POSE_DETECTOR: Final = "openpose"  # finds people instead of edges
EDGES: Final = (*EDGE_DETECTORS, "auto", POSE_DETECTOR)
CAPTIONERS: Final = ("auto", "blip2", "blip", "subject", "none")
BALANCES: Final = ("auto", "picture", "structure")


@dataclass(frozen=True, kw_only=True)
class EncodeOptions:
    """How a picture is encoded. All fields have defaults; their values are checked in the constructor.

    `prompt`: text that describes the picture. None: use the prompt in the file's metadata, or else a caption by the
    best captioner whose weights are installed, or else one word for the subject if the built-in classifier is certain,
    or else no semantic layer.
    `negative`: text that describes what the picture must not show; "": none.
    `budget`: maximum size of the whole file in bytes. None: 0.02 bits per pixel, at least 160 bytes.
    `grid`: color cells on the longer side, or (rows, columns), 2 to 64 each. None: chosen by the encoder.
    `edges`: the edge detector, one of `EDGES`. "contours" is the built-in network; "canny" is a
        multi-scale color gradient; "lineart" finds dark lines; "drawing" is for black-and-white drawings;
        "pidinet" and "hed" need weights; "auto" is the best detector whose weights are installed;
        "openpose" makes the structure layer a pose of the people in the picture instead of a sketch.
    `seed`: the decoder's random seed, 0 to 2^64 - 1. None: the seed in the file's metadata, if any.
    `captioner`: one of `CAPTIONERS`. "auto" is the best captioner whose weights are installed, and is used only
        if the file's metadata hold no prompt; "subject" is the subject classifier alone; "blip2", "blip" and "subject"
        override the metadata; "none" disables them all.
    `balance`: which layer gets most of the bytes that the prompt leaves, one of `BALANCES`. "picture": the texture
        layer, with detail, which suits the painter; "structure": the sketch, with colors without detail, which suits
        Stable Diffusion; "auto": "structure" if `edges` is "openpose", else "picture". `cubic_colors`: sample the
        colors as the paper's code does, by cubic interpolation at 1/64 of the picture's size, and store no detail; for
        the decoder `sd15` with the preset `paper`. `recipe`: for a picture generated with AUTOMATIC1111's web UI, Forge
        or ComfyUI: store only the whole prompt and the settings, with which the decoder `sd15` and the same checkpoint
        generate it again. Sketch and colors are stored only with `keep_layers`. Prompt, negative prompt and seed must
        not be given.

    Raises `InvalidLayer` for a prompt, grid or seed that no file can hold, and `UnknownName` for an unknown
    detector, captioner or balance.
    """

    prompt: str | None = None
    negative: str = ""
    budget: int | None = None
    grid: int | tuple[int, int] | None = None
    edges: str = "contours"
    seed: int | None = None
    captioner: str = "auto"
    balance: Literal["auto", "picture", "structure"] = "auto"
    cubic_colors: bool = False
    recipe: bool = False
    keep_layers: bool = False

    def __post_init__(self) -> None:
        Prompt("" if self.prompt is None else self.prompt, self.negative)  # raises for text that a prompt cannot hold
        for name in ("budget", "seed"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        if self.seed is not None and not 0 <= self.seed <= MAX_SEED:
            raise InvalidLayer("the seed must be 0 to 2^64 - 1")
        if self.grid is not None:
            object.__setattr__(self, "grid", _checked_grid(self.grid))
        if self.recipe and (self.prompt is not None or self.negative or self.seed is not None):
            raise InvalidLayer(
                "a recipe takes prompt, negative prompt and seed from the picture's metadata: do not give them"
            )
        if self.keep_layers and not self.recipe:
            raise InvalidLayer("--keep-layers needs --recipe: all layers are kept without it")
        _check_name("edge detector", self.edges, EDGES)
        _check_name("captioner", self.captioner, CAPTIONERS)
        _check_name("balance", self.balance, BALANCES)

    @property
    def stores_detail(self) -> bool:
        """Whether the texture layer gets detail if the budget allows it."""
        if self.cubic_colors:
            return False
        return self.balance == "picture" or (self.balance == "auto" and self.edges != POSE_DETECTOR)


def _checked_grid(grid: int | tuple[int, int]) -> int | tuple[int, int]:
    """Return the grid as ints. Raises `InvalidLayer` unless it has one or two sides of 2 to 64 cells."""
    sides = [whole_number("grid", side) for side in (grid if isinstance(grid, tuple) else (grid,))]
    if len(sides) not in (1, 2) or not all(MIN_CELLS <= side <= MAX_CELLS for side in sides):
        raise InvalidLayer(f"the color grid must have {MIN_CELLS} to {MAX_CELLS} cells a side")
    return (sides[0], sides[1]) if len(sides) == 2 else sides[0]


def _check_name(kind: str, name: object, names: tuple[str, ...]) -> None:
    """Raise `UnknownName` unless `name` is one of `names`."""
    if name not in names:
        raise UnknownName(f"unknown {kind} {name!r:.60}: choose one of {', '.join(names)}")


DEFAULT_OPTIONS: Final = EncodeOptions()
