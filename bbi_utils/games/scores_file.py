"""A scores file (contract C3) on disk: the rows of one pair and one contrast, and what they cost."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from bbi_utils.errors import BadInput

COSTS = ("adversary", "fit_seconds", "score_seconds", "parameters")


def read_scores(path: Path, *, pair: str | None = None, contrast: str | None = None) -> pd.DataFrame:
    """The rows of one pair and contrast; they must be named where the file has several.

    Raises BadInput on a file that is not such a table; the scores themselves `certificate.certify` checks.
    """
    table = _parquet(path, ("pair", "contrast", "adversary", "game", "prompt_id", "correct"))
    if table.empty:
        raise BadInput(f"{path.name} has no rows; nothing to certify")
    for name, chosen in (("pair", pair), ("contrast", contrast)):
        if nameless := int(table[name].isna().sum()):
            raise BadInput(f"{path.name}: {nameless} scores have no {name}; each needs one")
        found = list(dict.fromkeys(table[name].astype(str)))
        if chosen is None and len(found) > 1:
            raise BadInput(f"{path.name} has {len(found)} {name}s; choose --{name} {' or '.join(found)}")
        if chosen is not None and chosen not in found:
            raise BadInput(f"{path.name} has no {name} {chosen!r}; it has {', '.join(found)}")
        table = table if chosen is None else table[table[name].astype(str) == chosen]
    return table.reset_index(drop=True)


def costs_for(scores: pd.DataFrame, path: Path, costs: str | None) -> pd.DataFrame | None:
    """Costs of these adversaries from the file `costs`, else from costs.parquet beside `path`, else None."""
    file = Path(costs) if costs else path.with_name("costs.parquet")
    if costs is None and not file.is_file():
        return None
    table = _parquet(file, COSTS)
    for name in ("pair", "contrast"):
        if name in table:
            table = table[table[name].astype(str) == str(scores[name].iloc[0])]
    for name in COSTS[1:]:
        if not pd.to_numeric(table[name], errors="coerce").between(0, math.inf, inclusive="left").all():
            raise BadInput(f"{file.name}: {name} must be a finite number from 0 on for every adversary")
    if table["adversary"].duplicated().any():
        raise BadInput(f"{file.name} has an adversary twice; keep one row for each")
    return table


def _parquet(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table, if it is there and has these columns."""
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "no such file"
        raise BadInput(f"{path}: {kind}; give a Parquet file with the columns {', '.join(columns)}")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError, NotImplementedError) as error:
        raise BadInput(f"{path.name} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    if table.columns.duplicated().any():
        raise BadInput(
            f"{path.name} has column {table.columns[table.columns.duplicated()][0]!r} twice; keep one"
        )
    if missing := [name for name in columns if name not in table]:
        found = ", ".join(map(str, table.columns[:20])) or "none"
        raise BadInput(f"{path.name} lacks {', '.join(missing)}; columns found: {found}")
    return table
