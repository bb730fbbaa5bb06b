"""Compare a run's tables with those kept of its profile, under written tolerances; figures with manifests."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from bbi_utils import paths
from bbi_utils.errors import BadInput
from bbi_utils.files import sha256_file

TOLERANCES = "tolerances.yaml"
RULES = ("exact", "ignore")
Rows = dict[str, dict[str, str]]  # a table's rows by their keys, as they are written


@dataclass(frozen=True)
class Check:
    """One compared value: where it is, what was expected and found, the rule, and whether it passed."""

    table: str
    key: str
    column: str
    expected: str
    found: str
    tolerance: str
    ok: bool


def verify(run: paths.RunPaths, figures: Path, *, stream: TextIO | None = None) -> bool:
    """Print how the run's tables compare with those in `figures`; True when all agree and no figure is stale.

    figures: the results kept of its profile, `paths.committed`. Raises BadInput where these or the run's are
    missing.
    """
    if not figures.is_dir():
        way = f"keep a run's by `make refresh PROFILE={figures.name}`"
        raise BadInput(f"{paths.shown(figures)}: no results of profile {figures.name!r} are kept; {way}")
    if not run.claims.is_file():  # a run that did not end lacks this table: say that first
        raise BadInput(f"{paths.shown(run.claims)} is missing; `make reproduce` writes it")
    checks = compare_tables(run.figures, figures / "expected")
    stale = [line for folder in dict.fromkeys((run.figures, figures)) for line in stale_figures(folder)]
    about_figures = stale or ["every figure is the one its manifest lists"]
    print(report(checks), *about_figures, sep="\n", file=stream or sys.stdout)
    return not failures(checks) and not stale


def stale_figures(folder: Path) -> list[str]:
    """The files that a figures folder's MANIFEST.json lists but that are missing or have other bytes."""
    manifest = folder / "MANIFEST.json"
    try:
        rows = json.loads(manifest.read_text(encoding="utf-8"))
        listed = sorted((folder / name, digest) for row in rows for name, digest in row["files"].items())
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{paths.shown(manifest)} cannot be read: {error}"
        raise BadInput(f"{what}; `make reproduce` writes it") from None
    gone = [f"{paths.shown(file)}: missing" for file, _ in listed if not file.is_file()]
    other = [file for file, digest in listed if file.is_file() and sha256_file(file) != digest]
    return gone + [f"{paths.shown(file)}: not the file that {manifest.name} lists" for file in other]


def compare_tables(tables: Path, expected_tables: Path) -> list[Check]:
    """Every value of every expected table against the table of that name in another folder.

    `tolerances.yaml` names for each table the columns that identify a row (`keys`) and for each other column
    a number (largest absolute difference), "exact" or "ignore". A row missing on either side is a failed
    check. Raises BadInput when a table or tolerance is missing or malformed.
    """
    checks: list[Check] = []
    for name, rules in load_tolerances(expected_tables / TOLERANCES).items():
        columns, expected = read_table(expected_tables / name, rules["keys"])
        _, found = read_table(tables / name, rules["keys"])
        unruled = [column for column in columns if column not in {*rules["columns"], *rules["keys"]}]
        if unruled:
            raise BadInput(f"{TOLERANCES}: {name}: no rule for {unruled}; give a number, exact or ignore")
        checks += compare(name, expected, found, rules["columns"])
    return checks


def load_tolerances(path: Path) -> dict[str, dict[str, Any]]:
    """Table file name -> {"keys": [...], "columns": {column: number, "exact" or "ignore"}}."""
    import yaml

    if not path.is_file():
        raise BadInput(f"{path.name}: not beside the expected tables; it says how far values may differ")
    tables = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(tables, dict) or not tables:
        raise BadInput(f"{path.name}: expected a mapping from table names to keys and columns")
    for name, rules in tables.items():
        if not isinstance(rules, dict) or set(rules) != {"keys", "columns"}:
            raise BadInput(f"{path.name}: {name}: expected exactly `keys` and `columns`, found {rules!r}")
        for column, rule in rules["columns"].items():
            if rule not in RULES and not (type(rule) in (int, float) and rule >= 0):
                raise BadInput(f"{path.name}: {name}: {column}: {rule!r}; expected a number >= 0 or {RULES}")
    return tables


def read_table(path: Path, keys: Sequence[str]) -> tuple[list[str], Rows]:
    """A table's columns and rows; as text, so that 'exact' compares what is written."""
    import pandas as pd

    if not path.is_file():
        raise BadInput(f"{paths.shown(path)}: no such table, but {TOLERANCES} names it; run make reproduce")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := [key for key in keys if key not in frame.columns]:
        raise BadInput(f"{path.name}: no key columns {missing} in the table; found {list(frame.columns)}")
    rows = frame[list(keys)].itertuples(index=False)  # there may be none, as of a judge where nobody judges
    index = pd.Index([" / ".join(row) for row in rows], dtype=object)
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise BadInput(f"{path.name}: more than one row for {twice!r}; keys {keys} do not identify a row")
    return list(frame.columns), frame.set_index(index).to_dict("index")


def compare(name: str, expected: Rows, found: Rows, columns: dict[str, Any]) -> Iterator[Check]:
    """The checks of one table, row by row."""
    for key in dict.fromkeys([*expected, *found]):
        if key not in expected or key not in found:
            sides = ("a row", "none") if key in expected else ("none", "a row")
            yield Check(name, key, "(row)", *sides, "both have it", False)
            continue
        for column, rule in columns.items():
            if rule != "ignore":
                want, have = (rows[key].get(column, "no column") for rows in (expected, found))
                asked = rule if rule == "exact" else f"within {rule:g}"
                yield Check(name, key, column, want, have, asked, agree(want, have, rule))


def agree(want: str, have: str, rule: float | str) -> bool:
    """Whether two written values are the same, or two numbers near enough; NaN is near nothing else."""
    if want == have or isinstance(rule, str):
        return want == have
    try:  # decimals are not exact in binary: a difference equal to the tolerance is within it
        return abs(float(want) - float(have)) <= rule + 1e-9
    except ValueError:
        return False


def failures(checks: Sequence[Check]) -> list[Check]:
    """The checks that did not pass."""
    return [check for check in checks if not check.ok]


def report(checks: Sequence[Check]) -> str:
    """A few lines a person reads: one a table, then each failure with what was expected and found."""
    lines, wrong = [], failures(checks)
    for table in dict.fromkeys(check.table for check in checks):
        part = [check.ok for check in checks if check.table == table]
        status = "ok  " if all(part) else "FAIL"
        lines.append(f"{status}  {table}: {sum(part)} of {len(part)} values agree")
    for c in wrong:
        where = f"{c.table} · {c.key} · {c.column}"
        lines.append(f"  {where}: expected {c.expected}, found {c.found} ({c.tolerance})")
    total = f"{len(checks)} values"
    return "\n".join([*lines, f"{len(wrong)} of {total} differ" if wrong else f"all {total} agree"])
