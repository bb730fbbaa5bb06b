"""Where artifacts sit: planted categories are found, nothing where nothing is, and p keeps its level."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import synthetic_results as made

from bbi_utils.games.categories import _compare, categories_differ, concentration

LAST, FIRST, MIDDLE = made.CATEGORIES[7:], made.CATEGORIES[:3], made.CATEGORIES[4:6]


def planted(n: int, named: tuple[str, ...], lift: float, *, seed: int) -> pd.DataFrame:
    """Pairwise outcomes of two adversaries: right in half of the prompts, in the named ones more often."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(n):
        category = made.CATEGORIES[i % 10]
        for adversary in ("a", "b"):
            right = float(rng.random() < 0.5 + lift * (category in named))
            rows.append(("p", "base", adversary, "pairwise", f"{i}", category, 0, right))
    names = ["pair", "contrast", "adversary", "game", "prompt_id", "category", "fold", "correct"]
    return pd.DataFrame(rows, columns=names)


@pytest.mark.parametrize("named", [LAST, FIRST, ("factual", "safety", "creative")])
def test_planted_categories_are_found_wherever_they_are(named: tuple[str, ...]) -> None:
    found = [concentration(planted(300, named, 0.3, seed=s), named, draws=199).iloc[0] for s in range(10)]
    assert sum(row.p < 0.05 and row.top == 3 for row in found) >= 8
    assert all(row.p_below > 0.5 for row in found)
    wrong = [concentration(planted(300, named, 0.3, seed=s), MIDDLE, draws=199).iloc[0] for s in range(10)]
    assert sum(row.p < 0.05 for row in wrong) <= 2 and sum(row.p_below < 0.05 for row in wrong) >= 5


def test_p_keeps_its_level_in_both_tails_where_categories_do_not_matter() -> None:
    found = [concentration(planted(60, (), 0.0, seed=s), FIRST, draws=99).iloc[0] for s in range(300)]
    for tail in ("p", "p_below"):
        share = np.mean([row[tail] <= 0.05 for row in found])
        assert share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
        assert 0.4 < np.mean([row[tail] <= 0.5 for row in found]) < 0.65  # of use, not only safe


def test_p_is_that_of_all_ways_to_deal_the_labels() -> None:
    values, chosen = np.array([0.9, 0.7, 0.1, 0.4, 0.3, 0.2, 0.8]), np.array([1, 1, 0, 0, 0, 0, 0], bool)

    def welch(inside: tuple[int, ...]) -> float:
        one, other = values[list(inside)], np.delete(values, inside)
        return (one.mean() - other.mean()) / np.sqrt(one.var() / len(one) + other.var() / len(other))

    ways = [welch(inside) for inside in combinations(range(7), 2)]
    exact = np.mean([t >= welch((0, 1)) - 1e-9 for t in ways])
    statistic, p, below = _compare(values, chosen, 1.0, draws=20_000, seed=0)
    assert statistic == pytest.approx(0.8 - 0.36)
    assert p == pytest.approx(exact, abs=0.01)
    assert below == pytest.approx(1.0 - exact + 1 / len(ways), abs=0.02)


def test_equal_values_say_nothing_and_a_category_that_was_not_asked_has_no_row() -> None:
    flat = planted(50, (), 0.0, seed=0).assign(correct=0.5)
    row = concentration(flat, FIRST, draws=99).iloc[0]
    assert (row.statistic, row.p, row.p_below) == (0.0, 1.0, 1.0)
    assert concentration(flat, ("factual", "knitting"), draws=9).empty
    assert concentration(flat, made.CATEGORIES, draws=9).empty
    assert concentration(flat.assign(game="single"), FIRST, draws=9).empty


def test_no_row_where_groups_leave_no_unit_in_the_named_categories() -> None:
    table = planted(50, (), 0.0, seed=0)
    own = table["prompt_id"].astype(int)
    lonely = table[own % 10 <= 2].assign(group=own // 10)  # of each group's three prompts one is named
    assert concentration(lonely, FIRST[2:], draws=9).empty
    assert len(concentration(lonely.drop(columns="group"), FIRST[2:], draws=9)) == 1


def accidents(n: int, folds: int, *, seed: int) -> pd.DataFrame:
    """Nothing to learn, but something to remember: who has a category's word is the toss of a coin for each
    prompt, and the adversary of a fold bets on whoever had it more often in the others."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"prompt_id": range(n), "category": np.array(made.CATEGORIES)[np.arange(n) % 10]})
    frame["fold"], frame["toss"] = rng.integers(0, folds, n), rng.choice([-1, 1], n)
    everywhere = frame.groupby("category")["toss"].transform("sum")
    bet = np.sign(everywhere - frame.groupby(["category", "fold"])["toss"].transform("sum"))
    told = {"pair": "p", "contrast": "base", "adversary": "a", "game": "pairwise"}
    return frame.assign(correct=(1 + bet * frame["toss"]) / 2, **told)


@pytest.mark.parametrize("folds", [3, 5])
def test_accidents_that_folds_share_do_not_pass_for_a_difference_between_categories(folds: int) -> None:
    worlds = [accidents(300, folds, seed=seed) for seed in range(200)]
    most = 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    careless = [categories_differ(one.assign(fold=0), draws=99)["p"].iloc[0] for one in worlds]
    assert np.mean(np.array(careless) <= 0.05) > most  # so that the next line can fail
    careful = [categories_differ(one, draws=99)["p"].iloc[0] for one in worlds]
    assert np.mean(np.array(careful) <= 0.05) <= most
