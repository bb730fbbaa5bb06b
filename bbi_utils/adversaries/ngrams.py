"""Lexical adversaries: TF-IDF of word or character n-grams with logistic regression.

They read the answer and not the prompt: in a pair both answers have the same prompt, and over single answers
each prompt occurs once per side, so a linear model gains nothing from it and only gets more to overfit. Case
and punctuation are kept, because letter case, bold marks and bullets are where a student's voice shows first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import vstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

WORD_GRAMS: dict[str, Any] = {
    "analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\w+|[^\w\s]|\n"
}  # fmt: skip
CHAR_GRAMS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (2, 5)}


class NgramAdversary:
    """``name`` names the adversary; ``grams`` are the arguments of scikit-learn's TfidfVectorizer."""

    def __init__(self, name: str, grams: dict[str, Any], *, inverse_penalty: float = 10.0) -> None:
        self.name = name
        self._grams = grams
        self._inverse_penalty = inverse_penalty

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> NgramAdversary:
        self._vectorizer = TfidfVectorizer(**self._grams, lowercase=False, sublinear_tf=True)
        both = self._vectorizer.fit_transform([*pairs["teacher"], *pairs["student"]])
        labels = np.repeat([1, 0], len(pairs))
        difference = both[: len(pairs)] - both[len(pairs) :]
        self._single = self._regression(seed, intercept=True).fit(both, labels)
        # Each difference enters with both signs and there is no intercept, so swapping a pair flips its
        # score.
        self._paired = self._regression(seed, intercept=False).fit(vstack([difference, -difference]), labels)
        self.parameters = self._single.coef_.size + 1 + self._paired.coef_.size
        return self

    def _regression(self, seed: int, *, intercept: bool) -> Any:
        return LogisticRegression(
            C=self._inverse_penalty, solver="liblinear", fit_intercept=intercept, random_state=seed
        )

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        return self._single.decision_function(self._vectorizer.transform(answers))

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        weights = self._paired.coef_[0]
        transform = self._vectorizer.transform
        return transform(first) @ weights - transform(second) @ weights

    def telling(self, pairs: pd.DataFrame, *, n: int = 8) -> pd.DataFrame:
        """The n-grams that count most on each side of these pairs, at most n a side, the weightiest first.

        Columns: side ("teacher" where the weight is positive), ngram, weight, teacher_share and student_share
        (of the answers that contain it), contribution: weight times the mean difference of its TF-IDF values.
        The contributions of all n-grams add up to the mean score of the pairs with the teacher's shown first.
        """
        teacher, student = (self._vectorizer.transform(pairs[side]) for side in ("teacher", "student"))
        weight = self._paired.coef_[0]
        shares = {
            f"{side}_share": np.asarray((table > 0).mean(axis=0)).ravel()
            for side, table in (("teacher", teacher), ("student", student))
        }
        gap = np.asarray(teacher.mean(axis=0) - student.mean(axis=0)).ravel()
        table = pd.DataFrame({"ngram": self._vectorizer.get_feature_names_out(), "weight": weight, **shares})
        table.insert(0, "side", np.where(weight > 0, "teacher", "student"))
        table["contribution"] = weight * gap
        table = table.sort_values(["contribution", "ngram"], ascending=[False, True], kind="stable")
        best = [table[table["side"] == side].head(n) for side in ("teacher", "student")]
        return pd.concat(best, ignore_index=True)
