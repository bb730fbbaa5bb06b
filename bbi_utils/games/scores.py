"""The scores table (contract C3): its columns, the gate that a table passes before a verdict, its counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.games.inference.clusters import Clustered
from bbi_utils.games.inference.exact import Counts, Record
from bbi_utils.tables import check_columns, expect_file, readable

if TYPE_CHECKING:
    from bbi_utils.probes.suite import Probe

ROW = ["pair", "contrast", "adversary", "game"]
SCORE_COLUMNS = [*ROW, "prompt_id", "category", "fold", "shown", "score", "correct"]
COLUMNS = (*ROW, "prompt_id", "correct")  # what every table must have
LABELS = (*ROW, "prompt_id", "category", "fold", "shown")  # the last three where the table has them
COSTS = ("adversary", "fit_seconds", "score_seconds", "parameters")
# What each game shows, and the sign of a score that is right about it.
SHOWN = {"single": {"teacher": 1.0, "student": -1.0}, "pairwise": {"pair": 1.0}}


def checked(scores: pd.DataFrame, *needed: str, key: Sequence[str] = ()) -> pd.DataFrame:
    """The table, if it follows C3 and has the columns `needed` too; else BadInput names what is wrong first.

    `correct` comes back as numbers, and `shown` is the game where the table does not say what was shown. key:
    further columns that tell one row of an adversary's on a prompt from another.
    """
    columns = [*COLUMNS, *key, *needed]
    if missing := [name for name in columns if name not in scores]:
        raise BadInput(f"scores lack the columns {missing}; expected {columns}")
    if scores.empty:
        raise BadInput("the scores table is empty, it has no rows; play the games first")
    for name in (name for name in LABELS if name in scores):
        _labelled(scores, name)
        _plain(scores, name)
    _check_games(scores)
    table = _numbers(scores)
    if len(twice := table[table.duplicated([*ROW, *key, "shown", "prompt_id"])]):
        first = twice.iloc[0]
        who = f"{first['adversary']} ({first['game']})"
        raise BadInput(f"prompt {first['prompt_id']} has {who} twice; one row per prompt")
    return table


def of_one_contrast(scores: pd.DataFrame) -> pd.DataFrame:
    """The checked table, if it is of one pair and contrast and every adversary met the same prompts.

    One that was asked about fewer than the others, as a judge that costs money, counts on those.
    """
    table = checked(scores)
    for name in ("pair", "contrast"):
        if len(found := sorted(set(table[name].astype(str)))) > 1:
            raise BadInput(f"scores of {len(found)} {name}s ({', '.join(found[:5])}); certify one at a time")
    prompt, ids = pd.factorize(table["prompt_id"])
    met: dict[Any, np.ndarray] = {}
    # Numbers and not sets of ids: of a million prompts each set takes a tenth of a gigabyte.
    for (adversary, *_), rows in _places(table, ["adversary", "game", "shown"]):
        own = np.bincount(prompt[rows], minlength=len(ids)) > 0
        if (met.setdefault(adversary, own) != own).any():
            raise BadInput(f"{adversary} was not scored on the same prompts in all its games; score it again")
    largest = max(met.values(), key=np.sum)
    for adversary, own in met.items():
        if (own & ~largest).any():
            other = "was scored on prompts that others were not"
            raise BadInput(f"{adversary} {other}; expected the same, or some of them")
    return table


def _places(table: pd.DataFrame, columns: list[str]) -> Iterator[tuple[tuple[Any, ...], np.ndarray]]:
    """Each combination of these columns, in order of appearance, and the places of its rows.

    As `groupby` gives groups, but without a copy of the whole table for the sake of one.
    """
    number = table.groupby(columns, sort=False).ngroup().to_numpy()
    order = np.argsort(number, kind="stable")
    for at in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
        yield tuple(table[name].iloc[at[0]] for name in columns), at


def _labelled(scores: pd.DataFrame, name: str) -> None:
    if nameless := int(scores[name].isna().sum()):
        raise BadInput(f"{nameless} scores have no {name}; each needs one")


def _plain(scores: pd.DataFrame, name: str) -> None:
    if scores[name].dtype == object and not scores[name].map(pd.api.types.is_hashable).all():
        raise BadInput(f"the scores' column {name} holds lists; expected text or numbers")


def about(pairs: pd.DataFrame) -> list[str]:
    """What a table says of each prompt of these: its id, its category and, if some share one, its group."""
    shared = "group" in pairs and not pairs["group"].is_unique
    return ["prompt_id", "category", *(["group"] if shared else [])]


def units(scores: pd.DataFrame) -> pd.Series:
    """The independent unit of each row: the smallest prompt id of its `group`, its own without a group.

    A prompt's group may stand in the rows of one adversary only. Raises BadInput where a prompt has two.
    """
    alone = scores["prompt_id"]
    if "group" not in scores:
        return alone
    _plain(scores, "group")
    key = [name for name in ("pair", "prompt_id") if name in scores]
    named = scores[[*key, "group"]].dropna(subset="group").drop_duplicates()
    named = named[named["group"].astype(str).str.strip() != ""]  # as CSV writes a missing one
    if len(twice := named[named.duplicated(key)]):
        raise BadInput(f"prompt {twice['prompt_id'].iloc[0]} is in two groups; expected one group a prompt")
    groups = named.groupby([*key[:-1], "group"])["prompt_id"]
    if len(named) == groups.ngroups:
        return alone
    first = dict(zip(named[key].itertuples(index=False, name=None), groups.transform("min"), strict=True))
    rows = scores[key].itertuples(index=False, name=None)
    return pd.Series([first.get(row, row[-1]) for row in rows], index=scores.index, name="prompt_id")


def with_templates(scores: pd.DataFrame, probes: Iterable[Probe]) -> pd.DataFrame:
    """The scores with a column template; raises BadInput on a prompt that is none of the probes.

    `certify(with_templates(scores, probes), group="template")` is about new templates, of which these are a
    sample, instead of new prompts of these templates.
    """
    template = scores["prompt_id"].map({probe.id: probe.template for probe in probes})
    if (unknown := scores["prompt_id"][template.isna()]).size:
        raise BadInput(f"prompt {unknown.iloc[0]} is none of the probes; give those that were scored")
    return scores.assign(template=template)


def _check_games(scores: pd.DataFrame) -> None:
    """Both games are known, and the single one is scored from both sides.

    From the teacher's answers alone, an adversary that always says "teacher" would seem never to err, and one
    that always says "student" never to be right.
    """
    if unknown := set(scores["game"].astype(str)) - set(SHOWN):
        raise BadInput(f"unknown game {min(unknown)!r}; expected {' or '.join(SHOWN)}")
    if "shown" not in scores:
        if "single" in set(scores["game"].astype(str)):
            raise BadInput(
                "scores of the single game need a column shown: teacher or student, whose answer it was"
            )
        return
    for (*_, adversary, game), shown in scores.groupby(ROW, sort=False)["shown"]:
        if (seen := set(shown.unique())) != set(SHOWN[game]):
            found, expected = (" and ".join(sorted(map(str, each))) for each in (seen, SHOWN[game]))
            raise BadInput(f"{adversary} ({game}) was shown {found}; expected {expected} on every prompt")


def _numbers(scores: pd.DataFrame) -> pd.DataFrame:
    """The table with `correct` as numbers and, where the game shows two sides, which one."""
    correct = pd.to_numeric(scores["correct"], errors="coerce")
    wrong = [("correct", ~correct.isin((0.0, 0.5, 1.0)), "0, 0.5 or 1")]
    if "score" in scores:
        score = pd.to_numeric(scores["score"], errors="coerce").astype(float)
        wrong.append(("score", ~np.isfinite(score), "a finite number"))
    for name, bad, expected in wrong:
        if bad.any():
            first = scores[bad].iloc[0]
            raise BadInput(
                f"{int(bad.sum())} rows have a {name} that is not {expected}, such as {first[name]} of "
                f"{first['adversary']} on prompt {first['prompt_id']}; score again"
            )
    return scores.assign(correct=correct, shown=scores["shown"] if "shown" in scores else scores["game"])


def records(table: pd.DataFrame) -> dict[tuple[str, str], Record | Clustered]:
    """(adversary, game), in order of appearance, -> its counts, one for each side shown, or its groups.

    Cross-fitted is what was scored in several folds; a table without folds was scored by others' means.
    """
    folds = table.groupby("adversary", sort=False)["fold"].nunique() if "fold" in table else {}
    rows = table[["prompt_id", "shown", "correct"]].assign(unit=units(table))
    return {
        (str(adversary), str(game)): _record(rows.iloc[at], int(folds.get(adversary, 1)))
        for (adversary, game), at in _places(table, ["adversary", "game"])
    }


def _record(rows: pd.DataFrame, folds: int) -> Record | Clustered:
    """One adversary in one game, from its rows with their `unit`."""
    if (rows["unit"] == rows["prompt_id"]).all():
        return Record(_sides(rows), folds)
    groups = rows.groupby("unit")
    sizes, lonely = groups["prompt_id"].nunique(), groups["prompt_id"].transform("nunique") == 1
    tied = int((rows["correct"] == 0.5).sum())
    return Clustered(tuple(groups["correct"].mean()), tuple(sizes), _sides(rows[lonely]), tied, folds)


def _sides(rows: pd.DataFrame) -> tuple[Counts, ...]:
    """Counts of the rows, one for each side shown."""
    return tuple(
        Counts(*(int((correct == outcome).sum()) for outcome in (1.0, 0.0, 0.5)))
        for _, correct in rows.groupby("shown", sort=False)["correct"]
    )


def read_scores(path: Path, *, pair: str | None = None, contrast: str | None = None) -> pd.DataFrame:
    """The rows of one pair and contrast; they must be named where the file has several.

    Raises BadInput on a file that is not such a table; the scores themselves `certificate.certify` checks.
    """
    table = _parquet(path, COLUMNS)
    for name, chosen in (("pair", pair), ("contrast", contrast)):
        _labelled(table, name)
        found = list(dict.fromkeys(table[name].astype(str)))
        if chosen is None and len(found) > 1:
            raise BadInput(f"{path.name} has {len(found)} {name}s; choose --{name} {' or '.join(found)}")
        if chosen is not None and chosen not in found:
            raise BadInput(f"{path.name} has no {name} {chosen!r}; it has {', '.join(found) or 'none'}")
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
    """The table, if it is there and has these columns, in Parquet or as CSV."""
    expect_file(path, give=f"a Parquet file with the columns {', '.join(columns)}")
    with readable(path):
        if path.suffix.lower() == ".csv":
            table = pd.read_csv(path, dtype=dict.fromkeys(LABELS, str), keep_default_na=False)
        else:
            table = pd.read_parquet(path)
    check_columns(path, list(table.columns), columns)
    return table
