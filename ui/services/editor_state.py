"""The values of the editor's inputs, as the browser sends them with every event."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from codec import Layers
from codec.decoders.diffusion.base_options import DiffusionOptions
from codec.decoders.sd15.options import CONTROLS
from ui.services import actions, canvas_state, sd15_options, validation
from ui.services.automatic_prompt import AutomaticPrompt
from ui.services.canvas_state import Drawing
from ui.services.comparison import ShownDecode
from ui.services.layer_selection import LayerSelection
from ui.services.status import StatusCode


@dataclass(frozen=True)
class EditorState:
    """The values of the editor's inputs, unchecked; the methods check what they return.

    canvas: the value of the layer canvas (see `ui.services.canvas_state`)
    prompt, negative, seed, keep_seed: the other fields that go into the file; `seed` is text
    budget: bytes; lock_sketch, lock_colors: whether the budget must not change that layer
    grid, edges, cubic_colors, recipe: options of the encoder, see `actions.encode_options`
    use_prompt ... color_strength: what the decoder is given, see `layer_selection`
    decoder: its name; edited_only: decode only the edited area
    preset ... weights: options of Stable Diffusion, see `sd15_options`
    status: the value of the status box, see `ui.services.status`
    source: path of the picture file that the layers were extracted from, None without one
    original: path of the picture in the left half of the compare slider, None without one
    shown: the last `comparison.ShownDecode`, None without one
    automatic: the last prompt that was written automatically, see `automatic_prompt`
    """

    canvas: Any
    prompt: Any
    negative: Any
    seed: Any
    keep_seed: Any
    budget: Any = None
    lock_sketch: Any = False
    lock_colors: Any = False
    grid: Any = 0
    edges: Any = None
    cubic_colors: Any = False
    recipe: Any = actions.NO_RECIPE
    use_prompt: Any = True
    use_structure: Any = True
    use_colors: Any = True
    structure_strength: Any = 1
    color_strength: Any = 1
    decoder: Any = actions.DEFAULT_DECODER
    edited_only: Any = False
    preset: Any = sd15_options.DEFAULT_PRESET
    follow: Any = False
    steps: Any = None
    guidance: Any = None
    adapter_until: Any = 1
    control: Any = CONTROLS[0]
    start: Any = sd15_options.FROM_NOISE
    noise: Any = sd15_options.OF_PRESET
    clip_skip: Any = 1
    weights: Any = sd15_options.OF_PRESET
    status: Any = None
    source: Any = None
    original: Any = None
    shown: ShownDecode | None = None
    automatic: Any = None

    @classmethod
    def split(cls, values: Sequence[Any]) -> tuple[EditorState, tuple[Any, ...]]:
        """Return the state, from the first of a handler's inputs, and the remaining inputs."""
        count = len(fields(cls))
        return cls(*values[:count]), tuple(values[count:])

    def read(self) -> tuple[Drawing, Layers]:
        """Return the drawing, and the layers that Save writes and Decode reads.

        Raises `InvalidLayer` for a drawing, prompt or seed that no file can hold.
        """
        drawing = canvas_state.read(self.canvas)
        stored_seed = validation.seed(self.seed) if self.keep_seed else None
        return drawing, drawing.layers(self.prompt or "", self.negative or "", stored_seed)

    def automatic_prompt(self) -> AutomaticPrompt | None:
        """Return the last prompt that was written automatically, None without one."""
        return AutomaticPrompt.parse(self.automatic)

    def balance(self) -> str:
        """Return the encoder's balance for the chosen decoder: Stable Diffusion needs strokes, the painter detail."""
        return "structure" if self.decoder == sd15_options.NAME else "auto"

    def selection(self) -> LayerSelection:
        """Return the layers to decode, and their strengths. Raises `InvalidLayer`."""
        switches = (self.use_prompt, self.use_structure, self.use_colors)
        return LayerSelection.parse(switches, self.structure_strength, self.color_strength)

    def decoder_name(self) -> str:
        """Return the name of the chosen decoder. Raises `UnknownName`."""
        return validation.choice(self.decoder, "decoder", actions.decoder_names())

    def decode_seed(self) -> int:
        """Return the seed for the next decode. Raises `InvalidLayer`."""
        return validation.seed(self.seed)

    def sd15_options(self) -> DiffusionOptions:
        """Return the options of Stable Diffusion. Raises `InvalidLayer` or `UnknownName`."""
        return sd15_options.parse_options(
            preset=self.preset,
            follow=self.follow,
            steps=self.steps,
            guidance=self.guidance,
            structure=self.structure_strength,
            colors=self.color_strength,
            until=self.adapter_until,
            control=self.control,
            start=self.start,
            noise=self.noise,
            clip_skip=self.clip_skip,
            weights=self.weights,
            decoder=self.diffusion_decoder(),
        )

    def diffusion_decoder(self) -> str:
        """Return the chosen Stable Diffusion; 1.5 while another decoder is chosen."""
        return self.decoder if self.decoder in sd15_options.NAMES else sd15_options.NAME

    def file(self) -> Layers | None:
        """Return the layers of the file that was opened, None without one. Raises `InvalidLayer` for a bad drawing."""
        return canvas_state.read(self.canvas).base

    def picture_key(self, layers: Layers) -> str:
        """Return a key of the picture that a decode of these layers shows: equal for equal layers, strengths and seeds.

        Raises `InvalidLayer`.
        """
        selection = self.selection()
        data = replace(selection.apply(layers), seed=None, settings=None).to_bytes()
        return hashlib.sha256(data + repr((selection.strengths, self.decode_seed())).encode()).hexdigest()

    def status_code(self) -> StatusCode:
        """Return the code of the status that is shown."""
        return StatusCode.parse(self.status)


def is_original_prompt(drawing: Drawing, layers: Layers) -> bool:
    """Return whether the prompt is the one that the image was opened with."""
    return drawing.base is None or drawing.base.semantic == layers.semantic
