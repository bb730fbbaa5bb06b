"""Where the artifact sits: rerun an adversary on neutralised answers and see what it loses, prompt by prompt.

`neutralise` says what a removal licenses one to conclude and what not. Costs are paired: the same prompts, in
the same folds, with an adversary trained afresh on answers neutralised in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from bbi_utils import games
from bbi_utils.errors import BadInput
from bbi_utils.games.inference.simultaneous import simultaneous
from bbi_utils.games.neutralise import TRANSFORMS, Transform, neutralised
from bbi_utils.games.player import Adversary

NOTHING = "nothing"
ALL = "all"
ROW = ["pair", "contrast", "adversary", "removed", "category"]
UNIT = ["pair", "contrast", "adversary", "prompt_id"]


def attribute(
    make_adversary: Callable[[], Adversary],
    pairs: pd.DataFrame,
    untouched: pd.DataFrame,
    *,
    seed: int = 0,
    transforms: Mapping[str, Transform] = TRANSFORMS,
) -> pd.DataFrame:
    """Pairwise scores (contract C3) with a column `removed`: "nothing", then the name of each transform.

    `untouched` are the scores that `games.play` gave on the same pairs with the same seed, of this adversary
    alone; for each transform it plays again, in as many folds. Raises BadInput as `games.play` does, where
    the folds turn out others than those of `untouched`, and on a transform called "nothing" or one that
    changes more than the answers.
    """
    if NOTHING in transforms:
        raise BadInput(f"a removal is called {NOTHING!r}, which means the answers as they are; rename it")
    before = untouched[untouched["game"] == "pairwise"]
    if len(labels := before[["pair", "contrast"]].drop_duplicates()) != 1:
        raise BadInput(f"untouched scores of {len(labels)} contrasts; give those of one adversary on one")
    same = {**labels.iloc[0].to_dict(), "folds": before["fold"].nunique(), "seed": seed}
    tables = [before.assign(removed=NOTHING)]
    for removed, transform in transforms.items():
        scores, _ = games.play(make_adversary, neutralised(pairs, transform), **same)
        tables.append(scores[scores["game"] == "pairwise"].assign(removed=removed))
    table = pd.concat(tables, ignore_index=True)
    if table.groupby("prompt_id")["fold"].nunique().max() > 1 or table["adversary"].nunique() > 1:
        raise BadInput("untouched scores are of other folds or another adversary; play it with the same seed")
    return table


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
