"""Prompts in groups: do bounds cover, how wide are they, and do tests keep their level on grouped nulls?

Groups of 1, 5 and 20 prompts, unequal ones, and a few repeats among many; outcomes independent within groups,
partly shared (the chance itself is drawn by group, intra-group correlation 0.3), or shared wholly. Widths are
those of one-sided 95 % bounds beside an oracle's, which knows the variance (1.645 standard errors).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from multiprocessing import Pool

import numpy as np
import pandas as pd
import threadpoolctl

from bbi_utils.games.inference.betting import bet
from bbi_utils.games.inference.kernel_test import swap_test
from bbi_utils.games.inference.simultaneous import simultaneous
from bbi_utils.games.scores import records
from benchmarks.coverage import share

ERROR, GROUPS = 0.05, (20, 100, 500)
SIZES = ("1", "5", "20", "unequal", "a few repeats")
CORRELATIONS = (0.0, 0.3, 1.0)
ADVANTAGES = (0.0, 0.7)
TALKS, TURNS = 40, 16


def sizes_of(kind: str, groups: int) -> np.ndarray:
    """Sizes of the groups: all alike, 1 to 10 in turn, or one in twenty of 2 and the others of 1."""
    at = np.arange(groups)
    named = {"unequal": 1 + at % 10, "a few repeats": 1 + (at % 20 == 0)}
    return named[kind] if kind in named else np.full(groups, int(kind))


def outcomes_of(rng: np.random.Generator, sizes: np.ndarray, right: float, correlation: float) -> np.ndarray:
    """Outcomes 1 or 0, prompt by prompt, each right with chance `right`, correlated within groups."""
    chance = np.full(len(sizes), right)
    if correlation == 1:
        chance = (rng.random(len(sizes)) < right).astype(float)
    elif correlation > 0:
        chance = rng.beta(*np.multiply((right, 1 - right), 1 / correlation - 1), len(sizes))
    return (rng.random(sizes.sum()) < np.repeat(chance, sizes)).astype(float)


def table_of(outcomes: np.ndarray, sizes: np.ndarray, *, grouped: bool = True) -> pd.DataFrame:
    """The pairwise scores (contract C3) of one adversary."""
    columns = {"prompt_id": np.arange(len(outcomes)), "correct": outcomes, "shown": "pair"}
    if grouped:
        columns["group"] = np.repeat(np.arange(len(sizes)), sizes)
    return pd.DataFrame({**columns, "pair": "p", "contrast": "c", "adversary": "a", "game": "pairwise"})


def cover(
    seed: int, *, kind: str, groups: int, correlation: float, advantage: float, joint: bool
) -> tuple[float, ...]:
    """Missed: lower, upper, joint; one-sided half-width over the oracle's; missed: upper, ungrouped."""
    rng, sizes = np.random.default_rng(seed), sizes_of(kind, groups)
    outcomes = outcomes_of(rng, sizes, (1 + advantage) / 2, correlation)
    lower, upper = records(table_of(outcomes, sizes))["a", "pairwise"].bounds(error=ERROR)
    before = records(table_of(outcomes, sizes, grouped=False))["a", "pairwise"].bounds(error=ERROR)
    variance = (1 - advantage**2) * (sizes * (1 + (sizes - 1) * correlation)).sum() / sizes.sum() ** 2
    missed = 0.0
    if joint:
        group = np.repeat(np.arange(groups), sizes).tolist()
        found = simultaneous(2 * outcomes[:, None] - 1, groups=group, seed=seed).iloc[0]
        missed = float(not found["lower"] <= advantage <= found["upper"])
    width = (upper - lower) / (2 * 1.645 * np.sqrt(variance))
    return lower > advantage, upper < advantage, missed, width, before[1] < advantage


def null(seed: int, *, permutations: int = 199) -> tuple[bool, ...]:
    """Talks with two unlike speakers, the teacher drawn by talk: do the tests reject, grouped and not?"""
    rng, sizes = np.random.default_rng(seed), np.full(TALKS, TURNS)
    group = np.repeat(np.arange(TALKS), TURNS)
    side = rng.choice((-1.0, 1.0), TALKS)[group]
    noise = rng.standard_normal((2, TALKS * TURNS, 2))
    points = np.vstack([noise[0] + side[:, None] / 2, noise[1] - side[:, None] / 2])
    right = (rng.random(TALKS * TURNS) < 0.5 + 0.4 * side).astype(float)
    how = {"permutations": permutations, "seed": seed}
    found = []
    for grouped in (True, False):
        record = records(table_of(right, sizes, grouped=grouped))["a", "pairwise"]
        outcomes = pd.Series(2 * right - 1, index=group) if grouped else 2 * right - 1
        kernel = swap_test(points @ points.T, groups=group.tolist() if grouped else None, **how)
        refuted = record.bounds(error=ERROR)[0] > 0
        found += [kernel.p_value <= ERROR, refuted, bet(outcomes, error=ERROR).queries is not None]
    return tuple(found)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=2000, help="worlds a cell (default: %(default)s)")
    parser.add_argument("--groups", type=int, nargs="+", default=GROUPS, help="numbers of groups")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument(
        "--no-joint", action="store_true", help="leave out the joint intervals, which take long"
    )
    options = parser.parse_args(arguments)
    cells = [
        (n, kind, c, a) for n in options.groups for kind in SIZES for c in CORRELATIONS for a in ADVANTAGES
    ]
    print("groups | sizes | correlation | advantage | missed: lower, upper, joint | width | upper, ungrouped")
    with Pool(options.workers, initializer=threadpoolctl.threadpool_limits, initargs=(1,)) as pool:
        for n, kind, correlation, advantage in cells:
            if kind == "1" and correlation < 1:
                continue
            cell = {"kind": kind, "groups": n, "correlation": correlation, "advantage": advantage}
            one = partial(cover, **cell, joint=not options.no_joint)
            found = np.array(pool.map(one, range(options.worlds), chunksize=20), dtype=float).mean(axis=0)
            missed = ", ".join(f"{rate:.2%}" for rate in found[:3])
            told = f"{n} | {kind} | {correlation} | {advantage} | {missed} | {found[3]:.2f} | {found[4]:.2%}"
            print(told, flush=True)
        nulls = np.array(pool.map(null, range(options.worlds), chunksize=20)).sum(axis=0)
    print(f"{TALKS} talks of {TURNS} turns, sides swapped by talk: rejected at level {ERROR}")
    for name, rejected in zip(("kernel", "certificate", "sequential") * 2, nulls, strict=True):
        print(f"  {name:<12} {share(int(rejected), options.worlds)}")
    print("(the first three grouped, the last three not)")


if __name__ == "__main__":
    main()
