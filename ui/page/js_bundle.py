"""Join JavaScript modules into one script, because Gradio takes a component's script as the body of a function.

The modules share the scope of that function, so that two of them must not declare the same name at the top level.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

# The supported forms: `import './a.mjs';`, `import { b, c } from './a.mjs';` and `export` before one declaration.
_IMPORT: Final = re.compile(r"^import (?:\{(?P<names>[\w$\s,]*)\} from )?'(?P<path>\.{1,2}/[\w./]+)';\n", re.MULTILINE)
_DECLARATION: Final = re.compile(
    r"^(?P<export>export )?(?:const|let|class|function|async function) (?P<name>[\w$]+)", re.MULTILINE
)
_MODULE_SYNTAX: Final = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle_modules(entry: Path) -> str:
    """Return the module and all modules that it imports as one script, each after its imports.

    Raises `ValueError` for an import or export of another form, an imported name that is not exported, a name that
    two modules declare, and modules that import each other.
    """
    sources: dict[Path, str] = {}
    _collect(entry.resolve(), sources, ())
    _check_names(sources)
    return "\n".join(f"// {path.name}\n{_without_module_syntax(path, source)}" for path, source in sources.items())


def _collect(path: Path, sources: dict[Path, str], importers: tuple[Path, ...]) -> None:
    """Add the sources of a module and its imports in the order in which a browser would run them."""
    if path in importers:
        names = " -> ".join(module.name for module in (*importers[importers.index(path) :], path))
        raise ValueError(f"modules import each other: {names}")
    if path in sources:
        return
    source = path.read_text(encoding="utf-8")
    for match in _IMPORT.finditer(source):
        _collect((path.parent / match["path"]).resolve(), sources, (*importers, path))
    sources[path] = source


def _check_names(sources: dict[Path, str]) -> None:
    declared: dict[str, Path] = {}
    exported: dict[Path, set[str]] = {path: set() for path in sources}
    for path, source in sources.items():
        for match in _DECLARATION.finditer(source):
            name = match["name"]
            if name in declared:
                raise ValueError(f"{declared[name].name} and {path.name} both declare {name}")
            declared[name] = path
            if match["export"]:
                exported[path].add(name)
    for path, source in sources.items():
        for match in _IMPORT.finditer(source):
            target = (path.parent / match["path"]).resolve()
            names = {name.strip() for name in (match["names"] or "").split(",")} - {""}
            if missing := names - exported[target]:
                raise ValueError(
                    f"{path.name} imports {', '.join(sorted(missing))}, which {target.name} does not export"
                )


def _without_module_syntax(path: Path, source: str) -> str:
    script = _DECLARATION.sub(lambda match: match[0].removeprefix("export "), _IMPORT.sub("", source))
    if match := _MODULE_SYNTAX.search(script):
        raise ValueError(f"{path.name}: unsupported import or export: {match[0]}")
    return script
