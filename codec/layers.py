"""The three layers of a picture, and the file that holds them.

    Prompt    --to_bytes-->  semantic  --\\
    Sketch    --to_bytes-->  structure  ---> container.pack --> the bytes of a .tril file
    Colormap  --to_bytes-->  texture   --/

A sketch may be a pose instead. Each layer decodes independently, and any may be absent.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, SupportsIndex, cast

from codec.bitstream import container
from codec.bitstream.container import Chunk, Container
from codec.bitstream.recipe import Recipe
from codec.bitstream.settings import Settings
from codec.errors import Corrupt, FormatError, InvalidLayer
from codec.limits import MAX_SIDE
from codec.semantic.prompt import Prompt
from codec.structure.payload import structure_from_bytes
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture.colormap import Colormap

SEED: Final = container.SKIPPABLE | container.KEEPABLE | 1  # chunk type
SETTINGS: Final = container.SKIPPABLE | container.KEEPABLE | 2  # chunk type
RECIPE: Final = container.SKIPPABLE | 3  # chunk type
MAX_SEED: Final = (1 << 64) - 1
BITS_PER_PIXEL: Final = 0.02  # the paper's upper bound (arXiv 2412.12982): 655 bytes at 512 x 512
MIN_BUDGET: Final = 160  # bytes: even a thumbnail needs a prompt, a few strokes and colors

_KNOWN_CHUNKS: Final = frozenset((SEED, SETTINGS, RECIPE))


class Sizes(NamedTuple):
    """The size of each part of a file in bytes. `overhead`: header, lengths, check bytes and checksum."""

    semantic: int
    structure: int
    texture: int
    extensions: int
    overhead: int

    @property
    def total(self) -> int:
        """The size of the file."""
        return sum(self)


def default_budget(width: int, height: int) -> int:
    """Return the default size limit of a file in bytes: under 0.02 bits per pixel, but at least 160."""
    return max(int(width * height * BITS_PER_PIXEL / 8) - 1, MIN_BUDGET)


@dataclass(frozen=True, slots=True)
class Layers:
    """A picture as three layers: the content of a `.tril` file.

    `width`, `height`: of the picture, 1..4096 pixels. `semantic`, `structure`, `texture`: the layers, None where
    absent; an empty prompt counts as absent. `seed`: initial state of the decoder's random numbers, 0..2^64 - 1.
    `settings`: how the picture was generated. `extra`: extensions that this version does not know, as (type, payload),
    preserved unchanged. `recipe`: how to generate the same picture again with the same checkpoint; edits drop it.
    Raises `InvalidLayer` for other values.
    """

    width: int
    height: int
    semantic: Prompt | None = None
    structure: Sketch | Pose | None = None
    texture: Colormap | None = None
    seed: int | None = None
    settings: Settings | None = None
    extra: tuple[Chunk, ...] = ()
    recipe: Recipe | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", whole_number("width", self.width))
        object.__setattr__(self, "height", whole_number("height", self.height))
        if not all(1 <= side <= MAX_SIDE for side in (self.width, self.height)):
            raise InvalidLayer(f"the picture is {self.width} x {self.height}; a side must be 1 to {MAX_SIDE} pixels")
        if self.seed is not None:
            object.__setattr__(self, "seed", whole_number("seed", self.seed))
            if not 0 <= self.seed <= MAX_SEED:
                raise InvalidLayer("the seed must be 0 to 2^64 - 1")
        object.__setattr__(self, "extra", tuple(sorted((kind, bytes(data)) for kind, data in self.extra)))
        if not all(
            0 <= kind < 256 and not kind & container.SHORT_FORM and kind not in _KNOWN_CHUNKS for kind, _ in self.extra
        ):
            raise InvalidLayer("the type of an unknown extension must be a byte with bit 5 clear, not C1, C2 or 83")
        if self.semantic == Prompt():
            object.__setattr__(self, "semantic", None)
        if self.settings == Settings():
            object.__setattr__(self, "settings", None)

    @property
    def is_empty(self) -> bool:
        """True if there is no layer; seed, settings and unknown extensions do not count."""
        return self.semantic is None and self.structure is None and self.texture is None

    def to_bytes(self) -> bytes:
        """Return the file. Raises `LimitExceeded` if it would exceed 65,536 bytes."""
        return container.pack(self._to_container())

    @classmethod
    def from_bytes(cls, data: bytes) -> Layers:
        """Return the layers of a file. Accepts exactly the bytes that `to_bytes` writes.

        Raises `LimitExceeded` for more than 65,536 bytes, and a `FormatError` for anything else that is not a valid
        file.
        """
        return cls._from_container(container.unpack(data, known_chunks=_KNOWN_CHUNKS))

    @classmethod
    def salvage(cls, data: bytes) -> tuple[Layers, tuple[str, ...]]:
        """Return the undamaged layers of a damaged file, and the names of the lost ones.

        Raises `FormatError` if the header itself cannot be read, `LimitExceeded` for over 65,536 bytes.
        """
        content, damaged = container.salvage(data)
        lost = [name for name in container.LAYERS if name in damaged or not cls._decodes(content, name)]
        payloads = container.keep_layers(content.payloads, set(container.LAYERS) - set(lost))
        chunks = tuple(c for c in content.chunks if c[0] in _KNOWN_CHUNKS or c[0] & container.SKIPPABLE)
        content = replace(content, payloads=payloads, chunks=chunks)
        try:
            return cls._from_container(content), tuple(lost)
        except FormatError:  # an extension is invalid
            return cls._from_container(replace(content, chunks=())), tuple(lost)

    def sizes(self) -> Sizes:
        """Return the bytes of each part of the file that `to_bytes` writes."""
        content = self._to_container()
        total = len(container.pack(content))
        without_chunks = len(container.pack(replace(content, chunks=())))
        semantic, structure, texture = map(len, content.payloads)
        overhead = without_chunks - semantic - structure - texture
        return Sizes(semantic, structure, texture, total - without_chunks, overhead)

    def bpp(self, size: int) -> float:
        """Return the bits per pixel of `size` bytes."""
        return 8 * size / (self.width * self.height)

    def only(self, which: Iterable[int]) -> Layers:
        """Return a copy with only the layers of these numbers: 1 is semantic, 2 structure, 3 texture."""
        numbers = set(which)
        return replace(
            self,
            semantic=self.semantic if 1 in numbers else None,
            structure=self.structure if 2 in numbers else None,
            texture=self.texture if 3 in numbers else None,
        )

    def _to_container(self) -> Container:
        chunks = list(self.extra)
        if self.seed is not None:
            chunks.append((SEED, self.seed.to_bytes((self.seed.bit_length() + 7) // 8, "big")))
        if self.settings is not None:
            chunks.append((SETTINGS, self.settings.to_bytes()))
        if self.recipe is not None:
            chunks.append((RECIPE, self.recipe.to_bytes()))
        payloads = (
            self.semantic.to_bytes() if self.semantic else b"",
            self.structure.to_bytes() if self.structure else b"",
            self.texture.to_bytes() if self.texture else b"",
        )
        return Container(self.width, self.height, payloads, tuple(sorted(chunks)))

    @classmethod
    def _from_container(cls, content: Container) -> Layers:
        """Decode the payloads and chunks. Raises `Corrupt`."""
        semantic, structure, texture = content.payloads
        chunks = dict(content.chunks)
        return cls(
            content.width,
            content.height,
            Prompt.from_bytes(semantic) if semantic else None,
            structure_from_bytes(structure) if structure else None,
            Colormap.from_bytes(texture) if texture else None,
            _decode_seed(chunks.pop(SEED)) if SEED in chunks else None,
            Settings.from_bytes(chunks.pop(SETTINGS)) if SETTINGS in chunks else None,
            recipe=Recipe.from_bytes(chunks.pop(RECIPE)) if RECIPE in chunks else None,
            extra=tuple(chunks.items()),
        )

    @classmethod
    def _decodes(cls, content: Container, name: str) -> bool:
        """Return whether a layer can be decoded. Damage passes the 8-bit check byte by chance in 1 of 256 cases."""
        try:
            cls._from_container(replace(content, payloads=container.keep_layers(content.payloads, {name}), chunks=()))
        except FormatError:
            return False
        return True


def whole_number(name: str, value: object) -> int:
    """Return a number of any integer type as an int. Raises `InvalidLayer` for anything else."""
    try:
        return operator.index(cast(SupportsIndex, value))
    except TypeError:
        raise InvalidLayer(f"the {name} must be a whole number, not {value!r:.60}") from None


def _decode_seed(payload: bytes) -> int:
    if len(payload) > 8 or payload[:1] == b"\0":
        raise Corrupt("non-canonical encoding of the seed")
    return int.from_bytes(payload, "big")
