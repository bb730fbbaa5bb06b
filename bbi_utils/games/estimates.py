"""Advantages with intervals, from a table of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.games.inference.exact import aware_of_folds
from bbi_utils.games.inference.simultaneous import simultaneous
from bbi_utils.games.scores import ROW, units


def advantage(
    scores: pd.DataFrame,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    together: Sequence[str] = ("pair", "contrast"),
) -> pd.DataFrame:
    """Advantage of each adversary in each game: pair, contrast, adversary, game, n, advantage, lower, upper.

    n counts prompts. No interval leaves 0 by less than what cross-fitting may cause where there is nothing to
    learn. Within a pair and contrast, or what else is named in `together`, the intervals hold jointly with
    probability about ``confidence`` (over prompts, with the fitted adversaries as they are); see
    ``intervals`` for the limits.
    """
    return _table(scores, family=list(together), row=ROW, confidence=confidence, seed=seed)


def by_category(scores: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """The same per category; intervals hold together over the categories of one adversary and game."""
    return _table(scores, family=ROW, row=[*ROW, "category"], confidence=confidence, seed=seed)


def paired_difference(scores: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Advantage on the base student minus that on the distilled one, on the prompts both have.

    Returns pair, contrast ("base - distilled"), adversary, game, n, advantage (the difference), lower, upper,
    with intervals simultaneous over the adversaries and games of a pair. Prompts are paired, so what makes a
    prompt hard for both students cancels.
    """
    keys = [*(key for key in ROW if key != "contrast"), "prompt_id", "unit"]
    sides = {name: part.set_index(keys)["value"] for name, part in _per_prompt(scores).groupby("contrast")}
    for name in ("base", "distilled"):
        if name not in sides:
            raise BadInput(f"no scores for contrast {name}; found {sorted(sides)}")
    difference = (sides["base"] - sides["distilled"]).dropna().reset_index()
    difference["contrast"] = "base - distilled"
    return intervals(difference, ["pair"], ROW, confidence=confidence, seed=seed, largest=2.0)


def _per_prompt(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a prompt and game, value = 2 mean(correct) - 1, and the unit that it belongs to."""
    keys = [*ROW, "category", "prompt_id", "unit"]
    mean = scores.assign(unit=units(scores)).groupby(keys, sort=False, as_index=False)["correct"].mean()
    return mean.assign(value=2 * mean["correct"] - 1)


def _table(
    scores: pd.DataFrame, *, family: list[str], row: list[str], confidence: float, seed: int
) -> pd.DataFrame:
    table = intervals(_per_prompt(scores), family, row, confidence=confidence, seed=seed, largest=1.0)
    folds = table["adversary"].map(scores.groupby("adversary")["fold"].nunique())

    def bounds(fewer: Any) -> tuple[Any, Any]:
        times = np.sqrt(fewer)
        least = table["advantage"] - times * (table["advantage"] - table["lower"])
        most = table["advantage"] + times * (table["upper"] - table["advantage"])
        exact = times == 1  # else rounding would move them by a last bit
        return np.where(exact, table["lower"], least), np.where(exact, table["upper"], most)

    lower, upper = aware_of_folds(bounds, folds=folds)
    return table.assign(lower=lower, upper=upper)


def intervals(
    values: pd.DataFrame, family: list[str], row: list[str], *, confidence: float, seed: int, largest: float
) -> pd.DataFrame:
    """Means of ``value`` (a row a prompt) per distinct ``row``, with intervals that hold in each ``family``.

    Returns the columns of ``row``, n, advantage (the mean), lower, upper; values lie in [-largest, largest].
    Prompts of one ``unit``, where there is such a column, count as one draw.
    """
    tables = []
    for _, members in values.groupby(family, sort=False):
        wide = members.pivot(index="prompt_id", columns=row, values="value").sort_index()
        how: dict[str, Any] = {"confidence": confidence, "seed": seed, "largest": largest}
        if "unit" in members:
            unit_of = dict(zip(members["prompt_id"], members["unit"], strict=True))
            how["groups"] = [unit_of[prompt] for prompt in wide.index]
        bounds = simultaneous(wide.to_numpy(dtype=float), **how)
        names = wide.columns.to_frame(index=False)
        tables.append(pd.concat([names, bounds.rename(columns={"mean": "advantage"})], axis=1))
    return pd.concat(tables, ignore_index=True)
