"""Fuzzing guided by coverage: atheris keeps what reaches new code, and changes it further.

    pip install atheris && python -m tests.fuzz.guided layers -max_total_time=3600

Goes on until it is stopped or something fails, which is kept in tests/crashes/. Options are libFuzzer's. Its inputs, at
first the golden files, lie in a folder of the temporary one, so that the next run goes on from there.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

try:
    import atheris
except ImportError:
    raise SystemExit("atheris is not installed: pip install atheris") from None

with atheris.instrument_imports(include=["codec"]):  # sees only what is imported in here
    from codec.bitstream.container import unpack
    from tests.fuzz.__main__ import keep, sources
    from tests.fuzz.mutator import KNOWN, TARGETS, layer, sealed


def file_of(data: bytes) -> bytes:
    """A file whose checks are right: the first byte says which layer; its payload is the rest."""
    index = data[0] % 3 if data else 0
    payloads = [layer(at, data[1:] if at == index else b"") for at in range(3)]
    return sealed(bytes((0xB3, 0x4C, 32 * 2 + 1)) + b"".join(payloads))


def seeds() -> set[bytes]:
    """The payloads of the golden files, as `file_of` takes them."""
    found = set()
    for source in sources():
        for index, payload in enumerate(unpack(source, known=KNOWN).layers):
            found.add(bytes([3 * (source[2] >> 5) - 3 + index]) + payload)
    return found


def main() -> None:
    """See the module's text."""
    target = sys.argv.pop(1) if sys.argv[1:2] and sys.argv[1] in TARGETS else "layers"
    made = file_of if target == "layers" else bytes

    def one(data: bytes) -> None:
        try:
            TARGETS[target](made(data))
        except Exception:
            print("kept", keep(target, made(data)))
            raise

    inputs = Path(tempfile.gettempdir(), f"trilayer-fuzz-{target}")
    inputs.mkdir(exist_ok=True)
    for number, data in enumerate(sorted(seeds() if target == "layers" else sources())):
        Path(inputs, str(number)).write_bytes(data)
    atheris.Setup([*sys.argv, str(inputs)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
