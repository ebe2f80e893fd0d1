"""Damage is located, no pickle is loaded, and only loopback is contacted; see also docs/SECURITY.md."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from codec import Layers
from codec.bitstream import container
from codec.errors import CodecError, Corrupt
from tests.fuzz.mutator import KNOWN

ROOT = Path(__file__).parent.parent
NAMES = container.LAYERS
DAMAGED_FILES = 12_000  # for each layer: its 8-bit check misses 1 in 256


def complete_files() -> list[bytes]:
    """Return the golden files that have all three layers."""
    files = [path.read_bytes() for path in sorted((ROOT / "tests" / "golden").glob("*/*.tril"))]
    return [data for data in files if all(container.unpack(data, known_chunks=KNOWN).payloads)]


def damage(rng: random.Random, data: bytes, index: int) -> bytes:
    """Change 1 to 8 bytes of one layer's payload."""
    payload = container.unpack(data, known_chunks=KNOWN).payloads[index]
    start = data.index(payload)
    out = bytearray(data)
    for position in rng.sample(range(start, start + len(payload)), min(rng.randint(1, 8), len(payload))):
        out[position] ^= rng.randrange(1, 256)
    return bytes(out)


@pytest.mark.parametrize("index", range(3), ids=NAMES)
def test_damage_is_located_in_its_layer(index: int) -> None:
    rng, files = random.Random(index), complete_files()
    assert files
    located = 0
    for _ in range(DAMAGED_FILES):
        with pytest.raises(CodecError) as error:
            Layers.from_bytes(damage(rng, rng.choice(files), index))
        located += isinstance(error.value, Corrupt) and error.value.layers == (NAMES[index],)
    assert located / DAMAGED_FILES >= 0.995


@pytest.mark.parametrize("index", range(3), ids=NAMES)
def test_other_layers_decode_whatever_the_damage(index: int) -> None:
    rng, files = random.Random(index + 9), complete_files()
    for _ in range(8):
        data = rng.choice(files)
        original = Layers.from_bytes(data)
        salvaged, lost = Layers.salvage(damage(rng, data, index))
        assert lost in ((NAMES[index],), ())
        for name in NAMES:
            assert name == NAMES[index] or getattr(salvaged, name) == getattr(original, name)
        if lost:
            assert salvaged == replace(original, seed=None, settings=None, extra=(), **{NAMES[index]: None})


# Runs in a process of its own that is audited from its first import on: serves the page, encodes, decodes and edits.
AUDITED = """
import sys
events = []
LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "", None, b"localhost", b"127.0.0.1"}
def audit(event, arguments):
    if event == "pickle.find_class":
        events.append(event)
    if event in ("socket.getaddrinfo", "socket.gethostbyname") and arguments[0] not in LOOPBACK:
        events.append(f"{event} {arguments[0]}")
        raise OSError("no network in this test")
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[-1]
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            events.append(f"{event} {address}")
            raise OSError("no network in this test")
sys.addaudithook(audit)

import urllib.request
from codec import Layers, decode, encode
from codec.editing import edits
from ui.server import serve

server = serve.launch()
try:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert b"Trilayer" in opener.open(server.address, timeout=60).read()
finally:
    server.close()
layers = encode("assets/examples/coffee.jpg", prompt="a cup")
layers = edits.reprompt(Layers.from_bytes(layers.to_bytes()), "a cup of tea")
assert decode(layers, decoder="painter-preview").any()
assert [name for name in ("torch", "gradio", "cv2", "PIL") if name not in sys.modules] == []

import pickle, socket
violations = list(events)
for attempt in (lambda: socket.getaddrinfo("example.invalid", 80), lambda: socket.socket().connect(("192.0.2.1", 9))):
    try:
        attempt()
    except OSError:
        pass
pickle.loads(pickle.dumps(Layers))
print(violations, len(events) - len(violations))
"""


@pytest.mark.slow
def test_no_pickle_is_loaded_and_only_loopback_is_contacted() -> None:
    """The last three events are provoked, to show that the audit hook sees them."""
    result = subprocess.run([sys.executable, "-c", AUDITED], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip().splitlines()[-1] == "[] 3"
