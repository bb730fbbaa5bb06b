"""Exact bounds on an advantage from won, lost and tied prompts.

Given how many prompts are tied, wins are binomial, so Clopper and Pearson's (1934) bounds on the share of
wins among the decided prompts, and on the share of ties, bound the advantage

    Adv = Pr[won] - Pr[lost] = (1 - tie) (2 win - 1).

Cross-fitting adds something: a prompt that was scored in one fold was trained on in the others. Where there
is nothing to learn, all folds then err together, and the variance of an advantage is up to `inflation` times
a binomial one. For two folds that follows from Hoeffding's decomposition (the squared influences of the
training prompts on an outcome add up to at most its variance), up to 20 it was measured (decision 4).
Therefore no cross-fitted advantage is said to differ from 0 unless it would with that many times fewer
prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bbi_utils.errors import BadInput

TIE_SHARE = 0.1  # of a bound's error, spent on the share of ties


def check_confidence(confidence: float) -> None:
    """Raises BadInput where it is no share, as 95 is none."""
    if not 0 < confidence < 1:
        raise BadInput(f"confidence {confidence}; expected a number between 0 and 1, such as 0.95")


@dataclass(frozen=True)
class Counts:
    """One adversary's prompts as seen from one side of one game; whole numbers unless scaled."""

    won: float
    lost: float
    tied: float

    @property
    def total(self) -> float:
        return self.won + self.lost + self.tied

    @property
    def advantage(self) -> float:
        return (self.won - self.lost) / self.total

    def scaled(self, factor: float) -> Counts:
        """The counts of `factor` times as many prompts at the same rates."""
        return Counts(self.won * factor, self.lost * factor, self.tied * factor)


def binomial_lower(successes: float, trials: float, *, error: float) -> float:
    """Clopper and Pearson's one-sided lower bound on a success probability; 0 without a success."""
    from scipy.special import betaincinv  # scipy.stats would take a second to import

    return float(betaincinv(successes, trials - successes + 1, error)) if successes > 0 else 0.0


def lower_bound(counts: Counts, *, error: float) -> float:
    """A lower bound on Pr[won] - Pr[lost] that fails with probability at most `error`.

    Whether the truth is positive or negative, only one of the two bounds on the ties can make it fail.
    """
    decided = counts.won + counts.lost
    if decided == 0:
        return binomial_lower(counts.tied, counts.total, error=error) - 1.0
    win = binomial_lower(counts.won, decided, error=error * (1 - TIE_SHARE))
    # The most ties that there may be shrink a positive advantage, the fewest leave a negative one large.
    if win > 0.5:
        decided_share = binomial_lower(decided, counts.total, error=error * TIE_SHARE)
    else:
        decided_share = 1.0 - binomial_lower(counts.tied, counts.total, error=error * TIE_SHARE)
    return decided_share * (2.0 * win - 1.0)


def upper_bound(counts: Counts, *, error: float) -> float:
    """An upper bound that fails with probability at most `error`: a win for one is a loss for the other."""
    return -lower_bound(Counts(counts.lost, counts.won, counts.tied), error=error)


def inflation(folds: Any) -> Any:
    """How many times the binomial variance cross-fitting may have where there is nothing to learn; 1 without.

    folds: a number, or an array or column of them.
    """
    return np.where(folds > 1, 1 + folds**0.5 / 2, 1.0)


def aware_of_folds(bounds: Callable[[Any], tuple[Any, Any]], *, folds: Any) -> tuple[Any, Any]:
    """Bounds on an advantage, on 0 where cross-fitting alone may have moved them off it.

    `bounds` gives them for so many times fewer prompts; they stay on 0 where those for `inflation` times
    fewer do not leave it on the same side. One number, an array or a column, as are `folds`.
    """
    lower, upper = bounds(1.0)
    careful_lower, careful_upper = bounds(inflation(folds))
    lower = np.where(np.greater(careful_lower, 0), lower, np.minimum(lower, 0.0))
    return lower, np.where(np.less(careful_upper, 0), upper, np.maximum(upper, 0.0))


@dataclass(frozen=True)
class Record:
    """One adversary in one game: its counts from each side shown, in how many folds (1: not cross-fitted)."""

    sides: tuple[Counts, ...]
    folds: int = 1

    @property
    def total(self) -> float:
        return self.sides[0].total

    @property
    def tied(self) -> int:
        return int(sum(side.tied for side in self.sides))

    @property
    def advantage(self) -> float:
        return sum(side.advantage for side in self.sides) / len(self.sides)

    def bounds(self, *, error: float) -> tuple[float, float]:
        """One-sided bounds as `bounds` gives them; on 0 where cross-fitting alone may have moved them."""

        def ends(fewer: float) -> tuple[float, float]:
            return bounds([side.scaled(1 / fewer) for side in self.sides], error=error)

        lower, upper = aware_of_folds(ends, folds=self.folds)
        return float(lower), float(upper)


def bounds(sides: Sequence[Counts], *, error: float) -> tuple[float, float]:
    """One-sided lower and upper bound on the mean advantage over the sides, each failing at most by `error`.

    The single game is seen from two sides, the teacher's answers and the student's. Their prompts are the
    same, so they are not independent: each side gets its part of the error.
    """
    each = error / len(sides)
    lower = sum(lower_bound(side, error=each) for side in sides) / len(sides)
    return lower, sum(upper_bound(side, error=each) for side in sides) / len(sides)
