"""From the tables of a run to small frames with an interval in every row: what figures and claims read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.games.inference.simultaneous import simultaneous

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


def mean_interval(
    values: Sequence[float] | np.ndarray, *, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Mean of one value a unit, and Student's t interval for it.

    One value or none has no interval: its ends are NaN rather than a false certainty.
    """
    from scipy.special import stdtrit  # scipy.stats would take a second to import

    x = np.asarray(values, dtype=float)
    if len(x) < 2:
        return (float(x.mean()) if len(x) else float("nan")), float("nan"), float("nan")
    half = float(stdtrit(len(x) - 1, 0.5 + confidence / 2) * x.std(ddof=1) / np.sqrt(len(x)))
    mean = float(x.mean())
    return mean, mean - half, mean + half


def need(frame: pd.DataFrame, columns: Sequence[str], *, table: str) -> pd.DataFrame:
    """The frame itself, or BadInput naming the columns it lacks."""
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise BadInput(
            f"{table}: found columns {list(frame.columns)}, missing {missing}; run the step that writes it"
        )
    return frame


def learned(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of learned adversaries: neither the length baseline nor the judge, which is not trained here."""
    names = frame["adversary"].astype(str)
    return frame[(names != "length") & ~names.str.startswith("judge")]


def answer_rates(answers: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Shares of answers that stopped by themselves and, where any was checked, are right in content.

    Returns pair, arm, quantity ("stopped", "content_correct"), n, rate, lower, upper.
    """
    need(answers, ["pair", "arm", "prompt_id", "finish_reason"], table="answers")
    rows: list[tuple[object, ...]] = []
    for key, part in answers.groupby(["pair", "arm"], sort=True):
        shares = {"stopped": part["finish_reason"] == "stop"}
        if "content_correct" in part:
            shares["content_correct"] = part["content_correct"].dropna()
        for quantity, values in shares.items():
            if values.empty:
                continue
            won = 2 * values.to_numpy(float)[:, None] - 1
            bounds = (1 + simultaneous(won, confidence=confidence, seed=seed).iloc[0]) / 2
            rows.append((*_names(key), quantity, len(won), bounds["mean"], bounds["lower"], bounds["upper"]))
    return pd.DataFrame(rows, columns=["pair", "arm", "quantity", "n", "rate", "lower", "upper"])


def judge_by_order(judgements: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """The judge's advantage in each order alone: pair, contrast, quantity, n, estimate, lower, upper.

    Quantities: teacher_first_advantage, teacher_second_advantage. Far apart, they show a position bias; rows
    go under those of ``adversaries.judge.summarise``, which have the same columns.
    """
    need(judgements, ["pair", "contrast", "log_odds_ab", "log_odds_ba"], table="judgements")
    rows: list[tuple[object, ...]] = []
    for key, part in judgements.groupby(["pair", "contrast"], sort=True):
        for quantity, column, sign in (("first", "log_odds_ab", 1), ("second", "log_odds_ba", -1)):
            won = sign * np.sign(part[[column]].to_numpy(float))
            bounds = simultaneous(won, confidence=confidence, seed=seed).iloc[0]
            estimate = (bounds["mean"], bounds["lower"], bounds["upper"])
            rows.append((*_names(key), f"teacher_{quantity}_advantage", len(part), *estimate))
    return pd.DataFrame(rows, columns=["pair", "contrast", "quantity", "n", "estimate", "lower", "upper"])


def _names(key: Hashable) -> tuple[object, ...]:
    return key if isinstance(key, tuple) else (key,)


def judge_drop(judgements: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Judge advantage on base minus on distilled, by prompt: pair, quantity, n, drop, lower, upper.

    The consistent verdicts are a different subset of prompts in each contrast, so that difference is one of
    two ratios: its interval comes from the per-prompt linearisation (delta method), which keeps the pairing.
    """
    rows: list[tuple[object, ...]] = []
    for pair, part in judgements.groupby("pair", sort=True):
        wide = part.pivot(index="prompt_id", columns="contrast", values=["correct", "consistent"])
        if not {"base", "distilled"} <= set(wide["correct"].columns):
            continue
        wide = wide.dropna(subset=[(v, c) for v in ("correct", "consistent") for c in ("base", "distilled")])
        for quantity in ("all_pairs_advantage", "consistent_advantage"):
            base, distilled = (_influence(wide, arm, quantity) for arm in ("base", "distilled"))
            rows.append((pair, quantity, len(wide), *mean_interval(base - distilled, confidence=confidence)))
    return pd.DataFrame(rows, columns=["pair", "quantity", "n", "drop", "lower", "upper"])


def _influence(wide: pd.DataFrame, contrast: str, quantity: str) -> np.ndarray:
    """One value a prompt whose mean is the advantage and whose spread is that of its estimate."""
    won = 2 * wide["correct"][contrast].to_numpy(float) - 1
    if quantity == "all_pairs_advantage":
        return won
    kept = wide["consistent"][contrast].to_numpy(float)
    if kept.sum() == 0:
        return np.full(len(kept), np.nan)
    advantage = (kept * won).sum() / kept.sum()
    return advantage + kept * (won - advantage) / kept.mean()


def budget_summary(budget: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Similarity bought, one unit a seed: pair, strategy, budget, seeds, similarity, lower, upper."""
    means = _seed_means(budget)
    rows = [
        (*_names(key), len(part), *mean_interval(part["similarity"], confidence=confidence))
        for key, part in means.groupby(["pair", "strategy", "budget"], sort=True)
    ]
    return pd.DataFrame(rows, columns=["pair", "strategy", "budget", "seeds", "similarity", "lower", "upper"])


def budget_gain(
    budget: pd.DataFrame, *, reference: str = "stratified_random", confidence: float = 0.95
) -> pd.DataFrame:
    """Each strategy minus the reference, paired by seed: pair, strategy, budget, seeds, gain, lower, upper.

    The last row of each strategy, budget 0, is the mean over all budgets (a seed is still one unit).
    """
    wide = _seed_means(budget).pivot(
        index=["pair", "seed", "budget"], columns="strategy", values="similarity"
    )
    if reference not in wide.columns:
        raise BadInput(f"budget: no strategy {reference!r}; found {list(wide.columns)}")
    gains = wide.drop(columns=reference).sub(wide[reference], axis=0)
    long = (
        gains.stack()
        .rename("gain")
        .rename_axis(["pair", "seed", "budget", "strategy"])
        .reset_index()
        .dropna()
    )
    overall = long.groupby(["pair", "seed", "strategy"], as_index=False)["gain"].mean().assign(budget=0)
    rows = [
        (*_names(key), len(part), *mean_interval(part["gain"], confidence=confidence))
        for key, part in pd.concat([long, overall]).groupby(["pair", "strategy", "budget"], sort=True)
    ]
    return pd.DataFrame(rows, columns=["pair", "strategy", "budget", "seeds", "gain", "lower", "upper"])


def _seed_means(budget: pd.DataFrame) -> pd.DataFrame:
    need(budget, ["pair", "strategy", "budget", "seed", "prompt_id", "similarity"], table="budget")
    return budget.groupby(["pair", "strategy", "budget", "seed"], as_index=False)["similarity"].mean()


def categories_differ(scores: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Permutation test that correctness is alike in all categories: pair, contrast, n, statistic, p, most.

    One value a prompt: its correctness averaged over every adversary and game in the table, so that no
    adversary is picked for the test. The statistic is the variance between category means weighted by size;
    categories are permuted over prompts; p has the +1. `most`: the three categories with the most advantage.
    """
    need(scores, ["pair", "contrast", "prompt_id", "category", "correct"], table="scores")
    rows = []
    for key, part in scores.groupby(["pair", "contrast"], sort=True):
        units = part.groupby(["category", "prompt_id"], sort=True)["correct"].mean()
        labels, names = pd.factorize(units.index.get_level_values("category"), sort=True)
        statistic, p = _permute(labels, units.to_numpy(float), draws=draws, seed=seed)
        means = units.groupby(level="category").mean()
        most = ", ".join(means.sort_values(ascending=False, kind="stable").index[:3])
        rows.append((*_names(key), len(units), statistic, p, most))
    return pd.DataFrame(rows, columns=["pair", "contrast", "n", "statistic", "p", "most"])


def artifacts_by_category(scores: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Advantage by category, averaged over every adversary and game in the table, so that none is picked.

    Returns pair, contrast, category, n, advantage, lower, upper, the largest advantage of a pair and contrast
    first; the intervals hold together over its categories.
    """
    need(scores, ["pair", "contrast", "prompt_id", "category", "correct"], table="scores")
    tables = []
    for (pair, contrast), part in scores.groupby(["pair", "contrast"], sort=True):
        units = 2 * part.groupby(["prompt_id", "category"])["correct"].mean().unstack("category") - 1
        bounds = simultaneous(units.to_numpy(float), confidence=confidence, seed=seed)
        table = bounds.rename(columns={"mean": "advantage"}).assign(category=list(units.columns))
        table = table.sort_values("advantage", ascending=False, kind="stable")
        tables.append(table.assign(pair=pair, contrast=contrast))
    columns = ["pair", "contrast", "category", "n", "advantage", "lower", "upper"]
    return pd.concat(tables, ignore_index=True)[columns]


def _permute(labels: np.ndarray, values: np.ndarray, *, draws: int, seed: int) -> tuple[float, float]:
    """Observed weighted variance between groups, and its permutation p-value."""
    rng = np.random.default_rng(seed)
    centred = values - values.mean()
    sizes = np.bincount(labels)

    def between(x: np.ndarray) -> float:
        return float((np.bincount(labels, weights=x) ** 2 / sizes).sum() / len(x))

    observed = between(centred)
    # Round-off must not make an equal split look smaller than the one observed.
    beaten = sum(between(rng.permutation(centred)) >= observed * (1 - 1e-9) for _ in range(draws))
    return observed, (1 + beaten) / (1 + draws)
