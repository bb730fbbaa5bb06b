"""Who plays: an adversary, fitted on answer pairs of known origin, and what is asked of it and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

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


Maker = Callable[[], Adversary]  # a class, or whatever else makes an untrained adversary


@dataclass(frozen=True)
class HeldOut:
    """What an adversary said of held-out prompts, and what it cost; the adversary itself is not kept.

    scores: prompt_id, category, fold, game, shown, score, correct. Seconds are wall time; parameters and
    truncated_share as the adversary gives them.
    """

    adversary: str
    scores: pd.DataFrame
    fit_seconds: float
    score_seconds: float
    parameters: int
    truncated_share: float


@runtime_checkable
class Player(Protocol):
    """Plays folds by other means than one adversary that is made, trained and asked."""

    def held_out(self, pairs: pd.DataFrame, left_out: Sequence[int], *, seed: int) -> HeldOut:
        """As the function `held_out`."""
        ...


def held_out(make: Maker | Player, pairs: pd.DataFrame, left_out: Sequence[int], *, seed: int) -> HeldOut:
    """The scores of the folds left out, each by itself and in that order, after training on the others.

    `pairs` has the columns that `games.play` wants, and fold. Raises BadInput on scores that are not finite.
    """
    if isinstance(make, Player):
        return make.held_out(pairs, left_out, seed=seed)
    adversary, began = make(), time.perf_counter()
    adversary.fit(pairs[~pairs["fold"].isin(left_out)].reset_index(drop=True), seed=seed)
    trained = time.perf_counter()
    scores = pd.concat([scores_of(adversary, pairs[pairs["fold"] == fold]) for fold in left_out])
    return HeldOut(
        adversary=adversary.name,
        scores=scores,
        fit_seconds=trained - began,
        score_seconds=time.perf_counter() - trained,
        parameters=getattr(adversary, "parameters", 0),
        truncated_share=getattr(adversary, "truncated_share", 0.0),
    )


class Remembering:
    """A player that remembers what its adversaries said of the prompts last played, and no adversary.

    So an adversary and the ensemble that it belongs to share their trainings. Calling it makes an untrained
    adversary, unless it remembers a player.
    """

    READ = ("prompt_id", "prompt", "category", "teacher", "student", "teacher_finish_reason",
            "student_finish_reason")  # fmt: skip

    def __init__(self, make: Maker | Player) -> None:
        self._make = make
        self._played = b""
        self._known: dict[tuple[bytes, frozenset[int], int], HeldOut] = {}

    def __call__(self) -> Adversary:
        assert not isinstance(self._make, Player)
        return self._make()

    def held_out(self, pairs: pd.DataFrame, left_out: Sequence[int], *, seed: int) -> HeldOut:
        """As `held_out`; the same pairs in the same order with the same seed are not trained on again."""
        read = [name for name in self.READ if name in pairs]
        played = pd.util.hash_pandas_object(pairs[read], index=False).to_numpy().tobytes()
        if played != self._played:
            self._played, self._known = played, {}
        key = pairs["fold"].to_numpy().tobytes(), frozenset(left_out), seed
        if key not in self._known:
            self._known[key] = held_out(self._make, pairs, left_out, seed=seed)
        return self._known[key]


def scores_of(adversary: Adversary, prompts: pd.DataFrame) -> pd.DataFrame:
    """The games on held-out prompts: prompt_id, category, fold, game, shown, score, correct."""
    paired, about = pairwise_scores(adversary, prompts), prompts[["prompt_id", "category", "fold"]]
    rows = [about.assign(game="pairwise", shown="pair", score=paired, correct=right(paired))]
    if isinstance(adversary, SingleAdversary):
        answers = [*prompts["teacher"], *prompts["student"]]
        single = np.asarray(adversary.score([*prompts["prompt"]] * 2, answers), dtype=float)
        for shown, score, sign in zip(("teacher", "student"), np.split(single, 2), (1, -1), strict=True):
            rows.append(about.assign(game="single", shown=shown, score=score, correct=right(sign * score)))
    table = pd.concat(rows)
    if not np.isfinite(table["score"]).all():
        raise BadInput(f"adversary {adversary.name} gave scores that are not finite numbers")
    return table


def pairwise_scores(adversary: Adversary, prompts: pd.DataFrame) -> np.ndarray:
    """The pairwise game, shape (n,): positive where the adversary takes the teacher's answer for it.

    The order in which a pair is shown is random in the game; playing both and averaging removes that noise,
    and leaves an adversary that always says "the first" with exactly nothing.
    """
    texts, teacher, student = (list(prompts[name]) for name in ("prompt", "teacher", "student"))
    both = np.asarray(adversary.score_pairs(texts * 2, teacher + student, student + teacher), dtype=float)
    return np.subtract(*np.split(both, 2)) / 2


def right(score: Any) -> Any:
    """1 where the score has the right sign, 0 where the wrong one, one half at exactly 0."""
    return (np.sign(score) + 1) / 2
