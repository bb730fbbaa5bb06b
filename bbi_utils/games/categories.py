"""Where artifacts sit: categories ranked, whether they differ, and whether named ones have the most.

Prompts of a category share words, so where there is nothing to learn the folds follow the same accident in
each category, as they do in all prompts together (see `exact`). In 240 null worlds of 600 prompts and 3, 5 or
10 folds the spread between categories was 1.5 times that of permuted labels, and a permutation test at 5 %
rejected in 24 to 31 %. So what is observed must exceed the permuted spreads even after it is divided by the
same `inflation`: then it was 0 to 1.3 %.

Prompts that belong together (`scores.units`) are one unit, with their mean, in the category of most of them:
labels are dealt out over what is exchangeable, and prompts of one group are not. The mean of a large group
varies less than one prompt. Where units differ in size, both tests therefore count each category by its own
spread (Welch's statistic; Pauly, Brunner and Konietschke, 2015), which permutation calibrates as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bbi_utils.games.estimates import intervals
from bbi_utils.games.inference.exact import inflation
from bbi_utils.games.scores import units

FAMILY = ["pair", "contrast"]
MOST = 3  # categories that are named as those with the most advantage
ROUNDING = 1e-9  # a tie must not look like a win


def concentration(
    scores: pd.DataFrame, named: Sequence[str], *, draws: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Permutation test that artifacts concentrate in the named categories, in the pairwise game.

    Returns pair, contrast, n, statistic, p, p_below, top, most; no row where a named category was not asked
    about, or no unit is of one, or of another. One value a prompt: its pairwise advantage averaged over every
    adversary in the table, so that nobody picks one. The statistic is the mean over the prompts of the named
    categories minus that over the others.

    The null is that a prompt's value has nothing to do with whether its category is named: prompts are the
    units, and the labels are dealt out anew over them. (Dealing the names over the ten categories would take
    these for a sample, and its 120 triples could never give p below 1/120.) p is one-sided with the +1; it
    would be exact at any number of prompts, and the allowance for cross-fitting makes it larger. Statistics
    are compared in units of Welch's standard error, which keeps the level for many prompts also where the
    groups have equal means but unequal spreads (Chung and Romano, 2013). p_below is the opposite tail; top
    counts how many of the named are among the most.
    """
    rows = []
    for key, part in scores[scores["game"] == "pairwise"].groupby(FAMILY):
        values = 2 * _per_unit(part) - 1
        chosen = values.index.get_level_values("category").isin(named)
        # Of groups that mix categories none may be left on one side.
        if set(named) <= set(part["category"]) and chosen.any() and not chosen.all():
            most = _ranked(values)[:MOST]
            found = _compare(values.to_numpy(float), chosen, _excess(part), draws=draws, seed=seed)
            rows.append((*key, len(values), *found, len(set(most) & set(named)), ", ".join(most)))
    return pd.DataFrame(rows, columns=[*FAMILY, "n", "statistic", "p", "p_below", "top", "most"])


def _excess(scores: pd.DataFrame) -> float:
    """How many times the permuted variance cross-fitting may give where there is nothing to learn."""
    return float(inflation(scores["fold"].nunique()))


def _compare(
    values: np.ndarray, chosen: np.ndarray, excess: float, *, draws: int, seed: int
) -> tuple[float, float, float]:
    """Mean of the chosen minus mean of the others, and the two one-sided permutation p-values."""
    rng = np.random.default_rng(seed)
    inside = np.vstack([chosen, rng.permuted(np.tile(chosen, (draws, 1)), axis=1)])
    k, n = int(chosen.sum()), len(values)
    total, squares = inside @ values, inside @ values**2
    one, other = total / k, (values.sum() - total) / (n - k)
    spread = (squares / k - one**2) / k + ((np.sum(values**2) - squares) / (n - k) - other**2) / (n - k)
    t = (one - other) / np.sqrt(np.maximum(spread, ROUNDING**2))
    observed = t[0] / np.sqrt(excess)
    above = (1 + (t[1:] >= observed - ROUNDING).sum()) / (1 + draws)
    below = (1 + (t[1:] <= observed + ROUNDING).sum()) / (1 + draws)
    return float(one[0] - other[0]), float(above), float(below)


def categories_differ(scores: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Permutation test that correctness is alike in all categories: pair, contrast, n, statistic, p, most.

    One value a prompt: its correctness averaged over every adversary and game in the table, so that no
    adversary is picked for the test. The statistic is the variance between category means weighted by size;
    categories are permuted over prompts; p has the +1, and compares Welch's statistic where groups differ in
    size. `most`: the three categories with the most advantage.
    """
    rows = []
    for key, part in scores.groupby(FAMILY):
        values = _per_unit(part)
        labels = pd.factorize(values.index.get_level_values("category"), sort=True)[0]
        alike = part.groupby(units(part))["prompt_id"].nunique().nunique() == 1
        compared = labels, values.to_numpy(float), _excess(part)
        statistic, p = _permute(*compared, draws=draws, seed=seed, welch=not alike)
        rows.append((*key, len(values), statistic, p, ", ".join(_ranked(values)[:MOST])))
    return pd.DataFrame(rows, columns=[*FAMILY, "n", "statistic", "p", "most"])


def artifacts_by_category(scores: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Advantage by category, averaged over every adversary and game in the table, so that none is picked.

    Returns pair, contrast, category, n, advantage, lower, upper, the largest advantage of a pair and contrast
    first; the intervals hold together over its categories.
    """
    keys = [*FAMILY, "category", "prompt_id", "unit"]
    values = scores.assign(unit=units(scores)).groupby(keys, as_index=False)["correct"].mean()
    values = values.assign(value=2 * values["correct"] - 1)
    row = [*FAMILY, "category"]
    found = intervals(values, FAMILY, row, confidence=confidence, seed=seed, largest=1.0)
    return found.sort_values([*FAMILY, "advantage"], ascending=[True, True, False], ignore_index=True)


def _per_unit(part: pd.DataFrame) -> pd.Series:
    """Mean correctness of each unit, by category and unit."""
    unit, category = units(part), part["category"]
    if (unit != part["prompt_id"]).any():
        category = unit.map(category.groupby(unit).agg(lambda found: found.mode().iloc[0])).rename("category")
    return part["correct"].groupby([category, unit]).mean()


def _ranked(values: pd.Series) -> list[str]:
    """The categories, that with the largest mean first."""
    means = values.groupby(level="category").mean()
    return [str(name) for name in means.sort_values(ascending=False, kind="stable").index]


def _permute(
    labels: np.ndarray, values: np.ndarray, excess: float, *, draws: int, seed: int, welch: bool
) -> tuple[float, float]:
    """Observed weighted variance between groups, and its permutation p-value, if asked for by Welch's."""
    rng = np.random.default_rng(seed)
    centred = values - values.mean()
    sizes = np.bincount(labels)

    def between(x: np.ndarray) -> float:
        return float((np.bincount(labels, weights=x) ** 2 / sizes).sum() / len(x))

    def studentised(x: np.ndarray) -> float:
        mean, squares = (np.bincount(labels, weights=of) / sizes for of in (x, x**2))
        # One more unit of the spread of all: a category of a few equal units is not infinitely certain.
        weight = sizes * (sizes + 1) / (sizes * (squares - mean**2) + (x**2).mean() + ROUNDING**2)
        return float((weight * (mean - np.average(mean, weights=weight)) ** 2).sum())

    compare = studentised if welch else between
    # Round-off must not make an equal split look smaller than the one observed.
    least = compare(centred) / excess * (1 - 1e-9)
    beaten = sum(compare(rng.permutation(centred)) >= least for _ in range(draws))
    return between(centred), (1 + beaten) / (1 + draws)
