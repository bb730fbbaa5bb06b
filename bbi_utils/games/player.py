"""What an adversary is: fitted on answer pairs of known origin, it scores answers and pairs of answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput


class Adversary(Protocol):
    """The whole interface: a name, ``fit`` and ``score_pairs``. Whatever has them plays the pairwise game.

    ``fit`` gets columns prompt_id, prompt, category, fold, teacher, student (the two answers) and fixes every
    sign; folds are those of cross-fitting, for adversaries that cross-fit something themselves.
    ``score_pairs`` is positive where it says "the teacher wrote the first one". ``games.play`` asks it in
    both orders, so it need not be antisymmetric, but the ones here are.
    Optional: ``score(prompts, answers)`` for the single game, positive where it says "the teacher wrote
    this"; without it there is only the pairwise game. ``parameters``: how many numbers the fitted adversary
    consists of. ``truncated_share``: share of the scored texts that it could not read to the end.
    """

    name: str

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> object: ...

    def score_pairs(
        self, prompts: Sequence[str], first: Sequence[str], second: Sequence[str]
    ) -> np.ndarray: ...


@runtime_checkable
class SingleAdversary(Adversary, Protocol):
    """An adversary that can also judge one answer on its own, so it plays the single game too."""

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> np.ndarray: ...


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


def scores_of(adversary: Adversary, held_out: pd.DataFrame) -> pd.DataFrame:
    """The games on held-out prompts: prompt_id, category, game, shown, score, correct."""
    prompts, teacher, student = (list(held_out[name]) for name in ("prompt", "teacher", "student"))
    size, ids = len(prompts), held_out[["prompt_id", "category"]]
    both = np.asarray(adversary.score_pairs(prompts * 2, teacher + student, student + teacher), dtype=float)
    # The order in which a pair is shown is random in the game; playing both and averaging removes that noise,
    # and leaves an adversary that always says "the first" with exactly nothing.
    paired = (both[:size] - both[size:]) / 2
    rows = [ids.assign(game="pairwise", shown="pair", score=paired, correct=right(paired))]
    if isinstance(adversary, SingleAdversary):
        single = np.asarray(adversary.score(prompts * 2, teacher + student), dtype=float)
        for shown, score, sign in (("teacher", single[:size], 1), ("student", single[size:], -1)):
            rows.append(ids.assign(game="single", shown=shown, score=score, correct=right(sign * score)))
    table = pd.concat(rows)
    if not np.isfinite(table["score"]).all():
        raise BadInput(f"adversary {adversary.name} gave scores that are not finite numbers")
    return table


def right(score: np.ndarray) -> np.ndarray:
    """1 where the score has the right sign, 0 where the wrong one, one half at exactly 0."""
    return (np.sign(score) + 1) / 2
