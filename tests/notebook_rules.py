"""What a notebook of this project has to look like: first cell, parameters, prose, code, fresh outputs."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from bbi_utils.study.cells import Cell, Notebook, code_cells, code_hash, read, tags

FIRST = ("Question", "Goals", "In", "Out", "Time")
FOUND, RECORD = "What we found", "provenance.versions_line()"  # how a notebook ends
PREFERRED, LIMIT = 8, 12  # lines of code in a cell
LONG_SHARE = 0.25  # of code cells may be longer than preferred
MOST_PARAMETERS = 15
# Of the lines of code in the notebooks that a reader follows through, imports and parameters take at most:
OPENING_SHARE, FOLLOWED = 0.15, ("03", "04", "05", "06", "07", "08")
IMAGE_BYTES = 400_000
SECRET = re.compile(
    r"hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY"
)
# A slash path of two parts or more, not part of a web address or a word; a home folder; a drive letter.
ABSOLUTE = re.compile(
    r"""(?<![\w.:/<~)*}])/(?:[\w.+-]+/)+[\w.+-]*|["']/[A-Za-z][\w.-]*["']|~/\w|\b[A-Z]:\\\w"""
)
MAGIC = re.compile(r"^\s*(!|%{1,2}\w)", re.MULTILINE)


def check_rules(path: Path | str) -> list[str]:
    """Each violation of the notebook rules as one line naming the cell (counted from 1); empty when none."""
    name, notebook = Path(path).name, read(path)
    found = [] if re.fullmatch(r"\d\d(_[a-z]+)+\.ipynb", name) else ["not named NN_verb_noun.ipynb"]
    for check in (_first_cell, _imports, _parameters, _prose, _end, _code, _private, _fresh, _images):
        found += check(notebook)
    if name.startswith(FOLLOWED):
        found += _opening(notebook)
        if not any(_has(cell, ast.Assert) for cell in code_cells(notebook)):
            found.append(
                "asserts nothing: what it is about is first built by hand, and agrees with the package"
            )
    return [f"{name}: {line}" for line in found]


def _numbered(notebook: Notebook, kind: str) -> list[tuple[int, Cell]]:
    return [(i, c) for i, c in enumerate(notebook["cells"], start=1) if c["cell_type"] == kind]


def _first_cell(notebook: Notebook) -> Iterator[str]:
    """A Markdown H1, then the labels in bold: **Question**, **Goals**, **In**, **Out**, **Time**."""
    first = notebook["cells"][0] if notebook["cells"] else {"cell_type": "none", "source": ""}
    if first["cell_type"] != "markdown" or not first["source"].startswith("# "):
        yield "cell 1: is not Markdown that begins with an H1"
        return
    for label in FIRST:
        if not re.search(rf"\*\*{label}\b", first["source"]):
            yield f"cell 1: does not say **{label}**"
    if "?" not in first["source"]:
        yield "cell 1: asks no question"


def _imports(notebook: Notebook) -> Iterator[str]:
    """Imports are the first code cell, and nowhere else."""
    for number, cell in enumerate(code_cells(notebook), start=1):
        nodes = _tree(cell).body
        imports = [n for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom))]
        if number == 1 and not imports:
            yield "the first code cell has no imports"
        if number > 1 and imports:
            yield f"code cell {number}: imports, which belong into the first code cell"


def _tree(cell: Cell) -> ast.Module:
    """The syntax tree without notebook magics; empty for what Python cannot read (the linter says that)."""
    try:
        return ast.parse("\n".join(line for line in cell["source"].split("\n") if not MAGIC.match(line)))
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def _parameters(notebook: Notebook) -> Iterator[str]:
    """One cell tagged `parameters`: UPPER_CASE = literal  # help, and nothing else."""
    cells = [(i, c) for i, c in _numbered(notebook, "code") if "parameters" in tags(c)]
    if len(cells) != 1:
        yield f"{len(cells)} cells tagged `parameters`, expected 1"
        return
    number, cell = cells[0]
    if (count := len(_tree(cell).body)) > MOST_PARAMETERS:
        yield f"cell {number}: {count} parameters, at most {MOST_PARAMETERS}"
    comments = _comment_lines(cell["source"])
    for node in _tree(cell).body:
        name = _assigned(node)
        if name is None or not _is_literal(node):
            yield f"cell {number}, line {node.lineno}: a parameter is NAME = literal"
        elif not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            yield f"cell {number}, line {node.lineno}: {name} is not UPPER_CASE"
        elif not comments & {node.lineno, node.end_lineno}:
            yield f"cell {number}, line {node.lineno}: {name} has no `# help`"


def _opening(notebook: Notebook) -> Iterator[str]:
    """Imports and parameters are a small part of the code."""
    cells = code_cells(notebook)
    lines = {id(cell): len(_lines(cell)) for cell in cells}
    opening = [cell for cell in cells if cell is cells[0] or "parameters" in tags(cell)]
    share = sum(lines[id(cell)] for cell in opening) / sum(lines.values())
    if share > OPENING_SHARE:
        yield f"imports and parameters are {share:.0%} of the code, at most {OPENING_SHARE:.0%}"


def _lines(cell: Cell) -> list[str]:
    """A cell's lines of code: neither blank nor a comment alone."""
    return [line for line in cell["source"].split("\n") if line.strip() and not line.strip().startswith("#")]


def _assigned(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return node.target.id if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else None


def _is_literal(node: ast.stmt) -> bool:
    try:
        ast.literal_eval(node.value)  # type: ignore[attr-defined]
    except ValueError:
        return False
    return True


def _comment_lines(code: str) -> set[int]:
    """Numbers of the lines with a comment that says something."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return {t.start[0] for t in tokens if t.type == tokenize.COMMENT and t.string.strip("# ")}


def _prose(notebook: Notebook) -> Iterator[str]:
    """Prose around code: as many cells and words, text between code cells, what was found."""
    prose, code = _numbered(notebook, "markdown"), _numbered(notebook, "code")
    words = [sum(len(re.findall(r"\w+", c["source"])) for _, c in cells) for cells in (prose, code)]
    if len(prose) < len(code):
        yield f"{len(prose)} prose cells are fewer than {len(code)} code cells"
    if words[0] < words[1]:
        yield f"{words[0]} words of prose are fewer than {words[1]} of code"
    opening = {id(c) for c in code_cells(notebook)[:2]}  # imports, parameters and derived values may adjoin
    for (number, cell), (after, _) in zip(code, code[1:], strict=False):
        if after == number + 1 and id(cell) not in opening:
            yield f"cells {number} and {after}: no sentence between two code cells"


def _end(notebook: Notebook) -> Iterator[str]:
    """What was found, computed in a cell of its own, and what is next."""
    heading = re.compile(rf"^#+ .*{FOUND}", re.MULTILINE)
    cells = notebook["cells"]
    if (start := next((i for i, cell in enumerate(cells) if heading.search(cell["source"])), None)) is None:
        yield f"no section '{FOUND}'"
        return
    if not any(cell["cell_type"] == "code" and RECORD not in cell["source"] for cell in cells[start:]):
        yield f"nothing is computed under '{FOUND}'"
    if not any("Next: " in cell["source"] for cell in cells[start:]):
        yield "does not say what is next"


def _code(notebook: Notebook) -> Iterator[str]:
    """What a cell defines is checked against the package; no shell, short cells but for the parameters."""
    long = 0
    cells = [
        (i, c)
        for i, c in _numbered(notebook, "code")
        if not {"parameters", "injected-parameters"} & {*tags(c)}
    ]
    asserts = [number for number, cell in cells if _has(cell, ast.Assert)]
    for number, cell in cells:
        if _has(cell, ast.FunctionDef, ast.ClassDef) and not any(later >= number for later in asserts):
            yield f"cell {number}: defines a function or class that no assert checks against the package"
        if MAGIC.search(cell["source"]):
            yield f"cell {number}: runs a shell command or magic"
        lines = len(_lines(cell))
        long += lines > PREFERRED
        if lines > LIMIT:
            yield f"cell {number}: {lines} lines of code, at most {LIMIT}"
    if long > LONG_SHARE * len(cells):
        yield f"{long} of {len(cells)} code cells have more than {PREFERRED} lines"


def _has(cell: Cell, *kinds: type[ast.stmt]) -> bool:
    return any(isinstance(node, kinds) for node in ast.walk(_tree(cell)))


def _private(notebook: Notebook) -> Iterator[str]:
    """No absolute path and no secret, in what is written or in what was printed."""
    for number, cell in enumerate(notebook["cells"], start=1):
        for where, text in (("", cell["source"]), (" output", _printed(cell))):
            if match := SECRET.search(text):
                yield f"cell {number}{where}: looks like a secret: {match[0][:6]}..."
            if match := ABSOLUTE.search(text):
                yield f"cell {number}{where}: absolute path {match[0]!r}"


def _printed(cell: Cell) -> str:
    """All text that a cell printed or displayed."""
    parts: list[str | list[str]] = []
    for output in cell.get("outputs", []):
        parts.append(output.get("text", ""))
        parts += [value for mime, value in output.get("data", {}).items() if mime.startswith("text/")]
    return "\n".join(part if isinstance(part, str) else "".join(part) for part in parts)


def _fresh(notebook: Notebook) -> Iterator[str]:
    """The outputs are there, and from this very code."""
    recorded = notebook["metadata"].get("bbi", {}).get("code_hash")
    if not any(cell.get("outputs") for cell in code_cells(notebook)):
        yield "has no outputs; refresh it from an executed copy"
    elif any(cell["execution_count"] is None for cell in code_cells(notebook)):
        yield "a code cell has not been run; refresh it from an executed copy"
    elif recorded != code_hash(notebook):
        yield "outputs are stale: the code has changed since they were made; run and refresh it"


def _images(notebook: Notebook) -> Iterator[str]:
    for number, cell in enumerate(notebook["cells"], start=1):
        for output in cell.get("outputs", []):
            size = len("".join(output.get("data", {}).get("image/png", ""))) * 3 // 4
            if size > IMAGE_BYTES:
                yield f"cell {number}: an image of {size:,} bytes, at most {IMAGE_BYTES:,}"
            if size and not output.get("metadata", {}).get("image/png", {}).get("alt"):
                yield f"cell {number}: an image without alternative text; show it with `figures.show`"
