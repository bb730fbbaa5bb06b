"""Answer pairs and their folds: what can be played on, and which prompts are held out together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.tables import joined

PAIR_COLUMNS = ("prompt_id", "prompt", "category", "teacher", "student")


def assign_folds(pairs: pd.DataFrame, *, folds: int, seed: int) -> np.ndarray:
    """Test fold of each row, shape (n,): whole groups, dealt out category by category.

    It depends on prompts and seed only, so all contrasts and adversaries of a pair share their folds.
    """
    groups = questions(pairs)
    first = pd.DataFrame({"group": groups, "category": pairs["category"]}).drop_duplicates("group")
    first = first.sort_values("group").sample(frac=1, random_state=seed)
    first = first.sort_values("category", kind="stable")
    fold_of = dict(zip(first["group"], np.arange(len(first)) % folds, strict=True))
    return groups.map(fold_of).to_numpy()


def checked_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """The answer pairs, with "" for every answer of white space alone or none.

    Raises BadInput on missing columns, repeated ids and prompts that neither side answered.
    """
    missing = [column for column in PAIR_COLUMNS if column not in pairs]
    if missing:
        raise BadInput(f"answer pairs lack the columns {missing}; expected {list(PAIR_COLUMNS)}")
    repeated = pairs["prompt_id"][pairs["prompt_id"].duplicated()]
    if len(repeated):
        raise BadInput(f"prompt id {repeated.iloc[0]} occurs more than once; each prompt is one unit")
    said = pairs[["teacher", "student"]].fillna("").astype(str)
    said = said.where(said.apply(lambda side: side.str.strip() != ""), "")
    if nothing := int((said == "").all(axis=1).sum()):
        way = "leave these out, and say what share of the prompts is left"
        raise BadInput(f"{nothing} prompts were answered by neither side; {way}")
    return pairs.assign(**said.astype(object))  # texts that are made once, and not anew for each reader


def questions(pairs: pd.DataFrame) -> pd.Series:
    """What each row asks: its ``group`` where it has one (the same in other words), else its text.

    Groups that have a text in common are one, under the name of the first.
    """
    names = pairs["group" if "group" in pairs else "prompt"].astype(str)
    if pairs["prompt"].is_unique:
        return names
    return names.iloc[joined(names, pairs["prompt"])].set_axis(names.index)
