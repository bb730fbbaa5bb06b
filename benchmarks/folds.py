"""How much do folds of cross-fitting depend on one another where there is nothing to learn?

Linear adversaries on random features, K folds, no difference between teacher and student: the standard
deviation of their advantage as a multiple of the binomial one, beside the envelope that certificates allow.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from bbi_utils.exact import inflation


def outcome(rng: np.random.Generator, prompts: int, folds: int, features: int, *, best: bool) -> float:
    """The summed outcomes of a null world over sqrt(prompts): of variance 1 if folds are independent."""
    pairs = (
        rng.choice((-1.0, 1.0), (prompts, features))
        if features == 1
        else rng.standard_normal((prompts, features))
    )
    fold, everything, won = np.arange(prompts) % folds, pairs.sum(axis=0), 0.0
    for test in range(folds):
        held_out = pairs[fold == test]
        weights = everything - held_out.sum(axis=0)
        if best:  # the one feature that did best in training
            weights = np.where(np.abs(weights) == np.abs(weights).max(), weights, 0.0)
        won += np.sign(held_out @ weights).sum()
    return won / np.sqrt(prompts)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=4000, help="for each kind (default: %(default)s)")
    parser.add_argument("--prompts", type=int, default=200, help="prompts a world (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    kinds = {
        "1 feature": (1, False),
        "3 features": (3, False),
        "30 features": (30, False),
        "best of 8": (8, True),
    }
    for folds in (2, 3, 5, 10, 20):
        found = []
        for name, (features, best) in kinds.items():
            z = [outcome(rng, options.prompts, folds, features, best=best) for _ in range(options.worlds)]
            found.append(f"{name} {np.std(z):.2f} ({np.mean(np.array(z) > 1.645):.1%} beyond 1.645)")
        print(f"{folds:>2} folds, envelope {np.sqrt(inflation(folds)):.2f}: {'; '.join(found)}", flush=True)


if __name__ == "__main__":
    main()
