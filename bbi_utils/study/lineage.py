"""What stands behind a notebook's results: its parameters, its code, and the modules that it reaches."""

from __future__ import annotations

import ast
import functools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_file
from tools import notebooks
from tools.notebooks import Notebook

PARAMETERS_TAG = "parameters"
PACKAGES = ("bbi_utils", "pocket")
IPYTHON_LINES = ("%", "!", "?")
# CPython 3.11 counts the depth of all syntax trees of a process together, and two threads that parse at once
# can fail with "recursion depth mismatch" (python/cpython issue 106905).
PARSING = threading.Lock()


def declared_parameters(path: Path) -> dict[str, Any]:
    """Names and default values in the cell tagged `parameters` (empty where there is none).

    Raises BadInput where that cell holds anything but UPPER_CASE = literal.
    """
    cells = notebooks.code_cells(notebooks.read(path))
    tagged = [cell for cell in cells if PARAMETERS_TAG in notebooks.tags(cell)]
    values: dict[str, Any] = {}
    for statement in (line for cell in tagged for line in parse(notebooks.source(cell), path).body):
        name, value = assignment(statement)
        if name is None or not name.isupper():
            found = ast.unparse(statement)
            message = f"the parameters cell of {path.name} holds `{found}`"
            raise BadInput(f"{message}; expected UPPER_CASE = literal")
        values[name] = value
    return values


def parse(code: str, path: Path) -> ast.Module:
    """The code's syntax tree; raises BadInput where it has none."""
    try:
        with PARSING:
            return ast.parse(code)
    except SyntaxError as error:
        raise BadInput(f"{path.name} has a cell that is not Python: {error.msg}: {error.text}") from None


def assignment(statement: ast.stmt) -> tuple[str | None, Any]:
    """Name and value of `NAME = literal` or `NAME: type = literal`; (None, None) for anything else."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target = statement.target
    else:
        return None, None
    assert statement.value is not None
    try:
        value = ast.literal_eval(statement.value)
    except ValueError:
        return None, None
    return (target.id, value) if isinstance(target, ast.Name) else (None, None)


def module_file(name: str) -> Path | None:
    """The file of a dotted module of this package, or None where it is not one."""
    base = paths.ROOT / Path(*name.split("."))
    files = (base.with_suffix(".py"), base / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def imported_modules(tree: ast.Module, package: str = "") -> Iterator[str]:
    """Dotted names of this package's modules that some code imports, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in PACKAGES and module_file(name))


@functools.cache
def direct_imports(name: str) -> frozenset[str]:
    """The modules of this package that one of its modules imports, and the packages it lies in."""
    file = module_file(name)
    assert file is not None
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    parents = {".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)}
    return frozenset({*imported_modules(parse(file.read_text(encoding="utf-8"), file), package), *parents})


def modules_used(notebook: Notebook, path: Path) -> list[str]:
    """Every module of this package that a notebook reaches through imports, sorted."""
    waiting: set[str] = set()
    for cell in notebooks.code_cells(notebook):
        lines = notebooks.source(cell).splitlines()
        plain = "\n".join("" if line.startswith(IPYTHON_LINES) else line for line in lines)
        waiting |= set(imported_modules(parse(plain, path)))
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= direct_imports(name) - reached
    return sorted(reached)


def lineage(path: Path) -> dict[str, str]:
    """Hashes of all the code behind a notebook's results: its cells, and each module that it reaches."""
    notebook = notebooks.read(path)
    files = {name: module_file(name) for name in modules_used(notebook, path)}
    hashes = {name: sha256_file(file) for name, file in files.items() if file is not None}
    return {path.name: notebooks.code_hash(notebook), **hashes}
