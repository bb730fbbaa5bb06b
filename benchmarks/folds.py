"""How much do folds of cross-fitting depend on one another where there is nothing to learn?

Linear adversaries on random features, K folds, no difference between teacher and student: the standard
deviation of their advantage, with one query and with several, as a multiple of the binomial one, beside the
envelope that certificates and intervals allow.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from itertools import product

import numpy as np

from bbi_utils.games.inference.exact import inflation


def outcome(
    rng: np.random.Generator, prompts: int, folds: int, features: int, *, queries: int, best: bool
) -> float:
    """The summed outcomes of a null world over sqrt(groups): of variance 1 at most if folds are independent.

    A group is as many prompts of one fold as there are queries; the sign of their summed scores is its
    outcome.
    """
    pairs = (
        rng.choice((-1.0, 1.0), (prompts, features))
        if features == 1
        else rng.standard_normal((prompts, features))
    )
    fold, everything, won, groups = np.arange(prompts) % folds, pairs.sum(axis=0), 0.0, 0
    for test in range(folds):
        held_out = pairs[fold == test]
        weights = everything - held_out.sum(axis=0)
        if best:  # the one feature that did best in training
            weights = np.where(np.abs(weights) == np.abs(weights).max(), weights, 0.0)
        scores = (held_out @ weights)[: len(held_out) // queries * queries].reshape(-1, queries)
        won += np.sign(scores.sum(axis=1)).sum()
        groups += len(scores)
    return won / np.sqrt(groups)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=4000, help="for each kind (default: %(default)s)")
    parser.add_argument("--groups", type=int, default=200, help="a world, rounded up (default: %(default)s)")
    parser.add_argument("--queries", type=int, nargs="+", default=[1, 4, 16], help="prompts in a group")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    kinds = {
        "1 feature": (1, False),
        "3 features": (3, False),
        "30 features": (30, False),
        "best of 8": (8, True),
    }
    for queries, folds in product(options.queries, (2, 3, 5, 10, 20)):
        prompts, found = queries * folds * -(-options.groups // folds), []
        for name, (features, best) in kinds.items():
            one = partial(outcome, rng, prompts, folds, features, queries=queries, best=best)
            z = np.array([one() for _ in range(options.worlds)])
            found.append(f"{name} {np.std(z):.2f} ({np.mean(z > 1.645):.1%} beyond 1.645)")
        allowed = np.sqrt(inflation(folds))
        said = f"{queries:>2} queries, {folds:>2} folds, envelope {allowed:.2f}"
        print(f"{said}: {'; '.join(found)}", flush=True)


if __name__ == "__main__":
    main()
