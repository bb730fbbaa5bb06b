"""Exact bounds on an advantage whose prompts come in groups: wordings of one question, turns of one talk.

Groups are independent of one another; what happens within a group may be anything, and so may each group's
own expectation m. The advantage is that of the prompts, sum(size m) / sum(size), for groups of these sizes.
Let x be a group's share of right answers, over its prompts and the sides shown, and p a candidate mean.

Decision 13 says why each of these holds, and has the papers:

* Gamblers, of whom each stakes a fixed part s on every group and ends with prod(1 + s size (x - p)).
* Coins, on which a third of the error is spent where groups are about equally large: each group's shows heads
  with probability x size / largest.
* Prompts alone in their group are counted as in `exact`, and their p-value divided by the gamblers' capital.

Which is used depends on the sizes alone. Cross-fitting (see `exact`) moves whole groups: its variance is at
most so many times that of independent groups, so half-widths are its square root times as wide.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bbi_utils.games.inference.exact import Counts, aware_of_folds, binomial_lower, bounds

STEP = 4.0  # between the variances that the gamblers' stakes suit
BOLDEST = 0.9  # of what could be lost at once, the most that is staked
COINS = 1 / 3  # of the error, where groups are about equally large
ALIKE = 1.1  # groups are, if the largest is so many times as large as that of a random prompt
# At most; k heads that are as rare as that lie above k - 1 expected ones, as Hoeffding's bound wants.
RARE = 0.2
MOST_COINS = 5000  # groups; beyond, the coins take long and win little
NEAR_ZERO = 1e-9
GRID = 33  # shares tried before the least favourable one is looked for nearby


@dataclass(frozen=True)
class Clustered:
    """One adversary in one game on prompts in groups; the part that `exact.Record` plays without them.

    shares: of right answers in each group, over prompts and sides. alone: counts of the prompts that are
    alone in their group, one for each side.
    """

    shares: tuple[float, ...]
    sizes: tuple[int, ...]
    alone: tuple[Counts, ...]
    tied: int
    folds: int = 1

    @property
    def total(self) -> float:
        return sum(self.sizes)

    @property
    def advantage(self) -> float:
        return float(2 * np.average(self.shares, weights=self.sizes) - 1)

    def bounds(self, *, error: float) -> tuple[float, float]:
        """One-sided bounds, each failing at most by `error`; on 0 where cross-fitting may have moved them."""
        middle = self.advantage
        low = lowest(self.shares, self.sizes, self.alone, error=error)
        lost = tuple(1 - share for share in self.shares)
        turned = tuple(Counts(side.lost, side.won, side.tied) for side in self.alone)
        high = -lowest(lost, self.sizes, turned, error=error)

        def ends(fewer: float) -> tuple[float, float]:
            times = fewer**0.5
            return max(-1.0, middle + times * (low - middle)), min(1.0, middle + times * (high - middle))

        lower, upper = aware_of_folds(ends, folds=self.folds)
        return float(lower), float(upper)


@lru_cache(maxsize=4096)  # a figure of categories asks for the bounds that the certificate has asked for
def lowest(
    shares: tuple[float, ...], sizes: tuple[int, ...], alone: tuple[Counts, ...], *, error: float
) -> float:
    """A lower bound on the advantage that fails with probability at most `error`."""
    from scipy.optimize import minimize_scalar

    x, size = np.array(shares), np.array(sizes, dtype=float)
    if _alike(size):
        return 2 * _lowest_share(x, size, of=size, error=error, coins=COINS) - 1
    many = size > 1
    begin = _lowest_share(x[many], size[many], of=size, error=error)
    if many.all():
        return 2 * begin - 1
    weight = float(size[many].sum() / size.sum())

    def least(share: float) -> float:
        """The least advantage that is not refuted where this share of the larger groups' prompts is right."""
        capital = _log_capital(share, x[many], size[many], of=size, error=error)
        level = max(NEAR_ZERO**9, error * float(np.exp(min(capital, -np.log(error)))))
        return (1 - weight) * bounds(alone, error=level)[0] + weight * (2 * share - 1)

    shares_tried = np.linspace(begin, 1, GRID)
    values = [least(share) for share in shares_tried]
    at = int(np.argmin(values))
    nearby = shares_tried[max(0, at - 1)], shares_tried[min(at + 1, GRID - 1)]
    found = minimize_scalar(least, bounds=nearby, method="bounded")
    return float(min(found.fun, *values))


def _alike(size: np.ndarray) -> bool:
    """Whether groups are about equally large, and no more than there may be coins."""
    return len(size) <= MOST_COINS and size.max() * size.sum() <= ALIKE * (size**2).sum()


def _log_capital(p: float, x: np.ndarray, size: np.ndarray, *, of: np.ndarray, error: float) -> float:
    """Log of the gamblers' mean capital on groups of these sizes, some or all of those `of` the table."""
    squares = (of**2).sum()
    steps = 1 + round(np.log(squares / of.sum()) / np.log(STEP))
    p = max(p, NEAR_ZERO)
    # Where other prompts are weighed too, p is not the mean of all, whose variance the stakes should suit.
    one = max(p * (1 - p), NEAR_ZERO) if len(x) == len(of) else 0.25
    variance = np.geomspace(1, of.sum() / squares, steps) * one * squares
    stakes = np.minimum(BOLDEST / (p * size.max()), np.sqrt(2 * np.log(steps / error) / variance))
    grown = np.log1p(stakes[:, None] * size * (x - p)).sum(axis=1)
    return float(np.logaddexp.reduce(grown) - np.log(steps))


def _lowest_share(
    x: np.ndarray, size: np.ndarray, *, of: np.ndarray, error: float, coins: float = 0.0
) -> float:
    """The smallest share right that is not refuted; `coins` of the error is spent on coins."""
    from scipy.optimize import brentq
    from scipy.special import bdtrc

    groups, top = len(x), max(NEAR_ZERO, float(np.average(x, weights=size)))
    spread = size.sum() / (size.max() * groups)  # heads a group, where every prompt is right
    heads = _at_least(x * size / size.max()) if coins else np.zeros(groups + 2)

    def excess(p: float, k: int) -> float:
        """Log of the evidence against p, less what is needed; it falls as p grows."""
        evidence = _log_capital(p, x, size, of=of, error=error) + np.log1p(-coins)
        if coins and heads[k] > 0:
            chance = bdtrc(k - 1, groups, p * spread)
            evidence = np.logaddexp(evidence, np.log(coins * heads[k]) - np.log(max(chance, 1e-300)))
        return float(evidence + np.log(error))

    def reach(k: int) -> float:
        """The largest p at which k heads are rarer than the coins' part of the error; with no k left, all."""
        if not coins or k > groups:
            return top
        return min(top, binomial_lower(k, groups, error=min(RARE, error * coins)) / spread)

    # Up to reach(k), and from reach(k - 1) on, it is k that counts; the evidence at these ends falls with k.
    k = bisect_left(range(2, groups + 1), True, key=lambda k: excess(reach(k), k) < 0) + 2
    begin, end = reach(k - 1) if coins and k > 2 else NEAR_ZERO, reach(k)
    if end <= begin or excess(begin, k) <= 0:
        return begin if begin > NEAR_ZERO else 0.0
    return float(brentq(excess, begin, end, args=(k,))) if excess(end, k) < 0 else end


def _at_least(chances: np.ndarray) -> np.ndarray:
    """Pr[at least k heads] for k = 0 to n + 1, of independent coins with these chances, shape (n + 2,)."""
    exactly = np.ones(1)
    for chance in chances:
        exactly = np.convolve(exactly, (1 - chance, chance))
    return np.append(np.cumsum(exactly[::-1])[::-1], 0.0)
