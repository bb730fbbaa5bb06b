"""Where the artifact sits: rerun an adversary on neutralised answers and see what it loses, prompt by prompt.

Each transform is applied to the answers of both sides, before training and before testing, so that the
adversary may look for anything that is left. This is an intervention on the texts and not a look at weights:
an adversary that still succeeds did not need what was removed. The other direction holds with less. An
adversary that loses needed something that went with the removal. Removals overlap (line breaks go with word
order and with markup, closing words with length) and may destroy content (cut answers, signs of operations).
So the costs of several removals do not add up to the advantage, and a cost of zero does not say that the kind
differs in nothing: another kind may have told the same.

Costs are paired: the same prompts, in the same folds, with an adversary trained afresh on answers neutralised
in the same way.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

import pandas as pd

from bbi_utils.errors import BadInput
from bbi_utils.games.crossfit import play
from bbi_utils.games.estimates import intervals
from bbi_utils.games.player import Maker, Player
from bbi_utils.games.scores import checked, units

Transform = Callable[[pd.DataFrame], pd.DataFrame]
EMPTY = "empty"  # stands for a text of which nothing is left, on both sides alike
LIST_NUMBER = re.compile(r"(?m)^[ \t]*\d{1,2}[.)][ \t]+(?=\S)")
WORD = re.compile(r"(?<!\S)\S*[^\W_]")  # from where it begins to its last letter or digit
NUMBER = re.compile(r"((?:(?<!\w)-)?\d+(?:[.,:/-]\d+)*)")
SIDES = ["teacher", "student"]
NOTHING = "nothing"
ALL = "all"
LINE = ["pair", "contrast", "adversary", "removed", "category"]  # of the table of costs
PROMPT = ["pair", "contrast", "adversary", "prompt_id"]


def without_markup(text: str) -> str:
    """Words and numbers with single spaces: no punctuation, symbol, line break or number of a list item.

    Unicode says what is punctuation or a symbol. Marks within a number, and its minus, are content and stay.
    """
    pieces = NUMBER.split(LIST_NUMBER.sub("", text))
    pieces[::2] = ["".join(map(_plain, piece)) for piece in pieces[::2]]
    return " ".join("".join(pieces).split())


def _plain(character: str) -> str:
    return " " if unicodedata.category(character)[0] in "PS" else character


def without_order(text: str) -> str:
    """The same words, as often, in the order of their characters' codes, with single spaces."""
    return " ".join(sorted(text.split()))


def same_length(pairs: pd.DataFrame) -> pd.DataFrame:
    """Both answers of a prompt cut to as many words as the shorter has; line breaks in between stay.

    A word has a letter or a digit. Closing punctuation goes from both: a full stop at the end would say which
    one was not cut. Number of words is not number of characters: longer words remain longer.
    """
    ends = pairs[SIDES].map(lambda text: [0, *(word.end() for word in WORD.finditer(text))])
    last = ends.map(len).min(axis=1) - 1
    rows = {side: zip(pairs[side], ends[side], last, strict=True) for side in SIDES}
    return pairs.assign(**{side: [text[: at[n]] for text, at, n in row] for side, row in rows.items()})


def each_answer(change: Callable[[str], str]) -> Transform:
    """A transform that changes every answer by itself."""
    return lambda pairs: pairs.assign(**{side: pairs[side].map(change) for side in SIDES})


TRANSFORMS: dict[str, Transform] = {
    "length": same_length,
    "markup": each_answer(without_markup),
    "case": each_answer(str.lower),
    "order": each_answer(without_order),
}


def neutralised(pairs: pd.DataFrame, transform: Transform) -> pd.DataFrame:
    """The pairs after the transform, with `EMPTY` for an answer that was empty or of which nothing is left.

    Equal answers stay in: they are ties. Raises BadInput where the transform changed more than the answers,
    since costs compare the same prompts in the same folds.
    """
    changed = transform(pairs)
    about = [name for name in pairs if name not in SIDES]
    if not set(pairs) <= set(changed) or not changed[about].equals(pairs[about]):
        raise BadInput(f"a removal changed more than the answers; expected {about} as they were, row by row")
    said = {side: changed[side].where(changed[side].str.strip() != "", EMPTY) for side in SIDES}
    return changed.assign(**said)


def attribute(
    make_adversary: Maker | Player,
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
        scores, _ = play(make_adversary, neutralised(pairs, transform), **same)
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
    one_by_one = _per_prompt(scores)
    everywhere = one_by_one.assign(category=ALL)
    families = [
        intervals(values, family, LINE, confidence=confidence, seed=seed, largest=2.0)
        for values, family in ((everywhere, PROMPT[:2]), (one_by_one, PROMPT[:3]))
    ]
    left = pd.concat([everywhere, one_by_one]).groupby(LINE)["left"].mean().rename("advantage")
    table = pd.concat(families).rename(columns={"advantage": "cost"}).join(left, on=LINE)
    order = {name: at for at, name in enumerate(dict.fromkeys(scores["removed"]))}
    table = table.assign(at=table["removed"].map(order), one=table["category"] != ALL)
    table = table.sort_values([*PROMPT[:3], "one", "at", "category"], kind="stable", ignore_index=True)
    return table[[*LINE, "n", "advantage", "cost", "lower", "upper"]]


def _per_prompt(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a prompt and removal: unit, left (2 correct - 1 after it), value (that before, less left)."""
    table = checked(scores, "category", key=["removed"])
    table = table[table["game"] == "pairwise"]
    table = table.assign(unit=units(table))
    wide = 2 * table.pivot(index=[*PROMPT, "category", "unit"], columns="removed", values="correct") - 1
    if NOTHING not in wide or len(wide.columns) < 2 or wide.isna().any(axis=None):
        raise BadInput(
            f"removals {sorted(set(scores['removed']))} cannot be compared; expected {NOTHING!r} and at "
            "least one more, each scored by the same adversaries on the same prompts"
        )
    left = wide.drop(columns=NOTHING)
    cost = -left.sub(wide[NOTHING], axis=0)
    return pd.concat({"left": left.stack(), "value": cost.stack()}, axis=1).reset_index()
