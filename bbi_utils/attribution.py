"""Where the artifact sits: rerun an adversary on neutralised answers and see what it loses, prompt by prompt.

`neutralise` says what a removal licenses one to conclude and what not. Costs are paired: the same prompts, in
the same folds, with an adversary trained afresh on answers neutralised in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from bbi_utils import games
from bbi_utils.adversaries.base import Adversary
from bbi_utils.errors import BadInput
from bbi_utils.intervals import simultaneous
from bbi_utils.neutralise import TRANSFORMS, Transform, neutralised

NOTHING = "nothing"
ALL = "all"
ROW = ["pair", "contrast", "adversary", "removed", "category"]
UNIT = ["pair", "contrast", "adversary", "prompt_id"]


def attribute(
    make_adversary: Callable[[], Adversary],
    pairs: pd.DataFrame,
    *,
    pair: str,
    contrast: str,
    folds: int = 2,
    seed: int = 0,
    transforms: Mapping[str, Transform] = TRANSFORMS,
) -> pd.DataFrame:
    """Pairwise scores (contract C3) with a column `removed`: "nothing", then the name of each transform.

    `pairs` is as for `games.play`, which runs once for each. Raises BadInput as it does, and on a transform
    called "nothing" or one that changes more than the answers.
    """
    if NOTHING in transforms:
        raise BadInput(f"a removal is called {NOTHING!r}, which means the answers as they are; rename it")
    tables = []
    for removed, transform in {NOTHING: None, **transforms}.items():
        shown = pairs if transform is None else neutralised(pairs, transform)
        scores, _ = games.play(make_adversary, shown, pair=pair, contrast=contrast, folds=folds, seed=seed)
        tables.append(scores[scores["game"] == "pairwise"].assign(removed=removed))
    return pd.concat(tables, ignore_index=True)


def costs_of_removal(scores: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Costs of removals: pair, contrast, adversary, removed, category, n, advantage, cost, lower, upper.

    advantage is what is left after the removal; cost, with its interval, is the advantage with nothing
    removed minus that, over the same n prompts. category is "all" or one of them. The intervals of a pair and
    contrast hold together over its adversaries and removals for "all", and over the removals and categories
    of one adversary for single categories. Raises BadInput where a removal has nothing to be compared with.
    """
    values = _per_prompt(scores)
    everywhere = values.assign(category=ALL)
    families = [part for _, part in everywhere.groupby(UNIT[:2], sort=False)]
    families += [part for _, part in values.groupby(UNIT[:3], sort=False)]
    table = pd.concat([_intervals(part, confidence=confidence, seed=seed) for part in families])
    order = {name: at for at, name in enumerate(dict.fromkeys(scores["removed"]))}
    table = table.assign(at=table["removed"].map(order), one=table["category"] != ALL)
    table = table.sort_values([*UNIT[:3], "one", "at", "category"], kind="stable", ignore_index=True)
    return table[[*ROW, "n", "advantage", "cost", "lower", "upper"]]


def _per_prompt(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a prompt and removal: left (2 correct - 1 after the removal) and cost (what it was before)."""
    needed = [*UNIT, "category", "game", "removed", "correct"]
    if missing := [name for name in needed if name not in scores]:
        raise BadInput(f"scores of removals lack the columns {missing}; expected those of `attribute`")
    table = scores[scores["game"] == "pairwise"]
    if len(twice := table[table.duplicated([*UNIT, "removed"])]):
        raise BadInput(f"prompt {twice['prompt_id'].iloc[0]} has two scores after one removal; expected one")
    wide = 2 * table.pivot(index=[*UNIT, "category"], columns="removed", values="correct") - 1
    if NOTHING not in wide or len(wide.columns) < 2 or wide.isna().any(axis=None):
        raise BadInput(
            f"removals {sorted(set(scores['removed']))} cannot be compared; expected {NOTHING!r} and at "
            "least one more, each scored by the same adversaries on the same prompts"
        )
    left = wide.drop(columns=NOTHING)
    cost = -left.sub(wide[NOTHING], axis=0)
    return pd.concat({"left": left.stack(), "cost": cost.stack()}, axis=1).reset_index()


def _intervals(values: pd.DataFrame, *, confidence: float, seed: int) -> pd.DataFrame:
    """One line per row of the family, with intervals that hold together."""
    wide = values.pivot(index="prompt_id", columns=ROW, values="cost").sort_index()
    bounds = simultaneous(wide.to_numpy(dtype=float), confidence=confidence, seed=seed, largest=2.0)
    left = values.groupby(ROW)["left"].mean().reindex(wide.columns).to_numpy()
    names = wide.columns.to_frame(index=False)
    return pd.concat([names, bounds.rename(columns={"mean": "cost"})], axis=1).assign(advantage=left)


def telling_answers(scores: pd.DataFrame, pairs: pd.DataFrame, *, n: int = 3) -> pd.DataFrame:
    """The answers that gave the student away most: category, prompt_id, prompt, teacher, student, score.

    `scores` are pairwise scores of one adversary on one contrast (with a column removed, those of nothing
    removed count); `pairs` its answers. At most one prompt a category and n in all, the most certain right
    verdict first, ties by prompt id. Raises BadInput on scores of several adversaries or unknown prompts.
    """
    table = scores[scores["game"] == "pairwise"]
    if "removed" in table:
        table = table[table["removed"] == NOTHING]
    if len(table[UNIT[:3]].drop_duplicates()) != 1:
        raise BadInput("telling answers are those of one adversary on one contrast; filter the scores first")
    table = table[table["score"] > 0].sort_values(
        ["score", "prompt_id"], ascending=[False, True], kind="stable"
    )
    best = table.drop_duplicates("category").head(n)[["category", "prompt_id", "score"]]
    texts = pairs.set_index("prompt_id")[["prompt", "teacher", "student"]]
    if missing := [name for name in best["prompt_id"] if name not in texts.index]:
        raise BadInput(f"no answers to prompt {missing[0]} among the pairs; give the pairs that were scored")
    return best.join(texts, on="prompt_id").reset_index(drop=True)[
        ["category", "prompt_id", "prompt", "teacher", "student", "score"]
    ]
