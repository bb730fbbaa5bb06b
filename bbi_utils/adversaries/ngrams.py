"""Lexical adversaries: TF-IDF of word or character n-grams with logistic regression.

They read the answer and not the prompt: in a pair both answers have the same prompt, and over single answers
each prompt occurs once per side, so a linear model gains nothing from it and only gets more to overfit. Case
and punctuation are kept, because letter case, bold marks and bullets are where a student's voice shows first.

Splitting texts into n-grams is nine tenths of the work, and cross-fitting asks for the same texts again and
again, so the adversaries of one factory share their counts. What they learn is untouched by that: vocabulary
and weights of n-grams come from the training prompts of each fold alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, vstack
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression

from bbi_utils.games.grams import Counted, counted
from bbi_utils.games.player import Maker

WORD_GRAMS: dict[str, Any] = {
    "analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\w+|[^\w\s]|\n"
}  # fmt: skip
CHAR_GRAMS: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (2, 5)}


class GramCounts:
    """Counts of the n-grams of texts; each distinct text is split once.

    grams: arguments of `grams.counted`. places: each n-gram's column. Threads may share them.
    """

    def __init__(self, grams: dict[str, Any]) -> None:
        self._grams = grams
        self.places: dict[str, int] = {}
        self.rank = np.zeros(0, dtype=np.int32)  # each column's place in the alphabet
        self._rows: dict[str, int] = {}
        self._table = csr_matrix((0, 0), dtype=np.int32)
        self._lock = Lock()

    def of(self, texts: Sequence[str]) -> csr_matrix:
        """Shape (texts, n-grams seen so far by anyone); a row's n-grams are in alphabetical order."""
        with self._lock:
            if new := [text for text in dict.fromkeys(texts) if text not in self._rows]:
                self._learn(new)
            table = self._table
        return table[[self._rows[text] for text in texts]]

    def _split(self, texts: Sequence[str]) -> Counted:
        return counted(texts, **self._grams)

    def _learn(self, new: Sequence[str]) -> None:
        counts, names = self._split(new)
        column = np.array([self.places.setdefault(name, len(self.places)) for name in names], dtype=np.int32)
        in_order = [self.places[name] for name in sorted(self.places)]
        self.rank = np.empty(len(in_order), dtype=np.int32)
        self.rank[in_order] = np.arange(len(in_order))
        width, old = len(self.places), self._table
        wider = csr_matrix((old.data, old.indices, old.indptr), shape=(len(self._rows), width))
        moved = csr_matrix((counts.data, column[counts.indices], counts.indptr), shape=(len(new), width))
        self._table = vstack([wider, moved], format="csr")
        self._rows.update(zip(new, range(len(self._rows), self._table.shape[0]), strict=True))


class NgramAdversary:
    """``counts`` say what the n-grams are; the adversaries of one factory share them."""

    def __init__(self, name: str, counts: GramCounts) -> None:
        self.name, self._counts = name, counts

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> NgramAdversary:
        counts = self._counts.of([*pairs["teacher"], *pairs["student"]])
        used = np.flatnonzero(np.bincount(counts.indices))
        # Alphabetical, so that the numbers do not depend on which texts happened to be split before.
        self._columns = used[np.argsort(self._counts.rank[used])]
        own = self._own(counts)
        self._weigh = TfidfTransformer(sublinear_tf=True).fit(own)
        both = self._weigh.transform(own)
        labels = np.repeat([1, 0], len(pairs))
        difference = both[: len(pairs)] - both[len(pairs) :]
        regression = partial(LogisticRegression, C=10.0, solver="liblinear", random_state=seed)
        self._single = regression().fit(both, labels)
        # Each difference enters with both signs and there is no intercept: swapping a pair flips its score.
        self._paired = regression(fit_intercept=False).fit(vstack([difference, -difference]), labels)
        self.parameters = self._single.coef_.size + 1 + self._paired.coef_.size
        return self

    def _own(self, counts: csr_matrix) -> csr_matrix:
        """The columns of the n-grams that occurred in training."""
        return counts[:, self._columns].astype(float)

    def _transform(self, texts: Sequence[str]) -> csr_matrix:
        return self._weigh.transform(self._own(self._counts.of(texts)))

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        return self._single.decision_function(self._transform(answers))

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        texts = {text: row for row, text in enumerate(dict.fromkeys([*first, *second]))}
        scores = self._transform([*texts]) @ self._paired.coef_[0]
        one, other = ([texts[text] for text in side] for side in (first, second))
        return scores[one] - scores[other]

    def telling(self, pairs: pd.DataFrame, *, n: int = 8) -> pd.DataFrame:
        """The n-grams that count most on each side of these pairs, at most n a side, the weightiest first.

        Columns: side ("teacher" where the weight is positive), ngram, weight, teacher_share and student_share
        (of the answers that contain it), contribution: weight times the mean difference of its TF-IDF values.
        The contributions of all n-grams add up to the mean score of the pairs with the teacher's shown first.
        """
        weight = self._paired.coef_[0]
        tables = {side: self._transform(pairs[side]) for side in ("teacher", "student")}
        teacher, student = (np.asarray(table.mean(axis=0)).ravel() for table in tables.values())
        names = np.array([*self._counts.places], dtype=object)[self._columns]
        columns = {"side": np.where(weight > 0, "teacher", "student"), "ngram": names, "weight": weight}
        for side, one in tables.items():
            columns[f"{side}_share"] = np.asarray((one > 0).mean(axis=0)).ravel()
        table = pd.DataFrame(columns | {"contribution": weight * (teacher - student)})
        table = table.sort_values(["contribution", "ngram"], ascending=[False, True], kind="stable")
        best = [table[table["side"] == side].head(n) for side in ("teacher", "student")]
        return pd.concat(best, ignore_index=True)


def factories() -> dict[str, Maker]:
    """Those of words and of characters; each one's adversaries share their counts."""
    counts = {"word_ngrams": GramCounts(WORD_GRAMS), "char_ngrams": GramCounts(CHAR_GRAMS)}
    return {name: partial(NgramAdversary, name, shared) for name, shared in counts.items()}
