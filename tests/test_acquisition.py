"""Buying prompts: budgets nest, seeds repeat, a black-box buyer sees only what it bought."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bbi_utils.distillation.acquisition import STRATEGIES, Till, choose
from bbi_utils.errors import BadInput

N = 400
RNG = np.random.default_rng(0)
PROMPTS = pd.DataFrame(
    {"id": [f"{i:03d}" for i in range(N)], "prompt": "?", "category": [f"c{i % 8}" for i in range(N)]}
)
EMBEDDINGS = RNG.standard_normal((N, 16)).astype(np.float32)
DISAGREEMENT = pd.Series(EMBEDDINGS[:, 0] + 0.1 * RNG.standard_normal(N), index=PROMPTS["id"])


def buy(strategy: str, budget: int, **settings) -> list[str]:
    settings = {"disagreement": Till(DISAGREEMENT), "seed": 1} | settings
    return choose(strategy, PROMPTS, EMBEDDINGS, budget, **settings)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_budgets_nest_are_exact_repeat_and_can_take_the_whole_pool(strategy):
    orders = {budget: buy(strategy, budget) for budget in (1, 37, 150, N)}
    for budget, order in orders.items():
        assert len(order) == len(set(order)) == budget
        assert order == orders[N][:budget] == buy(strategy, budget)
    assert orders[150] != buy(strategy, 150, seed=2) or strategy == "disagreement_known"


def test_guided_buying_begins_with_the_random_buyers_first_prompts():
    start = 8  # one a category, here more than 1 % of the pool
    assert buy("disagreement", 60)[:start] == buy("stratified_random", start)
    assert buy("disagreement", 60)[start:] != buy("stratified_random", 60)[start:]


def test_stratified_prefixes_keep_the_category_shares():
    category = PROMPTS.set_index("id")["category"]
    for budget in (40, 100, 200):
        counts = category.loc[buy("stratified_random", budget)].value_counts()
        assert len(counts) == 8 and counts.max() - counts.min() <= 2


def test_the_black_box_buyer_only_looks_at_what_it_has_bought():
    asked: list[str] = []

    def reveal(ids):
        asked.extend(ids)
        return DISAGREEMENT.loc[ids].to_numpy()

    order = buy("disagreement", 200, disagreement=reveal)
    assert order == buy("disagreement", 200)
    assert len(asked) == len(set(asked)) and set(asked) < set(order)


def test_guided_buyers_find_disagreement_and_who_knows_all_most_of_it():
    mean = {name: DISAGREEMENT.loc[buy(name, 100)].mean() for name in STRATEGIES}
    assert mean["stratified_random"] + 0.3 < mean["disagreement"] <= mean["disagreement_known"]


def test_no_category_eats_the_budget():
    skewed = DISAGREEMENT + 10 * (PROMPTS["category"] == "c0").to_numpy()
    category = PROMPTS.set_index("id")["category"]
    for budget in (60, 100, 150):  # wherever in a round the money runs out
        order = buy("disagreement_known", budget, disagreement=Till(skewed))
        share = (category.loc[order] == "c0").mean()
        assert 0.2 < share <= 2 / 8 + 1 / budget


def test_diversity_covers_better_than_chance():
    def radius(ids):
        chosen = EMBEDDINGS[[int(one) for one in ids]]
        return np.linalg.norm(EMBEDDINGS[:, None] - chosen[None], axis=2).min(axis=1).max()

    assert radius(buy("diversity", 60)) < radius(buy("stratified_random", 60))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strategy": "luck", "budget": 5}, "luck"),
        ({"strategy": "diversity", "budget": N + 1}, "budget"),
        ({"strategy": "diversity", "budget": -1}, "budget"),
    ],
)
def test_bad_requests_are_named(settings, message):
    with pytest.raises(BadInput, match=message):
        buy(**settings)
