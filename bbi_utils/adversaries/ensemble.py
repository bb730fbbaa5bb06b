"""Adversaries together: their scores added up, as they are or with weights learned out of fold.

`Ensemble`, the study's, learns its weights: the stacking of Wolpert (1992) with Breiman's (1996) constraint
that none is negative. A member's sign was fixed when it was trained, so a negative weight could only answer
to noise. `Together`, the audit's, learns nothing and costs nothing beside its members (decision 15).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.games.folds import assign_folds
from bbi_utils.games.player import HeldOut, Maker, Player, held_out, right


@dataclass(frozen=True)
class Stack:
    """weights: one a member, at least 0, shape (k,); each is per unit of that member's score."""

    weights: np.ndarray
    intercept: float

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """The stacked scores, shape (n,), of scores (n, k)."""
        return scores @ self.weights + self.intercept


def stack(scores: np.ndarray, signs: np.ndarray, *, intercept: bool) -> Stack:
    """Logistic regression of ``signs`` (1 or -1, shape (n,)) on ``scores`` (n, k), without negative weights.

    Scores are first divided by a robust spread; the penalty is half the sum of the squared weights. Where no
    member did better than chance, all count alike.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    spread, members = _spread(scores), scores.shape[1]
    table = scores / spread

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        margin = signs * (table @ point[:-1] + point[-1])
        slope = -signs * expit(-margin)
        value = np.logaddexp(0.0, -margin).sum() + 0.5 * point[:-1] @ point[:-1]
        return value, np.append(slope @ table + point[:-1], slope.sum())

    bounds = [(0.0, None)] * members + [(None, None) if intercept else (0.0, 0.0)]
    start = np.append(np.full(members, 1.0 / members), 0.0)
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    weights = found[:-1] if found[:-1].any() else start[:-1]
    return Stack(weights / spread, float(found[-1]))


def _spread(scores: np.ndarray) -> np.ndarray:
    """Median distance from the median, which no outlier moves; the mean one where most scores are equal."""
    distance = np.abs(scores - np.median(scores, axis=0))
    spread = np.median(distance, axis=0)
    spread = np.where(spread > 0, spread, distance.mean(axis=0))
    return np.where(spread > 0, spread, 1.0)


class Ensemble:
    """Learns its members' weights from what they said out of fold, and adds up what they say.

    It cuts the training prompts where `games.play` has cut them, so that members which remember are trained
    no more often for it (see `player.Remembering`); where that leaves one fold, it deals out ``inner`` of its
    own. Members without ``score`` count in the pairwise game only. A swapped pair flips its score, and equal
    answers tie exactly. Its seconds include all trainings that it rests on, whoever asked for them first.
    """

    name = "ensemble"

    def __init__(self, members: Mapping[str, Maker | Player], *, inner: int = 2) -> None:
        self._members = list(members.values())
        self._inner = inner

    def held_out(self, pairs: pd.DataFrame, left_out: Sequence[int], *, seed: int) -> HeldOut:
        """As `player.held_out`. Raises BadInput where no member plays one of the games."""
        said = [held_out(make, pairs, left_out, seed=seed) for make in self._members]
        cut = _cut(pairs, left_out, self._inner, seed=seed)
        tried = [_out_of_fold(make, cut, left_out, seed=seed) for make in self._members]
        began = time.perf_counter()
        tables = [one.scores for one in said], [table for table, _ in tried]
        stacked = [_stacked(game, *tables) for game in ("pairwise", "single")]
        return HeldOut(
            adversary=self.name,
            scores=pd.concat([scores for scores, _ in stacked]),
            fit_seconds=sum(one.fit_seconds for one in said) + sum(spent for _, spent in tried),
            score_seconds=sum(one.score_seconds for one in said) + time.perf_counter() - began,
            parameters=sum(one.parameters for one in said) + sum(own for _, own in stacked),
            truncated_share=max(one.truncated_share for one in said),
        )


class Together:
    """Adds up its members' scores, each member's in units of its usual score in that fold and game.

    The unit is the median distance from 0 of the scores that are not 0. It asks for no label, and swapping
    the answers of a prompt changes none: where nothing differs, every outcome is still a coin toss. The zero
    of a single answer is the members' own. A swapped pair flips its score, and equal answers tie exactly.
    """

    name = "together"

    def __init__(self, members: Mapping[str, Maker | Player]) -> None:
        self._members = list(members.values())

    def held_out(self, pairs: pd.DataFrame, left_out: Sequence[int], *, seed: int) -> HeldOut:
        """As `player.held_out`, in the games that any member plays."""
        said = [held_out(make, pairs, left_out, seed=seed) for make in self._members]
        began = time.perf_counter()
        tables = [one.scores for one in said]
        played = sorted(set().union(*(table["game"] for table in tables)))
        scores = pd.concat([_added(game, tables) for game in played])
        return HeldOut(
            adversary=self.name,
            scores=scores,
            fit_seconds=sum(one.fit_seconds for one in said),
            score_seconds=sum(one.score_seconds for one in said) + time.perf_counter() - began,
            parameters=sum(one.parameters for one in said),
            truncated_share=max(one.truncated_share for one in said),
        )


def _added(game: str, said: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The sum's scores in one game."""
    rows, scores = _columns(said, game)
    size = pd.DataFrame(np.abs(scores)).replace(0.0, np.nan)
    unit = size.groupby(rows["fold"].to_numpy()).transform("median").fillna(1.0).to_numpy()
    score = (scores / unit).sum(axis=1)
    return rows.assign(score=score, correct=right(np.where(rows["shown"] == "student", -score, score)))


def _cut(pairs: pd.DataFrame, left_out: Sequence[int], inner: int, *, seed: int) -> pd.DataFrame:
    """The pairs with two folds or more besides those left out."""
    trained = ~pairs["fold"].isin(left_out)
    if pairs["fold"][trained].nunique() > 1:
        return pairs
    # Another seed than that of the outer folds, whose cut this one should not repeat.
    dealt = assign_folds(pairs[trained], folds=inner, seed=seed + 1)
    fold = pairs["fold"].to_numpy(copy=True)
    fold[trained] = fold.max() + 1 + dealt
    return pairs.assign(fold=fold)


def _out_of_fold(
    make: Maker | Player, cut: pd.DataFrame, left_out: Sequence[int], *, seed: int
) -> tuple[pd.DataFrame, float]:
    """A member's scores of every training prompt by one that did not see it, and the seconds of training."""
    tables, spent = [], 0.0
    for part in sorted(set(cut["fold"]) - set(left_out)):
        found = held_out(make, cut, [part, *left_out], seed=seed)
        tables.append(found.scores[found.scores["fold"] == part])
        spent += found.fit_seconds
    return pd.concat(tables), spent


def _stacked(
    game: str, said: Sequence[pd.DataFrame], tried: Sequence[pd.DataFrame]
) -> tuple[pd.DataFrame, int]:
    """The ensemble's scores in one game, with weights from the scores out of fold, and how many weights."""
    rows, scores = _columns(said, game)
    known, out_of_fold = _columns(tried, game)
    signs, known_signs = (np.where(table["shown"] == "student", -1.0, 1.0) for table in (rows, known))
    single = game == "single"
    score = stack(out_of_fold, known_signs, intercept=single)(np.ascontiguousarray(scores))
    return rows.assign(score=score, correct=right(signs * score)), scores.shape[1] + single


def _columns(tables: Sequence[pd.DataFrame], game: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows of one game, and the scores (n, k) of the k members that play it."""
    played = [rows for table in tables if len(rows := table[table["game"] == game])]
    if not played:
        raise BadInput(f"no member of the ensemble plays the {game} game; add one that does, such as length")
    return played[0], np.array([rows["score"] for rows in played]).T
