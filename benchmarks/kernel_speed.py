"""The kernel test beside its peers at equal settings: seconds, interleaved in one run, and p-values.

Peers (install the extra `peers`): hyppo's MMD with permutations, and model-equality-testing's Hamming MMD.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from bbi_utils.games.inference.kernel_test import embedding_kernel, swap_test


def ours(x: np.ndarray, y: np.ndarray, permutations: int, seed: int) -> float:
    return swap_test(embedding_kernel(np.vstack([x, y])), permutations=permutations, seed=seed).p_value


def hyppo(x: np.ndarray, y: np.ndarray, permutations: int, seed: int) -> float:
    from hyppo.ksample import MMD

    return float(MMD().test(x, y, reps=permutations, auto=False, workers=1, random_state=seed)[1])


def equality(x: np.ndarray, y: np.ndarray, permutations: int, seed: int) -> float:
    """One prompt answered n times by each, the setting in which this peer's statistic exists."""
    import torch
    from model_equality_testing.algorithm import run_two_sample_test
    from model_equality_testing.distribution import CompletionSample

    torch.manual_seed(seed)
    samples = [
        CompletionSample(prompts=np.zeros(len(a), dtype=int), completions=np.rint(4 * a).astype(int), m=1)
        for a in (x, y)
    ]
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(run_two_sample_test(*samples, stat_type="mmd_hamming", b=permutations)[0])


TESTS: dict[str, Callable[[np.ndarray, np.ndarray, int, int], float]] = {
    "ours": ours, "hyppo": hyppo, "model-equality-testing": equality,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--answers", type=int, default=1000, help="answers of each oracle (default: %(default)s)"
    )
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds (default: %(default)s)")
    parser.add_argument("--worlds", type=int, default=20, help="small worlds for the p-values")
    options = parser.parse_args(arguments)
    rng, size = np.random.default_rng(0), (options.answers, 16)
    for test in TESTS.values():  # compile and import outside the clock
        test(rng.standard_normal((30, 16)), rng.standard_normal((30, 16)), 10, 0)
    seconds: dict[str, list[float]] = {name: [] for name in TESTS}
    for turn in range(options.rounds):
        x, y = rng.standard_normal(size), rng.standard_normal(size)
        for name, test in TESTS.items():
            began = time.perf_counter()
            test(x, y, options.permutations, turn)
            seconds[name].append(time.perf_counter() - began)
            print(f"round {turn}, {name}: {seconds[name][-1]:.3f} s", flush=True)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    for name, found in median.items():
        print(f"{name}: median {found:.3f} s, {found / median['ours']:.0f} x ours")
    agree(options.worlds)


def agree(worlds: int) -> None:
    """p-values on unpaired samples, where free and within-pair permutations are both valid."""
    rng, found = np.random.default_rng(1), []
    for i in range(worlds):
        x, y = rng.standard_normal((100, 4)), rng.standard_normal((100, 4)) + 0.25 * (i % 3)
        found.append((ours(x, y, 1000, i), hyppo(x, y, 1000, i)))
    p = np.array(found)
    print(f"p-values in {worlds} worlds: correlation {np.corrcoef(p.T)[0, 1]:.3f}, ", end="")
    print(f"largest difference {np.abs(p[:, 0] - p[:, 1]).max():.3f}, same verdict at 0.05 in ", end="")
    print(f"{((p[:, 0] <= 0.05) == (p[:, 1] <= 0.05)).sum()}")


if __name__ == "__main__":
    main()
