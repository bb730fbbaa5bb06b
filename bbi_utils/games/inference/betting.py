"""An anytime-valid test: watch it after every prompt, stop when you like, and it still errs rarely.

A gambler starts with 1 and before each prompt stakes a share of what he has on the adversary being right. If
teacher and student answer alike, an adversary trained on earlier prompts only is as likely right as wrong, so
no betting scheme makes the wealth grow on average, and it ever reaches 1 / error with probability at most
`error` (Ville 1939). Prompts of one group may be right or wrong together, so there is one stake a group, on
its mean outcome. Cross-fitted scores would not do: their adversaries have seen later prompts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput


@dataclass(frozen=True)
class SequentialTest:
    """wealth: after each prompt, shape (n,). queries: prompts until it first was 1 / error, None if never."""

    wealth: np.ndarray
    queries: int | None
    error: float

    @property
    def p_value(self) -> float:
        """Valid whenever one looks: 1 over the largest wealth so far."""
        return float(min(1.0, 1.0 / max(1.0, self.wealth.max())))


def bet(outcomes: np.ndarray | pd.Series, *, error: float = 0.05) -> SequentialTest:
    """Bet on a stream of outcomes in [-1, 1], positive where the adversary was right; in the order given.

    The stake is Krichevsky and Trofimov's (1981): the mean of the past outcomes, shrunk as if one more had
    been a tie, and nothing while that is negative (Orabona and Pal 2016). Outcomes in a Series are of the
    group that their index says, and those of a group stand together. Raises BadInput on outcomes outside [-1,
    1] or an error outside (0, 1).
    """
    group = np.arange(len(outcomes)) if not isinstance(outcomes, pd.Series) else outcomes.index.to_numpy()
    outcomes = np.asarray(outcomes, dtype=float)
    if not 0 < error < 1:
        raise BadInput(f"error {error}; expected a number between 0 and 1, such as 0.05")
    if outcomes.ndim != 1 or outcomes.size == 0 or not (np.abs(outcomes) <= 1).all():
        raise BadInput("outcomes must be a series of numbers from -1 to 1, one a prompt, none missing")
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    sizes = np.diff(starts, append=len(outcomes))
    mean = np.add.reduceat(outcomes, starts) / sizes
    past = np.cumsum(mean) - mean
    stake = np.maximum(0.0, past / np.arange(1, len(mean) + 1))
    settled = np.cumprod(1.0 + stake * mean)  # of a group with its last prompt
    wealth = np.repeat(np.r_[1.0, settled[:-1]], sizes)
    wealth[starts + sizes - 1] = settled
    reached = np.flatnonzero(wealth >= 1.0 / error)
    return SequentialTest(wealth, int(reached[0]) + 1 if reached.size else None, error)
