"""The sequential test: fair when there is nothing, quick when there is something, blind to later prompts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bbi_utils.adversaries import lexical_adversaries
from bbi_utils.errors import BadInput
from bbi_utils.games.inference.betting import bet
from bbi_utils.games.sequential import FIRST, prequential


def coin(rng: np.random.Generator, n: int, advantage: float) -> np.ndarray:
    return np.where(rng.random(n) < (1 + advantage) / 2, 1.0, -1.0)


def pairs(n: int, *, marked: bool, seed: int = 0) -> pd.DataFrame:
    """Answers of random words; where marked, the student's end in another mark than the teacher's."""
    rng = np.random.default_rng(seed)
    said = [[" ".join(rng.choice(list("abcdefgh"), 5)) for _ in range(n)] for _ in range(2)]
    ends = (".", "!") if marked else (".", ".")
    return pd.DataFrame(
        {
            "prompt_id": [f"{i:04}" for i in range(n)], "prompt": [f"question {i // 2}" for i in range(n)],
            "category": "c", "teacher": [text + ends[0] for text in said[0]],
            "student": [text + ends[1] for text in said[1]],
        }
    )  # fmt: skip


def test_fair_coins_rarely_make_rich_however_often_one_looks() -> None:
    rng = np.random.default_rng(0)
    rich = sum(bet(coin(rng, 500, 0.0)).queries is not None for _ in range(400))
    assert rich / 400 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


def test_an_advantage_is_established_and_sooner_the_larger_it_is() -> None:
    rng = np.random.default_rng(1)
    queries = {a: [bet(coin(rng, 1000, a)).queries or 1001 for _ in range(60)] for a in (0.15, 0.3, 1.0)}
    median = {a: np.median(found) for a, found in queries.items()}
    assert median[1.0] < median[0.3] < median[0.15] <= 1000
    assert median[1.0] < 20


def test_wealth_never_uses_the_outcome_it_bets_on() -> None:
    rng = np.random.default_rng(2)
    outcomes = coin(rng, 50, 0.5)
    whole, part = bet(outcomes).wealth, bet(outcomes[:30]).wealth
    np.testing.assert_array_equal(whole[:30], part)
    changed = outcomes.copy()
    changed[30] *= -1
    np.testing.assert_array_equal(bet(changed).wealth[:30], part)


def test_ties_leave_the_wealth_as_it_is() -> None:
    assert bet(np.zeros(10)).wealth == pytest.approx(np.ones(10))
    assert bet(np.zeros(10)).p_value == 1.0


def test_the_first_prompts_are_never_bet_on_and_a_mark_is_found() -> None:
    words = lexical_adversaries()["word_ngrams"]
    outcomes = prequential(words, pairs(120, marked=True))
    assert (outcomes[:FIRST] == 0).all()
    assert (outcomes[FIRST + 2 :] == 1).mean() > 0.95
    test = bet(outcomes)
    assert test.queries is not None and test.queries > FIRST


def test_an_adversary_sees_only_earlier_prompts_and_no_group_is_cut() -> None:
    """Every adversary that is made notes what it was trained on; no scored question was among it."""
    trained: list[set[str]] = []

    class Watcher:
        name = "watcher"

        def fit(self, table: pd.DataFrame, *, seed: int) -> None:
            trained.append(set(table["prompt"]))

        def score_pairs(self, prompts, first, second) -> np.ndarray:
            assert not trained[-1] & set(prompts)
            return np.ones(len(prompts))

    outcomes = prequential(Watcher, pairs(100, marked=False))  # type: ignore[arg-type]
    assert (outcomes == 0).all()  # it always says the first: both orders cancel
    assert [len(one) for one in trained] == sorted(len(one) for one in trained)
    assert len(trained) >= 3


@pytest.mark.parametrize("outcomes", [[], [2.0], [np.nan], [[1.0]]])
def test_broken_outcomes_are_refused(outcomes: list[float]) -> None:
    with pytest.raises(BadInput, match="from -1 to 1"):
        bet(np.array(outcomes))
    with pytest.raises(BadInput, match="error 1"):
        bet(np.ones(3), error=1)
