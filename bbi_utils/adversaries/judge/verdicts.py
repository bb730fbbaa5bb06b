"""A language model of another family as judge: which of two answers is the teacher's?

It is asked in both orders and scored by the log-probabilities of "A" and "B". The bookkeeping takes any
function ``log_odds(prompts, a, b)`` giving log p("A") - log p("B") per row, so it can be tested without a
model.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bbi_utils.adversaries.judge.local import LanguageModelJudge, load_local_judge
from bbi_utils.adversaries.judge.remote import OracleJudge
from bbi_utils.errors import BadInput
from bbi_utils.games.inference.simultaneous import simultaneous
from bbi_utils.games.player import right
from bbi_utils.games.scores import SCORE_COLUMNS, about, units
from bbi_utils.oracles.endpoint.client import KEY_ENV
from bbi_utils.oracles.endpoint.pricing import Terms
from bbi_utils.oracles.references import kind_of

LogOdds = Callable[[list[str], list[str], list[str]], np.ndarray]
RULES = {"consistent": "judge", "log_odds": "judge_log_odds"}  # of counting verdicts -> the adversary
NO_ANSWER = "(no answer)"  # what the judge is shown of an empty answer


def load_judge(
    reference: str,
    *,
    answers: Path | None = None,
    key_env: str = KEY_ENV,
    terms: Terms | None = None,
    progress: bool = False,
    **local: Any,
) -> LanguageModelJudge | OracleJudge:
    """The judge that a reference names: a model as everywhere, an endpoint, or recorded verdicts.

    answers: the response store in which the verdicts of an endpoint are kept. local: what `load_local_judge`
    takes of a model with weights. Raises BadInput where it cannot be had, or where a model has no chat
    template or no single tokens for "A" and "B".
    """
    if kind_of(reference) == "weights":
        return load_local_judge(reference, progress=progress, **local)
    if answers is None:
        raise TypeError("a judge without weights keeps its verdicts in a response store: give `answers`")
    return OracleJudge(reference, answers=answers, key_env=key_env, terms=terms, progress=progress)


def judge_pairs(log_odds: LogOdds, pairs: pd.DataFrame, *, pair: str, contrast: str) -> pd.DataFrame:
    """Asks about every row of ``pairs`` (prompt_id, prompt, category, teacher, student) in both orders.

    Returns pair, contrast, prompt_id, category (group, where prompts share one), log_odds_ab (teacher shown
    as A), log_odds_ba (teacher shown as B), both log p(A) - log p(B), consistent (the same answer was picked
    in both orders), and correct: 1 or 0 for a consistent verdict, one half otherwise. An empty answer is
    shown as `NO_ANSWER`. Raises BadInput on log odds that are not finite.
    """
    prompts = list(pairs["prompt"])
    teacher, student = ([text or NO_ANSWER for text in pairs[name]] for name in ("teacher", "student"))
    asked = (prompts * 2, teacher + student, student + teacher)
    # Where nobody judges, nobody is asked.
    odds = np.asarray(log_odds(*asked) if prompts else [], dtype=float)
    if odds.shape != (2 * len(pairs),) or not np.isfinite(odds).all():
        found = f"the judge gave log odds of shape {odds.shape}, or not finite"
        raise BadInput(f"{found}, for {2 * len(pairs)} questions")
    ab, ba = np.split(odds, 2)
    won, lost = (ab > 0) & (ba < 0), (ab < 0) & (ba > 0)
    rows = pairs[about(pairs)].reset_index(drop=True).assign(pair=pair, contrast=contrast)
    rows = rows[["pair", "contrast", *about(pairs)]]
    rows = rows.assign(log_odds_ab=ab, log_odds_ba=ba, consistent=won | lost)
    return rows.assign(correct=(1 + won.astype(float) - lost) / 2)


def to_scores(judgements: pd.DataFrame, *, rule: str = "consistent") -> pd.DataFrame:
    """Judgements as rows of the scores table (game pairwise, fold -1: a judge is not trained here).

    rule "consistent" (adversary "judge"): the verdict, one half where the two orders disagree. rule
    "log_odds" (adversary "judge_log_odds"): the sign of the mean log odds of both orders, in which a
    constant preference for a position cancels; it decides every pair.
    """
    if rule not in RULES:
        raise BadInput(f"rule {rule!r}; expected 'consistent' or 'log_odds'")
    score = (judgements["log_odds_ab"] - judgements["log_odds_ba"]) / 2
    if rule == "consistent":
        score = score.where(judgements["consistent"], 0.0)
    columns = [*SCORE_COLUMNS, *(["group"] if "group" in judgements else [])]
    rows = judgements.assign(adversary=RULES[rule], game="pairwise", fold=-1, shown="pair")
    return rows.assign(score=score, correct=right(score))[columns].reset_index(drop=True)


def judge_quantities(judgements: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """pair, contrast, quantity, n, estimate, lower, upper; each interval at ``confidence`` on its own.

    n counts prompts; those of one group are one draw.

    Quantities: kept_fraction (consistent verdicts); consistent_advantage, which selects on the outcome and so
    flatters the judge; all_pairs_advantage with inconsistent = one half; first_position_rate (how often "A"
    is picked; one half without position bias).
    """
    rows = []
    for (pair, contrast), group in judgements.groupby(["pair", "contrast"], sort=False):
        for quantity, values, rate in _quantities(group):
            if len(values) == 0:
                rows.append((pair, contrast, quantity, 0, np.nan, np.nan, np.nan))
                continue
            how: dict[str, Any] = {"confidence": confidence, "seed": seed, "groups": list(values.index)}
            bounds = simultaneous(values.to_numpy()[:, None], **how).iloc[0]
            ends = bounds[["mean", "lower", "upper"]]
            rows.append((pair, contrast, quantity, len(values), *((ends + 1) / 2 if rate else ends)))
    return pd.DataFrame(rows, columns=["pair", "contrast", "quantity", "n", "estimate", "lower", "upper"])


def _quantities(judgements: pd.DataFrame) -> list[tuple[str, pd.Series, bool]]:
    """Name, values in [-1, 1] of each prompt by its unit, and whether to report them as a rate in [0, 1]."""
    by_unit = partial(pd.Series, index=units(judgements))
    verdict = by_unit(2 * judgements["correct"].to_numpy(dtype=float) - 1)
    kept = judgements["consistent"].to_numpy(dtype=bool)
    first = np.sign(judgements[["log_odds_ab", "log_odds_ba"]].to_numpy(dtype=float)).mean(axis=1)
    return [
        ("kept_fraction", by_unit(np.where(kept, 1.0, -1.0)), True),
        ("consistent_advantage", verdict[kept], False),
        ("all_pairs_advantage", verdict, False),
        ("first_position_rate", by_unit(first), True),
    ]
