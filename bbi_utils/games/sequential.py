"""An anytime-valid test: watch it after every prompt, stop when you like, and it still errs rarely.

A gambler starts with 1 and before each prompt stakes a share of what he has on the adversary being right. If
teacher and student answer alike, an adversary trained on earlier prompts only is as likely right as wrong, so
no betting scheme makes the wealth grow on average, and it ever reaches 1 / error with probability at most
`error` (Ville 1939). Cross-fitted scores would not do: their adversaries have seen later prompts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.games.player import Adversary
from bbi_utils.games.playing import checked_pairs, right

FIRST = 20  # prompts before the first bet
GROWTH = 1.5  # the adversary is trained anew each time it can see so many times as many prompts


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


def prequential(make_adversary: Callable[[], Adversary], pairs: pd.DataFrame, *, seed: int = 0) -> np.ndarray:
    """The pairwise game in a random order, each prompt judged by an adversary that saw only earlier ones.

    `pairs` as in `games.play`. Returns one outcome a prompt in that order, shape (n,): 1 right, -1 wrong, 0 a
    tie, and 0 for the first prompts, on which nobody bets (where there are few, all of them). Prompts of one
    group stay together, so that no adversary was trained on the same question in other words. Raises BadInput
    as `games.play` does.
    """
    pairs = checked_pairs(pairs).sort_values("prompt_id")
    groups = pairs["group" if "group" in pairs else "prompt"].astype(str)
    shuffled = np.random.default_rng(seed).permutation(np.sort(groups.unique()))
    place = groups.map({group: i for i, group in enumerate(shuffled)}).to_numpy()
    order = np.argsort(place, kind="stable")
    pairs, place = pairs.iloc[order].reset_index(drop=True), place[order]
    outcomes = np.zeros(len(pairs))
    for start, end in pairwise([*_starts(place), len(pairs)]):
        adversary = make_adversary()
        adversary.fit(pairs[:start], seed=seed)
        prompts, teacher, student = (
            list(pairs[name][start:end]) for name in ("prompt", "teacher", "student")
        )
        both = adversary.score_pairs(prompts * 2, teacher + student, student + teacher)
        one_way, other_way = np.split(np.asarray(both, dtype=float), 2)
        outcomes[start:end] = 2 * right(one_way - other_way) - 1
    return outcomes


def _starts(place: np.ndarray) -> list[int]:
    """Rows at which the adversary is trained anew: growing geometrically, always where a group begins."""
    begins = np.flatnonzero(np.diff(place, prepend=-1))
    starts, wanted = [], float(FIRST)
    while (later := begins[begins >= wanted]).size:
        starts.append(int(later[0]))
        wanted = max(GROWTH * wanted, starts[-1] + 1)
    return starts


def bet(outcomes: np.ndarray, *, error: float = 0.05) -> SequentialTest:
    """Bet on a stream of outcomes in [-1, 1], positive where the adversary was right; in the order given.

    The stake is Krichevsky and Trofimov's (1981): the mean of the past outcomes, shrunk as if one more had
    been a tie, and nothing while that is negative (Orabona and Pal 2016). Raises BadInput on outcomes outside
    [-1, 1] or an error outside (0, 1).
    """
    outcomes = np.asarray(outcomes, dtype=float)
    if not 0 < error < 1:
        raise BadInput(f"error {error}; expected a number between 0 and 1, such as 0.05")
    if outcomes.ndim != 1 or outcomes.size == 0 or not (np.abs(outcomes) <= 1).all():
        raise BadInput("outcomes must be a series of numbers from -1 to 1, one a prompt, none missing")
    past = np.cumsum(outcomes) - outcomes
    stake = np.maximum(0.0, past / np.arange(1, len(outcomes) + 1))
    wealth = np.cumprod(1.0 + stake * outcomes)
    reached = np.flatnonzero(wealth >= 1.0 / error)
    return SequentialTest(wealth, int(reached[0]) + 1 if reached.size else None, error)
