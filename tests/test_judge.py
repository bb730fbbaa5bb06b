"""The judge's bookkeeping: an always-"A" judge has exactly no advantage; both orders decide."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bbi_utils import games
from bbi_utils.adversaries.judge.verdicts import judge_pairs, judge_quantities, load_judge, to_scores
from bbi_utils.errors import BadInput


def make_pairs(n: int = 50) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "prompt_id": [f"{i:03d}" for i in range(n)],
            "prompt": [f"What is the capital of France {i}?" for i in range(n)],
            "category": "factual",
            "teacher": [f"The capital of France is Paris {i}." for i in range(n)],
            "student": [f"Paris {i}" for i in range(n)],
        }
    )


def judged(log_odds, pairs=None) -> pd.DataFrame:
    return judge_pairs(log_odds, make_pairs() if pairs is None else pairs, pair="qwen", contrast="base")


def quantities(judgements: pd.DataFrame) -> pd.DataFrame:
    return judge_quantities(judgements).set_index("quantity")


def prefer_longer(prompts, a, b):
    return np.array([float(len(x) - len(y)) for x, y in zip(a, b, strict=True)])


def always_a(prompts, a, b):
    return np.full(len(prompts), 3.0)


def test_always_a_has_exactly_no_advantage_and_keeps_nothing():
    judgements = judged(always_a)
    table = games.advantage(to_scores(judgements))
    assert table["advantage"].tolist() == [0.0]
    assert games.advantage(to_scores(judgements, rule="log_odds"))["advantage"].tolist() == [0.0]
    summary = quantities(judgements)
    assert summary.loc["kept_fraction", "estimate"] == 0.0
    assert summary.loc["first_position_rate", "estimate"] == 1.0
    assert np.isnan(summary.loc["consistent_advantage", "estimate"])


def test_a_judge_that_sees_the_difference_is_consistent_and_swapping_sides_flips_it():
    pairs = make_pairs()
    assert (judged(prefer_longer)["correct"] == 1).all()
    swapped = pairs.rename(columns={"teacher": "student", "student": "teacher"})
    assert (judged(prefer_longer, swapped)["correct"] == 0).all()
    assert quantities(judged(prefer_longer)).loc["first_position_rate", "estimate"] == 0.5


def test_a_constant_position_bias_is_inconsistent_but_cancels_in_the_log_odds():
    judgements = judged(lambda p, a, b: prefer_longer(p, a, b) * 0.01 + 2.0)
    assert not judgements["consistent"].any()
    assert (to_scores(judgements)["correct"] == 0.5).all()
    assert (to_scores(judgements, rule="log_odds")["correct"] == 1.0).all()


def test_filtering_on_consistency_flatters_and_all_pairs_does_not():
    rng = np.random.default_rng(0)
    judgements = judged(lambda p, a, b: prefer_longer(p, a, b) + rng.normal(0, 40, len(p)), make_pairs(400))
    summary = quantities(judgements)
    kept = summary.loc["kept_fraction", "estimate"]
    assert 0 < kept < 1
    product = summary.loc["consistent_advantage", "estimate"] * kept
    assert summary.loc["all_pairs_advantage", "estimate"] == pytest.approx(product)
    assert (summary["lower"] <= summary["estimate"]).all() and (summary["estimate"] <= summary["upper"]).all()


def test_identical_answers_count_one_half():
    pairs = make_pairs().assign(student=lambda table: table["teacher"])
    assert (judged(lambda p, a, b: np.array([len(x) - 31.5 for x in p]), pairs)["correct"] == 0.5).all()


def test_scores_rows_join_the_other_adversaries():
    scores = to_scores(judged(prefer_longer))
    assert list(scores.columns) == games.SCORE_COLUMNS
    assert set(scores["fold"]) == {-1} and set(scores["adversary"]) == {"judge"}


def test_log_odds_that_are_not_numbers_and_unknown_rules_are_refused():
    with pytest.raises(BadInput, match="finite"):
        judged(lambda p, a, b: np.full(len(p), np.nan))
    with pytest.raises(BadInput, match="rule"):
        to_scores(judged(always_a), rule="best")


@pytest.mark.parametrize("family", ["tiny_qwen", "tiny_llama"])
def test_a_language_model_judges_the_same_in_any_batch(family, request):
    folder = str(request.getfixturevalue(family))
    pairs = make_pairs(7)
    one, many = (load_judge(folder, batch_size=size, device="cpu") for size in (1, 8))
    rows = [list(pairs[name]) for name in ("prompt", "teacher", "student")]
    odds = one(*rows)
    assert odds.shape == (7,) and odds.std() > 0
    np.testing.assert_allclose(odds, many(*rows), atol=1e-4)
    judgements = judged(many, pairs.assign(student=pairs["teacher"]))
    assert (judgements["correct"] == 0.5).all()


def test_log_odds_are_those_of_the_letters(tiny_qwen):
    import torch

    judge = load_judge(str(tiny_qwen), device="cpu")
    ids = judge.question("Name three fruits.", "Apples", "Pears")
    with torch.inference_mode():
        logits = judge.model(torch.tensor([ids])).logits[0, -1]
    first, second = (torch.logsumexp(logits[letter], 0) for letter in judge.letter_ids)
    assert judge(["Name three fruits."], ["Apples"], ["Pears"])[0] == pytest.approx(
        float(first - second), abs=1e-4
    )
    assert "Answer A: Apples" in judge.tokenizer.decode(ids)
    text = judge.rendered("Name three fruits.", "Apples", "Pears")
    assert text == judge.tokenizer.decode(ids) and text.index("Apples") < text.index("Pears")
    assert all(set(map(str.strip, texts)) == {letter} for letter, texts in judge.letters.items())


def test_a_question_longer_than_the_context_is_named(tiny_qwen):
    with pytest.raises(BadInput, match="context"):
        load_judge(str(tiny_qwen), device="cpu")(["word " * 600], ["a"], ["b"])


def test_a_missing_judge_is_named(tmp_path):
    with pytest.raises(BadInput, match="nowhere"):
        load_judge(str(tmp_path / "nowhere"))
