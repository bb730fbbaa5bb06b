"""Lexical adversaries: TF-IDF of word or character n-grams with logistic regression.

They read the answer and not the prompt: in a pair both answers have the same prompt, and over single answers
each prompt occurs once per side, so a linear model gains nothing from it and only gets more to overfit. Case
and punctuation are kept, because letter case, bold marks and bullets are where a student's voice shows first.

Splitting texts into n-grams is nine tenths of the work, and cross-fitting asks for the same texts again and
again, so the adversaries of one factory share their counts. What they learn is untouched by that: vocabulary
and weights of n-grams come from the training prompts of each fold alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, vstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression

from bbi_utils.games.player import Maker

WORD_GRAMS: dict[str, Any] = {
    "analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\w+|[^\w\s]|\n"
}  # fmt: skip
CHAR_GRAMS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (2, 5)}


class GramCounts:
    """Counts of the n-grams of texts; each distinct text is split once. ``grams`` as for NgramAdversary."""

    def __init__(self, grams: dict[str, Any]) -> None:
        self._split = CountVectorizer(**grams, lowercase=False).build_analyzer()
        self._places: dict[str, int] = {}
        self._known: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def of(self, texts: Sequence[str]) -> csr_matrix:
        """Shape (texts, n-grams seen so far by anyone); ``names`` names the columns."""
        rows = [self._row(text) for text in texts]
        ends = np.cumsum([0, *(len(places) for places, _ in rows)])
        none = np.zeros(0, dtype=np.int32)
        places, counts = (np.concatenate([none, *(row[part] for row in rows)]) for part in (0, 1))
        return csr_matrix((counts.astype(float), places, ends), shape=(len(rows), len(self._places)))

    def names(self) -> list[str]:
        """The n-gram of each column."""
        return list(self._places)

    def _row(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        if text not in self._known:
            found = Counter(self._split(text))
            places = [self._places.setdefault(gram, len(self._places)) for gram in found]
            self._known[text] = np.array(places, dtype=np.int32), np.array([*found.values()], dtype=np.int32)
        return self._known[text]


class NgramAdversary:
    """``name`` names the adversary; ``grams`` are the arguments of scikit-learn's TfidfVectorizer.

    counts: those of the same grams, to be shared by the adversaries of one factory.
    """

    def __init__(self, name: str, grams: dict[str, Any], *, counts: GramCounts | None = None) -> None:
        self.name = name
        self._counts = counts or GramCounts(grams)

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> NgramAdversary:
        counts = self._counts.of([*pairs["teacher"], *pairs["student"]])
        names = self._counts.names()
        # Alphabetical, so that the numbers do not depend on which texts happened to be split before.
        self._columns = np.array(sorted(np.unique(counts.indices), key=names.__getitem__))
        self._names = np.array([names[column] for column in self._columns], dtype=object)
        self._weigh = TfidfTransformer(sublinear_tf=True).fit(self._own(counts))
        both = self._weigh.transform(self._own(counts))
        labels = np.repeat([1, 0], len(pairs))
        difference = both[: len(pairs)] - both[len(pairs) :]
        self._single = self._regression(seed, intercept=True).fit(both, labels)
        # Each difference enters with both signs and there is no intercept, so swapping a pair flips its
        # score.
        self._paired = self._regression(seed, intercept=False).fit(vstack([difference, -difference]), labels)
        self.parameters = self._single.coef_.size + 1 + self._paired.coef_.size
        return self

    def _own(self, counts: csr_matrix) -> csr_matrix:
        """The columns of the n-grams that occurred in training."""
        own = counts[:, self._columns]
        own.sort_indices()
        return own

    def _transform(self, texts: Sequence[str]) -> csr_matrix:
        return self._weigh.transform(self._own(self._counts.of(texts)))

    def _regression(self, seed: int, *, intercept: bool) -> Any:
        return LogisticRegression(C=10.0, solver="liblinear", fit_intercept=intercept, random_state=seed)

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        return self._single.decision_function(self._transform(answers))

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        weights = self._paired.coef_[0]
        return self._transform(first) @ weights - self._transform(second) @ weights

    def telling(self, pairs: pd.DataFrame, *, n: int = 8) -> pd.DataFrame:
        """The n-grams that count most on each side of these pairs, at most n a side, the weightiest first.

        Columns: side ("teacher" where the weight is positive), ngram, weight, teacher_share and student_share
        (of the answers that contain it), contribution: weight times the mean difference of its TF-IDF values.
        The contributions of all n-grams add up to the mean score of the pairs with the teacher's shown first.
        """
        teacher, student = (self._transform(pairs[side]) for side in ("teacher", "student"))
        weight = self._paired.coef_[0]
        shares = {
            f"{side}_share": np.asarray((table > 0).mean(axis=0)).ravel()
            for side, table in (("teacher", teacher), ("student", student))
        }
        gap = np.asarray(teacher.mean(axis=0) - student.mean(axis=0)).ravel()
        table = pd.DataFrame({"ngram": self._names, "weight": weight, **shares})
        table.insert(0, "side", np.where(weight > 0, "teacher", "student"))
        table["contribution"] = weight * gap
        table = table.sort_values(["contribution", "ngram"], ascending=[False, True], kind="stable")
        best = [table[table["side"] == side].head(n) for side in ("teacher", "student")]
        return pd.concat(best, ignore_index=True)


def factories() -> dict[str, Maker]:
    """Those of words and of characters; each one's adversaries share their counts."""
    words, characters = GramCounts(WORD_GRAMS), GramCounts(CHAR_GRAMS)
    return {
        "word_ngrams": lambda: NgramAdversary("word_ngrams", WORD_GRAMS, counts=words),
        "char_ngrams": lambda: NgramAdversary("char_ngrams", CHAR_GRAMS, counts=characters),
    }
