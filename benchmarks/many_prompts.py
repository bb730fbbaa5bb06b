"""What does the kernel test gain by all prompts over 2,000 drawn, and is its level kept without a matrix?

Power: two oracles whose openers differ a little. Of n prompts 2,000 are tested by a Gram matrix, and all by
hashed n-grams. Level: talks of two oracles that differ, and a coin a talk says which is the teacher.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing import Pool

import numpy as np
from tqdm import tqdm

from bbi_utils.games.inference.kernel_test import string_kernel, swap_test, swap_test_of_texts
from benchmarks.coverage import share
from benchmarks.worlds import Oracle, answer_pairs, one_thread

LEVEL, DRAWN = 0.05, 2000
TALKS, TURNS = 40, 5
PLAIN, OTHER = Oracle((0.4, 0.3, 0.2, 0.1)), Oracle((0.0, 0.0, 0.1, 0.9))


def powerful(seed: int, *, prompts: int, shift: float) -> list[float]:
    """p of 2,000 prompts by the matrix and by hashing, p of all, and the seconds of these three."""
    rng = np.random.default_rng(seed)
    pairs = answer_pairs(rng, prompts, PLAIN, Oracle((0.4 - shift, 0.3, 0.2, 0.1 + shift)))
    every = [*pairs["teacher"]], [*pairs["student"]]
    chosen = np.sort(rng.choice(prompts, min(DRAWN, prompts), replace=False))
    drawn = [[side[at] for at in chosen] for side in every]
    tests = (
        lambda: swap_test(string_kernel([*drawn[0], *drawn[1]]), permutations=199, seed=seed),
        lambda: swap_test_of_texts(*drawn, permutations=199, seed=seed),
        lambda: swap_test_of_texts(*every, permutations=199, seed=seed),
    )
    found, seconds = [], []
    for test in tests:
        began = time.perf_counter()
        found.append(test().p_value)
        seconds.append(time.perf_counter() - began)
    return [*found, *seconds]


def null(seed: int) -> list[float]:
    """p of talks without a matrix: by groups, and with groups ignored."""
    rng, group = np.random.default_rng(seed), np.repeat(np.arange(TALKS), TURNS)
    pairs = answer_pairs(rng, len(group), PLAIN, OTHER)
    sides = pairs["teacher"], pairs["student"]
    turned = rng.random(TALKS)[group] < 0.5
    first, second = (np.where(turned, *order).tolist() for order in (sides, sides[::-1]))
    return [
        swap_test_of_texts(first, second, groups=groups, permutations=199, seed=seed).p_value
        for groups in (group.tolist(), None)
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--prompts", type=int, nargs="+", default=[2000, 10_000], help="(default: %(default)s)"
    )
    parser.add_argument("--worlds", type=int, default=100, help="of each number of prompts (default: 100)")
    parser.add_argument("--shift", type=float, default=0.03, help="of the openers (default: %(default)s)")
    parser.add_argument("--nulls", type=int, default=1000, help="worlds of talks (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    options = parser.parse_args(arguments)
    with Pool(options.workers, initializer=one_thread) as pool:
        for prompts in options.prompts:
            one = partial(powerful, prompts=prompts, shift=options.shift)
            found = np.array([*tqdm(pool.imap(one, range(options.worlds)), total=options.worlds)])
            names = (f"{DRAWN:,} by the matrix", f"{DRAWN:,} by hashing", f"all {prompts:,} by hashing")
            for name, p, seconds in zip(names, found.T[:3], found.T[3:], strict=True):
                hits = share(int((p <= LEVEL).sum()), len(p))
                print(f"{prompts:,} prompts, {name}: found in {hits}, {np.median(seconds):.2f} s", flush=True)
            print(f"  p by the matrix and by hashing correlate at {np.corrcoef(found.T[:2])[0, 1]:.3f}")
        rejected = np.array(pool.map(null, range(options.nulls))) <= LEVEL
    for name, hits in zip(("groups together", "groups ignored"), rejected.sum(axis=0), strict=True):
        print(f"{options.nulls} null worlds of {TALKS} talks, {name}: {share(int(hits), options.nulls)}")


if __name__ == "__main__":
    main()
