"""The kernel test: exact under swaps, uniform p-values at one answer a prompt, and it sees what differs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from bbi_utils.errors import BadInput
from bbi_utils.games.inference.kernel_test import embedding_kernel, string_kernel, swap_test


def samples(rng: np.random.Generator, n: int, shift: float) -> np.ndarray:
    """Two answers a prompt as points that share the prompt's own place, shape (2n, 3)."""
    place = 3 * rng.standard_normal((n, 3))
    return np.vstack([place + rng.standard_normal((n, 3)), place + rng.standard_normal((n, 3)) + shift])


def test_p_values_are_uniform_when_prompts_differ_and_oracles_do_not() -> None:
    rng = np.random.default_rng(0)
    p = np.array(
        [
            swap_test(embedding_kernel(samples(rng, 30, 0.0)), permutations=99, seed=i).p_value
            for i in range(300)
        ]
    )
    for level in (0.05, 0.2, 0.5):
        assert abs((p <= level).mean() - level) <= 3 * np.sqrt(level * (1 - level) / 300)


def test_a_shift_is_found() -> None:
    gram = embedding_kernel(samples(np.random.default_rng(1), 60, 1.0))
    assert swap_test(gram, permutations=999).p_value <= 0.01


def test_the_random_swaps_agree_with_all_swaps() -> None:
    """Twenty prompts have a million swaps; twelve of them fixed, 256 swaps can be counted one by one."""
    rng = np.random.default_rng(2)
    points = samples(rng, 20, 0.3)
    points[20 + 8 :] = points[
        8:20
    ]  # the last twelve prompts have equal answers: swapping them changes nothing
    gram = embedding_kernel(points)
    n = 20
    difference = gram[:n, :n] - gram[:n, n:] - gram[n:, :n] + gram[n:, n:]
    signs = np.array(list(product((-1, 1), repeat=8)))
    signs = np.hstack([signs, np.ones((len(signs), 12))])
    every = ((signs @ difference) * signs).sum(axis=1)
    exact = (every >= difference.sum() - 1e-9).mean()
    assert swap_test(gram, permutations=4000, seed=1).p_value == pytest.approx(exact, abs=0.03)


def test_identical_answers_give_one_and_never_zero() -> None:
    texts = [f"answer {i}" for i in range(25)]
    assert swap_test(string_kernel(texts * 2), permutations=50).p_value == 1.0
    far = string_kernel([f"yes {i}" for i in range(25)] + [f"NO! {i}" for i in range(25)])
    assert swap_test(far, permutations=50).p_value == pytest.approx(1 / 51)


def test_string_kernel_is_a_cosine() -> None:
    gram = string_kernel(["one", "one", "two", "Ünï"])
    np.testing.assert_allclose(np.diag(gram), 1.0)
    assert gram[0, 1] == pytest.approx(1.0) and 0 < gram[0, 2] < 0.5
    np.testing.assert_allclose(gram, gram.T)


@pytest.mark.parametrize(
    ("gram", "message"),
    [(np.ones((3, 3)), "shape"), (np.full((60, 60), np.nan), "finite"), (np.ones((10, 10)), "too few")],
)
def test_broken_matrices_are_refused(gram: np.ndarray, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        swap_test(gram)
