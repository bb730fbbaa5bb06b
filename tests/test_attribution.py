"""Neutralising answers: what is taken out is gone from both sides, and an adversary loses its worth."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest

from bbi_utils import games
from bbi_utils.adversaries.features import LengthAdversary
from bbi_utils.errors import BadInput
from bbi_utils.games.ablation import (
    EMPTY,
    TRANSFORMS,
    attribute,
    costs_of_removal,
    neutralised,
    same_length,
    without_markup,
    without_order,
)

WORDS = ("red", "green", "blue", "grey", "pink", "black", "white", "brown")


def make_pairs(n: int = 120, *, seed: int = 0, longer: int = 0, shout: bool = False) -> pd.DataFrame:
    """Random words from one list; the teacher says `longer` more of them, or says them in capitals."""
    rng = np.random.default_rng(seed)

    def say(count: int) -> str:
        return " ".join(rng.choice(WORDS, count)) + "."

    counts = rng.integers(5, 9, n)
    teacher = [say(count + longer) for count in counts]
    return pd.DataFrame(
        {
            "prompt_id": [f"p{i:04d}" for i in range(n)],
            "prompt": [f"question {i}" for i in range(n)],
            "category": [f"category {i % 3}" for i in range(n)],
            "teacher": [text.upper() for text in teacher] if shout else teacher,
            "student": [say(count) for count in counts],
        }
    )


class Capitals:
    """Counts capital letters."""

    name = "capitals"

    def fit(self, pairs, *, seed):
        return self

    def score(self, prompts, answers):
        return np.array([sum(map(str.isupper, answer)) - 1.0 for answer in answers])

    def score_pairs(self, prompts, first, second):
        return self.score(prompts, first) - self.score(prompts, second)


def removals(pairs: pd.DataFrame, make=LengthAdversary, **settings) -> pd.DataFrame:
    untouched, _ = games.play(make, pairs, pair="qwen", contrast="base")
    return attribute(make, pairs, untouched, **settings)


def costs(scores: pd.DataFrame) -> pd.DataFrame:
    return costs_of_removal(scores).set_index(["removed", "category"])


def random_pairs(n: int = 150) -> pd.DataFrame:
    rng = random.Random(4)
    bits = [
        "a",
        "B",
        "é",
        "3.5",
        "-2",
        "1. ",
        "\n",
        " ",
        "**",
        "_",
        "--",
        "...",
        "漢",
        "🙂",
        "'",
        "\t",
        "2024-01-05",
    ]
    texts = ["".join(rng.choices(bits, k=rng.randint(1, 12))) for _ in range(2 * n)]
    return make_pairs(n).assign(teacher=texts[:n], student=texts[n:])


@pytest.mark.parametrize("removed", TRANSFORMS)
def test_a_removal_done_twice_changes_nothing_more(removed):
    once = neutralised(random_pairs(), TRANSFORMS[removed])
    pd.testing.assert_frame_equal(neutralised(once, TRANSFORMS[removed]), once)


@pytest.mark.parametrize("removed", TRANSFORMS)
def test_a_removal_treats_both_sides_alike_and_leaves_no_answer_empty(removed):
    pairs = random_pairs()
    swapped = pairs.rename(columns={"teacher": "student", "student": "teacher"})
    there, back = neutralised(pairs, TRANSFORMS[removed]), neutralised(swapped, TRANSFORMS[removed])
    assert there["teacher"].equals(back["student"]) and there["student"].equals(back["teacher"])
    assert (there[["teacher", "student"]].map(str.strip) != "").all(axis=None)


def test_markup_goes_and_the_content_of_numbers_stays():
    text = "1. **Well-known** facts:\n2. It's `x_1` - about -3.5 or 1,000 (see [here](there))!"
    assert without_markup(text) == "Well known facts It s x 1 about -3.5 or 1,000 see here there"
    assert without_markup("क्या\u200dहै? 42.") == "क्या\u200dहै 42"  # marks and joiners are parts of words
    assert without_markup("**...**") == ""


def test_word_order_goes_and_the_words_stay():
    assert without_order("to be or not\nto be") == without_order("be be not or to to")
    assert without_order("b a  b") == "a b b"


def test_lengths_are_equal_in_words_and_no_full_stop_tells_which_was_cut():
    pairs = make_pairs(1).assign(teacher="- One, two;\n- three four.", student="Five six - seven.")
    cut = same_length(pairs).iloc[0]
    assert (cut["teacher"], cut["student"]) == ("- One, two;\n- three", "Five six - seven")
    made = same_length(make_pairs(200, longer=3))
    counts = [made[side].str.split().str.len() for side in ("teacher", "student")]
    assert (counts[0] == counts[1]).all() and not made["student"].str.endswith(".").any()


def test_empty_texts_become_ties_and_do_not_stop_the_game():
    pairs = make_pairs(40).assign(teacher="?!", student="...")
    scores = removals(pairs, transforms={"markup": TRANSFORMS["markup"]})
    assert (neutralised(pairs, TRANSFORMS["markup"])[["teacher", "student"]] == EMPTY).all(axis=None)
    assert (scores.loc[scores["removed"] == "markup", "correct"] == 0.5).all()


def test_removing_a_planted_length_costs_nearly_everything_and_letter_case_nothing():
    scores = removals(make_pairs(300, longer=4))
    table = costs(scores)
    before = 2 * scores.loc[scores["removed"] == "nothing", "correct"].mean() - 1
    length, case = table.loc[("length", "all")], table.loc[("case", "all")]
    assert before > 0.9 and length["cost"] > 0.85 * before and length["lower"] > 0.6 * before
    assert case["cost"] == 0 and case["lower"] < 0 < case["upper"]
    assert abs(length["advantage"]) < 0.2
    sums = (table["advantage"] + table["cost"]).loc[:, "all"]
    assert sums.to_numpy() == pytest.approx(before)


def test_removing_planted_capitals_costs_everything_and_length_little():
    table = costs(removals(make_pairs(90, shout=True), Capitals))
    assert table.loc[("case", "all"), "cost"] == 1 and table.loc[("case", "all"), "advantage"] == 0
    assert table.loc[("length", "all"), "cost"] == 0


def test_rows_are_all_prompts_and_each_category_with_their_counts():
    table = costs_of_removal(removals(make_pairs(120, longer=1)))
    assert list(table.columns) == [
        "pair", "contrast", "adversary", "removed", "category", "n", "advantage", "cost", "lower", "upper",
    ]  # fmt: skip
    everywhere = table[table["category"] == "all"]
    assert list(everywhere["removed"]) == list(TRANSFORMS) and (everywhere["n"] == 120).all()
    sites = table[table["category"] != "all"]
    assert len(sites) == 12 and (sites["n"] == 40).all()
    means = sites.groupby("removed")["cost"].mean()
    assert means.to_dict() == pytest.approx(everywhere.set_index("removed")["cost"].to_dict())
    assert ((table["lower"] <= table["cost"]) & (table["cost"] <= table["upper"])).all()


def test_an_artifact_in_one_category_is_found_there():
    pairs = make_pairs(450, longer=4)
    plain = pairs["category"] != "category 1"
    pairs.loc[plain, "teacher"] = make_pairs(450, seed=9)["student"]
    table = costs(removals(pairs, transforms={"length": same_length}))
    assert table.loc[("length", "category 1"), "lower"] > 0.5
    assert table.loc[("length", "category 0"), "lower"] < 0.2


def test_removals_keep_prompts_and_folds():
    scores = removals(make_pairs(60))
    assert scores.groupby("prompt_id")["fold"].nunique().max() == 1
    assert scores.groupby("removed")["prompt_id"].nunique().eq(60).all()
    with pytest.raises(BadInput, match="more than the answers"):
        removals(make_pairs(60), transforms={"rows": lambda pairs: pairs.sort_values("teacher")})
    with pytest.raises(BadInput, match="rename"):
        removals(make_pairs(60), transforms={"nothing": same_length})


def test_untouched_scores_of_something_else_are_refused():
    pairs = make_pairs(60)
    untouched, _ = games.play(LengthAdversary, pairs, pair="qwen", contrast="base", seed=1)
    with pytest.raises(BadInput, match="same seed"):
        attribute(LengthAdversary, pairs, untouched, seed=0)
    untouched, _ = games.play(LengthAdversary, pairs, pair="qwen", contrast="base")
    with pytest.raises(BadInput, match="another adversary"):
        attribute(Capitals, pairs, untouched)
    two = pd.concat([untouched, untouched.assign(contrast="distilled")])
    with pytest.raises(BadInput, match="2 contrasts"):
        attribute(LengthAdversary, pairs, two)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: table[table["removed"] != "nothing"], "compared"),
        (lambda table: table[table["removed"] == "nothing"], "compared"),
        (lambda table: table.iloc[:-1], "compared"),
        (lambda table: pd.concat([table, table.head(1)]), "twice"),
        (lambda table: table.drop(columns="removed"), "removed"),
    ],
)
def test_costs_without_their_other_half_are_refused(spoil, message):
    scores = removals(make_pairs(30), Capitals)
    with pytest.raises(BadInput, match=message):
        costs_of_removal(spoil(scores))
