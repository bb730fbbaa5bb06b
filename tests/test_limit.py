"""The limit: known distances, simulated games, exactly 0 for one oracle, intervals that hold, shares."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import synthetic_results as made

from bbi_utils.games import limit
from bbi_utils.report import summaries
from bbi_utils.report.text import for_everybody

T, S = np.array([0.6, 0.3, 0.1, 0.0]), np.array([0.2, 0.3, 0.4, 0.1])  # what each says, of four answers


def world(n: int, *, seed: int = 0, teacher: np.ndarray = T, student: np.ndarray = S) -> pd.DataFrame:
    """Likelihoods of answers that two scripted oracles gave to n prompts."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(n):
        for shown, own in (("teacher", teacher), ("student", student)):
            with np.errstate(divide="ignore"):
                said = rng.choice(len(own), p=own)
                logs = (np.log(teacher[said]), np.log(student[said]))
            rows.append(("x", "base", f"p{i}", "ab"[i % 2], shown, *logs, True, False))
    return pd.DataFrame(rows, columns=limit.LIKELIHOODS)


def distance(first: np.ndarray, second: np.ndarray, q: int) -> float:
    """Total variation distance of q independent draws, by adding up all outcomes."""
    pairs = itertools.product(zip(first, second, strict=True), repeat=q)
    return sum(abs(np.prod(one, axis=0) @ [1, -1]) for one in map(np.array, pairs)) / 2


def both(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.outer(first, second).ravel()


def test_known_distances_are_found_in_both_games_and_with_several_queries() -> None:
    found = limit.of_queries(world(6000), sizes=(1, 2, 4)).set_index(["game", "q"])
    for q in (1, 2, 4):
        assert found.loc[("single", q), "advantage"] == pytest.approx(distance(T, S, q), abs=0.02)
    for q in (1, 2):
        pairwise = distance(both(T, S), both(S, T), q)
        assert found.loc[("pairwise", q), "advantage"] == pytest.approx(pairwise, abs=0.02)
    assert ((found["lower"] < found["advantage"]) & (found["advantage"] < found["upper"])).all()


def test_it_is_the_advantage_of_whoever_plays_by_the_likelihoods() -> None:
    table = world(20_000, seed=1)
    ratios = limit.log_ratios(table)
    single = (np.sign(ratios["teacher"]) - np.sign(ratios["student"])).mean() / 2
    pairwise = np.sign(ratios["teacher"] - ratios["student"]).mean()
    found = limit.ceilings(table).set_index("game")["advantage"]
    assert found["single"] == pytest.approx(single, abs=0.02)
    assert found["pairwise"] == pytest.approx(pairwise, abs=0.02)
    assert found["pairwise"] > found["single"]


def test_one_oracle_is_exactly_0_and_equal_ones_are_0_within_their_interval() -> None:
    equal = world(300, student=T)
    found = limit.ceilings(equal)
    assert (
        (found["advantage"] == 0).all()
        and (found["lower"] == 0).all()
        and found["upper"].between(0.001, 0.03).all()
    )
    itself = limit.of_queries(equal.assign(same=True))
    assert (itself[["advantage", "lower", "upper"]] == 0).all(axis=None)


def test_intervals_hold_in_nearly_all_worlds_and_nobodys_is_above_the_truth() -> None:
    truth = {"single": distance(T, S, 1), "pairwise": distance(both(T, S), both(S, T), 1)}
    held, most = [], []
    for seed in range(60):
        table = world(80, seed=seed)
        found = limit.ceilings(table, confidence=0.8).set_index("game")
        held.append(all(row["lower"] <= truth[str(game)] <= row["upper"] for game, row in found.iterrows()))
        most.append(limit.nobodys(table, confidence=0.8)["most"].iloc[0] >= truth["pairwise"])
    assert np.mean(held) > 0.75 and np.mean(most) > 0.75


def test_betting_is_sharper_than_counting_where_values_vary_little() -> None:
    values = np.random.default_rng(0).beta(6, 14, 300)
    lower = limit.lowest_mean(np.tile(values, (3, 1)), error=0.025)
    assert 0.27 < lower < 0.3 < 1 - limit.lowest_mean(1 - np.tile(values, (3, 1)), error=0.025) < 0.33
    assert limit.lowest_mean(np.zeros((3, 50)), error=0.05) == 0


def test_groups_whose_sizes_go_with_their_values_are_bounded_for_the_sizes_at_hand() -> None:
    sizes, chance = np.repeat([1.0, 20.0], 50), np.repeat([1.0, 0.03], 50)
    truth, missed, rng = np.average(chance, weights=sizes), np.zeros(3), np.random.default_rng(0)
    for _ in range(100):
        order = rng.permuted(np.tile(np.arange(100), (limit.DIVISIONS, 1)), axis=1)
        values, weights = (rng.random(100) < chance).astype(float)[order], sizes[order]
        missed += [
            limit.lowest_mean(values, error=0.05, sizes=weights) > truth,
            1 - limit.lowest_mean(1 - values, error=0.05, sizes=weights) < truth,
            limit.lowest_mean(values, error=0.05) > truth,
        ]
    assert missed[:2].max() <= 5 and missed[2] == 100


def test_what_is_impossible_under_both_says_nothing_and_under_one_everything() -> None:
    table = world(2)
    table["log_teacher"] = [-np.inf, -1.0, -2.0, -3.0]
    table["log_student"] = [-np.inf, -np.inf, -2.0, -3.0]
    ratios = limit.log_ratios(table).set_index("prompt_id")
    assert ratios.loc["p0", ["teacher", "student"]].tolist() == [0.0, limit.CERTAIN]
    assert limit.ceilings(table)["advantage"].tolist() == [0.25, 0.5]


def test_shares_pay_for_both_ends_and_stay_within_1_only_where_the_limit_is_exact() -> None:
    table, scores = made.likelihoods(300), made.scores(300)
    found = limit.shares(scores, table)
    assert set(found["contrast"]) == {"base", "distilled"}  # the null has nothing to reach
    assert (found["lower"] <= found["share"]).all() and found["lower"].max() > 0.3
    assert (found["upper"] <= 1).all() and found["upper"].min() < 1
    assert (found["share"] < 1).mean() > 0.8
    too_low = table.assign(log_student=table["log_teacher"], exact=False)
    approximate = limit.shares(scores, pd.concat([too_low[:-2], table[-2:]]))
    assert (approximate["upper"] > 1).any()


def test_one_line_covers_everybody_with_its_conditions_and_says_where_it_is_approximate() -> None:
    told = for_everybody(limit.nobodys(world(100)), confidence=0.95)
    assert "no adversary whatever" in told and "95% confidence, 100 prompts)" in told and "like these" in told
    assert "approximate" in for_everybody(limit.nobodys(world(100).assign(exact=False)), confidence=0.95)
    assert "No limit is known" in for_everybody(limit.nobodys(world(0)), confidence=0.95)


def test_the_frames_have_a_row_a_contrast_game_and_category_and_none_without_likelihoods() -> None:
    frame = summaries.limits(made.likelihoods())
    assert list(frame) == ["pair", "contrast", "game", "category", "n", "ceiling", "lower", "upper", "exact"]
    assert len(frame) == 2 * 3 * 2 * (1 + 10) and set(frame["category"]) == {"all", *made.CATEGORIES}
    empty = made.likelihoods()[:0]
    assert summaries.limits(empty).empty and limit.shares(made.scores(20), empty).empty
