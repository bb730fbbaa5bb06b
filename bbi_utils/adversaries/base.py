"""What an adversary is: fitted on answer pairs of known origin, it scores answers and pairs of answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import pandas as pd


class Adversary(Protocol):
    """The whole interface; anything with these four members plays every game.

    ``fit`` gets columns prompt_id, prompt, category, teacher, student (the two answers) and fixes every sign.
    ``score`` is for the single game: positive means "the teacher wrote this answer".
    ``score_pairs`` is for the pairwise game: positive means "the teacher wrote the first one".
    ``games.play`` asks ``score_pairs`` in both orders, so it need not be antisymmetric, but the ones here
    are.
    Optional attributes that ``games.play`` reports: ``parameters`` (how many numbers the fitted adversary
    consists of) and ``truncated_share`` (share of the scored texts that it could not read to the end).
    """

    name: str

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> object: ...

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray: ...

    def score_pairs(
        self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]
    ) -> np.ndarray: ...


def score_once(
    score: Callable[[list[str], list[str]], np.ndarray],
    prompts: Sequence[str],
    answers: Sequence[str],
    *,
    known: dict[tuple[str, str], float],
) -> np.ndarray:
    """``score`` of every (prompt, answer), shape (n,); each distinct one is scored once, kept in ``known``.

    Equal texts get the very same number, which batched floating point alone does not promise: that is what
    makes identical answers an exact tie.
    """
    keys = list(zip(prompts, answers, strict=True))
    new = [key for key in dict.fromkeys(keys) if key not in known]
    if new:
        values = score([prompt for prompt, _ in new], [answer for _, answer in new])
        known.update(zip(new, map(float, values), strict=True))
    return np.array([known[key] for key in keys], dtype=float)
