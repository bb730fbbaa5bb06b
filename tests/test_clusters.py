"""Prompts that belong together count as one draw in every bound, test and table; nothing changes without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bbi_utils import games
from bbi_utils.adversaries import lexical_adversaries
from bbi_utils.errors import BadInput
from bbi_utils.games import categories, queries
from bbi_utils.games.certificate import Certificate, certify
from bbi_utils.games.inference import clusters
from bbi_utils.games.inference.betting import bet
from bbi_utils.games.inference.exact import Counts, bounds
from bbi_utils.games.inference.kernel_test import swap_test
from bbi_utils.games.inference.simultaneous import simultaneous
from bbi_utils.games.scores import records, with_templates
from bbi_utils.probes import Probe, save_probes
from bbi_utils.probes.suite import prompt_id
from bbi_utils.report.text import render
from bbi_utils.study.cli.main import main
from bbi_utils.tables import joined


def scores(outcomes: np.ndarray, sizes: np.ndarray, *, adversary: str = "a") -> pd.DataFrame:
    """A pairwise C3 table of outcomes 1, 0 or one half, group by group, the groups named."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    fixed = {"pair": "p", "contrast": "base", "adversary": adversary, "game": "pairwise", "shown": "pair"}
    ids = [f"{i:05}" for i in range(len(group))]
    table = pd.DataFrame({"prompt_id": ids, "category": "c", "fold": 0, "correct": outcomes, "group": group})
    return table.assign(score=2 * table["correct"] - 1, **fixed)


def shared(rng: np.random.Generator, sizes: np.ndarray, right: float, rho: float) -> np.ndarray:
    """Outcomes that a group shares with probability rho, and that are tossed one by one otherwise."""
    whole = np.repeat(rng.random(len(sizes)) < right, sizes)
    own = rng.random(sizes.sum()) < right
    return np.where(np.repeat(rng.random(len(sizes)) < rho, sizes), whole, own).astype(float)


SIZES = {
    "five": np.full(40, 5), "twenty": np.full(20, 20), "unequal": np.arange(30) % 9 + 1,
    "a few repeats": np.where(np.arange(150) < 8, 3, 1),
}  # fmt: skip


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(("right", "rho"), [(0.5, 1.0), (0.8, 0.9), (0.6, 0.0)])
def test_one_sided_bounds_cover_whatever_happens_within_groups(sizes, right: float, rho: float) -> None:
    rng, missed, runs = np.random.default_rng(0), np.zeros(2), 25
    for _ in range(runs):
        record = records(scores(shared(rng, sizes, right, rho), sizes))["a", "pairwise"]
        lower, upper = record.bounds(error=0.1)
        assert -1 <= lower <= record.advantage <= upper <= 1
        missed += lower > 2 * right - 1, upper < 2 * right - 1
    assert (missed <= 8).all()  # of 25 at 10 %: more once in two thousand times


def test_bounds_hold_where_large_groups_go_another_way_than_small_ones() -> None:
    """Ninety prompts alone are always wrong, five groups of eighteen always right: the advantage is 0."""
    sizes = np.r_[np.ones(90, int), np.full(5, 18)]
    row = certify(scores(np.repeat(np.arange(95) >= 90, sizes).astype(float), sizes), epsilon=0.0).rows[0]
    assert row.advantage == 0 and row.floor < 0 < row.ceiling


@pytest.mark.parametrize("sizes", [(4,) * 7, (1, 2, 3, 4, 5, 6, 7), (1, 1, 1, 1, 2, 2, 3)])
@pytest.mark.parametrize("shares", [(0.1, 0.3, 0.5, 0.7, 0.5, 0.9, 0.5), (0.9,) * 7])
def test_the_bound_passes_the_truth_no_more_often_than_it_may(sizes, shares) -> None:
    """Exactly, by listing every outcome of seven groups that are right or wrong as a whole."""
    error, truth, passed = 0.2, 2 * np.average(shares, weights=sizes) - 1, 0.0
    for code in range(2**7):
        won = tuple(float(code >> i & 1) for i in range(7))
        single = [right for right, size in zip(won, sizes, strict=True) if size == 1]
        alone = (Counts(sum(single), len(single) - sum(single), 0),) if single else ()
        chance = np.prod([s if w else 1 - s for s, w in zip(shares, won, strict=True)])
        passed += chance * (clusters.lowest(won, sizes, alone, error=error) > truth)
    assert passed <= error


@pytest.mark.parametrize("rho", [0.0, 0.3, 1.0])
def test_no_wider_than_the_groups_alone_and_the_narrower_the_less_is_shared(rho: float) -> None:
    """Half-widths beside those of the exact bounds of one prompt a group, on 200 groups of 10."""
    sizes = np.full(200, 10)
    table = scores(shared(np.random.default_rng(1), sizes, 0.6, rho), sizes)
    row = certify(table, epsilon=0.0).rows[0]
    alone = bounds([Counts(120, 80, 0)], error=0.05)
    assert (row.ceiling - row.floor) / (alone[1] - alone[0]) < {0.0: 0.7, 0.3: 1.0, 1.0: 1.25}[rho]


def test_a_few_repeats_among_many_prompts_cost_little() -> None:
    sizes = np.r_[np.ones(570, int), np.full(15, 2)]
    outcomes = shared(np.random.default_rng(2), sizes, 0.6, 1.0)
    grouped = certify(scores(outcomes, sizes), epsilon=0.0).rows[0]
    apart = certify(scores(outcomes, sizes).drop(columns="group"), epsilon=0.0).rows[0]
    assert 1 <= (grouped.ceiling - grouped.floor) / (apart.ceiling - apart.floor) < 1.1


def test_groups_of_one_change_nothing() -> None:
    rng, ones = np.random.default_rng(3), np.ones(200, int)
    table = pd.concat([scores(shared(rng, ones, 0.6, 0), ones, adversary=name) for name in "ab"])
    table = table.assign(fold=np.arange(400) % 200 % 4, category=[f"c{i % 3}" for i in range(400)])
    bare = table.drop(columns="group")
    assert certify(table, epsilon=0.1).to_json() == certify(bare, epsilon=0.1).to_json()
    assert "groups" not in certify(table, epsilon=0.1).to_json()
    differ = categories.categories_differ
    for find in (games.advantage, games.by_category, queries.advantage_of_queries, differ):
        pd.testing.assert_frame_equal(find(table), find(bare), check_exact=True)


def test_a_judge_without_the_column_is_grouped_as_the_others_are() -> None:
    sizes = np.full(30, 4)
    table = scores(shared(np.random.default_rng(4), sizes, 0.7, 1.0), sizes)
    judge = table.assign(adversary="judge").drop(columns="group")
    one, other = certify(pd.concat([table, judge]), epsilon=0.1).rows
    assert (one.floor, one.ceiling) == (other.floor, other.ceiling)


def test_another_column_may_say_what_belongs_together() -> None:
    sizes = np.full(30, 4)
    table = scores(shared(np.random.default_rng(5), sizes, 0.7, 0.0), sizes)
    table["template"] = table["group"] // 3
    these, new = certify(table, epsilon=0.1), certify(table, epsilon=0.1, group="template")
    assert (these.groups, new.groups) == (30, 10) and new.rows[0].ceiling > these.rows[0].ceiling
    assert "120 prompts in 10 groups" in render(new)
    assert Certificate.from_json(new.to_json()) == new
    with pytest.raises(BadInput, match="no column 'wording'"):
        certify(table, epsilon=0.1, group="wording")


def test_templates_are_joined_for_a_verdict_over_new_ones(tmp_path: Path) -> None:
    """Forty questions of a template go the same way: of these templates much is known, of new ones little."""
    asked = [(prompt_id(f"question {i}"), f"question {i}") for i in range(400)]
    probes = [Probe(*one, "c", f"t{i // 40}", {}, f"q{i}", "test") for i, one in enumerate(asked)]
    right = np.repeat(np.arange(10) < 9, 40).astype(float)
    table = scores(right, np.ones(400, int)).drop(columns="group").assign(prompt_id=[p.id for p in probes])
    of_these = certify(table, epsilon=0.5)
    of_new = certify(with_templates(table, probes), epsilon=0.5, group="template")
    assert (of_these.verdict, of_these.groups) == ("refuted", None)
    assert (of_new.verdict, of_new.groups) == ("inconclusive", 10)
    with pytest.raises(BadInput, match=f"prompt {probes[7].id} is none of the probes"):
        with_templates(table, [probe for probe in probes if probe is not probes[7]])
    table.to_parquet(tmp_path / "scores.parquet")
    save_probes(tmp_path / "probes.jsonl", probes)
    given = ["certify", str(tmp_path / "scores.parquet"), "--epsilon", "0.5", "--group", "template"]
    assert main(given) == 2  # scores have no such column
    assert main([*given, "--probes", str(tmp_path / "probes.jsonl")]) == 3


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_a_blank_group_is_none(blank: str | None) -> None:
    """As CSV writes a missing one: else all prompts without a group would be one draw."""
    table = scores(np.tile([1.0, 0.0], 30), np.ones(60, int))
    named = table["group"].map(lambda group: f"g{group // 4}" if group < 20 else blank)
    assert certify(table.assign(group=named), epsilon=0.3).groups == 45


def test_a_prompt_in_two_groups_is_refused() -> None:
    table = scores(np.ones(40), np.full(10, 4))
    again = table.assign(adversary="b", group=table["group"] + 1)
    with pytest.raises(BadInput, match="prompt 00000 is in two groups"):
        certify(pd.concat([table, again]), epsilon=0.1)


def test_two_pairs_may_call_different_prompts_alike() -> None:
    rng, sizes = np.random.default_rng(7), np.full(20, 3)
    one = scores(shared(rng, sizes, 0.7, 1.0), sizes)
    other = one.assign(pair="q", group=one["group"].to_numpy()[::-1] // 2)
    both = games.advantage(pd.concat([one, other]))
    for pair, alone in (("p", one), ("q", other)):
        part = both[both["pair"] == pair].reset_index(drop=True)
        pd.testing.assert_frame_equal(part, games.advantage(alone), check_exact=True)


def test_play_carries_the_groups_of_the_pairs_and_leaves_tables_without_them_alone() -> None:
    said = [f"{'xyz'[i % 3] * (1 + i % 7)} {i}" for i in range(60)]
    pairs = pd.DataFrame({"prompt_id": [f"{i:02}" for i in range(60)], "prompt": said, "category": "c"})
    pairs = pairs.assign(teacher=[f"yes {text}" for text in said], student=[f"no {text}" for text in said])
    make = lexical_adversaries()["length"]
    how = {"pair": "p", "contrast": "base", "folds": 3}
    assert "group" not in games.play(make, pairs, **how)[0]
    table = games.play(make, pairs.assign(group=[f"g{i // 4}" for i in range(60)]), **how)[0]
    assert table.groupby("group")["prompt_id"].nunique().tolist() == [4] * 15
    assert (table.groupby("group")["fold"].nunique() == 1).all()
    repeated = pairs.assign(prompt=[said[i // 2] for i in range(60)])
    assert games.play(make, repeated, **how)[0]["group"].nunique() == 30


def null_conversations(seed: int) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """40 talks of 16 turns with two unlike speakers, the teacher drawn by talk: groups, points, scores."""
    rng, group = np.random.default_rng(seed), np.repeat(np.arange(40), 16)
    side = rng.choice((-1.0, 1.0), 40)[group]
    away, noise = 0.5 * side[:, None], rng.standard_normal((2, 640, 2))
    right = (rng.random(640) < 0.5 + 0.4 * side).astype(float)
    return group, np.vstack([noise[0] + away, noise[1] - away]), scores(right, np.full(40, 16))


def test_nulls_whose_sides_are_swapped_by_conversation_are_left_alone() -> None:
    found, worlds = np.zeros(4), 30
    for seed in range(worlds):
        group, points, table = null_conversations(seed)
        gram = points @ points.T
        outcomes = pd.Series(2 * table["correct"].to_numpy() - 1, index=group)
        found += (
            swap_test(gram, groups=group, permutations=199, seed=seed).p_value <= 0.05,
            certify(table, epsilon=0.0).verdict == "refuted",
            bet(outcomes).queries is not None,
            swap_test(gram, permutations=199, seed=seed).p_value <= 0.05,
        )
    assert (found[:3] <= 4).all() and found[3] > 10  # 4 of 30 at 5 %: once in 60 times


def test_joint_intervals_cover_with_twenty_groups() -> None:
    rng, covered, sizes = np.random.default_rng(6), 0, np.full(20, 20)
    for seed in range(100):
        values = 2 * np.column_stack([shared(rng, sizes, 0.65, 1.0) for _ in range(2)]) - 1
        found = simultaneous(values, groups=np.repeat(np.arange(20), 20).tolist(), seed=seed)
        covered += bool(((found["lower"] <= 0.3) & (found["upper"] >= 0.3)).all())
    assert covered >= 90


def test_the_swap_test_wants_a_group_for_every_prompt() -> None:
    with pytest.raises(BadInput, match="3 groups of 30 prompts"):
        swap_test(np.eye(60), groups=[1, 2, 3])


def test_there_is_one_bet_a_group_settled_with_its_last_prompt() -> None:
    test = bet(pd.Series([1.0, 1.0, -1.0, 1.0, 1.0, 1.0], index=[0, 0, 1, 1, 2, 2]))
    assert test.wealth.tolist() == [1, 1, 1, 1, 1, 1 + 1 / 3]  # means 1, 0, 1; stakes 0, 1/2, 1/3
    assert (bet(np.tile([1.0, 1.0, -1.0], 9)).wealth[:3] == [1, 1.5, 0.5]).all()


def test_games_of_several_queries_ask_one_prompt_of_a_group() -> None:
    """Every group wins by 1 on one prompt and loses by 3 on its other: two of one group could never win."""
    table = scores(np.tile([1.0, 0.0], 60), np.full(60, 2))
    table["score"] = np.tile([1.0, -3.0], 60)
    found = queries.advantage_of_queries(table, sizes=(1, 2))
    assert found["n"].tolist() == [60, 30]
    assert found["advantage"].tolist() == pytest.approx([0.0, -0.5], abs=0.1)
    many = certify(table, epsilon=0.5, q=2)
    assert many.rows[0].n == 30 and -0.8 < many.rows[0].advantage < -0.2


def test_categories_are_dealt_out_over_groups() -> None:
    """Outcomes wholly shared within 40 groups of 10, categories by group, nothing between them."""
    small = {True: 0, False: 0}
    for seed in range(40):
        rng, sizes = np.random.default_rng(seed), np.full(40, 10)
        table = scores(shared(rng, sizes, 0.5, 1.0), sizes)
        table["category"] = table["group"].map(lambda group: f"c{group % 4}")
        for grouped in small:
            given = table if grouped else table.drop(columns="group")
            small[grouped] += categories.categories_differ(given, draws=200)["p"].item() <= 0.05
    assert small[True] <= 5 and small[False] > 15


def test_a_category_of_single_prompts_beside_one_of_large_groups_is_no_difference() -> None:
    """Coin tosses: 20 prompts alone in one category, 100 groups of 20 in the other, whose means vary less."""
    sizes, small = np.r_[np.ones(20, int), np.full(100, 20)], 0
    for seed in range(80):
        table = scores(np.random.default_rng(seed).integers(0, 2, sizes.sum()).astype(float), sizes)
        table["category"] = np.where(table["group"] < 20, "alone", "together")
        small += categories.categories_differ(table, draws=200)["p"].item() <= 0.05
    assert small <= 8  # without the inflation for folds; of an unweighted variance it is 24
    table["correct"] = np.where(table["category"] == "alone", 1.0, table["correct"])
    assert categories.categories_differ(table, draws=200)["p"].item() < 0.01


def test_rows_that_share_anything_are_joined() -> None:
    assert joined(["a", "b", "a", ""], ["x", "y", "z", "y"]) == [0, 1, 0, 1]
    assert joined(["", "", ""], links=[(2, 0)]) == [0, 1, 0]
