"""A stack of adversaries: their scores added up with weights learned from scores that they gave out of fold.

The stacking of Wolpert (1992) with Breiman's (1996) constraint: no weight is negative. A member's sign was
fixed when it was trained, so a negative weight could only answer to noise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.games.folds import assign_folds
from bbi_utils.games.once import fitted
from bbi_utils.games.player import Adversary, SingleAdversary, scores_of


@dataclass(frozen=True)
class Stack:
    """weights: one a member, at least 0, shape (k,); each is per unit of that member's score."""

    weights: np.ndarray
    intercept: float

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """The stacked scores, shape (n,), of scores (n, k)."""
        return scores @ self.weights + self.intercept


def stack(scores: np.ndarray, signs: np.ndarray, *, intercept: bool) -> Stack:
    """Logistic regression of ``signs`` (1 or -1, shape (n,)) on ``scores`` (n, k), without negative weights.

    Scores are first divided by a robust spread; the penalty is half the sum of the squared weights. Where no
    member did better than chance, all count alike.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    spread, members = _spread(scores), scores.shape[1]
    table = scores / spread

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        margin = signs * (table @ point[:-1] + point[-1])
        slope = -signs * expit(-margin)
        value = np.logaddexp(0.0, -margin).sum() + 0.5 * point[:-1] @ point[:-1]
        return value, np.append(slope @ table + point[:-1], slope.sum())

    bounds = [(0.0, None)] * members + [(None, None) if intercept else (0.0, 0.0)]
    start = np.append(np.full(members, 1.0 / members), 0.0)
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    weights = found[:-1] if found[:-1].any() else start[:-1]
    return Stack(weights / spread, float(found[-1]))


def _spread(scores: np.ndarray) -> np.ndarray:
    """Median distance from the median, which no outlier moves; the mean one where most scores are equal."""
    distance = np.abs(scores - np.median(scores, axis=0))
    spread = np.median(distance, axis=0)
    spread = np.where(spread > 0, spread, distance.mean(axis=0))
    return np.where(spread > 0, spread, 1.0)


class EnsembleAdversary:
    """Cross-fits its members on the training prompts to learn their weights, then fits them on all of these.

    It cuts the training prompts where `games.play` has cut them, so that trainings are shared between its
    turns and with its members' own (see `once`); without such folds it deals out ``inner`` of its own.
    Members without ``score`` count in the pairwise game only. A swapped pair flips its score, and equal
    answers tie exactly, wherever that holds for the members. ``remembered_seconds`` is what those trainings
    took that were not repeated.
    """

    name = "ensemble"

    def __init__(self, members: Mapping[str, Callable[[], Adversary]], *, inner: int = 2) -> None:
        self._make = dict(members)
        self._inner = inner

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> EnsembleAdversary:
        began, spent = time.perf_counter(), 0.0
        cut = _cut(pairs, self._inner, seed=seed)
        tables: dict[str, pd.DataFrame] = {}
        self._fitted: dict[str, Adversary] = {}
        for name, make in self._make.items():
            tables[name], seconds = _out_of_fold(make, pairs, cut, seed=seed)
            self._fitted[name], more = fitted(make, pairs, seed=seed)
            spent += seconds + more
        paired, single = _wide(tables, "pairwise"), _wide(tables, "single")
        self._paired = stack(paired.to_numpy(), np.ones(len(paired)), intercept=False)
        shown = single.index.get_level_values("shown")
        self._single = stack(single.to_numpy(), np.where(shown == "teacher", 1.0, -1.0), intercept=True)
        own = paired.shape[1] + single.shape[1] + 1
        self.parameters = own + sum(getattr(member, "parameters", 0) for member in self._fitted.values())
        self.remembered_seconds = max(0.0, spent - (time.perf_counter() - began))
        return self

    @property
    def truncated_share(self) -> float:
        """The largest of the members'."""
        return max(getattr(member, "truncated_share", 0.0) for member in self._fitted.values())

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        members = [member for member in self._fitted.values() if isinstance(member, SingleAdversary)]
        scores = [member.score(prompts, answers) for member in members]
        return self._single(np.column_stack(scores))

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        scores = [member.score_pairs(prompts, first, second) for member in self._fitted.values()]
        return self._paired(np.column_stack(scores))


def _cut(pairs: pd.DataFrame, inner: int, *, seed: int) -> np.ndarray:
    """The fold of each training prompt, shape (n,)."""
    if "fold" in pairs and pairs["fold"].nunique() > 1:
        return pairs["fold"].to_numpy()
    # Another seed than that of the outer folds, whose cut this one should not repeat.
    return assign_folds(pairs, folds=inner, seed=seed + 1)


def _out_of_fold(
    make: Callable[[], Adversary], pairs: pd.DataFrame, cut: np.ndarray, *, seed: int
) -> tuple[pd.DataFrame, float]:
    """A member's scores of every training prompt by one that did not see it, and the seconds of training."""
    tables, spent = [], 0.0
    for part in np.unique(cut):
        member, seconds = fitted(make, pairs[cut != part].reset_index(drop=True), seed=seed)
        tables.append(scores_of(member, pairs[cut == part]))
        spent += seconds
    return pd.concat(tables), spent


def _wide(tables: Mapping[str, pd.DataFrame], game: str) -> pd.DataFrame:
    """Scores in one game: a row a prompt and what was shown, a column a member that plays it."""
    columns = {
        name: table[table["game"] == game].set_index(["prompt_id", "shown"])["score"]
        for name, table in tables.items()
    }
    wide = pd.DataFrame({name: column for name, column in columns.items() if len(column)})
    if wide.empty:
        raise BadInput(f"no member of the ensemble plays the {game} game; add one that does, such as length")
    return wide
