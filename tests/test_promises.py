"""What is promised of damage, of pickles and of the network; README's "Security" says where the other tests are."""

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

ROOT = Path(__file__).parent.parent
NAMES = container.LAYERS
DAMAGES = 12_000  # of each layer: a check of 8 bits misses 1 of 256


def whole_files() -> list[bytes]:
    """Golden files with all three layers."""
    paths = list((ROOT / "tests" / "golden" / "0.2.0").glob("*.tril"))
    files = [path.read_bytes() for path in sorted(paths)]
    return [data for data in files if all(container.unpack(data, known=frozenset((0xC1, 0xC2))).layers)]


def damaged(rng: random.Random, data: bytes, index: int) -> bytes:
    """1 to 8 bytes of one layer's payload are others."""
    payloads = container.unpack(data, known=frozenset((0xC1, 0xC2))).layers
    start = data.index(payloads[index])
    out = bytearray(data)
    for at in rng.sample(range(start, start + len(payloads[index])), min(rng.randint(1, 8), len(payloads[index]))):
        out[at] ^= rng.randrange(1, 256)
    return bytes(out)


@pytest.mark.parametrize("index", range(3), ids=NAMES)
def test_damage_is_named_by_its_layer(index: int) -> None:
    rng, files = random.Random(index), whole_files()
    assert len(files) >= 4
    named = 0
    for _ in range(DAMAGES):
        with pytest.raises(CodecError) as error:
            Layers.from_bytes(damaged(rng, rng.choice(files), index))
        named += isinstance(error.value, Corrupt) and error.value.layers == (NAMES[index],)
    assert named / DAMAGES >= 0.995


@pytest.mark.parametrize("index", range(3), ids=NAMES)
def test_the_other_layers_decode_whatever_one_has_become(index: int) -> None:
    rng, files = random.Random(index + 9), whole_files()
    for _ in range(25):
        data = rng.choice(files)
        meant = Layers.from_bytes(data)
        found, lost = Layers.salvage(damaged(rng, data, index))
        assert lost in ((NAMES[index],), ())
        for name in NAMES:
            assert name == NAMES[index] or getattr(found, name) == getattr(meant, name)
        if lost:
            assert found == replace(meant, seed=None, settings=None, extra=(), **{NAMES[index]: None})


# A program of its own, watched from its first import on: it serves the page, encodes, decodes and edits.
WATCHED = """
import sys
seen = []
LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "", None, b"localhost", b"127.0.0.1"}
def watch(event, arguments):
    if event == "pickle.find_class":
        seen.append(event)
    if event in ("socket.getaddrinfo", "socket.gethostbyname") and arguments[0] not in LOOPBACK:
        seen.append(f"{event} {arguments[0]}")
        raise OSError("no network here")
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[-1]
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            seen.append(f"{event} {address}")
            raise OSError("no network here")
sys.addaudithook(watch)

import urllib.request
from codec import Layers, decode, edit, encode
from ui import serve

page, address = serve.launch()
try:
    own = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert b"Trilayer" in own.open(address, timeout=60).read()
finally:
    serve.close(page)
layers = encode("assets/examples/coffee.jpg", prompt="a cup")
layers = edit.reprompt(Layers.from_bytes(layers.to_bytes()), "a cup of tea")
assert decode(layers, decoder="painter-preview").any()
assert [name for name in ("torch", "gradio", "cv2", "PIL") if name not in sys.modules] == []

import pickle, socket
before = list(seen)
for attempt in (lambda: socket.getaddrinfo("example.invalid", 80), lambda: socket.socket().connect(("192.0.2.1", 9))):
    try:
        attempt()
    except OSError:
        pass
pickle.loads(pickle.dumps(Layers))
print(before, len(seen) - len(before))
"""


def test_no_pickle_is_read_and_nothing_but_loopback_is_called() -> None:
    """The last three it does on purpose: the watch sees them."""
    ran = subprocess.run([sys.executable, "-c", WATCHED], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip().splitlines()[-1] == "[] 3"
