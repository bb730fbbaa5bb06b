"""A notebook's code as the study depends on it: its cells, the parameters they declare, and their hash."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_text

Cell = dict[str, Any]
Notebook = dict[str, Any]
PARAMETERS = "parameters"
INJECTED = "injected-parameters"  # papermill's tag


def read(path: Path | str) -> Notebook:
    """The notebook as nbformat 4, each cell's source one text. Raises BadInput when it is none."""
    import nbformat

    path = Path(path)
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise BadInput(f"notebook {path.name}: no such file") from None
    except (ValueError, AttributeError, nbformat.ValidationError) as error:
        said = str(error).partition("\n")[0]
        raise BadInput(f"notebook {path.name}: expected nbformat 4 ({said})") from None


def tags(cell: Cell) -> list[str]:
    """A cell's tags."""
    return list(cell.get("metadata", {}).get("tags", []))


def code_cells(notebook: Notebook) -> list[Cell]:
    """The code cells in order, without the parameters that papermill injects."""
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and INJECTED not in tags(c)]


def code_hash(notebook: Notebook) -> str:
    """SHA-256 of the code cells' text, outputs and prose left out: what the outputs were run from."""
    return sha256_text(json.dumps([cell["source"].rstrip() for cell in code_cells(notebook)]))


def declared_parameters(path: Path) -> dict[str, Any]:
    """Names and default values in the cell tagged `parameters` (empty where there is none).

    Not papermill.inspect_notebook: it cuts a text at `#` and passes over what is no assignment.
    Raises BadInput where that cell holds anything but UPPER_CASE = literal.
    """
    cells = [parsed(cell["source"], path) for cell in code_cells(read(path)) if PARAMETERS in tags(cell)]
    return dict(literal(statement, path) for cell in cells for statement in cell.body)


def parsed(code: str, path: Path) -> ast.Module:
    """The code's syntax tree; raises BadInput where it has none."""
    try:
        return ast.parse(code)
    except SyntaxError as error:
        raise BadInput(f"{path.name} has a cell that is not Python: {error.msg}: {error.text}") from None


def literal(statement: ast.stmt, path: Path) -> tuple[str, Any]:
    """Name and value of a parameter; raises BadInput for anything but UPPER_CASE = literal."""
    match statement:
        case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
            try:
                if name.isupper():
                    return name, ast.literal_eval(value)
            except ValueError:
                pass
    found = f"the parameters cell of {path.name} holds `{ast.unparse(statement)}`"
    raise BadInput(f"{found}; expected UPPER_CASE = literal")
