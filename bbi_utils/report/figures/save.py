"""Save figures and tables with bytes that repeat, and say in MANIFEST.json where each came from."""

from __future__ import annotations

import json
import os
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bbi_utils.errors import BadInput
from bbi_utils.files import replacing, sha256_file
from bbi_utils.report.figures.style import use_style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from matplotlib.figure import Figure

MANIFEST = "MANIFEST.json"
# Dates and versions in a file's metadata would change its bytes while the picture stays the same.
NO_METADATA = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}


def save_figure(
    fig: Figure, name: str, folder: Path | str, *, notebook: str, inputs: Sequence[Path | str]
) -> dict[str, Path]:
    """Write `name`.pdf, .png and .caption.txt, and the figure's row in MANIFEST.json.

    The caption is the figure's label, which every function of this package sets. Inputs are files; the
    manifest names them by their last two path components and their SHA-256. Returns suffix -> file.
    Raises BadInput when an input is missing, before anything is written.
    """
    folder, hashes = Path(folder), _hash_inputs(inputs)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for suffix, metadata in NO_METADATA.items():
        written[suffix] = folder / f"{name}.{suffix}"
        with use_style(), warnings.catch_warnings(), replacing(written[suffix]) as partial:
            # A letter of a user's category that the font lacks is drawn as a box, and seen to be one.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            fig.savefig(partial, format=suffix, metadata=metadata)
    written["caption"] = folder / f"{name}.caption.txt"
    caption = str(fig.get_label()).strip()
    with replacing(written["caption"]) as partial:
        partial.write_text(caption + "\n", encoding="utf-8", newline="\n")
    _record(folder, name, notebook=notebook, inputs=hashes, files=list(written.values()), caption=caption)
    return written


def save_table(
    table: pd.DataFrame,
    name: str,
    folder: Path | str,
    *,
    notebook: str,
    inputs: Sequence[Path | str],
    caption: str = "",
) -> Path:
    """Write `name`.csv (six decimals, rows in the table's order) and its row in MANIFEST.json."""
    folder, hashes = Path(folder), _hash_inputs(inputs)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    with replacing(path) as partial:
        table.to_csv(partial, index=False, float_format="%.6f", lineterminator="\n")
    _record(folder, f"{name}.csv", notebook=notebook, inputs=hashes, files=[path], caption=caption)
    return path


def _hash_inputs(inputs: Sequence[Path | str]) -> dict[str, str]:
    paths = [Path(i) for i in inputs]
    for path in paths:
        if not path.is_file():
            raise BadInput(f"figure input {path.name}: no such file; run the notebook that writes it")
    return {"/".join(path.parts[-2:]): sha256_file(path) for path in paths}


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer of the manifest at a time: notebooks of two pairs may end together."""
    try:
        import fcntl
    except ImportError:  # Windows: no advisory locks on folders, and notebooks there run one by one
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _record(folder: Path, name: str, *, files: list[Path], **row: Any) -> None:
    """Replace this name's row; the whole file is sorted and holds no date, so equal runs give equal bytes."""
    path = folder / MANIFEST
    with _locked(folder):
        rows = {r["name"]: r for r in json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}
        rows[name] = {"name": name, "files": {f.name: sha256_file(f) for f in files}, **row}
        text = json.dumps([rows[k] for k in sorted(rows)], indent=1, sort_keys=True, ensure_ascii=False)
        with replacing(path) as partial:
            partial.write_text(text + "\n", encoding="utf-8", newline="\n")
