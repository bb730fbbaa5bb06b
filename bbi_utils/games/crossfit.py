"""Playing the games: who wrote this answer, and which of these two is the teacher's?

Advantage is 2 Pr[correct] - 1 on prompts the adversary was not trained on; ties count one half; the sign of a
score is fixed in training and never by an absolute value on test data.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pandas as pd

from bbi_utils.games.folds import assign_folds, checked_pairs, enough_for
from bbi_utils.games.once import fitted
from bbi_utils.games.player import Adversary, scores_of
from bbi_utils.games.scores import SCORE_COLUMNS


def play(
    make_adversary: Callable[[], Adversary],
    pairs: pd.DataFrame,
    *,
    pair: str,
    contrast: str,
    folds: int = 2,
    seed: int = 0,
    progress: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cross-fits an adversary and plays both games with it on every prompt (only the pairwise one, if it has
    no ``score``).

    ``pairs`` has columns prompt_id, prompt, category, teacher, student and optionally group. Returns

    * scores (contract C3): two rows a prompt in the single game (``shown`` teacher and student) and one in
      the pairwise game (``shown`` pair), sorted by game and prompt id;
    * costs, one row: pair, contrast, adversary, fit_seconds and score_seconds (wall time, summed over folds),
      parameters (of one fitted adversary), truncated_share (largest over folds).

    Raises BadInput on missing columns, repeated ids, empty answers, too few prompts or scores that are not
    finite.
    """
    from tqdm import tqdm

    pairs = enough_for(folds, checked_pairs(pairs)).sort_values("prompt_id").reset_index(drop=True)
    pairs = pairs.assign(fold=assign_folds(pairs, folds=folds, seed=seed))
    scores, costs = [], []
    for test in tqdm(range(folds), desc=f"adversary against {contrast}", disable=not progress, leave=False):
        train = pairs[pairs["fold"] != test].reset_index(drop=True)
        adversary, spent = fitted(make_adversary, train, seed=seed)
        started = time.perf_counter()
        scored = scores_of(adversary, pairs[pairs["fold"] == test])
        scores.append(scored.assign(fold=test, adversary=adversary.name))
        costs.append(_cost(adversary, spent, time.perf_counter() - started))
    table = pd.concat(scores).assign(pair=pair, contrast=contrast)[SCORE_COLUMNS]
    table = table.sort_values(["game", "prompt_id", "shown"]).reset_index(drop=True)
    cost = pd.DataFrame(costs).agg(
        {"fit_seconds": "sum", "score_seconds": "sum", "parameters": "max", "truncated_share": "max"}
    )
    labels = {"pair": pair, "contrast": contrast, "adversary": table["adversary"].iloc[0]}
    return table, pd.DataFrame([labels | cost.to_dict()]).astype({"parameters": int})


def _cost(adversary: Adversary, fit_seconds: float, score_seconds: float) -> dict[str, float]:
    return {
        "fit_seconds": fit_seconds,
        "score_seconds": score_seconds,
        "parameters": getattr(adversary, "parameters", 0),
        "truncated_share": getattr(adversary, "truncated_share", 0.0),
    }
