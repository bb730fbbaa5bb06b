"""Committed notebooks: outputs come from executed copies, cleaned so that equal runs give equal bytes."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

from bbi_utils.errors import BadInput
from bbi_utils.files import replacing
from bbi_utils.study.cells import Cell, Notebook, code_cells, code_hash, read, tags

WIDGET = "application/vnd.jupyter.widget-view+json"
ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def refresh(executed: Path | str, committed: Path | str, *, root: Path | str | None = None) -> bool:
    """Copy the outputs of an executed copy into the committed notebook; True when its bytes changed.

    Progress bars, widgets and everything on stderr go; metadata, execution counts and stream pieces are made
    regular; `root` (the repository's folder) is cut out of paths. The code's hash is kept in the notebook's
    metadata as bbi.code_hash. Raises BadInput when the two have different code, or a cell failed.
    """
    run, notebook = read(executed), read(committed)
    if code_hash(run) != code_hash(notebook):
        found = f"{Path(committed).name}: its code differs from that of the executed copy"
        raise BadInput(f"{found}; run it again")
    for number, (cell, done) in enumerate(zip(code_cells(notebook), code_cells(run), strict=True), start=1):
        cell["outputs"] = _clean_outputs(done.get("outputs", []), number, root=root)
        cell["execution_count"] = number
    written = dumps(notebook).encode()
    if written == Path(committed).read_bytes():
        return False
    with replacing(Path(committed)) as partial:
        partial.write_bytes(written)
    return True


def dumps(notebook: Notebook) -> str:
    """The notebook as it is committed: regular metadata, ids and layout, one newline at the end."""
    import nbformat

    cells = []
    for number, cell in enumerate(notebook["cells"], start=1):
        kept = {"tags": tags(cell)} if tags(cell) else {}
        regular = {"id": cell.get("id", f"cell-{number:02d}"), "metadata": kept, "source": cell["source"]}
        extra = {k: cell[k] for k in ("outputs", "execution_count") if cell["cell_type"] == "code"}
        cells.append({"cell_type": cell["cell_type"], **regular, **extra})
    about = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    metadata = about | {"bbi": {"code_hash": code_hash(notebook)}}
    whole = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return nbformat.writes(nbformat.from_dict(whole)) + "\n"


def _clean_outputs(outputs: list[Cell], number: int, *, root: Path | str | None) -> list[Cell]:
    """What a reader needs of one cell's outputs; raises BadInput when the cell failed."""
    kept: list[Cell] = []
    for output in outputs:
        kind = output["output_type"]
        if kind == "error":
            raise BadInput(f"code cell {number} failed with {output.get('ename')}: {output.get('evalue')}")
        if kind == "stream" and output.get("name") == "stdout":
            text = _plain(output["text"], root)
            # Where the kernel cuts a stream depends on timing: join what belongs together.
            if kept and kept[-1]["output_type"] == "stream":
                text = kept.pop()["text"] + text
            if text.strip():
                kept.append({"output_type": "stream", "name": "stdout", "text": text})
        elif kind in ("display_data", "execute_result") and WIDGET not in output["data"]:
            data = {mime: _clean_data(mime, value, root) for mime, value in output["data"].items()}
            shown = {"output_type": kind, "data": data, "metadata": _words(output)}
            kept.append(shown | ({"execution_count": number} if kind == "execute_result" else {}))
    return kept


def _words(output: Cell) -> dict[str, dict[str, str]]:
    """An output's metadata with nothing but the alternative texts of its pictures."""
    said = output.get("metadata", {})
    return {mime: {"alt": of["alt"]} for mime, of in said.items() if isinstance(of, dict) and "alt" in of}


def _plain(text: str, root: Path | str | None) -> str:
    """Text without overwritten lines (bars rewrite theirs with a carriage return), addresses and the root."""
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if "\r" not in line]
    text = ADDRESS.sub("", "\n".join(lines))
    folder = None if root is None else str(Path(root).resolve())
    return text.replace(f"{folder}/", "").replace(folder, ".") if folder else text


def _clean_data(mime: str, value: Any, root: Path | str | None) -> Any:
    if mime == "image/png":
        return base64.b64encode(_bare_png(base64.b64decode(value))).decode() + "\n"
    return _plain(value, root) if mime.startswith("text/") or mime == "image/svg+xml" else value


def _bare_png(data: bytes) -> bytes:
    """The same picture without dates, versions and resolutions."""
    from PIL import Image

    picture, bare = Image.open(io.BytesIO(data)), io.BytesIO()
    picture.info.clear()
    picture.save(bare, "PNG", optimize=True)
    return bare.getvalue()
