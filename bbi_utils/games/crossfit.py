"""Playing the games: who wrote this answer, and which of these two is the teacher's?

Advantage is 2 Pr[correct] - 1 on prompts the adversary was not trained on; ties count one half; the sign of a
score is fixed in training and never by an absolute value on test data.
"""

from __future__ import annotations

import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.games.folds import assign_folds, checked_pairs, questions
from bbi_utils.games.player import Maker, Player, held_out
from bbi_utils.games.scores import SCORE_COLUMNS


def play(
    make: Maker | Player, pairs: pd.DataFrame, *, pair: str, contrast: str, folds: int = 2, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cross-fits an adversary and plays both games on every prompt (without its ``score`` the pairwise only).

    ``pairs`` has columns prompt_id, prompt, category, teacher, student and optionally group. Returns

    * scores (contract C3; with a column ``group`` where prompts share one): two rows a prompt in the single
    game (``shown`` teacher and student) and one in the pairwise game (``shown`` pair), sorted by game and
    prompt id;
    * costs, one row: pair, contrast, adversary, fit_seconds and score_seconds (wall time, summed over folds),
      parameters (of one fitted adversary), truncated_share (largest over folds).

    An empty answer is one like any other. Raises BadInput on missing columns, repeated ids, prompts that
    neither side answered, too few prompts or scores that are not finite.
    """
    pairs = checked_pairs(pairs).sort_values("prompt_id").reset_index(drop=True)
    asked = (group := questions(pairs)).nunique()
    if folds < 2 or asked < 2 * folds:
        raise BadInput(f"{folds} folds over {asked} distinct prompts; take folds >= 2 and two prompts a fold")
    pairs = pairs.assign(fold=assign_folds(pairs, folds=folds, seed=seed))
    found = [held_out(make, pairs, [fold], seed=seed) for fold in range(folds)]
    labels = {"pair": pair, "contrast": contrast, "adversary": found[0].adversary}
    table = pd.concat([one.scores for one in found]).assign(**labels)[SCORE_COLUMNS]
    if asked < len(pairs):
        table["group"] = table["prompt_id"].map(dict(zip(pairs["prompt_id"], group, strict=True)))
    cost = {name: sum(getattr(one, name) for one in found) for name in ("fit_seconds", "score_seconds")}
    cost |= {name: max(getattr(one, name) for one in found) for name in ("parameters", "truncated_share")}
    table = table.sort_values(["game", "prompt_id", "shown"]).reset_index(drop=True)
    return table, pd.DataFrame([labels | cost])
