"""How often does `audit` refute when teacher and student are one oracle? Reshuffles of one null file.

A reshuffle swaps the two answers of each prompt with probability one half. Each is attacked with the audit's
default adversaries and certified at the epsilon asked for and, the sharper check, at 0.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial

import numpy as np
import pandas as pd
from tqdm import tqdm

from bbi_utils.adversaries import Factories
from bbi_utils.games.certificate import certify
from bbi_utils.report.audit import STUDENT, Settings, adversaries, attack
from benchmarks.coverage import share
from benchmarks.worlds import Oracle, answer_pairs, one_thread

NULL_ORACLE = Oracle((0.4, 0.3, 0.2, 0.1))


@cache
def null_file(prompts: int, seed: int) -> tuple[pd.DataFrame, Factories]:
    """A file whose teacher and student are one oracle, and adversaries that have not read its texts yet."""
    pairs = answer_pairs(np.random.default_rng(seed), prompts, NULL_ORACLE, NULL_ORACLE)
    return pairs.assign(group=pairs["prompt"]), adversaries(Settings(epsilon=0.1))


def reshuffled(pairs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The pairs with the answers of a random half of the prompts swapped."""
    swap = rng.random(len(pairs)) < 0.5
    sides = {"teacher": np.where(swap, pairs["student"], pairs["teacher"])}
    return pairs.assign(student=np.where(swap, pairs["teacher"], pairs["student"]), **sides)


def refuted(number: int, *, prompts: int, seed: int, epsilons: Sequence[float]) -> list[bool]:
    """Whether one reshuffle is refuted at each epsilon."""
    pairs, makers = null_file(prompts, seed)
    shuffled = reshuffled(pairs, np.random.default_rng([seed, number]))
    settings = Settings(epsilon=max(epsilons), seed=seed + number)
    scores, _ = attack(makers, {STUDENT: shuffled}, settings)
    return [certify(scores, epsilon=epsilon).verdict == "refuted" for epsilon in epsilons]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=1000, help="of the file (default: %(default)s)")
    parser.add_argument("--reshuffles", type=int, default=100, help="audits of it (default: %(default)s)")
    parser.add_argument("--epsilon", type=float, default=0.1, help="asked for (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of file, swaps and folds (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    options = parser.parse_args(arguments)
    began, epsilons = time.monotonic(), (options.epsilon, 0.0)
    one = partial(refuted, prompts=options.prompts, seed=options.seed, epsilons=epsilons)
    with ProcessPoolExecutor(options.workers, initializer=one_thread) as pool:
        found = list(tqdm(pool.map(one, range(options.reshuffles)), total=options.reshuffles))
    spent = time.monotonic() - began
    print(f"{options.reshuffles} reshuffles of a null file of {options.prompts} prompts, {spent:.0f} s")
    for epsilon, hits in zip(epsilons, np.sum(found, axis=0), strict=True):
        print(f"  refuted at epsilon {epsilon:<6g} {int(hits):3} = {share(int(hits), options.reshuffles)}")


if __name__ == "__main__":
    main()
