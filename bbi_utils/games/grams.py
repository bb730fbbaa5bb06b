"""Counts of n-grams, those of scikit-learn's CountVectorizer with its case kept, but of all texts at once.

A longer n-gram is a shorter one and a symbol more. So each length is one pass over numbers, whatever the
alphabet, which is several times as fast as cutting out text after text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix, csr_matrix, hstack

Counted = tuple[csr_matrix, list[str]]  # (texts, n-grams), and what the n-grams are, in alphabetical order
SPACES = re.compile(r"\s\s+")


def counted(texts: Sequence[str], analyzer: str, ngram_range: tuple[int, int], **how: Any) -> Counted:
    """As CountVectorizer(analyzer, ngram_range) counts: "char", "char_wb", or "word" with a token_pattern."""
    if analyzer == "word":
        return of_words([re.findall(how["token_pattern"], text) for text in texts], ngram_range)
    if analyzer == "char":
        return _of_characters([SPACES.sub(" ", text) for text in texts], ngram_range)
    # Of texts that share most of their words each word is cut up once.
    words, different = of_words([text.split() for text in texts], (1, 1))
    grams, names = _of_characters([f" {word} " for word in different], ngram_range)
    counts = words @ grams
    counts.sort_indices()
    return counts, names


def of_words(texts: Sequence[list[str]], sizes: tuple[int, int]) -> Counted:
    """The same of texts that are cut into words already; sizes: the fewest and most words of an n-gram."""
    # A word that begins like a shorter one goes on with a letter, and letters come after the space.
    words = sorted({word for text in texts for word in text})
    number = {word: at for at, word in enumerate(words, 1)}
    symbols = np.array([number[word] for text in texts for word in text], dtype=np.int64)
    counts, grams = _windows(symbols, [*map(len, texts)], sizes)
    return counts, [" ".join(words[at - 1] for at in gram if at) for gram in grams.tolist()]


def _of_characters(texts: Sequence[str], sizes: tuple[int, int]) -> Counted:
    coded = "".join(texts).encode("utf-32-le", "surrogatepass")
    symbols = np.frombuffer(coded, dtype="<u4").astype(np.int64) + 1
    counts, grams = _windows(symbols, [*map(len, texts)], sizes)
    joined = (grams[grams > 0] - 1).astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    ends = np.cumsum((grams > 0).sum(axis=1)).tolist()
    return counts, [joined[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _windows(
    symbols: np.ndarray, lengths: Sequence[int], sizes: tuple[int, int]
) -> tuple[csr_matrix, np.ndarray]:
    """Counts of the runs of symbols within texts of these lengths, and the runs, a row each, 0 after its end.

    symbols: whole numbers above 0, of all texts one after the other. Runs are in the order of their symbols.
    """
    smallest, largest = sizes
    text = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(symbols))  # symbols from here to its end
    base = int(symbols.max(initial=0)) + 1
    shorter, known = np.zeros(len(symbols), dtype=np.int64), np.zeros((1, 0), dtype=np.int64)
    tables, runs = [], []
    for size in range(1, largest + 1):
        start = np.flatnonzero(left >= size)
        column, different = pd.factorize(shorter[start] * base + symbols[start + size - 1])
        shorter[start] = column
        known = np.column_stack([known[different // base], different % base])
        if size >= smallest:
            ones = np.ones(len(start), dtype=np.int32)
            # By columns first, and then by rows: sorts both, in linear time.
            table = coo_matrix((ones, (text[start], column)), shape=(len(lengths), len(different)))
            tables.append(table.tocsc().tocsr())
            runs.append(np.pad(known, ((0, 0), (0, largest - size))))
    every, counts = np.concatenate(runs), hstack(tables, format="csr")
    order = np.lexsort(every.T[::-1])
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order))
    sorted_now = csr_matrix((counts.data, place[counts.indices], counts.indptr), shape=counts.shape)
    return sorted_now.tocsc().tocsr(), every[order]
