"""The saved claims table, as it is shown at the end of a run."""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from bbi_utils import paths
from bbi_utils.errors import BadInput

REQUIRED = ("claim", "paper", "this run", "interval", "holds")
WIDEST_CELL = 44

Row = dict[str, str]


def read_claims(path: Path) -> list[Row]:
    """The rows of a claims table; raises BadInput where it is missing or lacks a column."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows: list[Row] = list(csv.DictReader(stream))
    except FileNotFoundError:
        raise BadInput(f"{paths.shown(path)} is missing; `make reproduce` writes it") from None
    missing = [name for name in REQUIRED if rows and name not in rows[0]]
    if missing or not rows:
        found = f"lacks the column '{missing[0]}'" if missing else "has no rows"
        raise BadInput(f"{paths.shown(path)} {found}; expected {', '.join(REQUIRED)}")
    return rows


def as_text(rows: Sequence[Row]) -> str:
    """The rows as an aligned table; long cells are wrapped."""
    table = [list(rows[0]), *(list(row.values()) for row in rows)]
    cells = [[textwrap.wrap(text or "", WIDEST_CELL) or [""] for text in row] for row in table]
    widths = [max(len(line) for line in sum(column, [])) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        for depth in range(max(len(cell) for cell in row)):
            parts = [cell[depth] if depth < len(cell) else "" for cell in row]
            pairs = zip(parts, widths, strict=True)
            lines.append("  ".join(part.ljust(width) for part, width in pairs).rstrip())
        if row is cells[0]:
            lines.append("  ".join("-" * width for width in widths))
    return "\n".join(lines)


def show_claims(run: paths.RunPaths, *, stream: TextIO, seconds: float) -> None:
    """Print the claims of a run and where its figures and executed notebooks are."""
    minutes, second = divmod(int(seconds), 60)
    print(f"\n{as_text(read_claims(run.claims))}\n", file=stream)
    print(f"figures              {paths.shown(run.figures)}", file=stream)
    print(f"executed notebooks   {paths.shown(run.folder / 'executed')}", file=stream)
    print(f"finished in {minutes}:{second:02}", file=stream, flush=True)
