"""README and docs are correct: their code runs as printed, their links and commands exist."""

from __future__ import annotations

import functools
import re
import shlex
import shutil
from pathlib import Path

import pytest

import codec
from codec.cli.main import main
from codec.encoder import extract
from codec.encoder.encode_options import DEFAULT_OPTIONS, EncodeOptions

ROOT = Path(__file__).resolve().parent.parent
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_RUN = "<!-- not run by the tests"
BLOCK = re.compile(r"(<!-- not run by the tests[^>]*-->\n)?```(sh|python)\n(.*?)```", re.S)
MAX_README_WORDS = 700
EXTRACT = extract.extract


def blocks(language: str, *, run: bool = True) -> list[object]:
    """Return the code blocks of one language in all docs: those that are run, or those that are not."""
    found = []
    for path in DOCS:
        for number, (skipped, name, code) in enumerate(BLOCK.findall(path.read_text(encoding="utf-8"))):
            if name == language and bool(skipped) != run:
                found.append(pytest.param(code, id=f"{path.name}-{number}"))
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that the docs' commands need; the fast decoder replaces the slow one."""
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    (tmp_path / "pictures").mkdir()
    for name in ("photo.jpg", "pictures/photo.jpg"):
        shutil.copy(ROOT / "assets" / "examples" / "coffee.jpg", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(codec, "decode", functools.partial(codec.decode, decoder="painter-preview"))
    monkeypatch.setattr(extract, "extract", extract_example)
    return tmp_path


@functools.cache
def extract_example(source: object, options: EncodeOptions = DEFAULT_OPTIONS, **reserved: int) -> extract.Extraction:
    """Extract the layers of the one picture that the docs encode, once for each set of options."""
    return EXTRACT(ROOT / "assets" / "examples" / "coffee.jpg", options, **reserved)


@pytest.mark.parametrize("code", [block for block in blocks("python") if "Client(" not in block.values[0]])
def test_python_runs_as_printed(code: str, folder: Path) -> None:
    exec(compile(code, "docs", "exec"), {})


@pytest.mark.parametrize("code", [block for block in blocks("sh") if "python -m codec" in block.values[0]])
def test_commands_run_as_printed(code: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in code.splitlines():
        words = shlex.split(line, comments=True)
        if words[:3] == ["python", "-m", "codec"]:
            arguments = words[3:]
            if arguments[:1] == ["decode"]:
                arguments += ["--decoder", "painter-preview"]
            output = arguments[arguments.index("-o") + 1] if "-o" in arguments else None
            for needed in [word for word in arguments if word.endswith(".tril") and word != output][:1]:
                if arguments[0] != "encode" and "-o" not in arguments[:2] and not Path(needed).exists():
                    assert main(["encode", "photo.jpg", "-o", needed, "--prompt", "a cup"]) == 0
            assert main(arguments) == 0, line


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_to_files(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_named_files_and_modules_exist(path: Path) -> None:
    """Every path and every `python -m` module in the docs is one of the repository."""
    text = path.read_text(encoding="utf-8")
    files = re.findall(r"`((?:codec|ui|tests|assets|docs)/[\w./{},-]*\w)`", text)
    missing = [name for name in files if "{" not in name and "NAME" not in name and not (ROOT / name).exists()]
    for module in re.findall(r"python3? -m ((?:codec|tests)[\w.]*)", text):
        base = ROOT / module.replace(".", "/")
        if not (base.with_suffix(".py").exists() or (base / "__main__.py").exists()):
            missing.append(module)
    assert missing == []


def test_the_readme_is_short() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2]
    assert len(text.split()) <= MAX_README_WORDS
