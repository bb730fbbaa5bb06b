"""Several queries: one is the game itself, Gaussian scores follow the known curve, intervals are valid."""

from __future__ import annotations

import json
from statistics import NormalDist
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bbi_utils import games, paths
from bbi_utils.errors import BadInput
from bbi_utils.games import queries
from bbi_utils.games.queries import advantage_of_queries, lowest_share, outcome_bounds
from bbi_utils.games.scores import units
from bbi_utils.report import reading


def scores(n: int = 600, *, folds: int = 3, seed: int = 0, mean: float = 0.0, single=None) -> pd.DataFrame:
    """Pairwise scores N(mean, 1); with `single`, two arrays, the scores of teacher and student instead."""
    rng = np.random.default_rng(seed)
    common = pd.DataFrame(
        {
            "pair": "qwen",
            "contrast": "base",
            "adversary": "made",
            "prompt_id": [f"p{i:05d}" for i in range(n)],
            "category": [f"category {i % 4}" for i in range(n)],
            "fold": np.arange(n) % folds,
        }
    )
    if single is None:
        right = rng.normal(mean, 1, n)
        return common.assign(game="pairwise", shown="pair", score=right, correct=(np.sign(right) + 1) / 2)
    sides = zip(("teacher", "student"), single, (1, -1), strict=True)
    return pd.concat(
        common.assign(game="single", shown=shown, score=score, correct=(np.sign(sign * score) + 1) / 2)
        for shown, score, sign in sides
    )


def known(q: int, mean: float) -> float:
    """2 Pr[sum of q scores N(mean, 1) > 0] - 1."""
    return 2 * NormalDist().cdf(q**0.5 * mean) - 1


def test_one_query_is_the_game_as_it_is_played():
    rng = np.random.default_rng(1)
    both = pd.concat(
        [scores(400, mean=0.2), scores(400, single=(rng.normal(0.3, 1, 400), rng.normal(-0.1, 1, 400)))]
    )
    both.loc[both.index[:7], ["score", "correct"]] = 0.0, 0.5
    one = advantage_of_queries(both, sizes=(1,)).set_index("game")
    expected = games.advantage(both).set_index("game")["advantage"]
    assert one["advantage"].to_dict() == pytest.approx(expected.to_dict(), abs=1e-12)
    assert one["n"].tolist() == [400, 400]


@pytest.mark.parametrize("mean", [0.0, 0.15, 0.5])
def test_gaussian_scores_follow_the_known_curve_within_the_intervals(mean):
    table = advantage_of_queries(scores(1200, seed=5, mean=mean))
    truth = table["q"].map(lambda q: known(q, mean))
    assert ((table["lower"] <= truth) & (truth <= table["upper"])).all()
    assert (table["advantage"] - truth)[table["q"] <= 4].abs().max() < 0.1
    assert list(table["q"]) == [1, 2, 4, 8, 16, 32] and list(table["n"]) == [1200, 600, 300, 150, 75, 36]


def test_in_the_single_game_both_sides_of_the_same_prompts_are_summed():
    rng, n = np.random.default_rng(2), 1200
    made = scores(n, single=(rng.normal(0.5, 1, n), rng.normal(0.1, 1, n)))
    table = advantage_of_queries(made, sizes=(1, 4))
    truth = [(known(q, 0.5) + known(q, -0.1)) / 2 for q in (1, 4)]
    assert table["advantage"].tolist() == pytest.approx(truth, abs=0.05)


def test_a_constant_adversary_gains_nothing_from_more_queries():
    constant = np.full(200, 0.7)
    table = advantage_of_queries(scores(200, single=(constant, constant)))
    assert (table["advantage"] == 0).all()
    tied = scores(200).assign(score=0.0)
    assert (advantage_of_queries(tied)["advantage"] == 0).all()


def test_round_off_does_not_break_a_tie():
    right = np.tile([0.1, 0.2, -0.3], 80)  # in floating point 0.1 + 0.2 - 0.3 is above 0
    made = scores(240, folds=80).assign(score=right, fold=np.arange(240) // 3)
    assert advantage_of_queries(made, sizes=(3,))["advantage"].item() == 0


def test_swapping_teacher_and_student_flips_the_sign_and_the_interval():
    rng = np.random.default_rng(3)
    teacher, student = rng.normal(0.4, 1, 300), rng.normal(-0.2, 1, 300)
    for there, back in (
        (scores(300, mean=0.3), scores(300, mean=0.3).assign(score=lambda table: -table["score"])),
        (scores(300, single=(teacher, student)), scores(300, single=(student, teacher))),
    ):
        one, other = advantage_of_queries(there), advantage_of_queries(back)
        assert (one["advantage"] == -other["advantage"]).all()
        assert one["lower"].to_numpy() == pytest.approx(-other["upper"].to_numpy(), abs=1e-9)


def test_groups_never_mix_folds():
    # Scores of fold 1 are a thousand times as large. Mixed, its prompts, all wrong, would decide every group.
    made = scores(400, folds=2)
    made = made.assign(score=np.where(made["fold"] == 0, 1.0, -1000.0))
    table = advantage_of_queries(made)
    assert table["advantage"].tolist() == pytest.approx([0] * len(table), abs=1e-12)
    # And 45 prompts in folds of 15 make 3 groups of 10 or more only if a group may cross folds.
    with pytest.raises(BadInput, match="groups"):
        advantage_of_queries(scores(45, folds=3), sizes=(8,))


def test_sizes_with_too_few_groups_are_left_out():
    table = advantage_of_queries(scores(100, folds=2))
    assert list(table["q"]) == [1, 2, 4, 8] and list(table["n"]) == [100, 50, 24, 12]


def test_whoever_is_mostly_wrong_stays_below_zero_at_every_size():
    wrong = advantage_of_queries(scores(600, mean=-0.3))
    assert (wrong["advantage"] < 0).all()  # no absolute value


def test_a_table_gives_the_same_numbers_in_any_row_order():
    made = scores(200, mean=0.2)
    shuffled = made.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(advantage_of_queries(made), advantage_of_queries(shuffled))


@pytest.mark.parametrize("groups", [1, 10, 37, 200])
@pytest.mark.parametrize("chance", [0.03, 0.5, 0.9])
def test_bounds_fail_no_more_often_than_they_may_even_for_one_division(groups, chance):
    from scipy.stats import binom

    won = np.arange(groups + 1)
    fails = [lowest_share(w / groups, groups, error=0.025) > chance for w in won]
    assert binom.pmf(won, groups, chance)[fails].sum() <= 0.025


def test_bounds_are_tighter_than_hoeffdings_and_not_much_wider_than_clopper_and_pearsons():
    from scipy.stats import beta

    for groups, won in ((18, 16), (75, 40), (600, 330)):
        share = won / groups
        lowest = lowest_share(share, groups, error=0.025)
        exact = beta.ppf(0.025, won, groups - won + 1)
        assert share - np.sqrt(np.log(1 / 0.025) / (2 * groups)) < lowest < exact
        assert (share - lowest) / (share - exact) < 1.3


def test_bounds_stay_in_range_and_hold_the_estimate():
    assert outcome_bounds(1.0, 12, error=0.05)[1] == 1.0
    assert outcome_bounds(-1.0, 12, error=0.05)[0] == -1.0
    lower, upper = outcome_bounds(0.37, 12, error=0.05)
    assert -1 < lower < 0.37 < upper < 1


def test_random_divisions_cover_the_known_advantage():
    worlds, missed = 120, 0
    for world in range(worlds):
        right = np.random.default_rng(world).normal(0.25, 1, 160)[:, None]
        mean = queries._mean_outcome([right[:80], right[80:]], [np.arange(80)] * 2, 8, seed=world)
        lower, upper = outcome_bounds(mean, 20, error=0.05)
        missed += not lower <= known(8, 0.25) <= upper
    assert missed / worlds <= 0.05


def null_world(seed: int, *, n: int = 400, folds: int = 10) -> pd.DataFrame:
    """Scores of a cross-fitted adversary that picks the best of 8 features; there is nothing to learn."""
    x, fold, right = np.random.default_rng(seed).standard_normal((n, 8)), np.sort(np.arange(n) % folds), []
    for k in range(folds):
        found = x[fold != k].sum(axis=0)
        best = np.abs(found).argmax()
        right.append(np.sign(found[best]) * x[fold == k, best])
    score = np.concatenate(right)
    made = scores(n, folds=folds)
    return made.assign(fold=fold, score=score, correct=(np.sign(score) + 1) / 2)


@pytest.mark.parametrize("q", [1, 4])
def test_folds_that_err_together_do_not_move_intervals_off_zero_too_often(q):
    """Were intervals of level 0.8 wrong in 0.3 of worlds, a hundred worlds would show it 98 times of 100."""
    worlds, folded, alone = 100, 0, 0
    for world in range(worlds):
        made = null_world(world)
        table = advantage_of_queries(made, sizes=(q,), confidence=0.8)
        folded += not table["lower"].item() <= 0 <= table["upper"].item()
        # One division's interval that knows nothing of folds, for comparison: this null can be rejected.
        sums = queries.grouped(made, q)["correct"].mul(2).sub(1)
        low, high = outcome_bounds(sums.mean(), len(sums), error=0.2)
        alone += not low <= 0 <= high
    assert folded / worlds <= 0.2 < alone / worlds


def test_a_clear_advantage_has_the_same_interval_with_and_without_folds():
    assert outcome_bounds(0.6, 200, error=0.05, folds=3) == outcome_bounds(0.6, 200, error=0.05)
    lower, upper = outcome_bounds(0.2, 200, error=0.05, folds=3)
    assert lower == 0 and upper == outcome_bounds(0.2, 200, error=0.05)[1]
    assert outcome_bounds(0.2, 200, error=0.05)[0] > 0


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: table.drop(columns="fold"), "fold"),
        (lambda table: table.head(0), "empty"),
        (lambda table: table.assign(score=float("nan")), "finite"),
        (lambda table: pd.concat([table, table.head(1)]), "twice"),
        (lambda table: table.assign(game="single"), "shown"),
        (lambda table: table.head(9), "groups"),
    ],
)
def test_broken_scores_are_named(spoil, message):
    with pytest.raises(BadInput, match=message):
        advantage_of_queries(spoil(scores(60)))


def test_a_prompt_judged_from_one_side_only_is_refused():
    made = scores(60, single=(np.ones(60), np.ones(60)))
    with pytest.raises(BadInput, match="one side"):
        advantage_of_queries(made.iloc[:-1])


@pytest.mark.parametrize(
    "settings", [{"sizes": ()}, {"sizes": (0, 1)}, {"sizes": (1.5,)}, {"confidence": 1.0}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(BadInput, match="expected"):
        advantage_of_queries(scores(60), **settings)


def test_one_division_can_be_made_of_every_size_that_has_a_row_and_of_no_other():
    for made in (scores(25), scores(40), scores(24).assign(group=lambda table: table.index % 6)):
        sizes = set(advantage_of_queries(made)["q"])
        for q in queries.SIZES:
            if q in sizes:
                assert queries.grouped(made, q)["prompt_id"].nunique() >= 6
            else:
                with pytest.raises(BadInput, match="groups"):
                    queries.grouped(made, q)


def test_notebook_06_divides_the_strongest_at_a_size_of_its_own():
    """A judge of few prompts can lead, whom no size above 1 leaves enough groups."""
    names = {"np": np, "pd": pd, "NULL": "teacher_resample", "queries": queries, "units": units}
    often, judge = scores(60, mean=0.1), scores(10, mean=9.0).assign(adversary="judge")
    table = pd.concat([often, judge]).reset_index(drop=True)
    growth = advantage_of_queries(table)
    top = growth.iloc[:0]
    names |= {"scores": table, "growth": growth, "top": top, "QUERIES": [1, 2], "reading": reading}
    names["study"] = SimpleNamespace(seed=0)
    notebook = json.loads((paths.ROOT / "notebooks" / "06_ask_many_questions.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    wanted = [cell for cell in cells if cell.startswith(("both = growth", "own = scores", "games_of_q"))]
    assert len(wanted) == 3
    for cell in wanted:
        exec(cell, names)
    assert names["strongest"] == "judge" and names["q"] == 1
