"""Choosing questions: quicker where prompts differ in what they tell, fair where nothing does, blind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bbi_utils.adversaries import lexical_adversaries
from bbi_utils.errors import BadInput
from bbi_utils.games.choosing import ORDERS, advantage_by_order, judged, queries_needed
from bbi_utils.games.scores import checked

WHO = {"pair": "p", "contrast": "base"}


def answer_pairs(n: int, *, telling: float, share: float = 0.2, seed: int = 0) -> pd.DataFrame:
    """Answers of random words. In a share of prompts, of one kind, the student may end otherwise."""
    rng = np.random.default_rng(seed)
    said = [[" ".join(rng.choice(list("abcdefgh"), 5)) for _ in range(n)] for _ in range(2)]
    kind = np.where(rng.random(n) < share, "song", "sum")
    marked = (kind == "song") & (rng.random(n) < telling)
    return pd.DataFrame(
        {
            "prompt_id": [f"{i:04}" for i in range(n)],
            "prompt": [f"a {k}, number {i}" for i, k in enumerate(kind)],
            "category": "all", "teacher": [f"{text}." for text in said[0]],
            "student": [f"{text}{'!' if mark else '.'}" for text, mark in zip(said[1], marked, strict=True)],
        }
    )  # fmt: skip


def words() -> object:
    return lexical_adversaries()["word_ngrams"]


def test_chosen_questions_need_less_than_half_where_one_kind_of_prompt_tells() -> None:
    scores = judged(words(), answer_pairs(600, telling=0.9), **WHO)  # type: ignore[arg-type]
    assert len(checked(scores, "fold", "worth")) == 1200  # contract C3
    found = queries_needed(scores).iloc[0]
    assert found["ratio"] < 0.5 and found["upper"] < 1
    curves = advantage_by_order(scores).pivot(index="q", columns="order", values="advantage")
    assert (curves["chosen"][:10] >= curves["random"][:10]).all()
    assert curves["chosen"][25] == pytest.approx(curves["random"][25])  # all are asked, in whatever order
    by_kind = scores.groupby(scores["prompt_id"].map(_kinds()))["worth"].mean()
    assert by_kind["song"] > 5 * by_kind["sum"]


def _kinds() -> dict[str, str]:
    pairs = answer_pairs(600, telling=0.9)
    return {
        i: "song" if "song" in text else "sum"
        for i, text in zip(pairs["prompt_id"], pairs["prompt"], strict=True)
    }


def test_nothing_is_gained_by_choosing_where_nothing_differs() -> None:
    found = []
    for seed in range(12):
        scores = judged(words(), answer_pairs(180, telling=0.0, seed=seed), **WHO)  # type: ignore[arg-type]
        table = advantage_by_order(scores, pool=15)
        found.append(table[(table["order"] == "chosen") & (table["q"] == 4)]["advantage"].iloc[0])
        assert (table["lower"] <= 0).all()
    assert np.mean(found) <= 2 * np.std(found) / np.sqrt(len(found))


def test_what_a_prompt_promises_owes_nothing_to_answers_of_its_fold() -> None:
    """Stored scores of the other folds would: their adversaries have learned from this one."""
    pairs = answer_pairs(120, telling=0.9)
    before = judged(words(), pairs, **WHO)  # type: ignore[arg-type]
    own = set(before["prompt_id"][before["fold"] == 0])
    changed = pairs.assign(student=pairs["student"].where(~pairs["prompt_id"].isin(own), "something else!"))
    after = judged(words(), changed, **WHO)  # type: ignore[arg-type]
    held = before["fold"] == 0
    pd.testing.assert_series_equal(before["worth"][held], after["worth"][held])
    assert (before["worth"][~held] != after["worth"][~held]).any()


def test_queries_needed_of_known_scores() -> None:
    """A fifth of the prompts tell for sure, the others nothing; the pool has two of ten that do."""
    rng = np.random.default_rng(0)
    rows = [(f"{i:03}", i % 2, float(i % 5 == 0)) for i in rng.permutation(400)]
    sides = {"teacher": 1.0, "student": -1.0}
    table = pd.DataFrame(
        [(i, fold, shown, sign * tells, tells) for i, fold, tells in rows for shown, sign in sides.items()],
        columns=["prompt_id", "fold", "shown", "score", "worth"],
    ).assign(**WHO, adversary="known", game="single", category="c", correct=0.5)
    curves = advantage_by_order(table, pool=10).pivot(index="q", columns="order", values="advantage")
    assert curves["random"][1] == pytest.approx(0.2, abs=0.02)
    assert curves["chosen"][1] == curves["chosen"][10] == curves["random"][10] > 0.85
    found = queries_needed(table, pool=10).iloc[0]
    assert found["chosen"] < 1 and 4 < found["random"] < 8
    assert found["lower"] <= found["ratio"] <= found["upper"]


class PairsOnly:
    name = "pairs only"

    def fit(self, pairs: pd.DataFrame, *, seed: int) -> None:
        """Nothing to learn."""

    def score_pairs(self, prompts, first, second) -> np.ndarray:
        return np.zeros(len(prompts))


def test_bad_input_is_named() -> None:
    pairs = answer_pairs(60, telling=0.9)
    with pytest.raises(BadInput, match="take 3 folds or more"):
        judged(words(), pairs, **WHO, folds=2)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="judges pairs only"):
        judged(PairsOnly, pairs, **WHO)  # type: ignore[arg-type]
    scores = judged(words(), pairs, **WHO)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="make the pool smaller"):
        advantage_by_order(scores)
    with pytest.raises(BadInput, match="lack the columns"):
        queries_needed(scores.drop(columns="worth"))
    assert set(ORDERS) == set(advantage_by_order(scores, pool=5)["order"])
