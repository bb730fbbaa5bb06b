"""The certificate: joint coverage by simulation, corner cases, verdicts, and a clear no to broken scores."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bbi_utils.errors import BadInput
from bbi_utils.games.certificate import certify, prompts_for
from bbi_utils.games.inference.exact import Counts, Record, bounds, lower_bound
from bbi_utils.games.scores import checked, records
from bbi_utils.report.text import render
from bbi_utils.study.cli.main import main


def scores(outcomes: np.ndarray, *, game: str = "pairwise", **labels: str) -> pd.DataFrame:
    """A C3 table from outcomes (prompts x adversaries) of 1, 0 and one half."""
    n, k = outcomes.shape
    return pd.DataFrame(
        {
            "pair": labels.get("pair", "p"), "contrast": labels.get("contrast", "base"), "game": game,
            "adversary": np.tile([f"a{i}" for i in range(k)], n), "category": "c", "fold": 0, "score": 0.0,
            "prompt_id": np.repeat(np.arange(n), k).astype(str), "correct": outcomes.ravel(),
        }
    )  # fmt: skip


def world(rng: np.random.Generator, n: int, advantage: np.ndarray, tie: np.ndarray, rho: float) -> np.ndarray:
    """Outcomes of correlated adversaries: a Gaussian copula decides wins, ties are drawn apart."""
    from scipy.stats import norm

    k = len(advantage)
    z = np.sqrt(rho) * rng.standard_normal((n, 1)) + np.sqrt(1 - rho) * rng.standard_normal((n, k))
    won = norm.cdf(z) < 0.5 + advantage / (1 - tie) / 2
    return np.where(rng.random((n, k)) < tie, 0.5, won.astype(float))


@pytest.mark.parametrize(
    ("won", "lost", "tied"), [(0, 0, 9), (9, 0, 0), (0, 9, 0), (5, 5, 0), (3, 1, 40), (1, 0, 0)]
)
def test_bounds_hold_the_estimate_and_stay_within_one(won: int, lost: int, tied: int) -> None:
    side = Counts(won, lost, tied)
    low, high = bounds([side], error=0.05)
    assert -1 <= low <= side.advantage <= high <= 1
    assert low == pytest.approx(-bounds([Counts(lost, won, tied)], error=0.05)[1])


def test_bounds_are_those_of_clopper_and_pearson_without_ties() -> None:
    from scipy.stats import binomtest

    wide = binomtest(70, 100, alternative="greater").proportion_ci(0.95, method="exact").low
    low = lower_bound(Counts(70, 30, 0), error=0.05)
    assert low == pytest.approx(2 * wide - 1, abs=0.02) and low <= 2 * wide - 1


def test_more_prompts_and_less_confidence_tighten() -> None:
    side = Counts(60, 40, 10)
    low, high = bounds([side], error=0.05)
    assert bounds([side.scaled(4)], error=0.05)[0] > low
    assert bounds([side], error=0.2)[1] < high


@pytest.mark.parametrize(("n", "runs"), [(200, 150), (1000, 60)])
def test_all_intervals_cover_together_and_are_narrower_than_hoeffdings(n: int, runs: int) -> None:
    """Where they held together in 0.88 of runs only, both would pass once in a thousand times."""
    rng, covered, widths = np.random.default_rng(n), 0, []
    for _ in range(runs):
        advantage = rng.uniform(0, 0.5, 8)
        outcomes = world(rng, n, advantage, rng.choice([0.0, 0.1, 0.4], 8), rng.choice([0.0, 0.5, 0.9]))
        # Neither categories nor a plan, which have bounds of their own and take longer.
        rows = certify(scores(outcomes).drop(columns="category"), epsilon=0.9).rows
        covered += all(row.lower <= truth <= row.upper for row, truth in zip(rows, advantage, strict=True))
        widths += [(row.upper - row.lower) / 2 for row in rows]
    assert covered / runs >= 0.95
    assert np.mean(widths) < np.sqrt(2 * np.log(2 * 8 / 0.05) / n) * 0.9


def test_verdicts() -> None:
    rng = np.random.default_rng(0)
    strong = world(rng, 1000, np.array([0.0, 0.4]), np.zeros(2), 0.0)
    refuted = certify(scores(strong), epsilon=0.1)
    assert refuted.verdict == "refuted" and refuted.refuted_by == ["a1 (pairwise)"]
    weak = world(rng, 1000, np.array([0.0, 0.02]), np.zeros(2), 0.0)
    assert certify(scores(weak), epsilon=0.2).verdict == "certified"
    unsure = certify(scores(weak[:100]), epsilon=0.1)
    assert unsure.verdict == "inconclusive" and unsure.prompts_needed is not None
    json.dumps(unsure.to_json())


@pytest.mark.parametrize(
    ("rows", "tied", "truth"), [(1, 0.0, 0.0), (6, 0.0, 0.0), (6, 0.6, 0.0), (3, 0.2, 0.1)]
)
def test_the_prompts_that_are_planned_for_certify_in_nine_runs_of_ten(
    rows: int, tied: float, truth: float
) -> None:
    plan: dict[str, Any] = {"rows": rows, "sides": 1, "tied": tied, "truth": truth}
    n, rng, found = prompts_for(0.2, **plan), np.random.default_rng(0), []
    assert n is not None and n < (prompts_for(0.1, **plan) or np.inf)
    chances = [(1 - tied + truth) / 2, (1 - tied - truth) / 2, tied]
    for part in (n, n // 2):
        runs = [[Record((Counts(*rng.multinomial(part, chances)),)) for _ in range(rows)] for _ in range(300)]
        found.append(np.mean([max(one.bounds(error=0.05)[1] for one in run) <= 0.2 for run in runs]))
    assert found[0] >= 0.85 and found[1] < 0.75  # 0.9, of 300: less once in two hundred times


def test_an_inconclusive_verdict_says_what_would_certify_it_whatever_was_seen() -> None:
    rng = np.random.default_rng(1)
    seen = [certify(scores(world(rng, 200, np.zeros(2), np.zeros(2), 0.0)), epsilon=0.15) for _ in range(8)]
    asked = [one.prompts_needed for one in seen if one.verdict == "inconclusive"]
    assert len(asked) >= 3 and max(asked) < 1.3 * min(asked)  # at the rates seen it was 172 to 222,022
    assert prompts_for(1e-4) is None and prompts_for(0.1, truth=0.1) is None
    assert prompts_for(0.5, tied=1.0) is not None
    assert prompts_for(0.1, sides=1) < prompts_for(0.1, sides=2) < prompts_for(0.1, rows=9)


def test_a_plan_needs_no_scores(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["certify", "--plan", "--epsilon", "0.2", "--rows", "4"]) == 0
    assert f"{prompts_for(0.2, rows=4):,}  if nobody tells the two apart" in capsys.readouterr().out
    assert main(["certify", "--epsilon", "0.2"]) == 2 and "or --plan" in capsys.readouterr().err
    assert main(["certify", "--plan", "--epsilon", "0.2", "--rows", "0"]) == 2


def test_adversaries_stand_in_the_order_in_which_the_table_first_names_them() -> None:
    one = scores(np.tile([1.0, 0.0], (30, 1))).assign(shown="pair")
    both = [one.assign(game="single", shown=side) for side in ("teacher", "student")]
    table = pd.concat([one[one["adversary"] == "a1"], *both, one[one["adversary"] == "a0"]])
    table = table.set_index(np.zeros(len(table), dtype=int))  # whatever the index says
    named = [("a1", "pairwise"), ("a0", "single"), ("a1", "single"), ("a0", "pairwise")]
    rows = certify(table, epsilon=0.1).rows
    assert [(row.adversary, row.game) for row in rows] == named
    assert [row.advantage for row in rows] == [-1.0, 1.0, -1.0, 1.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="correct"), "lack the columns"),
        (lambda t: t.assign(correct=0.7), "not 0, 0.5 or 1"),
        (lambda t: t.assign(correct=np.nan), "not 0, 0.5 or 1"),
        (lambda t: t.assign(score=np.nan), "not a finite number"),
        (lambda t: t.assign(adversary=None), "no adversary"),
        (lambda t: pd.concat([t, t]), "twice"),
        (lambda t: t.iloc[[0, *range(3, 60)]], "a1 was scored on prompts that others were not"),
        (
            lambda t: pd.concat(
                [t.assign(shown="pair")]
                + [t.iloc[2:].assign(game="single", shown=side) for side in ("teacher", "student")]
            ),
            "not scored on the same prompts in all its games",
        ),
        (lambda t: t.iloc[:0], "empty"),
        (lambda t: t.assign(game="chess"), "unknown game 'chess'; expected single or pairwise"),
        (
            lambda t: t.assign(game="single", shown="teacher"),
            "a0 .single. was shown teacher; exp",
        ),
        (lambda t: t.assign(game="single"), "the single game need a column shown: teacher or student"),
        (lambda t: t.assign(shown=None), "60 scores have no shown"),
        (lambda t: t.assign(fold=np.nan), "60 scores have no fold"),
        (lambda t: t.assign(prompt_id=[[i] for i in range(60)]), "prompt_id holds lists"),
        (lambda t: t.assign(category=[["c"]] * 60), "category holds lists"),
        (lambda t: t.assign(pair=np.arange(len(t)).astype(str)), "60 pairs"),
    ],
)
def test_broken_scores_get_no_verdict(change, message: str) -> None:
    table = scores(np.ones((30, 2)))
    with pytest.raises(BadInput, match=message):
        certify(change(table), epsilon=0.1)


@pytest.mark.parametrize(
    ("epsilon", "confidence"), [(-0.1, 0.95), (1.0, 0.95), (0.1, 1.0), (0.1, 0.0), (0.1, 95)]
)
def test_epsilon_and_confidence_are_fractions(epsilon: float, confidence: float) -> None:
    with pytest.raises(BadInput, match="expected a number"):
        certify(scores(np.ones((30, 1))), epsilon=epsilon, confidence=confidence)


@pytest.mark.parametrize("q", [0, -1])
def test_queries_are_counted_from_one(q: int) -> None:
    with pytest.raises(BadInput, match=f"{q} queries"):
        certify(scores(np.ones((30, 1))), epsilon=0.1, q=q)


def test_epsilon_of_nothing_can_be_refuted_but_hardly_certified() -> None:
    won = np.repeat([[1.0]], 60, axis=0)
    assert certify(scores(won), epsilon=0.0).verdict == "refuted"
    tied = np.full((60, 1), 0.5)
    assert certify(scores(tied), epsilon=0.0).verdict == "inconclusive"


def test_each_category_has_its_own_bounds_and_the_guilty_one_comes_first() -> None:
    rng = np.random.default_rng(4)
    table = scores(world(rng, 400, np.array([0.0, 0.0]), np.zeros(2), 0.0))
    guilty = table["prompt_id"].astype(int) < 100
    table["category"] = np.where(guilty, "guilty", "innocent")
    table.loc[guilty & (table["adversary"] == "a1"), "correct"] = 1.0
    found = certify(table, epsilon=0.05).categories
    assert [row.category for row in found] == ["guilty", "innocent"]
    assert found[0].strongest == "a1 (pairwise)" and found[0].floor > 0.8 > found[1].ceiling


def test_with_many_queries_a_weak_adversary_becomes_certain() -> None:
    """Unit-variance scores around 0.4: sixteen of them are right about 95 times in a hundred."""
    rng = np.random.default_rng(5)
    score = rng.normal(0.4, 1.0, size=(960, 1))
    table = scores((np.sign(score) + 1) / 2).assign(score=score.ravel(), shown="pair")
    one, many = certify(table, epsilon=0.5), certify(table, epsilon=0.5, q=16)
    assert one.verdict == "certified" and many.verdict == "refuted"
    assert many.rows[0].n == 60 and many.q == 16


def test_many_queries_need_to_know_which_side_was_shown() -> None:
    with pytest.raises(BadInput, match=r"lack the columns \['shown'\]"):
        certify(scores(np.ones((60, 1))), epsilon=0.5, q=2)


def test_costs_say_what_t_was() -> None:
    costs = pd.DataFrame([{"adversary": "a0", "fit_seconds": 1.5, "score_seconds": 0.5, "parameters": 7}])
    row = certify(scores(np.ones((30, 1))), epsilon=0.1, costs=costs).rows[0]
    assert (row.seconds, row.parameters) == (2.0, 7)


def test_the_text_says_the_verdict_the_numbers_and_the_limits() -> None:
    rng = np.random.default_rng(0)
    outcomes = world(rng, 1000, np.array([0.0, 0.4]), np.zeros(2), 0.0)
    refuted = certify(scores(outcomes), epsilon=0.1)
    text = render(refuted)
    best = max(refuted.rows, key=lambda row: row.floor)
    bounds = f"{best.advantage:.3f} [{best.lower:.3f}, {best.upper:.3f}], one-sided at least {best.floor:.3f}"
    assert (
        text.startswith(f"refuted at ε = 0.1: a1 (two answers) reaches {bounds}, at q = 1")
        and "±" not in text
    )
    named = replace(refuted, rows=[replace(row, adversary="word_ngrams") for row in refuted.rows])
    assert "word n-grams (two answers) reaches" in (text := render(named)) and "word_ngrams" not in text
    assert "no other" in text and all(f"{row.lower:.3f}" in text for row in refuted.rows)
    assert render(certify(scores(outcomes[:, :1]), epsilon=0.2)).startswith("certified: ε ≤ 0.")
    unsure = certify(scores(outcomes[:50, :1]), epsilon=0.1)
    assert f"about {unsure.prompts_needed:,} prompts would certify it" in render(unsure)


def test_an_adversary_asked_about_fewer_prompts_counts_on_those() -> None:
    """A judge that costs money reads half of the prompts; its row is as if nobody else had been there."""
    table = scores(np.ones((60, 2)))
    judge = table[(table["adversary"] == "a1") & (table["prompt_id"].astype(int) < 30)]
    both = certify(pd.concat([table[table["adversary"] == "a0"], judge]), epsilon=0.1, q=1)
    assert [row.n for row in both.rows] == [60, 30] and both.prompts == 60
    alone = certify(judge, epsilon=0.1)
    assert both.rows[1].ceiling == alone.rows[0].ceiling
    assert "fewer: a1 on 30" in render(both)


def cross_fitted_worlds(folds: int, worlds: int) -> list[pd.DataFrame]:
    """Scores of an adversary that keeps the sign of one number, in worlds where the sign means nothing."""
    rng, found = np.random.default_rng(0), []
    for _ in range(worlds):
        x, fold = rng.choice((-1.0, 1.0), 200), np.arange(200) % folds
        side = np.array([np.sign(x[fold != f].sum()) for f in range(folds)])[fold]
        found.append(scores((1 + side * x)[:, None] / 2).assign(fold=fold))
    return found


def floor_of(table: pd.DataFrame) -> float:
    """That of the only row; a whole certificate takes ten times as long."""
    (record,) = records(checked(table)).values()
    return record.bounds(error=1 - 0.95)[0]


def test_folds_that_err_together_do_not_refute_too_often() -> None:
    """The certificate knows of folds; the same table without them would be refuted far too often."""
    worlds = cross_fitted_worlds(5, 400)
    assert certify(worlds[0], epsilon=0.0).rows[0].floor == floor_of(worlds[0])
    known = np.mean([floor_of(table) > 0 for table in worlds])
    unknown = np.mean([floor_of(table.assign(fold=0)) > 0 for table in worlds])
    assert known <= 0.05 < 0.07 < unknown


def test_a_clear_advantage_has_the_same_bounds_with_and_without_folds() -> None:
    table = scores(np.r_[np.ones(180), np.zeros(60)][:, None])
    folded = certify(table.assign(fold=np.arange(240) % 5), epsilon=0.1)
    assert folded.rows == certify(table, epsilon=0.1).rows and folded.verdict == "refuted"
