"""The kernel test: exact under swaps, uniform p-values at one answer a prompt, and it sees what differs."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pandas as pd
import pytest
from recorded_files import answers, rows

from bbi_utils.errors import BadInput
from bbi_utils.games.inference import kernel_test
from bbi_utils.games.inference.kernel_test import (
    embedding_kernel,
    string_kernel,
    swap_test,
    swap_test_of_texts,
)
from bbi_utils.report import audit


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


def sides(
    n: int, seed: int, student: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)
) -> tuple[list[str], list[str]]:
    return answers(n, seed=2 * seed, openers=(0.4, 0.3, 0.2, 0.1)), answers(
        n, seed=2 * seed + 1, openers=student
    )


@pytest.mark.parametrize("grouped", [False, True])
def test_without_a_matrix_it_is_the_test_of_nearly_the_same_kernel(
    monkeypatch: pytest.MonkeyPatch, grouped: bool
) -> None:
    """Blocks of texts that are cut within groups add up to what a Gram matrix gives, but for the hashing."""
    monkeypatch.setattr(kernel_test, "AT_ONCE", 7)
    groups = [i // 3 for i in range(60)] if grouped else None
    found = []
    for seed in range(5):
        first, second = sides(60, seed, student=(0.3, 0.3, 0.2, 0.2))
        how = {"groups": groups, "permutations": 500}
        exact = swap_test(string_kernel([*first, *second]), **how)  # type: ignore[arg-type]
        hashed = swap_test_of_texts(first, second, **how)  # type: ignore[arg-type]
        assert hashed.statistic == pytest.approx(exact.statistic, rel=0.05) and hashed.n == exact.n
        found.append((exact.p_value, hashed.p_value))
    assert np.ptp(found, axis=1).max() <= 0.1 and np.ptp(found, axis=0)[0] > 0.3


def test_without_a_matrix_identical_answers_give_one_and_never_zero() -> None:
    first = [f"answer {i}" for i in range(25)]
    assert swap_test_of_texts(first, first, permutations=50).p_value == 1.0
    found = swap_test_of_texts(
        [f"yes {i}" for i in range(25)], [f"NO! {i}" for i in range(25)], permutations=50
    )
    assert found.p_value == pytest.approx(1 / 51)


def test_without_a_matrix_talks_whose_sides_were_swapped_are_left_alone() -> None:
    """Two speakers who open differently; which of them is the teacher is one coin a talk of eight turns."""
    rejected = np.zeros(2)
    group = np.repeat(np.arange(24), 8)
    for seed in range(30):
        first, second = sides(192, seed, student=(0.0, 0.0, 0.1, 0.9))
        turned = np.random.default_rng(seed).random(24)[group] < 0.5
        table = np.where(turned, (first, second), (second, first)).tolist()
        for at, groups in enumerate((group.tolist(), None)):
            p = swap_test_of_texts(*table, groups=groups, permutations=99, seed=seed).p_value
            rejected[at] += p <= 0.05
    assert rejected[0] <= 5 < rejected[1]  # 5 of 30 at 5 %: more once in 300 times


def test_of_many_prompts_all_are_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_FOR_KERNEL", 40)
    pairs = pd.DataFrame(rows(60)).assign(group=range(60))
    assert audit.kernel_of(pairs).n == 60 and audit.kernel_of(pairs[:40]).n == 40


def test_without_a_matrix_too_few_prompts_and_missing_groups_are_refused() -> None:
    with pytest.raises(BadInput, match="5 prompts are too few"):
        swap_test_of_texts(["a"] * 5, ["b"] * 5)
    with pytest.raises(BadInput, match="3 groups of 30 prompts"):
        swap_test_of_texts(["a"] * 30, ["b"] * 30, groups=[1, 2, 3])


def test_a_swap_takes_a_bit_and_is_the_one_that_was_drawn_as_a_byte() -> None:
    """Of 200,000 groups: p-values are those of before, when all swaps lay in memory as 1 and -1."""
    rows, columns, group = 1001, 200_000, np.array([0, 7, 8, 1234, 199_999])
    tracemalloc.start()
    coins = kernel_test._coins(rows, columns, seed=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 1.2 * rows * columns / 8
    rng = np.random.default_rng(3)
    first = np.stack([rng.choice(np.array([-1, 1], dtype=np.int8), size=columns)[group] for _ in range(rows)])
    np.testing.assert_array_equal(kernel_test._signs(coins, group), first.T)
    at_once = np.random.default_rng(3).choice(np.array([-1, 1], dtype=np.int8), size=(9, 1003))
    some = kernel_test._signs(kernel_test._coins(9, 1003, seed=3), np.arange(1003))
    np.testing.assert_array_equal(some, at_once.T)
