"""The distinguishing games: who wrote this answer, and which of these two is the teacher's?

Advantage is 2 Pr[correct] - 1 on prompts the adversary was not trained on; ties count one half; the sign of a
score is fixed in training and never by an absolute value on test data. Intervals are in ``intervals``.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.games.inference.exact import inflation, kept_at_zero
from bbi_utils.games.inference.simultaneous import simultaneous
from bbi_utils.games.once import fitted
from bbi_utils.games.player import Adversary, SingleAdversary

PAIR_COLUMNS = ("prompt_id", "prompt", "category", "teacher", "student")
SCORE_COLUMNS = [
    "pair", "contrast", "adversary", "game", "prompt_id", "category", "fold", "shown", "score", "correct",
]  # fmt: skip
ROW = ["pair", "contrast", "adversary", "game"]


def drop_failed(pairs: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Pairs in which both answers say something, and how many were dropped; a prompt goes from both sides."""
    said = [pairs[side].fillna("").astype(str).str.strip() != "" for side in ("teacher", "student")]
    kept = pairs[said[0] & said[1]].reset_index(drop=True)
    return kept, len(pairs) - len(kept)


def assign_folds(pairs: pd.DataFrame, *, folds: int, seed: int) -> np.ndarray:
    """Test fold of each row, shape (n,): whole groups, dealt out category by category.

    A group is the ``group`` column where there is one (the same question in other words), else the prompt's
    text. It depends on prompts and seed only, so all contrasts and adversaries of a pair share their folds.
    """
    groups = pairs["group" if "group" in pairs else "prompt"].astype(str)
    first = pd.DataFrame({"group": groups, "category": pairs["category"]}).drop_duplicates("group")
    first = first.sort_values("group").sample(frac=1, random_state=seed)
    first = first.sort_values("category", kind="stable")
    fold_of = dict(zip(first["group"], np.arange(len(first)) % folds, strict=True))
    return groups.map(fold_of).to_numpy()


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

    pairs = _enough_for(folds, checked_pairs(pairs)).sort_values("prompt_id").reset_index(drop=True)
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


def checked_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """The answer pairs, or BadInput on missing columns, repeated ids or empty answers."""
    missing = [column for column in PAIR_COLUMNS if column not in pairs]
    if missing:
        raise BadInput(f"answer pairs lack the columns {missing}; expected {list(PAIR_COLUMNS)}")
    repeated = pairs["prompt_id"][pairs["prompt_id"].duplicated()]
    if len(repeated):
        raise BadInput(f"prompt id {repeated.iloc[0]} occurs more than once; each prompt is one unit")
    dropped = drop_failed(pairs)[1]
    if dropped:
        raise BadInput(f"{dropped} prompts have an empty answer; remove them with games.drop_failed first")
    return pairs


def _enough_for(folds: int, pairs: pd.DataFrame) -> pd.DataFrame:
    groups = pairs["group" if "group" in pairs else "prompt"].nunique()
    if folds < 2 or groups < 2 * folds:
        raise BadInput(
            f"{folds} folds over {groups} distinct prompts; take folds >= 2 and two prompts a fold"
        )
    return pairs


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


def _cost(adversary: Adversary, fit_seconds: float, score_seconds: float) -> dict[str, float]:
    return {
        "fit_seconds": fit_seconds,
        "score_seconds": score_seconds,
        "parameters": getattr(adversary, "parameters", 0),
        "truncated_share": getattr(adversary, "truncated_share", 0.0),
    }


def advantage(scores: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Advantage of each adversary in each game: pair, contrast, adversary, game, n, advantage, lower, upper.

    n counts prompts. No interval leaves 0 by less than what cross-fitting may cause where there is nothing to
    learn. Within a pair and contrast the intervals hold together with probability about
    ``confidence`` (over prompts, with the fitted adversaries as they are); see ``intervals`` for the limits.
    """
    return _table(scores, family=["pair", "contrast"], row=ROW, confidence=confidence, seed=seed)


def by_category(scores: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """The same per category; intervals hold together over the categories of one adversary and game."""
    return _table(scores, family=ROW, row=[*ROW, "category"], confidence=confidence, seed=seed)


def paired_difference(
    scores: pd.DataFrame,
    *,
    minuend: str = "base",
    subtrahend: str = "distilled",
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Advantage on one contrast minus that on another, on the prompts both have.

    Returns pair, contrast ("base - distilled"), adversary, game, n, advantage (the difference), lower, upper,
    with intervals simultaneous over the adversaries and games of a pair. Prompts are paired, so what makes a
    prompt hard for both students cancels.
    """
    per_prompt = _per_prompt(scores)
    keys = [*(key for key in ROW if key != "contrast"), "prompt_id"]
    sides = [per_prompt[per_prompt["contrast"] == name].set_index(keys) for name in (minuend, subtrahend)]
    for side, name in zip(sides, (minuend, subtrahend), strict=True):
        if side.empty:
            raise BadInput(f"no scores for contrast {name}; found {sorted(set(scores['contrast']))}")
    difference = (sides[0]["value"] - sides[1]["value"]).dropna().reset_index()
    difference["contrast"] = f"{minuend} - {subtrahend}"
    return _intervals(difference, ["pair"], ROW, confidence=confidence, seed=seed, largest=2.0)


def _per_prompt(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a prompt and game, value = 2 mean(correct) - 1: the unit of every interval."""
    keys = [*ROW, "category", "prompt_id"]
    mean = scores.groupby(keys, sort=False, as_index=False)["correct"].mean()
    return mean.assign(value=2 * mean["correct"] - 1)


def _table(
    scores: pd.DataFrame, *, family: list[str], row: list[str], confidence: float, seed: int
) -> pd.DataFrame:
    table = _intervals(_per_prompt(scores), family, row, confidence=confidence, seed=seed, largest=1.0)
    return _aware_of_folds(table, scores)


def _aware_of_folds(table: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The table with every interval on 0 that cross-fitting alone may have moved off it (see `exact`)."""
    folds = table["adversary"].map(scores.groupby("adversary")["fold"].nunique())
    wider = np.sqrt(np.where(folds > 1, inflation(folds), 1.0))
    least = table["advantage"] - wider * (table["advantage"] - table["lower"])
    most = table["advantage"] + wider * (table["upper"] - table["advantage"])
    lower, upper = kept_at_zero(table["lower"], table["upper"], least, most)
    return table.assign(lower=lower, upper=upper)


def _intervals(
    values: pd.DataFrame, family: list[str], row: list[str], *, confidence: float, seed: int, largest: float
) -> pd.DataFrame:
    """One row per distinct ``row``, simultaneous within each ``family``."""
    tables = []
    for _, members in values.groupby(family, sort=False):
        wide = members.pivot(index="prompt_id", columns=row, values="value").sort_index()
        bounds = simultaneous(wide.to_numpy(dtype=float), confidence=confidence, seed=seed, largest=largest)
        names = wide.columns.to_frame(index=False)
        tables.append(pd.concat([names, bounds.rename(columns={"mean": "advantage"})], axis=1))
    return pd.concat(tables, ignore_index=True)
