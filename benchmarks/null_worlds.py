"""How often does each test reject when there is nothing to find? One answer a prompt, both from one oracle.

The sequential test is watched after every prompt; the certificate is asked for epsilon 0. The closest peer,
model-equality-testing (install the extra `peers`), runs on the same worlds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import Pool

import numpy as np
import pandas as pd
from tqdm import tqdm

from bbi_utils import games
from bbi_utils.adversaries import lexical_adversaries
from bbi_utils.games.certificate import certify
from bbi_utils.games.inference.betting import bet
from bbi_utils.games.inference.kernel_test import string_kernel, swap_test
from bbi_utils.games.sequential import prequential
from benchmarks.coverage import share
from benchmarks.worlds import Oracle, answer_pairs, one_thread

LEVEL = 0.05
OPENERS = (0.4, 0.3, 0.2, 0.1)


def kernel(pairs: pd.DataFrame, seed: int) -> bool:
    gram = string_kernel([*pairs["teacher"], *pairs["student"]])
    return swap_test(gram, permutations=999, seed=seed).p_value <= LEVEL


def sequential(pairs: pd.DataFrame, seed: int) -> bool:
    outcomes = prequential(lexical_adversaries()["word_ngrams"], pairs, seed=seed)
    return bet(outcomes, error=LEVEL).queries is not None


def certificate(pairs: pd.DataFrame, seed: int) -> bool:
    played = [
        games.play(make, pairs, pair="null", contrast="null", folds=3, seed=seed)[0]
        for make in lexical_adversaries().values()
    ]
    return certify(pd.concat(played), epsilon=0.0, confidence=1 - LEVEL).verdict == "refuted"


def peer(pairs: pd.DataFrame, seed: int) -> bool:
    """The peer's Hamming MMD on padded characters, 100 permutations."""
    import torch
    from model_equality_testing.algorithm import run_two_sample_test
    from model_equality_testing.distribution import CompletionSample

    torch.manual_seed(seed)
    width = max(pairs["teacher"].str.len().max(), pairs["student"].str.len().max())
    prompts = np.arange(len(pairs))
    samples = []
    for side in ("teacher", "student"):
        letters = np.array([[*map(ord, text.ljust(width, "\0"))] for text in pairs[side]])
        samples.append(CompletionSample(prompts=prompts, completions=letters, m=len(pairs)))
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():  # its progress bar, and 0 / 0
        warnings.simplefilter("ignore")
        p_value, _ = run_two_sample_test(*samples, stat_type="mmd_hamming", b=100)
    return p_value <= LEVEL


TESTS: dict[str, Callable[[pd.DataFrame, int], bool]] = {
    "kernel test": kernel, "sequential test, watched": sequential, "certificate, epsilon 0": certificate,
}  # fmt: skip


def world(seed: int, *, prompts: int, tests: dict[str, Callable[[pd.DataFrame, int], bool]]) -> list[bool]:
    """Which tests reject in one null world."""
    oracle = Oracle(OPENERS)
    pairs = answer_pairs(np.random.default_rng(seed), prompts, oracle, oracle)
    return [test(pairs, seed) for test in tests.values()]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=2000, help="null worlds (default: %(default)s)")
    parser.add_argument("--prompts", type=int, default=100, help="prompts a world (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--no-peer", action="store_true", help="leave the peer out")
    options = parser.parse_args(arguments)
    tests = TESTS if options.no_peer else {**TESTS, "model-equality-testing 0.0.2": peer}
    one = partial(world, prompts=options.prompts, tests=tests)
    # The peer keeps some 25 MB a call for good, so a worker is replaced before that fills the memory.
    with Pool(options.workers, initializer=one_thread, maxtasksperchild=4) as pool:
        found = list(tqdm(pool.imap(one, range(options.worlds), chunksize=10), total=options.worlds))
    print(f"{options.worlds} null worlds of {options.prompts} prompts; rejected at level {LEVEL}:")
    for name, rejected in zip(tests, np.array(found).T, strict=True):
        print(f"  {name:<30} {share(int(rejected.sum()), options.worlds)}")


if __name__ == "__main__":
    main()
