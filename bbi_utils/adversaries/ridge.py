"""Ridge regression on four views of an answer, in closed form: the quick adversary for many models.

A view counts pieces of an answer: words, characters, the skeleton (layout and punctuation, every letter an a)
and how the answer and its lines begin and end. Counting learns nothing, so it is done once for each answer,
with however many models it is compared. What is learned is a weight of each piece, from differences of two
answers to one prompt, which are to come out as 1; without an intercept, so a swapped pair flips its score.
The penalty is the one that errs least on the training prompts, each left out in turn, for which ridge
regression has a formula (Allen 1974). Scores are divided by the spread of those left-out ones, so that the
scores of several views can be added up.

`structure` plays both games with what is no word: the skeleton and how answers and lines begin and end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, hstack

from bbi_utils.games.grams import counted
from bbi_utils.games.player import Maker

WORD = re.compile(r"\w+|[^\w\s]")
LETTERS, DIGITS = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")
LONGEST_END = 4  # words of an opening or ending
PENALTIES = 10.0 ** np.arange(-3, 3.1, 0.5)  # in units of the mean eigenvalue
STRUCTURE = ("skeleton", "ends")  # the views without the words in between
MOST = 2_000  # pairs to train on; time grows with their cube
# Answers -> a row each, dense or sparse, equal ones for equal answers.
Reader = Callable[[Sequence[str]], Any]


def skeleton(answer: str) -> str:
    """The answer with each word as a, Aa or A by its capitals, and each number as 0."""

    def shape(word: re.Match[str]) -> str:
        text = word[0]
        return "a" if not text[0].isupper() else "A" if len(text) > 1 and text.isupper() else "Aa"

    return DIGITS.sub("0", LETTERS.sub(shape, answer))


def ends(answer: str) -> list[str]:
    """The first and last words of the answer (^ and $) and of each line (< and >), and its white space."""
    words, told = WORD.findall(answer), answer.strip()
    first, _, last = answer.partition(told) if told else (answer, "", "")
    found = [f"^{first!r}", f"${last!r}"]
    found += [f"^{' '.join(words[:k])}" for k in range(1, LONGEST_END + 1)]
    found += [f"${' '.join(words[-k:])}" for k in range(1, LONGEST_END + 1)]
    for line in map(WORD.findall, answer.split("\n")):
        found += [f"<{' '.join(line[:1])}", f"<{' '.join(line[:2])}", f">{' '.join(line[-1:])}"]
    return found


# Arguments of `grams.counted`, but of `ends`, which names its pieces itself.
VIEWS: dict[str, dict[str, Any]] = {
    "words": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\w+|[^\w\s]|\n"},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
    "skeleton": {"analyzer": "char", "ngram_range": (1, 6)},
    "ends": {},
}


def view_of(name: str, answers: Sequence[str]) -> csr_matrix:
    """Square roots of the counts of each answer's pieces, each row of length 1, shape (n, 2^20)."""
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.preprocessing import normalize

    hashed = FeatureHasher(input_type="string", alternate_sign=False).transform
    if name == "ends":
        return normalize(hashed(map(ends, answers)).sqrt())
    counts, pieces = counted([*map(skeleton, answers)] if name == "skeleton" else answers, **VIEWS[name])
    table = counts @ hashed([piece] for piece in pieces)
    table.sort_indices()
    return normalize(table.sqrt())


def ridge(gram: np.ndarray) -> np.ndarray:
    """Dual weights, shape (n,), of n training differences with this Gram matrix, as the module says.

    A new difference's score is its products with the training ones times these weights.
    """
    values, vectors = np.linalg.eigh(gram)
    values, total = np.maximum(values, 0.0), vectors.sum(axis=0)
    best, least = np.zeros(len(gram)), np.inf
    for penalty in PENALTIES * max(float(values.mean()), 1e-12):
        shrunk = 1.0 / (values + penalty)
        weights = vectors @ (shrunk * total)
        left_out = 1.0 - weights / (vectors**2 @ shrunk)
        if (error := float(((1.0 - left_out) ** 2).mean())) < least:
            spread = max(float(np.sqrt((left_out**2).mean())), 1e-12)
            best, least = weights / spread, error
    return best


def out_of_fold(gram: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Each difference's score, shape (n,), by what was learned on the other folds; 0 where there is none."""
    scores = np.zeros(len(gram))
    for one in np.unique(fold):
        held, train = fold == one, fold != one
        scores[held] = gram[np.ix_(held, train)] @ ridge(gram[np.ix_(train, train)])
    return scores


class Views:
    """A reader of the named views side by side, for whom each distinct answer is counted once."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._known: dict[str, csr_matrix] = {}

    def __call__(self, answers: Sequence[str]) -> csr_matrix:
        """Shape (n, 2^20 a view)."""
        if new := [text for text in dict.fromkeys(answers) if text not in self._known]:
            table = hstack([view_of(name, new) for name in self._names], format="csr")
            self._width = table.shape[1]
            cuts = table.indptr[1:-1]
            pieces = zip(np.split(table.indices, cuts), np.split(table.data, cuts), strict=True)
            self._known.update(zip(new, pieces, strict=True))
        places, counts = zip(*(self._known[text] for text in answers), strict=True)
        starts = np.cumsum([0, *map(len, places)])
        parts = np.concatenate(counts), np.concatenate(places), starts
        return csr_matrix(parts, shape=(len(answers), self._width))


class RidgeAdversary:
    """Ridge regression on the differences of what a reader makes of two answers.

    A single answer is judged by the same weights: above or below the middle between both sides' means.
    """

    def __init__(self, name: str, read: Reader) -> None:
        self.name, self._read = name, read

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> RidgeAdversary:
        pairs = pairs.sample(MOST, random_state=seed) if len(pairs) > MOST else pairs
        teacher, student = (self._read(list(pairs[side])) for side in ("teacher", "student"))
        difference = teacher - student
        gram = difference @ difference.T
        self._weights = difference.T @ ridge(gram if isinstance(gram, np.ndarray) else gram.toarray())
        self._middle = float(np.mean((teacher + student) @ self._weights)) / 2
        self.parameters = np.count_nonzero(self._weights) + 1
        return self

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        return self._read(answers) @ self._weights - self._middle

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        return self._read(first) @ self._weights - self._read(second) @ self._weights


def factories() -> dict[str, Maker]:
    """The one of structure; all that it makes share what they have counted."""
    return {"structure": partial(RidgeAdversary, "structure", Views(STRUCTURE))}
