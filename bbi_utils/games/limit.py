"""The limit that nobody can beat: how far apart two oracles are, from the likelihoods of their answers.

With l = log T(a|x) - log S(a|x) the best adversary (Neyman and Pearson 1933) says "teacher" where l > 0, and
of two answers takes the one with the larger l; with q prompts it sums. Its advantage is the total variation
distance between what the two oracles would show, averaged over prompts: of T and S in the single game, of T
x S and S x T in the pairwise one, which is no smaller. Whoever sees less than the tokens, such as the text,
cannot have more. With M = (T + S) / 2 that distance is E_M |T - S| / (T + S) = E_M |tanh(l / 2)|: the mean
is over values in [0, 1] that need no toss of who is shown, so it varies less than the share of games won,
and has no bias.

Bounds are by betting (Waudby-Smith and Ramdas 2024): against each candidate mean m a gambler stakes on the
values as they come, never so much as to lose all; if m is true, his capital is worth 1 on average. So is its
mean over `DIVISIONS` random orders, which by Markov's inequality reaches 1 / error with probability at most
`error`. They hold at every number of prompts, which count as independent draws, and narrow where the values
vary little. With q prompts each order is cut into disjoint groups, whose values are independent.

Prompts that belong together (`scores.units`) are one draw: its value is their mean, and a gambler's stake on
it goes with their number, so that m is still the mean over prompts, for groups of these sizes (see
`lowest_mean`). With several queries each order has one prompt of each, drawn at random.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bbi_utils.games.inference.exact import check_confidence
from bbi_utils.games.queries import FEWEST_GROUPS, SIZES
from bbi_utils.games.scores import ROW, SHOWN, records, units

ADVERSARY = "likelihood"
KEYS = ["pair", "contrast"]
# As `responses.likelihoods` writes them: `shown` is whose answer it is; `exact` says that the very tokens
# that were sampled were weighed, `same` that both oracles are one and the same. `group` may be there too.
LIKELIHOODS = [*KEYS, "prompt_id", "category", "shown", "log_teacher", "log_student", "exact", "same"]
COLUMNS = [*ROW, "category", "q", "n", "advantage", "lower", "upper", "exact"]
SHARES = [*ROW, "share", "lower", "upper", "exact"]
ALL = "all"
DIVISIONS = 20
CERTAIN = 700.0  # log-ratios are cut here: tanh of its half is 1, and sums stay finite
BOLDEST = 0.9  # of what could be lost at once, the most that is staked


def ceilings(likelihoods: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """The limit of each contrast and game at one query, with COLUMNS; no row where there are no likelihoods.

    Intervals hold together over the two games of a contrast. `exact` is the share of answers of which the
    sampled tokens themselves were weighed; for the others it is the likelihood of one way to cut the text
    into tokens, and the limit an approximation. Of one and the same oracle it is 0, without any uncertainty.
    """
    return _table(likelihoods, KEYS, (1,), shared=len(SHOWN), confidence=confidence, seed=seed)


def by_category(likelihoods: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """The same by category; intervals hold together over the categories of one contrast and game."""
    shared, keys = likelihoods["category"].nunique(), [*KEYS, "category"]
    return _table(likelihoods, keys, (1,), shared=shared, confidence=confidence, seed=seed)


def of_queries(
    likelihoods: pd.DataFrame, *, sizes: Sequence[int] = SIZES, confidence: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """The same with q prompts answered by one oracle; n counts groups, and each interval holds by itself.

    As in `queries`, a size that leaves fewer than `FEWEST_GROUPS` groups is left out.
    """
    return _table(likelihoods, KEYS, sizes, shared=1, confidence=confidence, seed=seed)


def nobodys(likelihoods: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """What no adversary whatever exceeds at one query: pair, contrast, n, most, exact.

    most is a one-sided bound on the pairwise limit, which is the larger one, for each contrast by itself.
    """
    table = _table(likelihoods, KEYS, (1,), shared=0.5, confidence=confidence, seed=seed)
    table = table[table["game"] == "pairwise"].rename(columns={"upper": "most"})
    return table[[*KEYS, "n", "most", "exact"]].reset_index(drop=True)


def shares(
    scores: pd.DataFrame, likelihoods: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """What part of the limit each adversary reaches: SHARES, for every contrast with a limit above 0.

    share is a ratio of two estimates; its interval is not: half of the error is for the limits, half for all
    adversaries of a contrast at once (exact bounds, as in a certificate), so that they all hold together. A
    share is below 0 for who is mostly wrong, and above 1 only for an approximate limit, which may be too
    low.
    """
    half = ceilings(likelihoods, confidence=(1 + confidence) / 2, seed=seed)
    limit = half[half["upper"] > 0].set_index([*KEYS, "game"])
    rows: list[tuple[object, ...]] = []
    for (pair, contrast), part in scores.groupby(KEYS, sort=False):
        found = records(part)
        for (adversary, game), record in found.items():
            if (pair, contrast, game) in limit.index:
                top = limit.loc[(pair, contrast, game)]
                low, high = record.bounds(error=(1 - confidence) / (4 * len(found)))
                share = record.advantage / top["advantage"] if top["advantage"] > 0 else np.nan
                ends = _ratio(low, high, top["lower"], top["upper"])
                if top["exact"] == 1:
                    ends = max(-1.0, ends[0]), min(1.0, ends[1])
                rows.append((pair, contrast, adversary, game, share, *ends, top["exact"]))
    return pd.DataFrame(rows, columns=SHARES)


def _ratio(low: float, high: float, least: float, most: float) -> tuple[float, float]:
    """The smallest and the largest ratio of a number in [low, high] to one in [least, most], most > 0."""
    least = max(least, 1e-12)
    return low / (most if low > 0 else least), high / (least if high > 0 else most)


def log_ratios(likelihoods: pd.DataFrame) -> pd.DataFrame:
    """l of both answers: pair, contrast, category, prompt_id, unit, teacher, student.

    An answer that is impossible under both, which only rounding or another way to cut it can cause, says
    nothing: 0.
    """
    with np.errstate(invalid="ignore"):
        ratio = likelihoods["log_teacher"] - likelihoods["log_student"]
    table = likelihoods.assign(ratio=ratio.fillna(0.0).clip(-CERTAIN, CERTAIN), unit=units(likelihoods))
    keys = [*KEYS, "category", "prompt_id", "unit"]
    return table.pivot(index=keys, columns="shown", values="ratio").reset_index().rename_axis(columns=None)


def distances(teacher: np.ndarray, student: np.ndarray, game: str) -> np.ndarray:
    """Values in [0, 1] whose mean is the distance, from l of what each of the two oracles has answered."""
    if game == "pairwise":
        return np.abs(np.tanh((teacher - student) / 2))
    return (np.abs(np.tanh(teacher / 2)) + np.abs(np.tanh(student / 2))) / 2


def lowest_mean(series: np.ndarray, *, error: float, sizes: np.ndarray | None = None) -> float:
    """A lower bound on the expectation of values in [0, 1] that fails with probability at most `error`.

    series: orders x values; in each order they are independent draws, or a mean of such. sizes: how much each
    weighs, in the same order; the expectation is then sum(size x its own) / sum(size), for these very sizes.
    Stakes learn from earlier draws and are in units of the largest size, so it takes that a draw's size says
    nothing of its value. Decision 13 has what was measured where it does.
    """
    from scipy.optimize import brentq

    count, reach = np.arange(1, series.shape[1] + 1), np.log(1 / error)
    weight = np.ones_like(series) if sizes is None else sizes / sizes.max()
    own = weight * series
    # Of the values before each one.
    mean = (0.5 + np.cumsum(own, axis=1) - own) / (1 + np.cumsum(weight, axis=1) - weight)
    squares = (weight * (series - mean)) ** 2
    variance = (0.25 + np.cumsum(squares, axis=1) - squares) / count
    stake = np.sqrt(2 * reach / (series.shape[1] * variance))

    def excess(m: float) -> float:
        grown = np.log1p(np.minimum(stake, BOLDEST / m) * (weight * (series - m))).sum(axis=1)
        return float(np.logaddexp.reduce(grown)) - np.log(len(grown)) - reach  # falls as m grows

    return float(brentq(excess, 1e-9, 1.0)) if excess(1e-9) > 0 else 0.0


def _table(
    likelihoods: pd.DataFrame,
    keys: list[str],
    sizes: Sequence[int],
    *,
    shared: float,
    confidence: float,
    seed: int,
) -> pd.DataFrame:
    """A row for each of the keys, game and size; `shared`: the rows over which the error is dealt out."""
    check_confidence(confidence)
    rows: list[tuple[object, ...]] = []
    ratios, parts = log_ratios(likelihoods), likelihoods.groupby(keys, sort=False)
    for (key, part), game, q in itertools.product(parts, SHOWN, sorted(set(sizes))):
        own = ratios.loc[(ratios[keys] == list(key)).all(axis=1)]
        if (groups := own["unit"].nunique() // q) < (FEWEST_GROUPS if q > 1 else 1):
            continue
        series, weights = _divided(own, game, q, seed=seed)
        ends = (0.0, 0.0)
        if not part["same"].all():
            each = (1 - confidence) / (2 * shared)
            lower, lost = (lowest_mean(one, error=each, sizes=weights) for one in (series, 1 - series))
            ends = lower, 1 - lost
        category = key[2] if len(key) > len(KEYS) else ALL
        about = (key[0], key[1], ADVERSARY, game, category, q, groups if q > 1 else len(own))
        mean = float(np.average(series, weights=weights))
        rows.append((*about, mean, *ends, float(part["exact"].mean())))
    return pd.DataFrame(rows, columns=COLUMNS)


def _divided(ratios: pd.DataFrame, game: str, q: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Values, and what each weighs: random orders x groups of q prompts, or x units for q = 1."""
    rng, sides = np.random.default_rng([seed, q]), ratios[["teacher", "student"]].to_numpy(float)
    unit = pd.factorize(ratios["unit"])[0]
    sizes = np.bincount(unit)
    orders = rng.permuted(np.tile(np.arange(len(sizes)), (DIVISIONS, 1)), axis=1)
    if q == 1:
        value = np.bincount(unit, weights=distances(sides[:, 0], sides[:, 1], game)) / sizes
        return value[orders], sizes[orders].astype(float)
    starts = np.cumsum(sizes) - sizes
    asked = np.argsort(unit, kind="stable")[starts[orders] + rng.integers(sizes[orders])]
    asked = asked[:, : len(sizes) // q * q].reshape(DIVISIONS, -1, q)
    summed = sides[asked].sum(axis=2)
    value = distances(summed[..., 0], summed[..., 1], game)
    return value, np.ones_like(value)
