"""The saved table of claims as a reader sees it: three tables, each aligned under its heading."""

from __future__ import annotations

import csv
import itertools
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.report.claims import COLUMNS, NOTHING, TABLES, counted
from bbi_utils.report.labels import aligned

Row = dict[str, str]
SHOWN = ("claim", "pair", "reported", "this run", "interval", "asked", "verdict")
WIDEST_CELL = 40


def read_claims(path: Path) -> list[Row]:
    """The rows of a claims table; raises BadInput where it is missing, lacks a column or names no table."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows: list[Row] = list(csv.DictReader(stream))
    except FileNotFoundError:
        raise BadInput(f"{paths.shown(path)} is missing; `make reproduce` writes it") from None
    missing = [name for name in COLUMNS if rows and name not in rows[0]]
    if missing or not rows:
        found = f"lacks the column '{missing[0]}'" if missing else "has no rows"
        raise BadInput(f"{paths.shown(path)} {found}; expected {', '.join(COLUMNS)}")
    if unknown := {row["table"] for row in rows} - TABLES.keys():
        raise BadInput(f"{paths.shown(path)} has a table {min(unknown)!r}; expected {', '.join(TABLES)}")
    return rows


def by_table(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Table -> its rows, in order; a table without rows is left out."""
    found = {name: [row for row in rows if row["table"] == name] for name in TABLES}
    return {name: part for name, part in found.items() if part}


def reported(row: Row) -> str:
    """What is reported, and where we know it from."""
    known = row["reported"] != NOTHING and row["source"] not in (NOTHING, "planted")
    return f"{row['reported']} [{row['source']}]" if known else row["reported"]


def as_text(rows: Sequence[Row]) -> str:
    """The three tables, each with its heading and how its rows come out; long cells are wrapped."""
    parts = []
    for name, part in by_table(rows).items():
        heading = f"{TABLES[name]}: {counted([row['verdict'] for row in part])}"
        parts.append(f"{heading}\n\n{_aligned(part)}")
    return "\n\n".join(parts)


def _aligned(rows: Sequence[Row]) -> str:
    cells = [[({**row, "reported": reported(row)})[name] for name in SHOWN] for row in rows]
    wrapped = [[textwrap.wrap(text, WIDEST_CELL) or [""] for text in row] for row in [list(SHOWN), *cells]]
    pieces = [line for row in wrapped for line in itertools.zip_longest(*row, fillvalue="")]
    rule = ["-" * max(map(len, column)) for column in zip(*pieces, strict=True)]
    return "\n".join(aligned([pieces[0], rule, *pieces[1:]], left=len(SHOWN)))


def show_claims(run: paths.RunPaths, *, stream: TextIO, seconds: float) -> None:
    """Print the claims of a run and where its figures and executed notebooks are."""
    minutes, second = divmod(int(seconds), 60)
    print(f"\n{as_text(read_claims(run.claims))}\n", file=stream)
    print(f"figures              {paths.shown(run.figures)}", file=stream)
    print(f"executed notebooks   {paths.shown(run.folder / 'executed')}", file=stream)
    print(f"finished in {minutes}:{second:02}", file=stream, flush=True)
