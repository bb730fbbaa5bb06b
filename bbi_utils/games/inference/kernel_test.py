"""A two-sample test that is valid at one answer per prompt: do two oracles answer alike in distribution?

Each prompt was answered once by each oracle. If they answer alike, swapping the two answers of a prompt
changes nothing in distribution, whatever the prompts are; so the null distribution of any statistic comes
from random swaps within prompts. (Permuting answers freely across prompts would also test whether the prompts
differ.) Where prompts come in groups, such as the turns of one talk, a group's answers are swapped together:
what happens within it then needs no assumption.

The statistic is the squared maximum mean discrepancy (Gretton et al. 2012). Under swaps it is a quadratic
form s' H s in the signs s of the prompts, with H fixed: the kernel is computed once, and a thousand
permutations are one matrix product. H is the Gram matrix of the differences of two answers' features, so the
same number is the squared length of these differences' sum: of many prompts it needs no kernel at all.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from bbi_utils.errors import BadInput
from bbi_utils.games.grams import counted
from bbi_utils.tables import FEWEST_PROMPTS

BLOCK = 256  # permutations at a time, to bound memory
BUCKETS = 2**14  # for the n-grams of many texts
AT_ONCE = 500  # prompts whose n-grams are counted together
DENSE = 1 / 12  # of the buckets are filled: from then on dense products are quicker
EQUAL = 1e-9  # statistics that differ by so little of their parts are equal, however they were summed
ROUNDED = 1e-13  # of all kernel values together, what may be their rounding


@dataclass(frozen=True)
class KernelTest:
    """statistic: biased MMD^2. p_value: with the +1, so never 0. n: prompts. permutations: random swaps."""

    statistic: float
    p_value: float
    n: int
    permutations: int


def swap_test(
    gram: np.ndarray,
    *,
    groups: Sequence[Hashable] | None = None,
    permutations: int = 1000,
    seed: int = 0,
) -> KernelTest:
    """The test from a Gram matrix (2n, 2n): rows 0 to n-1 the first oracle's answers, then the second's.

    Row i and row n + i answer the same prompt. groups: that of each prompt, shape (n,). Raises BadInput on
    another shape, values that are not finite, or fewer than 20 prompts.
    """
    gram = np.asarray(gram, dtype=float)
    n = len(gram) // 2
    if gram.shape != (2 * n, 2 * n) or not np.isfinite(gram).all():
        expected = "(2n, 2n) finite numbers, n answers of each"
        raise BadInput(f"Gram matrix of shape {gram.shape}; expected {expected}")
    _check_count(n)
    difference = gram[:n, :n] - gram[:n, n:] - gram[n:, :n] + gram[n:, n:]
    if groups is not None:
        difference = _summed(difference, groups)
    rng = np.random.default_rng(seed)
    observed, as_large = difference.sum(), 0
    # Of identical answers nothing but rounding is left, and how a library rounds depends on the processor.
    slack = EQUAL * np.abs(difference).sum() + ROUNDED * np.abs(gram).sum()
    for done in range(0, permutations, BLOCK):
        signs = rng.choice((-1.0, 1.0), size=(min(BLOCK, permutations - done), len(difference)))
        swapped = ((signs @ difference) * signs).sum(axis=1)
        as_large += int((swapped >= observed - slack).sum())
    return KernelTest(observed / n**2, (1 + as_large) / (1 + permutations), n, permutations)


def swap_test_of_texts(
    first: Sequence[str],
    second: Sequence[str],
    *,
    groups: Sequence[Hashable] | None = None,
    permutations: int = 1000,
    seed: int = 0,
) -> KernelTest:
    """`swap_test` of n answers of each oracle by their n-grams: linear in n, and a bit of memory a swap.

    Its kernel is `string_kernel` but for noise: n-grams share 2^14 buckets, in which they count with random
    signs (Weinberger et al. 2009). So it is as exact, and finds a little less in as many prompts. Raises
    BadInput as `swap_test` does.
    """
    from sklearn.feature_extraction import FeatureHasher

    n, hashed = len(first), FeatureHasher(BUCKETS, input_type="string").transform
    _check_count(n)
    group = np.arange(n) if groups is None else _numbered(groups, n)
    swaps = _coins(1 + permutations, int(group.max()) + 1, seed=seed)
    swaps[0] = 255  # as observed
    sums, length = np.zeros((BUCKETS, 1 + permutations)), 0.0
    for start in range(0, n, AT_ONCE):
        some = slice(start, start + AT_ONCE)
        rooted, grams = _rooted([*first[some], *second[some]])
        half = rooted.shape[0] // 2
        difference = (rooted[:half] - rooted[half:]) @ hashed([gram] for gram in grams)
        length += np.sqrt(difference.multiply(difference).sum(axis=1)).sum()
        turned = difference.T
        turned = turned.tocsr() if difference.nnz < DENSE * half * BUCKETS else turned.toarray()
        sums += turned @ _signs(swaps, group[some])
    observed, *swapped = (sums**2).sum(axis=0)
    as_large = int((np.array(swapped) >= observed - EQUAL * length**2).sum())
    return KernelTest(float(observed) / n**2, (1 + as_large) / (1 + permutations), n, permutations)


def _coins(rows: int, columns: int, *, seed: int) -> np.ndarray:
    """Coins, eight a byte; drawn row by row, since each takes eight bytes while it is drawn."""
    rng, coins = np.random.default_rng(seed), np.empty((rows, -(-columns // 8)), dtype=np.uint8)
    for row in coins:
        row[:] = np.packbits(rng.integers(0, 2, columns).astype(bool))
    return coins


def _signs(swaps: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The signs of these groups under each row of swaps, shape (groups, rows): heads 1, tails -1."""
    heads = swaps[:, group >> 3] >> (7 - (group & 7)).astype(np.uint8) & 1
    return heads.T.astype(float) * 2 - 1


def _check_count(n: int) -> None:
    if n < FEWEST_PROMPTS:
        raise BadInput(f"{n} prompts are too few for the kernel test; answer at least {FEWEST_PROMPTS}")


def _numbered(groups: Sequence[Hashable], n: int) -> np.ndarray:
    """The number of each prompt's group, in order of appearance."""
    import pandas as pd

    if len(groups) != n:
        raise BadInput(f"{len(groups)} groups of {n} prompts; expected one group a prompt")
    return pd.factorize(np.asarray(groups))[0]


def _summed(difference: np.ndarray, groups: Sequence[Hashable]) -> np.ndarray:
    """The differences of groups, in order of appearance, in place of those of prompts."""
    group = _numbered(groups, len(difference))
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    return np.add.reduceat(np.add.reduceat(difference[np.ix_(order, order)], starts), starts, axis=1)


def string_kernel(texts: Sequence[str]) -> np.ndarray:
    """Cosine of the counts of 1 to 5 characters of each two texts, after a square root, shape (n, n).

    A spectrum kernel (Leslie, Eskin and Noble 2002) blended over lengths.
    """
    rooted, _ = _rooted(texts)
    # What a tenth of the texts have is four fifths of the work, and dense products are quicker at it.
    common = rooted.getnnz(axis=0) > len(texts) / 10
    dense, rare = rooted[:, common].toarray(), rooted[:, ~common]
    return dense @ dense.T + (rare @ rare.T).toarray()


def _rooted(texts: Sequence[str]) -> tuple[csr_matrix, list[str]]:
    """Square roots of the counts of n-grams, a row of length 1 a text, and what the n-grams are."""
    from sklearn.preprocessing import normalize

    counts, grams = counted(texts, analyzer="char", ngram_range=(1, 5))
    return normalize(counts.astype(float).sqrt()), grams


def embedding_kernel(embeddings: np.ndarray) -> np.ndarray:
    """Gaussian kernel of the rows, its width the median distance between them, shape (n, n)."""
    from sklearn.metrics import pairwise_distances

    distances = pairwise_distances(np.asarray(embeddings, dtype=float))
    width = np.median(distances[np.triu_indices_from(distances, k=1)])
    return np.exp(-((distances / (width or 1.0)) ** 2) / 2)
