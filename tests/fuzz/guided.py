"""Coverage-guided fuzzing: atheris keeps inputs that reach new code and mutates them further.

    pip install atheris && python -m tests.fuzz.guided layers -max_total_time=3600

Runs until it is stopped or a case fails; the failing case is saved in tests/crashes/. The options are libFuzzer's. The
corpus starts with the golden files and is kept in the system's temporary folder, so the next run continues from it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

try:
    import atheris
except ImportError:
    raise SystemExit("atheris is not installed: pip install atheris") from None

with atheris.instrument_imports(include=["codec"]):  # only modules imported in this block are instrumented
    from codec.bitstream.container import VERSION, unpack
    from tests.fuzz.__main__ import save_failure, sources
    from tests.fuzz.mutator import KNOWN, TARGETS, framed, sealed


def file_from_input(data: bytes) -> bytes:
    """Return a valid frame around one payload: the first byte selects the layer, the rest is the payload."""
    layer = data[0] % 3 if data else 0
    payloads = [framed(index, data[1:] if index == layer else b"") for index in range(3)]
    return sealed(bytes((0xB3, 0x4C, VERSION << 5 | 1)) + b"".join(payloads))


def payload_inputs() -> set[bytes]:
    """Return the payloads of the golden files in the form that `file_from_input` takes."""
    inputs = set()
    for source in sources():
        for index, payload in enumerate(unpack(source, known_chunks=KNOWN).payloads):
            inputs.add(bytes([index]) + payload)
    return inputs


def main() -> None:
    """Fuzz the target that the first argument names."""
    target = sys.argv.pop(1) if sys.argv[1:2] and sys.argv[1] in TARGETS else "layers"
    to_file = file_from_input if target == "layers" else bytes

    def check(data: bytes) -> None:
        try:
            TARGETS[target](to_file(data))
        except Exception:
            print("saved", save_failure(target, to_file(data)))
            raise

    corpus = Path(tempfile.gettempdir(), f"trilayer-fuzz-{target}")
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(sorted(payload_inputs() if target == "layers" else sources())):
        Path(corpus, str(number)).write_bytes(data)
    atheris.Setup([*sys.argv, str(corpus)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
