"""Do the certificate's intervals cover together, how wide are they, and does it refute what it should?"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from bbi_utils.games.certificate import certify
from bbi_utils.games.inference.exact import binomial_lower
from benchmarks.worlds import correlated_outcomes, score_table

K = 8


def share(hits: int, trials: int) -> str:
    """A share with its exact 95 % interval."""
    low = binomial_lower(hits, trials, error=0.025)
    high = 1 - binomial_lower(trials - hits, trials, error=0.025)
    return f"{hits / trials:.4f} [{low:.4f}, {high:.4f}]"


def coverage(n: int, tables: int, seed: int) -> None:
    """Random advantages, ties and correlations; Hoeffding with Bonferroni beside it."""
    rng, covered, half = np.random.default_rng(seed), 0, []
    for _ in range(tables):
        advantage, ties = rng.uniform(0, 0.5, K), rng.choice((0.0, 0.05, 0.2, 0.4), K)
        correlation = rng.choice((0.0, 0.5, 0.9))
        outcomes = correlated_outcomes(rng, n, advantage=advantage, ties=ties, correlation=correlation)
        rows = certify(score_table(outcomes), epsilon=0.0).rows
        covered += all(row.lower <= truth <= row.upper for row, truth in zip(rows, advantage, strict=True))
        half += [(row.upper - row.lower) / 2 for row in rows]
    hoeffding = np.sqrt(2 * np.log(2 * K / 0.05) / n)
    print(f"n = {n}: all {K} cover together in {share(covered, tables)} of {tables} tables")
    print(
        f"         mean half-width {np.mean(half):.4f}, Hoeffding with Bonferroni {hoeffding:.4f}", flush=True
    )


def power(n: int, tables: int, seed: int) -> None:
    """One adversary of true advantage 0.15 among seven without any: refuted at epsilon 0 how often?"""
    rng, refuted = np.random.default_rng(seed), 0
    advantage = np.array([0.15] + [0.0] * (K - 1))
    for _ in range(tables):
        outcomes = correlated_outcomes(rng, n, advantage=advantage, ties=np.zeros(K), correlation=0.0)
        refuted += certify(score_table(outcomes), epsilon=0.0).verdict == "refuted"
    print(
        f"n = {n}: advantage 0.15 refutes epsilon 0 in {share(refuted, tables)} of {tables} tables",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tables", type=int, default=2000, help="simulated score tables (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    for n in (200, 1000):
        coverage(n, options.tables, options.seed + n)
    power(1000, options.tables, options.seed)


if __name__ == "__main__":
    main()
