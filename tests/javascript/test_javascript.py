"""The page's JavaScript: unit tests and lint, both run by Node, and the script that the canvas's modules make."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.javascript import HERE, find_eslint
from ui.page.js_bundle import bundle_modules

ROOT = HERE.parents[1]
CANVAS = ROOT / "ui" / "static" / "canvas"
GRADIO_PARAMETERS = "element, trigger, props, server, upload, watch"


@pytest.fixture
def node() -> str:
    path = shutil.which("node")
    if path is None:
        pytest.skip("Node is not installed")
    return path


def run(*command: str) -> None:
    """Run a command in the repository's root; fail with its output."""
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_unit_tests_pass(node):
    run(node, "--test", *(str(path) for path in sorted(HERE.glob("*.test.mjs"))))


def test_every_pure_module_has_unit_tests():
    pure = {path.stem for path in (CANVAS / "geometry").glob("*.mjs")}
    assert pure == {path.name.removesuffix(".test.mjs") for path in HERE.glob("*.test.mjs")}


def test_code_is_lint_clean(node):
    eslint = find_eslint()
    if eslint is None:
        pytest.skip("eslint is not installed: python3 -m tests installs it where npm is available")
    run(node, eslint, "--config", str(HERE / "eslint.config.mjs"), "ui/static", "tests/javascript")


# The script that the canvas's modules are joined into.


def test_joined_canvas_is_a_valid_function_body_of_all_modules(node, tmp_path):
    """A name that two modules declare is a syntax error, too."""
    script = bundle_modules(CANVAS / "main.mjs")
    for module in CANVAS.rglob("*.mjs"):
        assert f"// {module.name}\n" in script
    joined = tmp_path / "joined.js"
    joined.write_text(f"(async function ({GRADIO_PARAMETERS}) {{\n{script}\n}});")
    run(node, "--check", str(joined))


def write_modules(folder: Path, **sources: str) -> Path:
    """Write modules by name; return the path of the first."""
    for name, source in sources.items():
        (folder / f"{name}.mjs").write_text(source)
    return folder / f"{next(iter(sources))}.mjs"


def test_modules_are_joined_after_their_imports(tmp_path):
    main = write_modules(
        tmp_path,
        main="import './setup.mjs';\nimport {\n  twice,\n} from './math.mjs';\n\nout(twice(two));\n",
        math="import { two } from './numbers.mjs';\n\nexport const twice = (x) => two * x;\n",
        setup="import { two } from './numbers.mjs';\nout(two);\n",
        numbers="export let two = 2;\n",
    )
    script = bundle_modules(main)
    lines = [line for line in script.splitlines() if line and not line.startswith("//")]
    assert lines == ["let two = 2;", "out(two);", "const twice = (x) => two * x;", "out(twice(two));"]


def test_modules_that_import_each_other_are_rejected(tmp_path):
    main = write_modules(
        tmp_path,
        main="import { f } from './a.mjs';\nf();\n",
        a="import { g } from './b.mjs';\nexport function f() { g(); }\n",
        b="import { f } from './a.mjs';\nexport function g() { f(); }\n",
    )
    with pytest.raises(ValueError, match=r"import each other: a\.mjs -> b\.mjs -> a\.mjs"):
        bundle_modules(main)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import { b } from './other.mjs';\n", "main.mjs imports b, which other.mjs does not export"),
        ("import { hidden } from './other.mjs';\n", "imports hidden, which other.mjs does not export"),
        ("import './other.mjs';\nconst a = 1;\n", "other.mjs and main.mjs both declare a"),
        ("import './other.mjs';\nfunction a() {}\n", "both declare a"),
        ("import * as other from './other.mjs';\n", "unsupported import or export: import \\* as"),
        ("export default 1;\n", "unsupported import or export: export default 1"),
        ("export { x };\n", "unsupported import or export"),
    ],
)
def test_modules_that_do_not_fit_together_are_rejected(tmp_path, source, message):
    main = write_modules(tmp_path, main=source, other="export function a() {}\nconst hidden = 1;\n")
    with pytest.raises(ValueError, match=message):
        bundle_modules(main)
