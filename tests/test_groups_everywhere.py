"""Asking each question four times in other words tells no more than asking once, whatever is measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import synthetic_results as made

from bbi_utils.adversaries.judge import judge_pairs, judge_quantities, to_scores
from bbi_utils.games import limit, similarity
from bbi_utils.games.certificate import certify
from bbi_utils.report import figures, judging, reading, summaries

TIMES = 4


def lengths(judgements: pd.DataFrame) -> pd.DataFrame:
    """Answers, the teacher's longer where the judge is right in nine of ten."""
    place = judgements["prompt_id"].str[1:5].astype(int)
    longer = (judgements["correct"] == 1) ^ (place % 10 == 0)
    texts = {"teacher": longer.map({True: "a longer one", False: "short"}), "student": "as long"}
    return judgements[judgements["contrast"] == "base"].assign(**texts)


def least_share(judgements: pd.DataFrame) -> pd.DataFrame:
    said = judging.length(lengths(judgements).query("pair == 'qwen'"))
    found = float(said.split("at least ")[1].split("%")[0])
    return pd.DataFrame({"lower": [found], "upper": [100.0]})


def content(answers: pd.DataFrame) -> pd.DataFrame:
    said = reading.content(answers.assign(category="all").query("pair == 'qwen'"))
    lower, upper = said.split("[")[1].split("]")[0].split(", ")
    return pd.DataFrame({"lower": [float(lower)], "upper": [float(upper)]})


def at_most(likelihoods: pd.DataFrame) -> pd.DataFrame:
    return limit.nobodys(likelihoods).rename(columns={"most": "upper"}).assign(lower=0.0)


MEASURED: dict[str, tuple[pd.DataFrame, Callable[[pd.DataFrame], pd.DataFrame], float]] = {
    "similarity": (made.similarity(90), similarity.mean_similarity, 1e-9),
    "judge": (made.judgements(120), judge_quantities, 0.02),
    "judge in each order": (made.judgements(120), summaries.judge_by_order, 0.02),
    "judge's drop": (made.judgements(120), summaries.judge_drop, 1e-9),
    "judge and length": (made.judgements(120), least_share, 12),
    "answer rates": (made.answers(90), summaries.answer_rates, 0.02),
    "content lost": (made.answers(90), summaries.content_lost, 0.02),
    "content by category": (made.answers(90), content, 0.02),
    "limit": (made.likelihoods(60), summaries.limits, 1e-6),
    "limit of queries": (made.likelihoods(60), limit.of_queries, 1e-6),
    "limit of anybody": (made.likelihoods(60), at_most, 1e-6),
}  # fmt: skip


@pytest.mark.parametrize("what", MEASURED)
def test_no_interval_is_narrower_for_it(what: str) -> None:
    table, measure, close = MEASURED[what]
    once = measure(table)
    named = measure(table.assign(group=table["prompt_id"]))
    pd.testing.assert_frame_equal(once, named, check_exact=True)  # a group each changes nothing
    asked, grouped = table["prompt_id"], table.assign(group=table["prompt_id"])
    copies = [grouped.assign(prompt_id=asked + f"/{k}") for k in range(TIMES)]
    found = measure(pd.concat(copies, ignore_index=True))
    both = once.dropna(subset="lower"), found.dropna(subset="lower")
    assert (both[1]["lower"].to_numpy() <= both[0]["lower"].to_numpy() + 1e-6).all()
    assert (both[1]["upper"].to_numpy() >= both[0]["upper"].to_numpy() - 1e-6).all()
    assert np.allclose(both[0][["lower", "upper"]], both[1][["lower", "upper"]], atol=close)


def test_bands_of_lengths_are_those_of_the_groups() -> None:
    once = pd.DataFrame({"answer": ["word " * (3 + i % 7) for i in range(40)], "group": range(40)})
    often = pd.concat([once] * TIMES, ignore_index=True)
    half = []
    for table in (once, often, often.drop(columns="group")):
        fig = figures.length_figure({"teacher": table})
        band = fig.axes[0].collections[0].get_paths()[0].vertices
        half.append(band[band[:, 0] == 0, 1].max())  # of no answer, where the share is 0
        assert ("one draw" in str(fig.get_label())) == (table is often)
    assert half[0] == pytest.approx(half[1]) == pytest.approx(2 * half[2])


def test_a_judge_carries_the_groups_of_its_prompts_and_is_certified_by_them() -> None:
    rows = [(f"p{i}", f"g{i // 5}", "c", f"question {i}", "yes" * (i % 3 + 2), "y") for i in range(200)]
    pairs = pd.DataFrame(rows, columns=["prompt_id", "group", "category", "prompt", "teacher", "student"])

    def longer(_: list[str], a: list[str], b: list[str]) -> np.ndarray:
        return np.array([len(x) - len(y) for x, y in zip(a, b, strict=True)], dtype=float)

    judged = judge_pairs(longer, pairs, pair="x", contrast="base")
    assert judged["group"].tolist() == pairs["group"].tolist()
    assert certify(to_scores(judged), epsilon=0.1).groups == 40
    alone = judge_pairs(longer, pairs.assign(group=pairs["prompt_id"]), pair="x", contrast="base")
    assert "group" not in alone and "group" not in to_scores(alone)


def worlds(rng: np.random.Generator) -> pd.DataFrame:
    """Forty groups, half of one prompt and half of ten; what is large is told apart, wholly or not at all."""
    rows = []
    for g in range(40):
        large = rng.random() < 0.5
        ratio = rng.choice([0.0, 6.0]) if large else 0.5
        for k in range(10 if large else 1):
            for shown, sign in (("teacher", 1), ("student", -1)):
                rows.append(("x", "base", f"{g}/{k}", "c", shown, sign * ratio, 0.0, True, False, g))
    return pd.DataFrame(rows, columns=[*limit.LIKELIHOODS, "group"])


def test_the_limit_is_that_of_all_prompts_and_its_bounds_hold_for_unequal_groups() -> None:
    rng, missed = np.random.default_rng(0), np.zeros(2)
    truth = (0.5 * 10 * 0.5 * np.tanh(6.0) + 0.5 * np.tanh(0.5)) / 5.5
    for _ in range(60):
        table = worlds(rng)
        row = limit.ceilings(table, confidence=0.8).set_index("game").loc["pairwise"]
        by_prompt = limit.log_ratios(table)
        sides = by_prompt[["teacher", "student"]].to_numpy(float).T
        assert row["advantage"] == pytest.approx(limit.distances(*sides, "pairwise").mean())
        assert row["n"] == len(by_prompt)
        missed += row["lower"] > truth, row["upper"] < truth
    assert (missed <= 7).all()  # of 60 at 5 % each: more once in sixty times
    without = limit.ceilings(table.drop(columns="group")).set_index("game").loc["pairwise"]
    with_groups = limit.ceilings(table).set_index("game").loc["pairwise"]
    assert with_groups["upper"] - with_groups["lower"] > 1.5 * (without["upper"] - without["lower"])
