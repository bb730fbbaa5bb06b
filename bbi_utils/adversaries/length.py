"""The adversary that only counts: characters, words, lines. Every other one should be compared with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression


def length_features(answers: Sequence[str]) -> np.ndarray:
    """Log counts of characters, words and lines, shape (n, 3)."""
    counts = [(len(answer), len(answer.split()), answer.count("\n") + 1) for answer in answers]
    return np.log1p(np.array(counts, dtype=float).reshape(-1, 3))


class LengthAdversary:
    """Logistic regression on length; for pairs, on the difference of the lengths, without intercept."""

    name = "length"
    parameters = 7  # three weights and an intercept for single answers, three weights for pairs

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> LengthAdversary:
        teacher, student = length_features(pairs["teacher"]), length_features(pairs["student"])
        both = np.vstack([teacher, student])
        self._centre, spread = both.mean(axis=0), both.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        labels = np.repeat([1, 0], len(pairs))
        self._single = LogisticRegression().fit((both - self._centre) / self._spread, labels)
        difference = (teacher - student) / self._spread
        self._paired = LogisticRegression(fit_intercept=False)
        self._paired.fit(np.vstack([difference, -difference]), labels)
        return self

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        return self._single.decision_function((length_features(answers) - self._centre) / self._spread)

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        difference = (length_features(first) - length_features(second)) / self._spread
        return difference @ self._paired.coef_[0]
