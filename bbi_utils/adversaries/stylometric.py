"""Stylometry: what a reader who counts would count, under gradient-boosted trees.

The shape of an answer (lengths, lines, letter case, digits, list marks) is counted in any language. Which
words and punctuation marks to count is learned: the commonest of the training answers, as in Burrows' Delta
(2002), so there is no list of one language's function words. Trees find thresholds, bands and combinations
that a linear model of n-grams cannot.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache, lru_cache, partial

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import ThreadpoolController

from bbi_utils.adversaries.ngrams import GramCounts
from bbi_utils.games.grams import Counted, of_words
from bbi_utils.games.player import Maker

MOST_WORDS, MOST_MARKS = 48, 24
TREES, LEAVES = 80, 8
# One character of a script written without spaces (Thai, Lao, Khmer, kana, Han), or a run of letters.
WORD = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+(?:['’][^\W\d_]+)*")
PATTERNS = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"[.!?…]+(?=\s|\Z)|[。！？।]",  # sentence ends; the first pattern, as `count` divides by it
        r"^[ \t]*$",  # empty lines
        r"^[ \t]*[-*•+][ \t]",  # items of a list
        r"^[ \t]*\d+[.)][ \t]",  # numbered items
        r"^[ \t]*#+[ \t]",  # headings
        r"\*\*|__",  # bold
        r"`+",  # code
        r"\.\.\.|…",
        r"  +",
        r"\d+",  # numbers
    )
]


@lru_cache(maxsize=1 << 14)
def count(answer: str) -> tuple[tuple[float, ...], Counter[str]]:
    """The shape of an answer in numbers, and how often it has each word (in lower case) and each mark."""
    words = WORD.findall(answer)
    tally = Counter(word.lower() for word in words)
    size, spoken, letters = max(1, len(answer)), max(1, len(words)), sum(map(len, words))
    found = [sum(1 for _ in pattern.finditer(answer)) for pattern in PATTERNS]
    shape = [
        len(answer), len(words), answer.count("\n") + 1, len(answer.split("\n", 1)[0]),
        letters / spoken, max(map(len, words), default=0), len(words) / max(1, found[0]), len(tally) / spoken,
        sum(map(str.isupper, answer)) / size, sum(map(str.isdigit, answer)) / size, letters / size,
        sum(map(str.istitle, words)), sum(len(word) > 1 and word.isupper() for word in words),
        ord(answer[:1] or " "), ord(answer.rstrip()[-1:] or " "), *found,
    ]  # fmt: skip
    tally.update(mark for mark in answer if not mark.isalnum() and mark != " ")
    return tuple(map(float, shape)), tally


class TokenCounts(GramCounts):
    """Counts of the words and marks of texts, and the shape of each; each distinct text is looked at once."""

    def __init__(self) -> None:
        super().__init__({})
        self.shapes: dict[str, tuple[float, ...]] = {}

    def _split(self, texts: Sequence[str]) -> Counted:
        found = [count(text) for text in texts]
        self.shapes.update((text, shape) for text, (shape, _) in zip(texts, found, strict=True))
        return of_words([[*tally.elements()] for _, tally in found], (1, 1))


class Stylometry:
    """Turns answers into numbers: their shape, and counts of the words and marks that most answers have."""

    def __init__(self, answers: Sequence[str], counts: TokenCounts) -> None:
        having = np.bincount((table := counts.of(answers)).indices, minlength=table.shape[1])
        common = np.lexsort((counts.rank[: len(having)], -having))[: np.count_nonzero(having)]
        names = [*counts.places]
        # What begins with a letter or digit is a word.
        words, marks = ([at for at in common if names[at][0].isalnum() is kind] for kind in (True, False))
        self._counts, self._columns = counts, words[:MOST_WORDS] + marks[:MOST_MARKS]
        self.tokens = [names[at] for at in self._columns]

    def __call__(self, answers: Sequence[str]) -> np.ndarray:
        """Shape (n, features); equal answers get equal rows."""
        table = self._counts.of(answers)[:, self._columns].toarray()
        return np.hstack([[self._counts.shapes[answer] for answer in answers], table])


class StylometricAdversary:
    """One boosted model scores an answer, another the difference of two answers' features.

    A pair's score adds up both log odds: how much more the first is like the teacher on its own, and what the
    difference says beside it. The sum told pocket models apart better than either part, or than trees that
    also saw both answers' own features.
    """

    name = "stylometric"

    def __init__(self, counts: TokenCounts) -> None:
        self._counts = counts

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> StylometricAdversary:
        self._read = Stylometry([*pairs["teacher"], *pairs["student"]], self._counts)
        teacher, student = self._read(pairs["teacher"]), self._read(pairs["student"])
        labels = np.repeat([1, 0], len(pairs))
        self._single = _boost(np.vstack([teacher, student]), labels, seed=seed)
        self._paired = _boost(np.vstack([teacher - student, student - teacher]), labels, seed=seed)
        # The most that the trees can hold: a tree has a feature and a threshold a split, and a value a leaf.
        trees = self._single.n_iter_ + self._paired.n_iter_
        self.parameters = trees * (3 * LEAVES - 2)
        return self

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        return _log_odds(self._single, self._read(answers))

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        one, other = self._read(first), self._read(second)
        alone = _log_odds(self._single, one) - _log_odds(self._single, other)
        beside = _log_odds(self._paired, one - other) - _log_odds(self._paired, other - one)
        return alone + beside / 2


@cache
def _threads() -> ThreadpoolController:
    """Looking for the libraries that have threads takes longer than a small table does."""
    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[object]:
    """Tables this small gain nothing from threads, whose sums would also differ in their last bits."""
    return _threads().limit(limits=1, user_api="openmp")


def _boost(table: np.ndarray, labels: np.ndarray, *, seed: int) -> HistGradientBoostingClassifier:
    """Shallow trees; with few rows smaller leaves, for else no tree could split at all."""
    model = HistGradientBoostingClassifier(
        max_iter=TREES, learning_rate=0.1, max_leaf_nodes=LEAVES, l2_regularization=1.0, early_stopping=False,
        min_samples_leaf=min(20, max(2, len(table) // 10)), random_state=seed,
    )  # fmt: skip
    with _one_thread():
        return model.fit(table, labels)


def _log_odds(model: HistGradientBoostingClassifier, table: np.ndarray) -> np.ndarray:
    with _one_thread():
        return model.decision_function(table)


def factories() -> dict[str, Maker]:
    """The one adversary here; all that it makes share what they have counted."""
    return {"stylometric": partial(StylometricAdversary, TokenCounts())}
