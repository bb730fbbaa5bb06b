"""Compare every number of a run's tables with the expected tables, under written tolerances."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bbi_utils.errors import BadInput

TOLERANCES = "tolerances.yaml"
RULES = ("exact", "ignore")


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


def compare_tables(run_dir: Path | str, expected_dir: Path | str) -> list[Check]:
    """Every value of every expected table against this run's.

    A table `<name>.csv` of `expected_dir` is compared with `<run_dir>/<name>.csv`, or with the one in
    `<run_dir>/figures/`. `tolerances.yaml` names for each table the columns that identify a row (`keys`)
    and for each other column a number (largest absolute difference), "exact" or "ignore". A row missing on
    either side is a failed check. Raises BadInput when a table or tolerance is missing or malformed.
    """
    expected_dir = Path(expected_dir)
    checks: list[Check] = []
    for name, rules in load_tolerances(expected_dir / TOLERANCES).items():
        expected = _read(expected_dir / name, name, rules)
        found = _read(find_table(run_dir, name), name, rules)
        checks += _compare(name, expected, found, rules)
    return checks


def save_expected(run_dir: Path | str, expected_dir: Path | str) -> list[Path]:
    """Make a run's tables the expected ones: copies those that `tolerances.yaml` names, and returns them."""
    tables = load_tolerances(Path(expected_dir) / TOLERANCES)
    sources = [find_table(run_dir, name) for name in tables]  # all are there before the first is replaced
    return [Path(shutil.copyfile(source, Path(expected_dir) / source.name)) for source in sources]


def failures(checks: Sequence[Check]) -> list[Check]:
    """The checks that did not pass."""
    return [check for check in checks if not check.ok]


def report(checks: Sequence[Check]) -> str:
    """A few lines a person reads: one a table, then each failure with what was expected and found."""
    lines, wrong = [], failures(checks)
    for table in dict.fromkeys(check.table for check in checks):
        part = [check for check in checks if check.table == table]
        passed = sum(check.ok for check in part)
        status = "ok  " if passed == len(part) else "FAIL"
        lines.append(f"{status}  {table}: {passed} of {len(part)} values agree")
    for c in wrong:
        where, rule = f"{c.table} · {c.key} · {c.column}", c.tolerance
        lines.append(f"  {where}: expected {c.expected}, found {c.found} ({rule})")
    total = f"{len(checks)} values"
    return "\n".join([*lines, f"{len(wrong)} of {total} differ" if wrong else f"all {total} agree"])


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
            if not _is_rule(rule):
                raise BadInput(f"{path.name}: {name}: {column}: {rule!r}; expected a number >= 0 or {RULES}")
    return tables


def _is_rule(rule: object) -> bool:
    number = isinstance(rule, (int, float)) and not isinstance(rule, bool)
    return rule in RULES or (number and float(rule) >= 0)  # type: ignore[arg-type]


def find_table(run_dir: Path | str, name: str) -> Path:
    """The table's file in the run folder or its figures folder. Raises BadInput when it is in neither."""
    for path in (Path(run_dir) / name, Path(run_dir) / "figures" / name):
        if path.is_file():
            return path
    raise BadInput(
        f"{name}: not in the run {Path(run_dir).name} nor in its figures; run make reproduce first"
    )


def _read(path: Path, name: str, rules: dict[str, Any]) -> pd.DataFrame:
    """The table as text, indexed by its keys; text, so that 'exact' compares what is written."""
    if not path.is_file():
        raise BadInput(f"expected table {name}: no such file, though {TOLERANCES} names it")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [k for k in rules["keys"] if k not in frame.columns]
    if missing:
        raise BadInput(f"{name}: key columns {missing} are not in the table; found {list(frame.columns)}")
    indexed = frame.set_index(frame[rules["keys"]].agg(" / ".join, axis=1))
    if not indexed.index.is_unique:
        twice = indexed.index[indexed.index.duplicated()][0]
        raise BadInput(f"{name}: more than one row for {twice!r}; keys {rules['keys']} do not identify a row")
    return indexed


def _compare(
    name: str, expected: pd.DataFrame, found: pd.DataFrame, rules: dict[str, Any]
) -> Iterator[Check]:
    unruled = [c for c in expected.columns if c not in rules["columns"] and c not in rules["keys"]]
    if unruled:
        raise BadInput(f"{TOLERANCES}: {name}: no rule for {unruled}; give a number, exact or ignore")
    for key in [*expected.index, *(k for k in found.index if k not in expected.index)]:
        if key not in found.index or key not in expected.index:
            sides = ("a row", "none") if key in expected.index else ("none", "a row")
            yield Check(name, key, "(row)", *sides, "both have it", False)
            continue
        for column, rule in rules["columns"].items():
            if rule != "ignore":
                texts = (str(side.loc[key].get(column, "no column")) for side in (expected, found))
                yield _check((name, key, column), *texts, rule=rule)


def _check(at: tuple[str, str, str], want: str, have: str, *, rule: float | str) -> Check:
    if rule == "exact":
        return Check(*at, want, have, "exact", want == have)
    # Decimals are not exact in binary: a difference equal to the tolerance is within it.
    ok = want == have or abs(_float(want) - _float(have)) <= float(rule) + 1e-9
    return Check(*at, want, have, f"within {rule:g}", ok)


def _float(text: str) -> float:
    """The number, or NaN, which is within no distance of anything."""
    try:
        return float(text)
    except ValueError:
        return math.nan
