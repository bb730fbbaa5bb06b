"""The pairwise game prompt by prompt: an adversary that saw only earlier ones judges each; see `betting`."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from bbi_utils.games.folds import checked_pairs, questions
from bbi_utils.games.player import Maker, Player, held_out

FIRST = 20  # prompts before the first bet
GROWTH = 1.5  # from one training to the next, in the study


def prequential(
    make: Maker | Player, pairs: pd.DataFrame, *, seed: int = 0, growth: float = GROWTH
) -> pd.Series:
    """The pairwise game in a random order, each prompt judged by an adversary that saw only earlier ones.

    `pairs` as in `games.play`. growth: it is trained anew when it can see so many times as many prompts.
    Returns one outcome a prompt in that order, shape (n,): 1 right, -1 wrong, 0 a tie, and 0 for the first
    prompts, on which nobody bets (where there are few, all of them). Prompts of one
    group stay together, so that no adversary was trained on the same question in other words; the index
    numbers the groups, which `betting.bet` takes one by one. What lies between two trainings is scored
    together: a player may look at all of its texts, as `Together` does, but not at whose they are. Raises
    BadInput as `games.play` does.
    """
    pairs = checked_pairs(pairs).sort_values("prompt_id")
    groups = questions(pairs)
    shuffled = np.random.default_rng(seed).permutation(np.sort(groups.unique()))
    place = groups.map({group: i for i, group in enumerate(shuffled)}).to_numpy()
    order = np.argsort(place, kind="stable")
    pairs, place = pairs.iloc[order].reset_index(drop=True), place[order]
    outcomes = np.zeros(len(pairs))
    for start, end in pairwise([*_starts(place, growth), len(pairs)]):
        seen = pairs[:end].assign(fold=(np.arange(end) >= start).astype(int))
        said = held_out(make, seen, [1], seed=seed).scores
        outcomes[start:end] = 2 * said.loc[said["game"] == "pairwise", "correct"] - 1
    return pd.Series(outcomes, index=place)


def _starts(place: np.ndarray, growth: float) -> list[int]:
    """Rows at which the adversary is trained anew: growing geometrically, always where a group begins."""
    begins = np.flatnonzero(np.diff(place, prepend=-1))
    starts, wanted = [], float(FIRST)
    while (later := begins[begins >= wanted]).size:
        starts.append(int(later[0]))
        wanted = max(growth * wanted, starts[-1] + 1)
    return starts
