"""Several queries: q prompts, all answered by the same oracle, and the sum of their scores decides.

Scores are log-odds or grow with them, so a sum is how evidence from independent answers adds up. Different
folds have different fitted adversaries, whose scores need not share a scale: a group of q prompts always lies
within one fold.

One division of the prompts into disjoint groups gives n // q independent outcomes but depends on chance. The
estimate is the mean over `PARTITIONS` random divisions, and its interval is valid at every n and q. The mean
over divisions is at most as spread out as one division's mean, in the sense that its expectation under any
convex function is at most as large (Jensen; Hoeffding 1963, section 5, does the same for U-statistics). One
division's mean of n // q outcomes is in turn at most as spread out as the share W of n // q coin tosses with
the same expectation (Hoeffding 1956). So for every a < x Markov's inequality gives

    Pr[mean >= x] <= E max(W - a, 0) / (x - a),

and the best a makes an interval that at 95 % is at most 1.2 times as wide as Clopper and Pearson's for one
division, around an estimate that varies less. In simulated Gaussian worlds (n = 200 and 600, means from 0 to
0.3 standard deviations, 200 worlds each) it held the truth in 98 % or more at every q, and in 97 % or more at
all q together. Prompts that belong together (their `group`, see `scores.units`) never meet in one game, nor
in two games of one division: each division asks one of them, drawn at random, so that every group counts
once, whatever its size. Groups, or prompts without one, count as independent draws, the fitted adversaries as
they are; what cross-fitting does to their independence where there is nothing to learn is treated as in
`exact`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.games.inference.exact import aware_of_folds, check_confidence
from bbi_utils.games.scores import ROW, SHOWN, checked, units

SIZES = (1, 2, 4, 8, 16, 32)
PARTITIONS = 50
FEWEST_GROUPS = 10
NEEDED = ("fold", "shown", "score")
COLUMNS = [*ROW, "q", "n", "advantage", "lower", "upper"]
ROUNDING = 1e-12  # of the summed sizes of the scores: a sum this near 0 is a tie


def advantage_of_queries(
    scores: pd.DataFrame, *, sizes: Sequence[int] = SIZES, confidence: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Advantage with q queries: pair, contrast, adversary, game, q, n, advantage, lower, upper.

    `scores` follows contract C3. In the single game q answers of the teacher, and those of the student to the
    same prompts, are judged apart and count one half each; in the pairwise game q pairs are judged. n is the
    number of disjoint groups of q prompts; a size above 1 that leaves fewer than `FEWEST_GROUPS` is left out.
    Each interval holds by itself with probability at least `confidence`; see the module for the method.

    What nobody can exceed at any q is in `limit`.

    Raises BadInput on missing columns, repeated or one-sided prompts, scores that are not finite, sizes that
    are not whole numbers from 1 on, a confidence outside (0, 1), and too few prompts for any size.
    """
    check_confidence(confidence)
    if not sizes or any(size != int(size) or size < 1 for size in sizes):
        raise BadInput(f"query sizes {list(sizes)}; expected whole numbers from 1 on, such as {list(SIZES)}")
    rows: list[tuple[object, ...]] = []
    for key, part in checked(scores, *NEEDED).groupby(ROW, sort=False):
        assert isinstance(key, tuple)
        folds, begins = _right(part, key)
        for q in sorted({int(size) for size in sizes}):
            groups = sum(len(begin) // q for begin in begins)
            if _enough(groups, q, prompts=sum(map(len, folds))):
                mean = _mean_outcome(folds, begins, q, seed=seed)
                ends = outcome_bounds(mean, groups, error=1 - confidence, folds=len(folds))
                rows.append((*key, q, groups, mean, *ends))
    if not rows:
        raise BadInput(
            f"no size of {list(sizes)} leaves {FEWEST_GROUPS} groups of prompts within folds; score more"
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def grouped(scores: pd.DataFrame, q: int, *, seed: int = 0) -> pd.DataFrame:
    """Scores (contract C3) in which one random division's groups of q prompts take the place of the prompts.

    `prompt_id` names the group, `score` is the sum and `correct` its sign, 0 counting one half; the other
    columns are as before, without `category`. Groups lie within folds and are the same for every game and
    side, and for adversaries of the same prompts; what is left over in a fold is dropped. Raises BadInput
    where fewer than `FEWEST_GROUPS` groups can be made.
    """
    table = checked(scores, *NEEDED)
    tables = [_grouped(part, q, seed=seed) for _, part in table.groupby("adversary", sort=False)]
    return pd.concat(tables, ignore_index=True)


def _grouped(table: pd.DataFrame, q: int, *, seed: int) -> pd.DataFrame:
    """The same for one adversary, on whose prompts alone the division depends."""
    group_of: dict[object, str] = {}
    table = _at_home(table)
    unit_of = dict(zip(table["prompt_id"], table["unit"], strict=True))
    for fold, members in table.groupby("fold", sort=True)["prompt_id"]:
        prompts = np.random.default_rng([seed, q]).permutation(np.sort(members.unique()))
        prompts = prompts[~pd.Series(prompts).map(unit_of).duplicated()]  # of a group the first in this order
        whole = len(prompts) - len(prompts) % q
        group_of.update((prompt, f"fold {fold} group {i // q}") for i, prompt in enumerate(prompts[:whole]))
    if not _enough(groups := len(set(group_of.values())), q, prompts=table["prompt_id"].nunique()):
        raise BadInput(f"{groups} groups of {q} prompts within folds; at least {FEWEST_GROUPS} are needed")
    table = table.assign(prompt_id=table["prompt_id"].map(group_of), size=table["score"].abs())
    table = table.dropna(subset="prompt_id")
    keys = [*ROW, "shown", "fold", "prompt_id"]
    sums = table.groupby(keys, sort=False, as_index=False)[["score", "size"]].sum()
    said = decided(sums["score"].to_numpy(), sums["size"].to_numpy())
    sign = np.where(sums["shown"] == "student", -1.0, 1.0)
    return sums.drop(columns="size").assign(correct=(1 + sign * said) / 2)


def _enough(groups: int, q: int, *, prompts: int) -> bool:
    """Whether so many groups are worth an interval; single prompts are, in however few units they come."""
    return groups >= FEWEST_GROUPS or (q == 1 and prompts >= FEWEST_GROUPS)


def _at_home(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with their `unit`, each unit's in its first fold only, so that folds share none."""
    table = table.assign(unit=units(table))
    return table[table["fold"] == table.groupby("unit")["fold"].transform("min")]


def outcome_bounds(mean: float, groups: int, *, error: float, folds: int = 1) -> tuple[float, float]:
    """Two-sided interval for an expected outcome in [-1, 1] from the mean over divisions in `groups` groups.

    It misses the truth with probability at most `error`, half of it on each side. With several folds it
    leaves 0 only if it would with as many fewer groups as cross-fitting may cost (see `exact`).
    """

    def bounds(fewer: float) -> tuple[float, float]:
        left = int(groups / fewer)
        lower = 2 * lowest_share((1 + mean) / 2, left, error=error / 2) - 1
        return lower, 1 - 2 * lowest_share((1 - mean) / 2, left, error=error / 2)

    lower, upper = aware_of_folds(bounds, folds=folds)
    return float(lower), float(upper)


def lowest_share(share: float, groups: int, *, error: float) -> float:
    """The smallest expectation in [0, 1] under which a mean of at least `share` is not rarer than `error`."""
    from scipy.optimize import brentq
    from scipy.special import bdtrc

    reached, atoms = share * groups, np.arange(groups)
    # Between two atoms of W the bound is monotone in a, so the best a is an atom.
    below = atoms[atoms < reached - 1e-9]
    if not below.size:
        return 0.0

    def excess(expectation: float) -> float:
        more = bdtrc(atoms, groups, expectation)  # Pr[more than j trials won]; summed from a on, E max(., 0)
        tail = np.cumsum(more[::-1])[::-1][: below.size]
        return float((tail / (reached - below)).min()) - error

    return float(brentq(excess, 0.0, share))


def _mean_outcome(folds: list[np.ndarray], begins: list[np.ndarray], q: int, *, seed: int) -> float:
    """Mean over random divisions of the outcomes of groups of q prompts: 1 right, -1 wrong, 0 tied.

    begins: for each fold the rows at which a unit begins.
    """
    total, groups = 0.0, 0
    for fold, (right, starts) in enumerate(zip(folds, begins, strict=True)):
        rng = np.random.default_rng([seed, q, fold])
        order, sizes = dealt(len(starts), q, rng), np.diff(starts, append=len(right))
        each = right[starts[order] + rng.integers(sizes[order])]
        said = decided(each.sum(axis=1), np.abs(each).sum(axis=1))
        total += float(said.mean(axis=1).sum()) / PARTITIONS
        groups += len(starts) // q
    return total / groups


def dealt(n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """`PARTITIONS` random divisions of n places into groups, shape (PARTITIONS * (n // size), size)."""
    order = rng.permuted(np.tile(np.arange(n), (PARTITIONS, 1)), axis=1)
    return order[:, : n - n % size].reshape(-1, size)


def decided(summed: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Outcomes 1, -1, or 0 where tied, of sums of scores and of the scores' sizes."""
    return np.where(np.abs(summed) <= ROUNDING * sizes, 0.0, np.sign(summed))


def _right(part: pd.DataFrame, key: tuple[object, ...]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each fold the scores, prompts x sides shown, positive where right, and where each unit's begin."""
    sides = SHOWN[str(key[-1])]
    part = _at_home(part)
    wide = part.pivot(index=["fold", "unit", "prompt_id"], columns="shown", values="score").sort_index()
    if wide.isna().any(axis=None):
        raise BadInput(f"{key}: some prompts were scored from one side only; expected {list(sides)} for each")
    right = wide[list(sides)].astype(float) * list(sides.values())
    folds = [fold for _, fold in right.groupby(level="fold", sort=True)]
    begins = [np.flatnonzero(~fold.index.get_level_values("unit").duplicated()) for fold in folds]
    return [fold.to_numpy() for fold in folds], begins
