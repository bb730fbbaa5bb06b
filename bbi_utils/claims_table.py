"""The saved claims table: shown at the end of a run, and compared with the expected one."""

from __future__ import annotations

import csv
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from bbi_utils import paths
from bbi_utils.errors import BadInput

REQUIRED = ("claim", "paper", "this run", "interval", "holds")
TOLERANCE = "tolerance"
NUMBER = re.compile(r"(?<![\w-])[-+−]?\d+(?:\.\d+)?")
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


def estimate(text: str) -> float | None:
    """The first number in a cell, such as 0.312 in `0.312 (word n-grams, pairwise)`; None without one."""
    found = NUMBER.search(text)
    return float(found[0].replace("−", "-")) if found else None


def key(row: Row) -> tuple[str, str]:
    """What names a row: its claim, and its pair where the table has one."""
    return row["claim"], row.get("pair", "")


def differences(found: Sequence[Row], expected: Sequence[Row]) -> list[str]:
    """How a run's claims differ from the expected ones: missing, another verdict, beyond the tolerance."""
    mine = {key(row): row for row in found}
    problems = []
    for row in expected:
        name = " · ".join(part for part in reversed(key(row)) if part)
        problems += [f"{name}: {text}" for text in difference(mine.get(key(row)), row)]
    return problems


def difference(found: Row | None, expected: Row) -> list[str]:
    """How one claim differs from the expected one; empty where it does not."""
    if found is None:
        return ["not in this run"]
    problems = []
    if found["holds"] != expected["holds"]:
        problems.append(f"holds is '{found['holds']}', expected '{expected['holds']}'")
    have, want = estimate(found["this run"]), estimate(expected["this run"])
    tolerance = float(expected.get(TOLERANCE) or 0)
    # Decimals are not exact in binary: a difference equal to the tolerance is within it.
    apart = have != want if have is None or want is None else abs(have - want) > tolerance + 1e-9
    if apart:
        problems.append(f"'{found['this run']}', expected '{expected['this run']}' ± {tolerance:g}")
    return problems
