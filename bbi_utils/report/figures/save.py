"""Save figures and tables with bytes that repeat, and say in MANIFEST.json where each came from."""

import json
import re
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock
from matplotlib.figure import Figure

from bbi_utils.errors import BadInput
from bbi_utils.files import replacing, sha256_file, sha256_text
from bbi_utils.report.figures.style import use_style
from bbi_utils.tables import write_csv

MANIFEST = "MANIFEST.json"
# Dates and versions in a file's metadata would change its bytes while the picture stays the same.
NO_METADATA = {"pdf": {"CreationDate": None, "Producer": None, "Creator": None}, "png": {"Software": None}}


def show(fig: Figure) -> None:
    """The figure in a notebook, with its alternative text, and its caption below it."""
    from IPython.display import Markdown, display

    caption = str(fig.get_label())
    display(fig, metadata={"image/png": {"alt": alternative(caption)}})
    display(Markdown(f"**Figure.** {caption}"))


def alternative(caption: str) -> str:
    """The text in place of a figure, for who cannot see it: the first sentence of its caption."""
    return re.split(r"(?<=[.?!])\s", caption.strip(), maxsplit=1)[0].rstrip(".")


def save_figure(
    fig: Figure, name: str, folder: Path | str, *, notebook: str, inputs: Sequence[Path | str]
) -> None:
    """Write `name`.pdf, .png and .caption.txt, and the figure's row in MANIFEST.json.

    The caption is the figure's label, which every function of this package sets. Inputs are files; the
    manifest names them by their last two path components and their SHA-256. Raises BadInput when an input is
    missing, before anything is written.
    """
    row = _begun(Path(folder), notebook, inputs)
    files = [Path(folder) / f"{name}.{suffix}" for suffix in (*NO_METADATA, "caption.txt")]
    for file, (suffix, metadata) in zip(files, NO_METADATA.items(), strict=False):
        with use_style(), warnings.catch_warnings(), replacing(file) as partial:
            # A letter of a user's category that the font lacks is drawn as a box, and seen to be one.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            fig.savefig(partial, format=suffix, metadata=metadata)
            if suffix == "png":
                _with_palette(partial)
    caption = str(fig.get_label()).strip()
    _write_text(files[-1], caption)
    _record(Path(folder), name, files, caption=caption, **row)


def _with_palette(png: Path) -> None:
    """The same picture in 256 colours, a third of the bytes: a few pixels at the edge of letters change."""
    from PIL import Image

    with Image.open(png) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(png, "PNG", optimize=True)


def save_table(
    table: pd.DataFrame,
    name: str,
    folder: Path | str,
    *,
    notebook: str,
    inputs: Sequence[Path | str],
    caption: str = "",
) -> None:
    """Write `name`.csv (six decimals, rows in the table's order) and its row in MANIFEST.json."""
    row, path = _begun(Path(folder), notebook, inputs), Path(folder) / f"{name}.csv"
    with replacing(path) as partial:
        write_csv(table, partial, float_format="%.6f")
    _record(path.parent, path.name, [path], caption=caption, **row)


def _begun(folder: Path, notebook: str, inputs: Sequence[Path | str]) -> dict[str, Any]:
    """Where a file comes from, as the manifest has it; its folder is there afterwards."""
    paths = [Path(i) for i in inputs]
    for path in paths:
        if not path.is_file():
            raise BadInput(f"figure input {path.name}: no such file; run the notebook that writes it")
    folder.mkdir(parents=True, exist_ok=True)
    return {"notebook": notebook, "inputs": {"/".join(p.parts[-2:]): sha256_file(p) for p in paths}}


def _record(folder: Path, name: str, files: list[Path], **row: Any) -> None:
    """Replace this name's row; the whole file is sorted and holds no date, so equal runs give equal bytes."""
    path = folder / MANIFEST
    # One writer at a time, whose lock is no file of the folder: that is committed.
    lock = Path(tempfile.gettempdir()) / f"bbi-{sha256_text(str(path.resolve()))[:16]}.lock"
    with FileLock(lock):
        rows = {r["name"]: r for r in json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}
        rows[name] = {"name": name, "files": {f.name: sha256_file(f) for f in files}, **row}
        in_order = [rows[name] for name in sorted(rows)]
        _write_text(path, json.dumps(in_order, indent=1, sort_keys=True, ensure_ascii=False))


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8", newline="\n")
