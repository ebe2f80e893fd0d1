"""Three layers <-> one file.

    Prompt    --to_bytes-->  semantic  --\\
    Sketch    --to_bytes-->  structure  ---> container.pack --> the bytes of a .tril file
    Colormap  --to_bytes-->  texture   --/

Each layer decodes alone; any may be absent.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from codec.bitstream import container
from codec.bitstream.container import Container
from codec.bitstream.settings import Settings
from codec.errors import Corrupt, FormatError, InvalidLayer
from codec.limits import MAX_SIDE
from codec.semantic.prompt import Prompt
from codec.structure.payload import from_bytes as structure_from_bytes
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture.colormap import Colormap

SEED: Final = container.SKIPPABLE | container.KEEPABLE | 1
SETTINGS: Final = container.SKIPPABLE | container.KEEPABLE | 2
MAX_SEED: Final = (1 << 64) - 1
BITS_PER_PIXEL: Final = 0.02  # the paper's bound: 655 bytes at 512 x 512
LEAST_BUDGET: Final = 160  # a thumbnail still needs words, a few strokes and colors


class Sizes(NamedTuple):
    """Where a file's bytes go. `overhead` is header, lengths, checks and checksum."""

    semantic: int
    structure: int
    texture: int
    extensions: int
    overhead: int

    @property
    def total(self) -> int:
        """The length of the file."""
        return sum(self)


def default_budget(width: int, height: int) -> int:
    """Bytes for a picture of that size: under 0.02 bits per pixel, but at least 160."""
    return max(int(width * height * BITS_PER_PIXEL / 8) - 1, LEAST_BUDGET)


@dataclass(frozen=True, slots=True)
class Layers:
    """A picture as three layers: what a `.tril` file holds.

    `width`, `height`: of the picture, 1..4096 pixels. `semantic`, `structure`, `texture`: the layers, None
    where absent; an empty prompt is an absent one. `seed`: 0..2^64 - 1, where the decoder's random
    numbers start. `settings`: how the picture was generated. `extra`: chunks unknown to this
    version, kept as they came. Raises `InvalidLayer` for anything else.
    """

    width: int
    height: int
    semantic: Prompt | None = None
    structure: Sketch | Pose | None = None
    texture: Colormap | None = None
    seed: int | None = None
    settings: Settings | None = None
    extra: tuple[container.Chunk, ...] = ()

    def __post_init__(self) -> None:
        for name in ("width", "height", "seed"):
            object.__setattr__(self, name, _whole(name, getattr(self, name)))
        object.__setattr__(self, "extra", tuple(sorted((kind, bytes(data)) for kind, data in self.extra)))
        if not all(0 <= kind < 256 and not kind & 0x20 and kind not in (SEED, SETTINGS) for kind, _ in self.extra):
            raise InvalidLayer("an unknown extension has a type of its own, a byte without bit 5")
        if not all(1 <= side <= MAX_SIDE for side in (self.width, self.height)):
            raise InvalidLayer(
                f"the picture is {self.width}x{self.height}; a side has 1 to {MAX_SIDE} pixels"
            )
        if self.seed is not None and not 0 <= self.seed <= MAX_SEED:
            raise InvalidLayer("the seed is 0..2^64 - 1")
        if self.semantic == Prompt():
            object.__setattr__(self, "semantic", None)
        if self.settings == Settings():
            object.__setattr__(self, "settings", None)

    @property
    def is_empty(self) -> bool:
        """True if there is no layer at all; seed, settings and unknown extensions do not count."""
        return self.semantic is None and self.structure is None and self.texture is None

    def to_bytes(self) -> bytes:
        """The file. Raises `LimitExceeded` over 65,536 bytes."""
        return container.pack(self._container())

    @classmethod
    def from_bytes(cls, data: bytes) -> Layers:
        """The layers of a file: accepts exactly the bytes that `to_bytes` writes.

        Raises `FormatError` (see errors.py) for anything else, `LimitExceeded` over 65,536 bytes.
        """
        return cls._parse(container.unpack(data, known=frozenset((SEED, SETTINGS))))

    @classmethod
    def salvage(cls, data: bytes) -> tuple[Layers, tuple[str, ...]]:
        """The undamaged layers of a damaged file, and the names of the lost ones.

        Raises `FormatError` where the header itself cannot be read, `LimitExceeded` over 65,536 bytes.
        """
        content, damaged = container.salvage(data)
        payloads = list(content.layers)
        lost = list(damaged)
        for index, name in enumerate(container.LAYERS):
            alone = [b"", b"", b""]
            alone[index] = payloads[index]
            try:
                cls._parse(replace(content, layers=(alone[0], alone[1], alone[2]), chunks=()))
            except FormatError:  # its 8-bit check passed by chance
                payloads[index] = b""
                lost.append(name)
        chunks = tuple(c for c in content.chunks if c[0] in (SEED, SETTINGS) or c[0] & container.SKIPPABLE)
        rest = replace(content, layers=(payloads[0], payloads[1], payloads[2]), chunks=chunks)
        names = tuple(name for name in container.LAYERS if name in lost)
        try:
            return cls._parse(rest), names
        except FormatError:  # an extension holds nonsense
            return cls._parse(replace(rest, chunks=())), names

    def sizes(self) -> Sizes:
        """The bytes of each part of the file that `to_bytes` writes."""
        content = self._container()
        total = len(container.pack(content))
        bare = len(container.pack(replace(content, chunks=())))
        words, lines, colors = map(len, content.layers)
        return Sizes(words, lines, colors, total - bare, bare - words - lines - colors)

    def bpp(self, size: int) -> float:
        """Bits per pixel of `size` bytes."""
        return 8 * size / (self.width * self.height)

    def only(self, which: Iterable[int]) -> Layers:
        """With the layers 1 (semantic), 2 (structure), 3 (texture) that `which` names, no others."""
        keep = set(which)
        return replace(
            self,
            semantic=self.semantic if 1 in keep else None,
            structure=self.structure if 2 in keep else None,
            texture=self.texture if 3 in keep else None,
        )

    def _container(self) -> Container:
        payloads = [layer.to_bytes() if layer else b"" for layer in (self.semantic, self.structure, self.texture)]
        chunks = list(self.extra)
        if self.seed is not None:
            chunks.append((SEED, self.seed.to_bytes((self.seed.bit_length() + 7) // 8, "big")))
        if self.settings is not None:
            chunks.append((SETTINGS, self.settings.to_bytes()))
        layers = (payloads[0], payloads[1], payloads[2])
        return Container(self.width, self.height, layers, tuple(sorted(chunks)))

    @classmethod
    def _parse(cls, content: Container) -> Layers:
        words, lines, colors = content.layers
        chunks = dict(content.chunks)
        return cls(
            content.width,
            content.height,
            Prompt.from_bytes(words) if words else None,
            structure_from_bytes(lines) if lines else None,
            Colormap.from_bytes(colors) if colors else None,
            _seed(chunks.pop(SEED)) if SEED in chunks else None,
            Settings.from_bytes(chunks.pop(SETTINGS)) if SETTINGS in chunks else None,
            tuple(chunks.items()),
        )


def _whole(name: str, value: int | None) -> int | None:
    """A whole number of any integer type. Raises `InvalidLayer` for anything else but None."""
    try:
        return None if value is None and name == "seed" else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidLayer(f"the {name} is a whole number, not {value!r}") from None


def _seed(payload: bytes) -> int:
    if len(payload) > 8 or payload[:1] == b"\0":
        raise Corrupt("the seed is not in its one form")
    return int.from_bytes(payload, "big")
