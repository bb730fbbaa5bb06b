"""Near-duplicate prompts: exact Jaccard similarity of character 5-grams, found by prefix filtering.

Two prompts are near-duplicates when the Jaccard similarity of their sets of character 5-grams is at least
the threshold, after lower-casing and turning every run of other characters than a-z and 0-9 into one
space. The join is exact: prompts alike to degree t share at least k of their (n - ceil(t n) + k) rarest
grams (Bayardo et al. 2007; Wang, Li and Feng 2012), so only such pairs are compared in full.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from scipy.sparse import csr_array

from bbi_utils.errors import BadInput

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
GRAM = 5
THRESHOLD = 0.85
SHARED = 6  # k above: more rules out more pairs, but lengthens the prefixes
BLOCK = 2048  # rows compared at once, which bounds memory


def plain(prompt: str) -> str:
    """The normalised text that the measure sees, with one space at each end."""
    return " " + re.sub(r"[^a-z0-9]+", " ", prompt.lower()).strip() + " "


def grams_of(prompt: str) -> set[str]:
    """The character 5-grams of a prompt's normalised text."""
    text = plain(prompt).ljust(GRAM)
    return {text[start : start + GRAM] for start in range(len(text) - GRAM + 1)}


def jaccard(first: str, second: str) -> float:
    """The measure itself, for two prompts: shared 5-grams over all 5-grams of the two, from 0 to 1."""
    one, other = grams_of(first), grams_of(second)
    return len(one & other) / len(one | other)


def near_duplicates(
    prompts: Sequence[str], others: Sequence[str], threshold: float = THRESHOLD
) -> list[bool]:
    """For each prompt, whether some prompt of `others` is a near-duplicate of it (or the same)."""
    different, count = list(dict.fromkeys(prompts)), len(others)
    pairs = near_pairs([*others, *different], count, threshold, until=count)
    close = {different[later - count] for later, _ in pairs}
    return [prompt in close for prompt in prompts]


def near_pairs(
    prompts: Sequence[str], start: int = 0, threshold: float = THRESHOLD, *, until: int | None = None
) -> list[tuple[int, int]]:
    """Near-duplicate pairs (later, earlier) of indices, start <= later, earlier < until; sorted."""
    if not 0 < threshold <= 1:
        raise BadInput(f"threshold is {threshold}, expected a number above 0 and at most 1")
    if start >= len(prompts) or until == 0:
        return []
    grams = _gram_matrix(prompts)
    prefixes, sizes, pairs = _prefixes(grams, threshold), np.diff(grams.indptr), []
    columns, needed = prefixes[:until].T.tocsr(), np.minimum(SHARED, _overlap(sizes, threshold))
    for first in range(start, len(prompts), BLOCK):
        shared = (prefixes[first : first + BLOCK] @ columns).tocoo()
        rows, cols = shared.coords[0] + first, shared.coords[1]
        likely = (cols < rows) & (shared.data >= np.minimum(needed[rows], needed[cols]))
        pairs.append(_verified(grams, rows[likely], cols[likely], threshold))
    return sorted((int(later), int(earlier)) for later, earlier in np.concatenate(pairs))


def _gram_matrix(prompts: Sequence[str]) -> csr_array:
    """Rows: prompts. Columns: 5-grams, rarest first. Entries: 1 where the prompt has the gram."""
    texts = [plain(prompt).ljust(GRAM).encode() for prompt in prompts]
    lengths = np.array([len(text) - GRAM + 1 for text in texts])
    letters = np.frombuffer(b"".join(texts), dtype=np.uint8).astype(np.int64)
    # Five bytes make one 40-bit number, so no two grams collide.
    codes = np.lib.stride_tricks.sliding_window_view(letters, GRAM) @ (1 << 8 * np.arange(GRAM))
    starts = np.cumsum([0] + [len(text) for text in texts[:-1]])
    rows = np.repeat(np.arange(len(texts)), lengths)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    _, columns = np.unique(codes[np.repeat(starts, lengths) + within], return_inverse=True)
    rank = np.argsort(np.argsort(np.bincount(columns), kind="stable"))
    ones = np.ones(len(rows), dtype=np.int32)
    matrix = csr_array((ones, (rows, rank[columns])), shape=(len(texts), len(rank)))
    matrix.data[:] = 1  # a set: a gram that recurs in a prompt counts once
    matrix.sort_indices()
    return matrix


def _overlap(sizes: Array, threshold: float) -> Array:
    """The fewest grams that a prompt of so many shares with any near-duplicate."""
    return np.ceil(threshold * sizes - 1e-9).astype(int)


def _prefixes(grams: csr_array, threshold: float) -> csr_array:
    """The same matrix with only the first n - ceil(t n) + k grams of each row of n."""
    sizes = np.diff(grams.indptr)
    wanted = np.minimum(sizes, sizes - _overlap(sizes, threshold) + SHARED)
    place = np.arange(grams.nnz) - np.repeat(grams.indptr[:-1], sizes)
    kept = place < np.repeat(wanted, sizes)
    pointers = np.concatenate(([0], np.cumsum(wanted)))
    return csr_array((grams.data[kept], grams.indices[kept], pointers), shape=grams.shape)


def _verified(grams: csr_array, rows: Array, cols: Array, threshold: float) -> Array:
    """The pairs of rows whose Jaccard similarity reaches the threshold, [pairs, 2]."""
    # In slices, to bound memory.
    sizes, found = np.diff(grams.indptr), [np.zeros((0, 2), dtype=int)]
    for start in range(0, len(rows), 50_000):
        left, right = rows[start : start + 50_000], cols[start : start + 50_000]
        common = grams[left].multiply(grams[right]).sum(axis=1)
        close = common >= threshold * (sizes[left] + sizes[right] - common) - 1e-9
        found.append(np.column_stack((left[close], right[close])))
    return np.concatenate(found)
