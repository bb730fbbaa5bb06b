"""An adversary that is nothing but a few numbers for each answer: the quickest way to add one's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from bbi_utils.errors import BadInput
from bbi_utils.games.player import Maker


class FeatureAdversary(ABC):
    """Logistic regression on ``features``; for pairs, on the difference of the features, without intercept.

    A subclass says ``name`` and ``features`` and plays every game.
    """

    name: str

    @abstractmethod
    def features(self, prompts: Sequence[str], answers: Sequence[str]) -> Any:
        """Numbers for each answer: shape (n, d), or (n,) where one number is enough."""

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> FeatureAdversary:
        prompts = list(pairs["prompt"])
        teacher, student = (self._table(prompts, list(pairs[side])) for side in ("teacher", "student"))
        both = np.vstack([teacher, student])
        self._centre = both.mean(axis=0)
        self._spread = np.where(np.ptp(both, axis=0) > 0, both.std(axis=0), 1.0)
        labels = np.repeat([1, 0], len(pairs))
        table = (both - self._centre) / self._spread
        self._single = LogisticRegression(max_iter=1000).fit(table, labels)
        # Each difference enters with both signs and there is no intercept: swapping a pair flips its score.
        difference = (teacher - student) / self._spread
        self._paired = LogisticRegression(max_iter=1000, fit_intercept=False)
        self._paired.fit(np.vstack([difference, -difference]), labels)
        self.parameters = 2 * both.shape[1] + 1
        return self

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        return self._single.decision_function((self._table(prompts, answers) - self._centre) / self._spread)

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        difference = self._table(prompts, first) - self._table(prompts, second)
        return (difference / self._spread) @ self._paired.coef_[0]

    def _table(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        """The features as numbers, shape (n, d)."""
        table = np.asarray(self.features(prompts, answers), dtype=float)
        table = table[:, None] if table.ndim == 1 else table
        if table.ndim != 2 or len(table) != len(answers) or not np.isfinite(table).all():
            found = f"gave features of shape {table.shape}, or not finite, for {len(answers)} answers"
            raise BadInput(f"adversary {self.name} {found}; expected one row of finite numbers an answer")
        return table


class LengthAdversary(FeatureAdversary):
    """Log counts of characters, words and lines: every other adversary should be compared with it."""

    name = "length"

    def features(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        counts = [(len(answer), len(answer.split()), answer.count("\n") + 1) for answer in answers]
        return np.log1p(np.array(counts, dtype=float))


def factories() -> dict[str, Maker]:
    """The baseline."""
    return {"length": LengthAdversary}
