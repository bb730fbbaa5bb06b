"""The cheapest adversary of all: was there an answer, and was it cut?

It reads no word of it. What silence says about its author (a refused prompt, an empty reply, an answer that
ran into the limit of tokens) is counted on the training folds, category by category, since models fall silent
on different subjects. Where both sides answered everything to the end it ties everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils.games.player import HeldOut, Player, held_out
from bbi_utils.oracles.base import was_cut

SIDES = ("teacher", "student")
IMAGINED = 2.0  # prompts that a category is taken to have had already, at the rates of all categories


def ends(pairs: pd.DataFrame, side: str) -> list[str]:
    """How each answer of a side ended: "silent" (nothing but white space), "cut" or "whole".

    Cut is what the columns ``teacher_finish_reason`` and ``student_finish_reason`` say; with one of them
    alone the sides could not be compared, and no answer counts as cut.
    """
    known = all(f"{one}_finish_reason" in pairs for one in SIDES)
    reasons = pairs[f"{side}_finish_reason"] if known else [None] * len(pairs)
    said = zip(pairs[side], reasons, strict=True)
    return ["silent" if not text.strip() else "cut" if was_cut(why) else "whole" for text, why in said]


class Missing:
    """A player that shows `EndsAdversary` how the answers ended, instead of the answers."""

    def held_out(self, pairs: pd.DataFrame, left_out: Sequence[int], *, seed: int) -> HeldOut:
        """As `player.held_out`."""
        shown = {side: ends(pairs, side) for side in SIDES}
        return held_out(EndsAdversary, pairs.assign(prompt=pairs["category"], **shown), left_out, seed=seed)


class EndsAdversary:
    """Log odds of who ends an answer like this, or two like these, in a category, from training counts.

    As Laplace's rule of succession does, but that the prompts which it imagines have the rates of all
    categories; so a category that was not trained on gets these.
    """

    name = "missing"

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> EndsAdversary:
        self._seen: Counter[Any] = Counter()
        for category, teacher, student in zip(pairs["prompt"], *(pairs[side] for side in SIDES), strict=True):
            for where in (category, None):
                found = ((teacher, student), ("teacher", teacher), ("student", student))
                self._seen.update((where, one) for one in found)
        self.parameters = len(self._seen)
        return self

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray:
        rows = zip(prompts, answers, strict=True)
        return np.array([self._odds(where, ("teacher", end), ("student", end)) for where, end in rows])

    def score_pairs(self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        rows = zip(prompts, first, second, strict=True)
        return np.array([self._odds(where, (one, other), (other, one)) for where, one, other in rows])

    def _odds(self, where: str, one: tuple[str, str], other: tuple[str, str]) -> float:
        """How much oftener the one was seen than the other; exactly 0 where they were seen alike."""
        share = (self._seen[None, one] + 1) / (self._seen[None, one] + self._seen[None, other] + 2)
        counts = self._seen[where, one], self._seen[where, other]
        return float(np.log((counts[0] + IMAGINED * share) / (counts[1] + IMAGINED * (1 - share))))


def factories() -> dict[str, Player]:
    """The one adversary here."""
    return {"missing": Missing()}
