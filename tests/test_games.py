"""The games' bookkeeping: chance is 0, ties are one half, folds never share a question, intervals cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bbi_utils import games
from bbi_utils.errors import BadInput
from bbi_utils.games.inference.simultaneous import simultaneous


def make_pairs(n: int = 60) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "prompt_id": [f"id{i:04d}" for i in range(n)],
            "prompt": [f"question {i}" for i in range(n)],
            "category": [f"category {i % 3}" for i in range(n)],
            "teacher": [f"the long teacher answer {i}" for i in range(n)],
            "student": [f"short {i}" for i in range(n)],
        }
    )


class Scripted:
    """An adversary made of a function of (prompt, answer) and one of (prompt, first, second)."""

    name = "scripted"

    def __init__(self, single=lambda prompt, answer: 1.0, paired=lambda prompt, first, second: 1.0):
        self.single, self.paired = single, paired
        self.trained_on: set[str] = set()

    def fit(self, pairs, *, seed):
        self.trained_on = set(pairs["prompt"])
        return self

    def score(self, prompts, answers):
        assert not self.trained_on & set(prompts)
        return np.array([self.single(*row) for row in zip(prompts, answers, strict=True)])

    def score_pairs(self, prompts, first, second):
        return np.array([self.paired(*row) for row in zip(prompts, first, second, strict=True)])


def play(make, pairs=None, **settings):
    pairs = make_pairs() if pairs is None else pairs
    return games.play(make, pairs, pair="qwen", contrast="base", **settings)[0]


def test_a_constant_adversary_has_exactly_no_advantage_in_both_games():
    table = games.advantage(play(Scripted))
    assert table["advantage"].tolist() == [0.0, 0.0]
    assert (table["lower"] <= 0).all() and (table["upper"] >= 0).all()


def test_an_adversary_that_knows_has_advantage_one_and_one_that_errs_minus_one():
    knows = Scripted(lambda p, a: len(a) - 12.0, lambda p, a, b: float(len(a) - len(b)))
    errs = Scripted(lambda p, a: 12.0 - len(a), lambda p, a, b: float(len(b) - len(a)))
    assert games.advantage(play(lambda: knows))["advantage"].tolist() == [1.0, 1.0]
    assert games.advantage(play(lambda: errs))["advantage"].tolist() == [-1.0, -1.0]  # no absolute value


def test_identical_answers_count_one_half():
    pairs = make_pairs().assign(student=lambda table: table["teacher"])
    scores = play(lambda: Scripted(lambda p, a: hash(a) % 7 - 3.0, lambda p, a, b: 5.0), pairs)
    assert (scores.groupby(["game", "prompt_id"])["correct"].mean() == 0.5).all()


def test_score_rows_follow_the_contract_and_do_not_depend_on_row_order():
    pairs = make_pairs()
    make = lambda: Scripted(lambda p, a: len(a) - 12.0)  # noqa: E731
    scores = play(make, pairs)
    assert list(scores.columns) == games.SCORE_COLUMNS
    assert scores.groupby("game").size().to_dict() == {"pairwise": 60, "single": 120}
    assert set(scores["correct"]) <= {0.0, 0.5, 1.0}
    pd.testing.assert_frame_equal(scores, play(make, pairs.sample(frac=1, random_state=3)))


def test_folds_keep_groups_together_and_categories_balanced():
    pairs = make_pairs(90).assign(group=[f"group {i // 6 * 3 + i % 3}" for i in range(90)])
    folds = games.assign_folds(pairs, folds=3, seed=1)
    assert pd.Series(folds).groupby(pairs["group"]).nunique().max() == 1
    counts = pd.crosstab(pairs["category"], folds).to_numpy()
    assert counts.max() - counts.min() <= 2
    assert (folds == games.assign_folds(pairs, folds=3, seed=1)).all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda pairs: pairs.drop(columns="teacher"), "teacher"),
        (lambda pairs: pd.concat([pairs, pairs.head(1)]), "more than once"),
        (lambda pairs: pairs.head(3), "folds"),
    ],
)
def test_bad_pairs_are_named(spoil, message):
    with pytest.raises(BadInput, match=message):
        play(Scripted, spoil(make_pairs()))


def test_scores_that_are_not_numbers_are_refused():
    with pytest.raises(BadInput, match="finite"):
        play(lambda: Scripted(lambda p, a: float("nan")))


def test_costs_are_reported():
    _, costs = games.play(Scripted, make_pairs(), pair="qwen", contrast="base")
    assert costs.loc[0, "fit_seconds"] >= 0 and costs.loc[0, "parameters"] == 0
    assert list(costs.columns) == [
        "pair", "contrast", "adversary", "fit_seconds", "score_seconds", "parameters", "truncated_share",
    ]  # fmt: skip


def test_difference_is_paired_and_by_category_finds_where_the_artifact_sits():
    only_one = Scripted(paired=lambda p, a, b: float(len(a) - len(b)) * (int(p.split()[1]) % 3 == 0))
    base = play(lambda: only_one, make_pairs(300))
    same = base.assign(contrast="distilled")
    table = games.paired_difference(pd.concat([base, same]))
    assert (table["advantage"] == 0).all() and set(table["contrast"]) == {"base - distilled"}
    assert (table["upper"] < 0.1).all()
    sites = games.by_category(base).set_index(["game", "category"])
    assert sites.loc[("pairwise", "category 0"), "lower"] > 0.8
    assert sites.loc[("pairwise", "category 1"), "upper"] < 0.2
    with pytest.raises(BadInput, match="distilled"):
        games.paired_difference(base)


def test_rows_with_fewer_prompts_join_the_same_family():
    base = play(Scripted)
    part = base[base["game"] == "pairwise"].head(20).assign(adversary="judge")
    table = games.advantage(pd.concat([base, part])).set_index(["adversary", "game"])
    assert table.loc[("judge", "pairwise"), "n"] == 20 and table.loc[("scripted", "single"), "n"] == 60


@pytest.mark.parametrize(("n", "ties"), [(200, 0.0), (200, 0.8), (600, 0.0)])
def test_intervals_cover_together_at_the_nominal_level(n, ties):
    rng, covered, worlds = np.random.default_rng(0), 0, 200
    truth = np.array([0.0, 0.1, 0.3, 0.6])
    for world in range(worlds):
        shared = rng.random((n, 1))
        uniform = np.where(rng.random((n, 4)) < 0.5, shared, rng.random((n, 4)))
        values = np.where(rng.random((n, 1)) < ties, 0.0, np.where(uniform < (1 + truth) / 2, 1.0, -1.0))
        table = simultaneous(values, seed=world)
        inside = (table["lower"] <= truth * (1 - ties)) & (truth * (1 - ties) <= table["upper"])
        covered += bool(inside.all())
    assert covered / worlds >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / worlds)


def test_a_row_without_variance_keeps_a_width_and_bounds_stay_in_range():
    values = np.column_stack([np.ones(200), np.zeros(200), -np.ones(200)])
    table = simultaneous(values)
    assert (table["upper"] - table["lower"] > 0.01).all()
    assert table["upper"].max() == 1.0 and table["lower"].min() == -1.0


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_confidence_outside_0_1_is_refused(confidence):
    with pytest.raises(BadInput, match="confidence"):
        simultaneous(np.ones((10, 1)), confidence=confidence)
