"""Ridge regression on four views of an answer, in closed form: the quick adversary for many models.

A view counts pieces of an answer: words, characters, the skeleton (layout and punctuation, every letter an a)
and how the answer and its lines begin and end. Counting learns nothing, so it is done once for each answer,
with however many models it is compared. What is learned is a weight of each piece, from differences of two
answers to one prompt, which are to come out as 1; without an intercept, so a swapped pair flips its score.
The penalty is the one that errs least on the training prompts, each left out in turn, for which ridge
regression has a formula (Allen 1974). Scores are divided by the spread of those left-out ones, so that the
scores of several views can be added up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

WORD = re.compile(r"\w+|[^\w\s]")
LETTERS, DIGITS = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")
LONGEST_END = 4  # words of an opening or ending
PENALTIES = 10.0 ** np.arange(-3, 3.1, 0.5)  # in units of the mean eigenvalue


def skeleton(answer: str) -> str:
    """The answer with each word as a, Aa or A by its capitals, and each number as 0."""

    def shape(word: re.Match[str]) -> str:
        text = word[0]
        return "a" if not text[0].isupper() else "A" if len(text) > 1 and text.isupper() else "Aa"

    return DIGITS.sub("0", LETTERS.sub(shape, answer))


def ends(answer: str) -> list[str]:
    """The first and last words of the answer (^ and $) and of each of its lines (< and >)."""
    words = WORD.findall(answer)
    found = [f"^{' '.join(words[:k])}" for k in range(1, LONGEST_END + 1)]
    found += [f"${' '.join(words[-k:])}" for k in range(1, LONGEST_END + 1)]
    for line in map(WORD.findall, answer.split("\n")):
        found += [f"<{' '.join(line[:1])}", f"<{' '.join(line[:2])}", f">{' '.join(line[-1:])}"]
    return found


# Arguments of scikit-learn's HashingVectorizer.
VIEWS: dict[str, dict[str, Any]] = {
    "words": {"ngram_range": (1, 2), "token_pattern": r"\w+|[^\w\s]|\n"},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
    "skeleton": {"analyzer": "char", "ngram_range": (1, 6), "preprocessor": skeleton},
    "ends": {"analyzer": ends},
}


def view_of(name: str, answers: Sequence[str]) -> csr_matrix:
    """Square roots of the counts of each answer's pieces, each row of length 1, shape (n, 2^20)."""
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.preprocessing import normalize

    count = HashingVectorizer(**VIEWS[name], lowercase=False, alternate_sign=False, norm=None)
    return normalize(count.transform(answers).sqrt())


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
