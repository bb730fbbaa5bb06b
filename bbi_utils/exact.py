"""Exact bounds on an advantage from won, lost and tied prompts; nothing here is asymptotic.

Given how many prompts are tied, wins are binomial, so Clopper and Pearson's (1934) bounds on the share of
wins among the decided prompts, and on the share of ties, bound the advantage

    Adv = Pr[won] - Pr[lost] = (1 - tie) (2 win - 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TIE_SHARE = 0.1  # of a bound's error, spent on the share of ties


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


def bounds(sides: Sequence[Counts], *, error: float) -> tuple[float, float]:
    """One-sided lower and upper bound on the mean advantage over the sides, each failing at most by `error`.

    The single game is seen from two sides, the teacher's answers and the student's. Their prompts are the
    same, so they are not independent: each side gets its part of the error.
    """
    each = error / len(sides)
    lower = sum(lower_bound(side, error=each) for side in sides) / len(sides)
    return lower, sum(upper_bound(side, error=each) for side in sides) / len(sides)
